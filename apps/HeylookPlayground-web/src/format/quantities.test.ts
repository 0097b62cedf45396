import { expect, test } from "vitest";
import { bytes, count, duration, percent, rate } from "./quantities";

test.each([
  [0, "0 B"],
  [1023, "1023 B"],
  [1024, "1.0 KiB"],
  [1048575, "1.0 MiB"],
  [3_400_000, "3.2 MiB"],
  [150 * 2 ** 20, "150 MiB"],
  [12 * 2 ** 30, "12.0 GiB"],
])("%i bytes are %s", (value, text) => expect(bytes(value)).toBe(text));

test.each([
  [0, "0 ms"],
  [0.0421, "42 ms"],
  [0.9999, "1.0 s"],
  [9.96, "10 s"],
  [59.4, "59 s"],
  [60, "1 min"],
  [200, "3 min 20 s"],
  [3600, "1 h"],
  [7500, "2 h 5 min"],
  [273_600, "3 d 4 h"],
])("%d seconds are %s", (value, text) => expect(duration(value)).toBe(text));

test("shares, counts and rates are short", () => {
  expect([percent(0), percent(0.0123), percent(0.876), percent(1)]).toEqual(["0 %", "1.2 %", "88 %", "100 %"]);
  expect(count(12_345)).toBe("12,345");
  expect([rate(3.26), rate(99.96), rate(1234)]).toEqual(["3.3", "100", "1,234"]);
});
