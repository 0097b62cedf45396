import { useEffect, useRef, type ReactNode } from "react";
import styles from "./Popover.module.css";
import { classes } from "./classes";

interface PopoverProps {
  open: boolean;
  onClose: () => void;
  /** What opens it. */
  anchor: ReactNode;
  align?: "left" | "right";
  above?: boolean;
  children: ReactNode;
}

/** Something small beside its button. Escape and a click elsewhere close it; the focus goes back to the button. */
export function Popover({ open, onClose, anchor, align = "left", above, children }: PopoverProps) {
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const button = ref.current?.querySelector("button");
    const outside = (event: Event) => {
      if (!ref.current?.contains(event.target as Node)) onClose();
    };
    const escape = (event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      onClose();
      button?.focus();
    };
    const frame = ref.current;
    document.addEventListener("pointerdown", outside);
    document.addEventListener("focusin", outside);
    frame?.addEventListener("keydown", escape);
    return () => {
      document.removeEventListener("pointerdown", outside);
      document.removeEventListener("focusin", outside);
      frame?.removeEventListener("keydown", escape);
    };
  }, [open, onClose]);
  return (
    <div ref={ref} className={styles.anchor}>
      {anchor}
      {open && <div className={classes(styles.popover, styles[align], above && styles.above)}>{children}</div>}
    </div>
  );
}
