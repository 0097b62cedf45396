import type { RequestRecord } from "@/admin/types";

export interface ReuseReason {
  why: string;
  requests: number;
  promptTokens: number;
  cachedTokens: number;
}

/** How much of the prompts came from kept prefixes, by the reason why it was not more; the most frequent first. */
export function reasonsOf(records: RequestRecord[]): ReuseReason[] {
  const found = new Map<string, ReuseReason>();
  for (const record of records) {
    if (!record.reuse || !record.prompt_tokens) continue;
    const known = found.get(record.reuse) ?? { why: record.reuse, requests: 0, promptTokens: 0, cachedTokens: 0 };
    known.requests += 1;
    known.promptTokens += record.prompt_tokens;
    known.cachedTokens += record.cached_tokens;
    found.set(record.reuse, known);
  }
  return [...found.values()].toSorted((a, b) => b.requests - a.requests || a.why.localeCompare(b.why));
}
