import { useEffect, useRef, useState, type KeyboardEvent } from "react";
import { AttachButton } from "./AttachButton";
import { MicrophoneButton } from "./MicrophoneButton";
import { usePictures } from "./usePictures";
import styles from "./Composer.module.css";
import type { Picture } from "@/chat/message";
import { imageFiles } from "@/chat/pictures";
import { can, type CatalogueModel } from "@/client/models";
import { IconButton } from "@/components";
import { prepareMarkdown } from "@/markdown/Markdown";

export interface Draft {
  text: string;
  pictures: Picture[];
}

interface ComposerProps {
  model: CatalogueModel | undefined;
  /** There is something to send to. */
  ready: boolean;
  /** Given while an answer arrives. */
  stop: (() => void) | undefined;
  placeholder?: string;
  onSend: (draft: Draft) => void;
}

const MOST_LINES = 10;

/** The field for the next question, with its images. */
export function Composer({ model, ready, stop, placeholder, onSend }: ComposerProps) {
  const [text, setText] = useState("");
  const pictures = usePictures();
  const field = useRef<HTMLTextAreaElement>(null);
  const sees = can(model, "vision");
  const sendable = ready && !stop && (text.trim() !== "" || pictures.list.length > 0);
  useEscape(stop);
  useEffect(() => {
    // On a touch screen the focus would open the keyboard.
    if (window.matchMedia("(hover: hover)").matches) field.current?.focus();
  }, []);

  function send() {
    if (!sendable) return;
    onSend({ text: text.trim(), pictures: pictures.list });
    setText("");
    pictures.clear();
  }

  function attach(files: File[]) {
    if (sees === false) pictures.refuse(`${model?.id} does not see images.`);
    else pictures.add(files);
  }

  function onKeyDown(event: KeyboardEvent<HTMLTextAreaElement>) {
    if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && text === "") {
      const edits = document.querySelectorAll<HTMLButtonElement>('[data-edit="question"]');
      const last = edits.item(edits.length - 1);
      if (!last) return;
      event.preventDefault();
      last.click();
    }
  }

  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- files are dropped on it; a button takes them too
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => {
        event.preventDefault();
        attach(imageFiles(event.dataTransfer));
      }}
    >
      <div className={styles.box}>
        {pictures.list.length > 0 && (
          <ul className={styles.pictures} aria-label="Images to send">
            {pictures.list.map((picture) => (
              <li key={picture.url}>
                <img src={picture.url} alt={picture.name} />
                <IconButton
                  small
                  icon="close"
                  kind="plain"
                  label={`Remove ${picture.name}`}
                  onClick={() => pictures.remove(picture)}
                />
              </li>
            ))}
          </ul>
        )}
        {pictures.error && (
          <p className={styles.error} role="alert">
            {pictures.error}
          </p>
        )}
        <textarea
          ref={field}
          rows={Math.min(MOST_LINES, text.split("\n").length)}
          aria-label="Message"
          placeholder={placeholder ?? (model ? `Ask ${model.id}` : "Choose a model first")}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            prepareMarkdown();
          }}
          onKeyDown={onKeyDown}
          onPaste={(event) => {
            const files = imageFiles(event.clipboardData);
            if (!files.length) return;
            event.preventDefault();
            attach(files);
          }}
        />
        <div className={styles.buttons}>
          <AttachButton model={model} sees={sees} onFiles={attach} />
          <MicrophoneButton
            onText={(spoken) => setText((before) => (before.trim() ? `${before.trimEnd()} ${spoken}` : spoken))}
            onError={pictures.refuse}
          />
          <span className={styles.space} />
          {stop ? (
            <IconButton icon="stop" kind="plain" label="Stop the answer" onClick={stop} />
          ) : (
            <IconButton icon="send" kind="primary" label="Send" type="submit" disabled={!sendable} />
          )}
        </div>
      </div>
    </form>
  );
}

/** Escape stops the answer wherever the focus is. */
function useEscape(stop: (() => void) | undefined): void {
  useEffect(() => {
    if (!stop) return;
    const onKeyDown = (event: globalThis.KeyboardEvent) => {
      if (event.key === "Escape" && !event.defaultPrevented) stop();
    };
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, [stop]);
}
