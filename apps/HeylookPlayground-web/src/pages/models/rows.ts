import type { AdminModel } from "@/admin/types";
import type { CatalogueModel } from "@/client/models";

export type RowState = "absent" | "loading" | "ready" | "leaving" | "hung";

/** A model of the catalogue, of memory, or of both. */
export interface ModelRow {
  id: string;
  provider: string | null;
  description: string | null;
  capabilities: string[] | null;
  context: number | null;
  sizeBytes: number | null;
  state: RowState;
  resident: AdminModel | null;
}

const STATES: readonly string[] = ["loading", "ready", "leaving", "hung"] satisfies RowState[];

function stateOf(resident: AdminModel | undefined, loaded: boolean): RowState {
  if (resident && STATES.includes(resident.state)) return resident.state as RowState;
  return loaded ? "ready" : "absent";
}

/** Those in memory first, each part in the order of the catalogue. A model may be in memory and not served any more. */
export function rowsOf(models: CatalogueModel[], resident: AdminModel[]): ModelRow[] {
  const held = new Map(resident.map((one) => [one.id, one]));
  const known = new Set(models.map((model) => model.id));
  const rows = models.map((model): ModelRow => {
    const one = held.get(model.id);
    return {
      id: model.id,
      provider: model.provider ?? null,
      description: model.description ?? null,
      capabilities: model.capabilities ?? null,
      context: model.context_length ?? null,
      sizeBytes: model.sizeBytes,
      state: stateOf(one, model.loaded ?? false),
      resident: one ?? null,
    };
  });
  const left = resident.filter((one) => !known.has(one.id));
  rows.push(
    ...left.map((one) => ({
      id: one.id,
      provider: null,
      description: "It is not served any more.",
      capabilities: null,
      context: null,
      sizeBytes: null,
      state: stateOf(one, true),
      resident: one,
    })),
  );
  return rows.toSorted((a, b) => Number(a.state === "absent") - Number(b.state === "absent"));
}
