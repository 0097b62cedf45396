import { useId, type ComponentProps, type ReactNode } from "react";
import styles from "./Field.module.css";
import { classes } from "./classes";

interface Labelled {
  label: string;
  hint?: ReactNode;
  error?: string | null;
}

interface FieldProps extends Labelled {
  children: (attributes: { id: string; "aria-describedby"?: string; "aria-invalid"?: true }) => ReactNode;
}

/** A label over a control, with a hint or what is wrong below. */
export function Field({ label, hint, error, children }: FieldProps) {
  const id = useId();
  const note = error || hint;
  return (
    <div className={styles.field}>
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        ...(note ? { "aria-describedby": `${id}-note` } : {}),
        ...(error ? { "aria-invalid": true as const } : {}),
      })}
      {note && (
        <p id={`${id}-note`} className={classes(styles.note, error && styles.error)}>
          {note}
        </p>
      )}
    </div>
  );
}

export function TextField({ label, hint, error, className, ...rest }: Labelled & ComponentProps<"input">) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => <input {...attributes} className={classes(styles.control, className)} {...rest} />}
    </Field>
  );
}

export function TextArea({ label, hint, error, className, ...rest }: Labelled & ComponentProps<"textarea">) {
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <textarea {...attributes} className={classes(styles.control, styles.area, className)} {...rest} />
      )}
    </Field>
  );
}

export interface Option {
  value: string;
  label: string;
  disabled?: boolean;
}

export interface OptionGroup {
  label: string;
  options: Option[];
}

interface SelectProps extends Labelled, Omit<ComponentProps<"select">, "children"> {
  options: (Option | OptionGroup)[];
  /** The label is read aloud only. */
  bare?: boolean;
}

/** The browser's own list, with groups. */
export function Select({ label, hint, error, options, bare, className, ...rest }: SelectProps) {
  const list = options.map((entry) =>
    "options" in entry ? (
      <optgroup key={entry.label} label={entry.label}>
        {entry.options.map((option) => (
          <SelectOption key={option.value} {...option} />
        ))}
      </optgroup>
    ) : (
      <SelectOption key={entry.value} {...entry} />
    ),
  );
  const control = classes(styles.control, styles.select, className);
  if (bare) {
    return (
      <select aria-label={label} className={control} {...rest}>
        {list}
      </select>
    );
  }
  return (
    <Field label={label} hint={hint} error={error}>
      {(attributes) => (
        <select {...attributes} className={control} {...rest}>
          {list}
        </select>
      )}
    </Field>
  );
}

function SelectOption({ value, label, disabled }: Option) {
  return (
    <option value={value} disabled={disabled}>
      {label}
    </option>
  );
}

export function Checkbox({ label, hint, ...rest }: { label: string; hint?: string } & ComponentProps<"input">) {
  const id = useId();
  return (
    <div className={styles.checkbox}>
      <input type="checkbox" id={id} aria-describedby={hint ? `${id}-note` : undefined} {...rest} />
      <label htmlFor={id}>{label}</label>
      {hint && (
        <p id={`${id}-note`} className={styles.note}>
          {hint}
        </p>
      )}
    </div>
  );
}
