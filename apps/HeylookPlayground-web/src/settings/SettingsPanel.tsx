import { AnswerFields } from "./AnswerFields";
import { PresetRow } from "./PresetRow";
import { SamplingFields } from "./SamplingFields";
import styles from "./SettingsPanel.module.css";
import type { ChatSettings } from "@/chat/chatSettings";
import { useModels } from "@/client/models";
import { IconButton, TextArea } from "@/components";

interface SettingsPanelProps {
  model: string | null;
  settings: ChatSettings;
  onChange: (settings: ChatSettings) => void;
  onClose: () => void;
}

/** What is sent with each question of the conversation. */
export function SettingsPanel({ model, settings, onChange, onClose }: SettingsPanelProps) {
  const models = useModels();
  const change = (part: Partial<ChatSettings>) => onChange({ ...settings, ...part });
  return (
    <aside className={styles.panel} aria-label="Settings of this conversation">
      <header className={styles.header}>
        <h2>Settings</h2>
        <IconButton small icon="close" label="Close the settings" onClick={onClose} />
      </header>
      <div className={styles.fields}>
        <PresetRow settings={settings} onChoose={onChange} />
        <TextArea
          label="System prompt"
          rows={4}
          placeholder="What the model is told before everything else"
          value={settings.system}
          onChange={(event) => change({ system: event.target.value })}
        />
        <SamplingFields model={model} sampling={settings.sampling} onChange={(sampling) => change({ sampling })} />
        <AnswerFields model={models.data?.find((it) => it.id === model)} settings={settings} onChange={change} />
      </div>
    </aside>
  );
}
