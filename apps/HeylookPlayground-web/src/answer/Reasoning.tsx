import { useState } from "react";
import styles from "./Answer.module.css";
import { Icon } from "@/components";

/** What the model thought before it answered: open while it thinks, folded afterwards. */
export function Reasoning({ text, open }: { text: string; open: boolean }) {
  const [chosen, setChosen] = useState<boolean | null>(null);
  const shown = chosen ?? open;
  return (
    <div className={styles.reasoning}>
      <button type="button" aria-expanded={shown} onClick={() => setChosen(!shown)}>
        <Icon name="brain" size={14} />
        {open ? "Thinking" : "Thoughts"}
        <Icon name={shown ? "down" : "right"} size={12} />
      </button>
      {shown && <p>{text}</p>}
    </div>
  );
}
