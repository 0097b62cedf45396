import { useCallback, useId, useRef, useState, type KeyboardEvent } from "react";
import styles from "./ModelPicker.module.css";
import { groupsOf, type Group } from "./groups";
import { ModelOption } from "./ModelOption";
import { useModels, type CatalogueModel } from "@/client/models";
import { Busy, classes, ErrorNote, Icon } from "@/components";
import { Popover } from "@/components/Popover";

interface ModelPickerProps {
  label: string;
  value: string | null;
  onChange: (id: string) => void;
  /** Only models that have it, or of which it is not known. */
  capability?: string;
  align?: "left" | "right";
  buttonRef?: React.Ref<HTMLButtonElement>;
}

/** Loaded and available models with what they can do, to be found by typing. */
export function ModelPicker({ label, value, onChange, capability = "chat", align, buttonRef }: ModelPickerProps) {
  const [open, setOpen] = useState(false);
  const close = useCallback(() => setOpen(false), []);
  const models = useModels();
  const chosen = models.data?.find((model) => model.id === value);
  const gone = value !== null && models.data !== undefined && !chosen;
  const button = (
    <button
      ref={buttonRef}
      type="button"
      className={classes(styles.button, gone && styles.gone)}
      aria-haspopup="listbox"
      aria-expanded={open}
      aria-label={`${label}: ${value ?? "none"}${gone ? ", not served any more" : ""}`}
      onClick={() => setOpen(!open)}
    >
      <span className={styles.dot} data-loaded={chosen?.loaded} aria-hidden="true" />
      <span className={styles.name}>{value ?? "Choose a model"}</span>
      <Icon name="down" size={14} />
    </button>
  );
  return (
    <Popover open={open} onClose={close} anchor={button} align={align}>
      <List
        label={label}
        value={value}
        groups={groupsOf(models.data ?? [], capability)}
        error={models.error}
        pending={models.isPending}
        onRetry={() => void models.refetch()}
        onChoose={(model) => {
          onChange(model.id);
          close();
        }}
      />
    </Popover>
  );
}

interface ListProps {
  label: string;
  value: string | null;
  groups: Group[];
  error: Error | null;
  pending: boolean;
  onRetry: () => void;
  onChoose: (model: CatalogueModel) => void;
}

function List({ label, value, groups, error, pending, onRetry, onChoose }: ListProps) {
  const id = useId();
  const [text, setText] = useState("");
  const shown = groups
    .map((group) => ({ ...group, models: group.models.filter((model) => matches(model, text)) }))
    .filter((group) => group.models.length);
  const flat = shown.flatMap((group) => group.models);
  const [cursor, setCursor] = useState(() =>
    Math.max(
      0,
      flat.findIndex((model) => model.id === value),
    ),
  );
  const active = flat[Math.min(cursor, flat.length - 1)];
  const list = useRef<HTMLDivElement>(null);

  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && active) {
      event.preventDefault();
      const next = (flat.indexOf(active) + step + flat.length) % flat.length;
      setCursor(next);
      list.current?.querySelectorAll('[role="option"]')[next]?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && active) {
      event.preventDefault();
      onChoose(active);
    }
  }

  return (
    <div className={styles.list}>
      <input
        // oxlint-disable-next-line jsx-a11y/no-autofocus -- it was opened to be used
        autoFocus
        className={styles.search}
        placeholder="Find a model"
        role="combobox"
        aria-label={label}
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={active ? `${id}-${active.id}` : undefined}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setCursor(0);
        }}
        onKeyDown={onKeyDown}
      />
      {error && <ErrorNote error={error} onRetry={onRetry} />}
      {pending && !error && (
        <p className={styles.note}>
          <Busy>Asking the server</Busy>
        </p>
      )}
      {!pending && !error && !flat.length && (
        <p className={styles.note}>{text ? "No model has this name." : "The server has no model for this."}</p>
      )}
      <div ref={list} id={`${id}-list`} role="listbox" aria-label={label} className={styles.groups}>
        {shown.map((group) => (
          <div key={group.title} role="group" aria-label={group.title}>
            <p className={styles.group} aria-hidden="true">
              {group.title}
            </p>
            {group.models.map((model) => (
              <ModelOption
                key={model.id}
                id={`${id}-${model.id}`}
                model={model}
                active={model === active}
                chosen={model.id === value}
                onChoose={() => onChoose(model)}
              />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}

function matches(model: CatalogueModel, text: string): boolean {
  return model.id.toLowerCase().includes(text.trim().toLowerCase());
}
