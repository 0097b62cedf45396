import type { PullProgress } from "@/admin/types";
import { errorOfBody, ServerError } from "@/client/errors";
import { stream } from "@/client/http";
import { sseItems } from "@/client/sse";

/** Fetches a model from the hub; raises ServerError, also for what fails on the way. */
export async function pull(model: string, signal: AbortSignal, tell: (progress: PullProgress) => void): Promise<void> {
  for await (const item of sseItems(await stream("/v1/admin/models/pull", { model }, signal))) {
    if (item.kind === "comment") continue;
    const data: unknown = JSON.parse(item.data);
    if (item.event === "error") throw new ServerError("failed", errorOfBody(data)?.message ?? "The pull has failed.");
    tell(data as PullProgress);
  }
}
