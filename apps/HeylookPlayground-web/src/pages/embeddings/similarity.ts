/** The cosines between all vectors, row by row. A vector of zeros is like nothing. */
export function cosines(vectors: number[][]): number[][] {
  const norms = vectors.map((vector) => Math.hypot(...vector));
  return vectors.map((one, i) =>
    vectors.map((other, j) => {
      const size = (norms[i] ?? 0) * (norms[j] ?? 0);
      return size ? dot(one, other) / size : 0;
    }),
  );
}

function dot(one: number[], other: number[]): number {
  let sum = 0;
  for (const [at, value] of one.entries()) sum += value * (other[at] ?? 0);
  return sum;
}

export interface Pair {
  first: number;
  second: number;
  cosine: number;
}

/** Every two lines, the most alike first. */
export function pairsOf(matrix: number[][]): Pair[] {
  const pairs = matrix.flatMap((row, first) =>
    row.map((cosine, second) => ({ first, second, cosine })).filter((pair) => pair.second > first),
  );
  return pairs.toSorted((a, b) => b.cosine - a.cosine);
}

/** Where a value lies between the least and the most of the pairs, from 0 to 1: colours have to tell close values apart. */
export function scaled(value: number, pairs: Pair[]): number {
  const most = pairs[0]?.cosine ?? 1;
  const least = pairs.at(-1)?.cosine ?? 0;
  if (most - least < 1e-9) return value >= most ? 1 : 0;
  return Math.max(0, Math.min(1, (value - least) / (most - least)));
}

/** The lines that hold something. */
export function linesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
