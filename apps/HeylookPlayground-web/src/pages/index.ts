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
  { name: "compare", title: "Compare", icon: "compare", component: lazy(() => import("./compare")) },
  { name: "models", title: "Models", icon: "models", component: lazy(() => import("./models")) },
  { name: "speech", title: "Speech", icon: "speech", component: lazy(() => import("./speech")) },
  { name: "embeddings", title: "Embeddings", icon: "embeddings", component: lazy(() => import("./embeddings")) },
  { name: "performance", title: "Performance", icon: "performance", component: lazy(() => import("./performance")) },
  { name: "api", title: "API", icon: "api", component: lazy(() => import("./api")) },
  { name: "settings", title: "Settings", icon: "settings", component: lazy(() => import("./settings")) },
];
