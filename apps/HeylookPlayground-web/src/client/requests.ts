import { get } from "./http";
import type { components } from "./schema";

type AdminRequests = components["schemas"]["AdminRequests"];

export interface Place {
  running: boolean;
  /** How many wait before it. */
  before: number;
}

/** Where a request stands. Null where the server does not tell: it did not get it yet, or lists are for administrators. */
export async function placeOf(requestId: string, signal: AbortSignal): Promise<Place | null> {
  const { running, queued } = await get<AdminRequests>("/v1/admin/requests", signal);
  if (running.some((it) => it.id === requestId)) return { running: true, before: 0 };
  const before = queued.findIndex((it) => it.id === requestId);
  return before < 0 ? null : { running: false, before };
}
