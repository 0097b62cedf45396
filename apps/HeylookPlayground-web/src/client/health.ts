import { useQuery } from "@tanstack/react-query";
import { get } from "./http";
import type { Health } from "./types";

/** Whether the server is there. Asked more often while it is not. */
export function useHealth() {
  return useQuery({
    queryKey: ["health"],
    queryFn: ({ signal }) => get<Health>("/health", signal),
    refetchInterval: (query) => (query.state.status === "error" ? 2000 : 15_000),
  });
}
