import { create } from "zustand";
import { persist } from "zustand/middleware";

export type Theme = "system" | "light" | "dark";

export const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

function themeOf(value: unknown): Theme {
  return value === "light" || value === "dark" ? value : "system";
}

interface ThemeState {
  theme: Theme;
  choose: (theme: Theme) => void;
}

export const useTheme = create<ThemeState>()(
  persist((set) => ({ theme: "system", choose: (theme) => set({ theme }) }), {
    name: "heylook-theme",
    version: 1,
    merge: (stored, current) => ({ ...current, theme: themeOf(Object(stored).theme) }),
  }),
);

function apply(theme: Theme): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

/** Follows the choice from now on. */
export function followTheme(): void {
  apply(useTheme.getState().theme);
  useTheme.subscribe((state) => apply(state.theme));
}
