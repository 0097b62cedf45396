import { useQuery } from "@tanstack/react-query";
import { get } from "./http";

/** The paths that the server describes: what is installed decides. */
export function usePaths() {
  return useQuery({
    queryKey: ["paths"],
    queryFn: async ({ signal }) =>
      new Set(Object.keys((await get<{ paths: Record<string, unknown> }>("/openapi.json", signal)).paths)),
    staleTime: Infinity,
  });
}
