import { create } from "zustand";
import { persist } from "zustand/middleware";
import { noSettings, type ChatSettings } from "@/chat/chatSettings";
import { readSettings } from "@/chat/storage/reading";

interface Chosen {
  /** What a new conversation begins with: what was chosen last. */
  model: string | null;
  settings: ChatSettings;
  choose: (part: { model?: string; settings?: ChatSettings }) => void;
}

export const useChosen = create<Chosen>()(
  persist((set) => ({ model: null, settings: noSettings(), choose: (part) => set(part) }), {
    name: "heylook-chosen",
    version: 1,
    merge: (stored, current) => {
      const record = (stored ?? {}) as Record<string, unknown>;
      const model = typeof record["model"] === "string" ? record["model"] : null;
      return { ...current, model, settings: readSettings(record["settings"]) };
    },
  }),
);
