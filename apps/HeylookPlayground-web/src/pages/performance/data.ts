import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { AdminCaches, AdminRequests } from "@/admin/types";
import { get, remove } from "@/client/http";
import type { components } from "@/client/schema";

type Schemas = components["schemas"];

export type Performance = Schemas["Performance"];
export type PerformanceProfile = Schemas["PerformanceProfile"];
export type ModelPerformance = Schemas["ModelPerformance"];

export const SPANS = ["1h", "6h", "24h", "7d"] as const;
export type Span = (typeof SPANS)[number];

const OFTEN_MS = 1000;

export function useProfile(span: Span) {
  return useQuery({
    queryKey: ["performance", "profile", span],
    queryFn: ({ signal }) => get<PerformanceProfile>(`/v1/performance/profile/${span}`, signal),
    refetchInterval: 10_000,
  });
}

const REQUESTS = ["admin", "requests"] as const;

export function useRequests() {
  return useQuery({
    queryKey: REQUESTS,
    queryFn: ({ signal }) => get<AdminRequests>("/v1/admin/requests", signal),
    refetchInterval: OFTEN_MS,
  });
}

export function useCancel() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => remove(`/v1/admin/requests/${encodeURIComponent(id)}`),
    onSettled: () => queries.invalidateQueries({ queryKey: REQUESTS }),
  });
}

const CACHES = ["admin", "cache"] as const;

export function useCaches() {
  return useQuery({
    queryKey: CACHES,
    queryFn: ({ signal }) => get<AdminCaches>("/v1/admin/cache", signal),
    refetchInterval: 3000,
  });
}

export function useClearCaches() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => remove("/v1/admin/cache"),
    onSettled: () => queries.invalidateQueries({ queryKey: CACHES }),
  });
}
