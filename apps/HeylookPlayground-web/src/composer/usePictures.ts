import { useState } from "react";
import type { Picture } from "@/chat/message";
import { pictureOf } from "@/chat/pictures";

export interface Pictures {
  list: Picture[];
  error: string | null;
  add: (files: File[]) => void;
  remove: (picture: Picture) => void;
  clear: () => void;
  refuse: (reason: string) => void;
}

/** Images that go along with the next question. */
export function usePictures(): Pictures {
  const [list, setList] = useState<Picture[]>([]);
  const [error, setError] = useState<string | null>(null);

  async function add(files: File[]) {
    setError(null);
    for (const file of files) {
      try {
        const picture = await pictureOf(file);
        setList((before) => (before.some((it) => it.url === picture.url) ? before : [...before, picture]));
      } catch (reason) {
        setError(reason instanceof Error ? reason.message : String(reason));
      }
    }
  }

  return {
    list,
    error,
    add: (files) => void add(files),
    remove: (picture) => setList((before) => before.filter((it) => it !== picture)),
    clear: () => {
      setList([]);
      setError(null);
    },
    refuse: setError,
  };
}
