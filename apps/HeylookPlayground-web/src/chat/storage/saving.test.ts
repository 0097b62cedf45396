import { beforeEach, expect, test, vi } from "vitest";
import { Saving } from "./saving";

let broken: Set<string>;
let written: string[];
let told: string[][];
let saving: Saving;

beforeEach(() => {
  vi.useFakeTimers();
  [broken, written, told] = [new Set(), [], []];
  const write = async (id: string) => {
    if (broken.has(id)) throw new Error(`no ${id}`);
    written.push(id);
  };
  saving = new Saving(write, (errors) => told.push(errors.map(String)));
  return () => vi.useRealTimers();
});

test("changes of one moment are written once", async () => {
  saving.ask("a");
  saving.ask("a");
  saving.ask("b");
  await vi.runAllTimersAsync();
  expect(written).toEqual(["a", "b"]);
  expect(told).toEqual([[]]);
});

test("what fails is told with all else that fails, and does not keep others from being written", async () => {
  broken = new Set(["a", "c"]);
  for (const id of ["a", "b", "c"]) saving.ask(id);
  await saving.flush();
  expect(written).toEqual(["b"]);
  expect(told).toEqual([["Error: no a", "Error: no c"]]);
});

test("what failed is tried again with the next change, and not before", async () => {
  broken = new Set(["a"]);
  saving.ask("a");
  await vi.runAllTimersAsync();
  expect(told).toEqual([["Error: no a"]]);
  saving.ask("b");
  await vi.runAllTimersAsync();
  expect([written, told.at(-1)]).toEqual([["b"], ["Error: no a"]]);
  broken.clear();
  saving.ask("b");
  await vi.runAllTimersAsync();
  expect(written.toSorted()).toEqual(["a", "b", "b"]);
  expect(told.at(-1)).toEqual([]);
});

test("a flush tries again too; with nothing to write it says nothing", async () => {
  broken = new Set(["a"]);
  saving.ask("a");
  await saving.flush();
  broken.clear();
  await saving.flush();
  await saving.flush();
  expect([written, told]).toEqual([["a"], [["Error: no a"], []]]);
});

test("what was forgotten is not tried again", async () => {
  broken = new Set(["a"]);
  saving.ask("a");
  await saving.flush();
  broken.clear();
  saving.forget("a");
  await saving.flush();
  expect(written).toEqual([]);
});
