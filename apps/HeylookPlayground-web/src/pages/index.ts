import { lazy, type ComponentType } from "react";
import type { IconName } from "@/components";

export interface PageEntry {
  /** Its address after `#/`. */
  name: string;
  title: string;
  icon: IconName;
  component: ComponentType;
}

/** Every page, in the order of the sidebar. The first is shown at the start. */
export const pages: readonly PageEntry[] = [
  { name: "chat", title: "Chat", icon: "chat", component: lazy(() => import("./chat")) },
  { name: "models", title: "Models", icon: "models", component: lazy(() => import("./models")) },
  { name: "performance", title: "Performance", icon: "performance", component: lazy(() => import("./performance")) },
  { name: "settings", title: "Settings", icon: "settings", component: lazy(() => import("./settings")) },
];
