import { useState } from "react";
import styles from "./SettingsPanel.module.css";
import type { ChatSettings } from "@/chat/chatSettings";
import { BUILT_IN, usePresets, type Preset } from "@/chat/presets";
import { Button, IconButton, Select, TextField } from "@/components";

interface PresetRowProps {
  settings: ChatSettings;
  onChoose: (settings: ChatSettings) => void;
}

/** Settings under a name: to take, to save, to delete. */
export function PresetRow({ settings, onChoose }: PresetRowProps) {
  const { own, save, remove } = usePresets();
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState("");
  const all: Preset[] = [...BUILT_IN, ...own];
  const current = all.find((it) => same(it.settings, settings));
  const isOwn = own.some((it) => it.name === current?.name);
  return (
    <div className={styles.preset}>
      <div className={styles.row}>
        <Select
          label="Preset"
          value={current?.name ?? ""}
          options={[
            { value: "", label: "Own settings", disabled: true },
            { label: "Built in", options: BUILT_IN.map(optionOf) },
            ...(own.length ? [{ label: "Saved", options: own.map(optionOf) }] : []),
          ]}
          onChange={({ target }) => {
            const preset = all.find((it) => it.name === target.value);
            if (preset) onChoose(preset.settings);
          }}
        />
        {isOwn && current ? (
          <IconButton icon="trash" label={`Delete the preset ${current.name}`} onClick={() => remove(current.name)} />
        ) : (
          <IconButton icon="plus" label="Save as a preset" aria-expanded={naming} onClick={() => setNaming(!naming)} />
        )}
      </div>
      {naming && (
        <form
          className={styles.row}
          onSubmit={(event) => {
            event.preventDefault();
            save({ name: name.trim(), settings });
            setNaming(false);
            setName("");
          }}
        >
          <TextField label="Name of the preset" value={name} onChange={(event) => setName(event.target.value)} />
          <Button type="submit" disabled={!name.trim() || BUILT_IN.some((it) => it.name === name.trim())}>
            Save
          </Button>
        </form>
      )}
    </div>
  );
}

function optionOf({ name }: Preset) {
  return { value: name, label: name };
}

function same(a: ChatSettings, b: ChatSettings): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
