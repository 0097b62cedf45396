import styles from "./ModelPicker.module.css";
import { Badge } from "@/components";

/** What is worth a word; a chat is what every model here does. */
const WORDS: Record<string, string> = {
  vision: "images",
  audio: "audio",
  tools: "tools",
  reasoning: "thinking",
  schema: "JSON",
  embed: "embeddings",
  transcribe: "speech",
};

export function CapabilityBadges({ capabilities }: { capabilities: string[] | null }) {
  if (capabilities === null) return <p className={styles.unknown}>What it can do is known once it is loaded.</p>;
  const known = Object.keys(WORDS).filter((it) => capabilities.includes(it));
  return (
    <span className={styles.badges}>
      {known.map((it) => (
        <Badge key={it}>{WORDS[it]}</Badge>
      ))}
    </span>
  );
}
