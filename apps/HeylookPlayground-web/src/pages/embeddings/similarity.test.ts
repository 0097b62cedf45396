import { expect, test } from "vitest";
import { cosines, linesOf, pairsOf, scaled } from "./similarity";

test("the cosine of a vector with itself is one, with its opposite minus one, with a right angle zero", () => {
  const matrix = cosines([
    [3, 4],
    [-6, -8],
    [4, -3],
    [0, 0],
  ]);
  expect(matrix.map((row) => row.map((value) => Number(value.toFixed(12))))).toEqual([
    [1, -1, 0, 0],
    [-1, 1, 0, 0],
    [0, 0, 1, 0],
    [0, 0, 0, 0],
  ]);
});

test("pairs are told once, the most alike first", () => {
  const pairs = pairsOf([
    [1, 0.2, 0.9],
    [0.2, 1, 0.5],
    [0.9, 0.5, 1],
  ]);
  expect(pairs.map((pair) => [pair.first, pair.second])).toEqual([
    [0, 2],
    [1, 2],
    [0, 1],
  ]);
  expect([1, 0.9, 0.55, 0.2].map((value) => Number(scaled(value, pairs).toFixed(6)))).toEqual([1, 1, 0.5, 0]);
});

test("one pair has a colour too", () => {
  expect(scaled(0.4, pairsOf(cosines([[1], [1]])))).toBe(0);
  expect(scaled(1, pairsOf(cosines([[1], [1]])))).toBe(1);
});

test("empty lines are none", () => expect(linesOf(" a \n\n\t\nb\r\n")).toEqual(["a", "b"]));
