import { useEffect, useState } from "react";
import { Button, IconButton } from "./Button";

interface CopyButtonProps {
  /** Called when it is pressed. */
  text: () => string;
  label?: string;
  /** With the label as text beside the icon. */
  wide?: boolean;
}

const SHOWN_MS = 1500;

/** Copies to the clipboard and says so for a moment. */
export function CopyButton({ text, label = "Copy", wide }: CopyButtonProps) {
  const [state, setState] = useState<"idle" | "copied" | "refused">("idle");
  useEffect(() => {
    if (state === "idle") return;
    const timer = setTimeout(() => setState("idle"), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [state]);

  async function copy() {
    try {
      await navigator.clipboard.writeText(text());
      setState("copied");
    } catch {
      setState("refused");
    }
  }

  const shown = { idle: label, copied: "Copied", refused: "The browser does not allow it" }[state];
  const icon = state === "copied" ? "check" : "copy";
  return wide ? (
    <Button small icon={icon} onClick={copy}>
      {shown}
    </Button>
  ) : (
    <IconButton small icon={icon} label={shown} onClick={copy} />
  );
}
