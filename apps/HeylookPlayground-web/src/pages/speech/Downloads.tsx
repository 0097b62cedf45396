import styles from "./speech.module.css";
import { cuesOf, srt, vtt, type Segment } from "./subtitles";
import { Button, CopyButton } from "@/components";
import { saveFile } from "@/components/saveFile";

/** The text and its subtitles as files. */
export function Downloads({ name, text, segments }: { name: string; text: string; segments: Segment[] }) {
  const base = name.replace(/\.[^.]*$/, "") || "transcript";
  return (
    <div className={styles.downloads}>
      <CopyButton wide label="Copy text" text={() => text} />
      <Button small icon="download" onClick={() => saveFile(`${base}.txt`, `${text}\n`, "text/plain")}>
        Text
      </Button>
      <Button
        small
        icon="download"
        onClick={() => saveFile(`${base}.srt`, srt(cuesOf(segments)), "application/x-subrip")}
      >
        SRT
      </Button>
      <Button small icon="download" onClick={() => saveFile(`${base}.vtt`, vtt(cuesOf(segments)), "text/vtt")}>
        VTT
      </Button>
    </div>
  );
}
