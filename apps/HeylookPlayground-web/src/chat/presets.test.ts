// @vitest-environment happy-dom
import { expect, test } from "vitest";
import { noSettings } from "./chatSettings";
import { readPresets, usePresets } from "./presets";

test("a preset with the same name is replaced", () => {
  usePresets.setState({ own: [] });
  const { save } = usePresets.getState();
  save({ name: "Brief", settings: noSettings() });
  save({ name: "Brief", settings: { ...noSettings(), system: "Be brief." } });
  expect(usePresets.getState().own).toMatchObject([{ name: "Brief", settings: { system: "Be brief." } }]);
});

test("damaged presets are left out", () => {
  expect(readPresets("no list")).toEqual([]);
  expect(readPresets([null, { name: 5 }, { name: "Kept", settings: 7 }])).toEqual([
    { name: "Kept", settings: noSettings() },
  ]);
});
