import { useState } from "react";
import styles from "./Message.module.css";
import { Button } from "@/components";

interface EditFieldProps {
  label: string;
  text: string;
  submit: string;
  onSubmit: (text: string) => void;
  onCancel: () => void;
}

export function EditField({ label, text, submit, onSubmit, onCancel }: EditFieldProps) {
  const [value, setValue] = useState(text);
  const usable = value.trim() !== "";
  return (
    <form
      className={styles.edit}
      onSubmit={(event) => {
        event.preventDefault();
        if (usable) onSubmit(value);
      }}
    >
      <textarea
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- it was opened to be used
        autoFocus
        aria-label={label}
        value={value}
        rows={Math.min(16, value.split("\n").length + 1)}
        onChange={(event) => setValue(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            event.stopPropagation();
            onCancel();
          } else if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
            event.preventDefault();
            if (usable) onSubmit(value);
          }
        }}
      />
      <div className={styles.editActions}>
        <Button small onClick={onCancel}>
          Cancel
        </Button>
        <Button small kind="primary" type="submit" disabled={!usable}>
          {submit}
        </Button>
      </div>
    </form>
  );
}
