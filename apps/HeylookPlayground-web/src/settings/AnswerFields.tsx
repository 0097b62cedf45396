import styles from "./SettingsPanel.module.css";
import type { AnswerFormat, ChatSettings, Thinking } from "@/chat/chatSettings";
import { can, type CatalogueModel } from "@/client/models";
import { Select, TextArea } from "@/components";

interface AnswerFieldsProps {
  model: CatalogueModel | undefined;
  settings: ChatSettings;
  onChange: (part: Partial<ChatSettings>) => void;
}

const THINKING: { value: Thinking; label: string }[] = [
  { value: "default", label: "As the model has it" },
  { value: "on", label: "On" },
  { value: "off", label: "Off" },
];

const FORMATS: { value: AnswerFormat; label: string }[] = [
  { value: "text", label: "Text" },
  { value: "json", label: "JSON" },
  { value: "schema", label: "JSON of a schema" },
];

/** Thinking, the answer's form and tools. What the model cannot do is switched off, and says so. */
export function AnswerFields({ model, settings, onChange }: AnswerFieldsProps) {
  const lacks = (capability: string, what: string) =>
    can(model, capability) === false ? `${model?.id} ${what}.` : undefined;
  const noThinking = lacks("reasoning", "does not think aloud");
  const noSchema = lacks("schema", "cannot be held to JSON");
  const noTools = lacks("tools", "calls no tools");
  return (
    <fieldset className={styles.numbers}>
      <legend>Answer</legend>
      <Select
        label="Thinking"
        options={THINKING}
        hint={noThinking}
        disabled={noThinking !== undefined}
        value={settings.thinking}
        onChange={({ target }) => onChange({ thinking: chosen(THINKING, target.value) })}
      />
      <Select
        label="Format"
        options={FORMATS}
        hint={noSchema}
        disabled={noSchema !== undefined}
        value={settings.format}
        onChange={({ target }) => onChange({ format: chosen(FORMATS, target.value) })}
      />
      {settings.format === "schema" && (
        <div className={styles.wide}>
          <TextArea
            label="JSON schema"
            rows={5}
            spellCheck={false}
            value={settings.schema}
            error={jsonError(settings.schema)}
            onChange={(event) => onChange({ schema: event.target.value })}
          />
        </div>
      )}
      <div className={styles.wide}>
        <TextArea
          label="Tools"
          rows={4}
          spellCheck={false}
          disabled={noTools !== undefined}
          hint={noTools ?? "A JSON list as OpenAI has it. You give the results of calls yourself."}
          error={jsonError(settings.tools)}
          value={settings.tools}
          onChange={(event) => onChange({ tools: event.target.value })}
        />
      </div>
    </fieldset>
  );
}

function chosen<T extends string>(options: { value: T }[], value: string): T {
  const found = options.find((it) => it.value === value) ?? options[0];
  if (!found) throw new Error("A list to choose from is empty.");
  return found.value;
}

function jsonError(text: string): string | null {
  if (!text.trim()) return null;
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
