import { expect, test } from "vitest";
import { groupsOf } from "./groups";
import type { CatalogueModel } from "@/client/models";

function model(id: string, loaded: boolean, capabilities: string[] | null): CatalogueModel {
  return {
    id,
    loaded,
    capabilities,
    sizeBytes: null,
    complete: capabilities !== null,
    provider: "toy",
  } as CatalogueModel;
}

test("models in memory come first, and those that cannot do it are left out", () => {
  const models = [model("a", false, null), model("b", true, ["chat"]), model("c", true, ["embed"])];
  expect(groupsOf(models, "chat").map((it) => [it.title, it.models.map((each) => each.id)])).toEqual([
    ["Loaded", ["b"]],
    ["Available", ["a"]],
  ]);
});
