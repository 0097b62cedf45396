import { create } from "zustand";
import { persist } from "zustand/middleware";
import { noSampling, noSettings, type ChatSettings } from "./chatSettings";
import { readSettings } from "./storage/reading";

export interface Preset {
  name: string;
  settings: ChatSettings;
}

/** Always there. */
export const BUILT_IN: readonly Preset[] = [
  { name: "As the model has it", settings: noSettings() },
  { name: "Repeatable", settings: { ...noSettings(), sampling: { ...noSampling(), temperature: 0, seed: 0 } } },
  { name: "Varied", settings: { ...noSettings(), sampling: { ...noSampling(), temperature: 1, top_p: 0.95 } } },
];

interface Presets {
  own: Preset[];
  /** One with the same name is replaced. */
  save: (preset: Preset) => void;
  remove: (name: string) => void;
}

export const usePresets = create<Presets>()(
  persist(
    (set) => ({
      own: [],
      save: (preset) => set(({ own }) => ({ own: [...own.filter((it) => it.name !== preset.name), preset] })),
      remove: (name) => set(({ own }) => ({ own: own.filter((it) => it.name !== name) })),
    }),
    {
      name: "heylook-presets",
      version: 1,
      merge: (stored, current) => ({ ...current, own: readPresets(Object(stored).own) }),
    },
  ),
);

export function readPresets(value: unknown): Preset[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((it: unknown) => {
    const { name, settings } = Object(it) as Record<string, unknown>;
    return typeof name === "string" && name ? [{ name, settings: readSettings(settings) }] : [];
  });
}
