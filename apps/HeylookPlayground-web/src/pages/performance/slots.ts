import type { PerformanceProfile } from "./data";

/** A chart's columns: Unix times, then a value for each, null where nothing is known. */
export type Columns = [number[], ...(number | null)[][]];

/** Slots in which nothing happened are left out by the server; here they are gaps, so that no line leads across. */
export function slotColumns(times: number[], values: (number | null)[][], step: number): Columns {
  const allTimes: number[] = [];
  const all: (number | null)[][] = values.map(() => []);
  for (const [at, time] of times.entries()) {
    const before = times[at - 1];
    if (before !== undefined && time - before > step * 1.5) {
      allTimes.push(before + step);
      for (const column of all) column.push(null);
    }
    allTimes.push(time);
    for (const [index, column] of all.entries()) column.push(values[index]?.[at] ?? null);
  }
  return [allTimes, ...all];
}

const unix = (text: string): number => Date.parse(text) / 1000;

export function speedColumns({ resource_timeline: points, slot_seconds: step }: PerformanceProfile): Columns {
  return slotColumns(
    points.map((point) => unix(point.timestamp)),
    [points.map((point) => point.tokens_per_second)],
    step,
  );
}

export function memoryColumns({ resource_timeline: points, slot_seconds: step }: PerformanceProfile): Columns {
  return slotColumns(
    points.map((point) => unix(point.timestamp)),
    [points.map((point) => point.memory_gb)],
    step,
  );
}

export function requestColumns({ trends, slot_seconds: step }: PerformanceProfile): Columns {
  const values = [trends.map((point) => point.requests), trends.map((point) => point.errors)];
  return slotColumns(
    trends.map((point) => unix(point.hour)),
    values,
    step,
  );
}

export function timeColumns({ trends, slot_seconds: step }: PerformanceProfile): Columns {
  const seconds = trends.map((point) => (point.response_time_ms ? point.response_time_ms / 1000 : null));
  return slotColumns(
    trends.map((point) => unix(point.hour)),
    [seconds],
    step,
  );
}
