import { can, type CatalogueModel } from "@/client/models";

export interface Group {
  title: string;
  models: CatalogueModel[];
}

/** Models that have the capability, or of which it is not known: those in memory first. */
export function groupsOf(models: CatalogueModel[], capability: string): Group[] {
  const fitting = models.filter((model) => can(model, capability) !== false);
  const groups = [
    { title: "Loaded", models: fitting.filter((model) => model.loaded) },
    { title: "Available", models: fitting.filter((model) => !model.loaded) },
  ];
  return groups.filter((group) => group.models.length);
}
