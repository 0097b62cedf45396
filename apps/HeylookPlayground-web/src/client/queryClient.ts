import { QueryClient } from "@tanstack/react-query";
import { ServerError } from "./errors";

/** A refusal is not tried again; a server that does not answer is asked again by each query's own interval. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (failures, error) => failures < 1 && error instanceof ServerError && error.kind === "unavailable",
      refetchOnWindowFocus: true,
      staleTime: 2000,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});
