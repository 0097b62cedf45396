import { expect, test } from "vitest";
import { rowsOf } from "./rows";
import type { AdminModel } from "@/admin/types";
import type { CatalogueModel } from "@/client/models";

function model(id: string, loaded = false): CatalogueModel {
  const rest = { object: "model", created: 0, owned_by: "heylook", provider: "scripted", description: null } as const;
  return { id, loaded, capabilities: null, context_length: null, sizeBytes: 10, ...rest } as CatalogueModel;
}

function resident(id: string, state: string): AdminModel {
  return {
    id,
    state,
    in_flight: 0,
    weights_bytes: 0,
    live_kv_bytes: 0,
    kept_bytes: 0,
    allocated_kv_bytes: 0,
    total_bytes: 0,
    reserved_bytes: 0,
    expires_at: null,
    detail: "",
    pinned: false,
  };
}

test("models in memory come first, in the order of the catalogue", () => {
  const rows = rowsOf([model("a"), model("b", true), model("c")], [resident("c", "loading"), resident("b", "ready")]);
  expect(rows.map((row) => [row.id, row.state])).toEqual([
    ["b", "ready"],
    ["c", "loading"],
    ["a", "absent"],
  ]);
});

test("a model that is not served any more is shown while it is in memory", () => {
  const rows = rowsOf([model("a")], [resident("old", "leaving")]);
  expect(rows.map((row) => [row.id, row.state, row.provider])).toEqual([
    ["old", "leaving", null],
    ["a", "absent", "scripted"],
  ]);
});

test("without the administrator's list the catalogue says what is loaded", () => {
  expect(rowsOf([model("a", true), model("b")], []).map((row) => row.state)).toEqual(["ready", "absent"]);
});
