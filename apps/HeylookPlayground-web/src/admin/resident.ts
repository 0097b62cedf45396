import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { AdminModelAction, AdminModels, AdminReloaded } from "./types";
import { get, post } from "@/client/http";
import { CATALOGUE } from "@/client/models";

export const RESIDENT = ["admin", "models"] as const;

/** The models in memory and on their way, asked often enough to see a load go by. */
export function useResident() {
  return useQuery({
    queryKey: RESIDENT,
    queryFn: ({ signal }) => get<AdminModels>("/v1/admin/models", signal),
    refetchInterval: 2000,
  });
}

/** What a change of the models in memory makes stale. */
function useRefresh(): () => Promise<unknown> {
  const queries = useQueryClient();
  return () =>
    Promise.all([
      queries.invalidateQueries({ queryKey: RESIDENT }),
      queries.invalidateQueries({ queryKey: CATALOGUE }),
    ]);
}

/** An id may have slashes, which are part of the path. */
function actionPath(id: string, action: "load" | "unload"): string {
  return `/v1/admin/models/${id.split("/").map(encodeURIComponent).join("/")}/${action}`;
}

export function useModelAction(id: string) {
  const queries = useQueryClient();
  const refresh = useRefresh();
  return useMutation({
    mutationFn: (action: "load" | "unload") => {
      void queries.invalidateQueries({ queryKey: RESIDENT });
      return post<AdminModelAction>(actionPath(id, action));
    },
    onSettled: refresh,
  });
}

export function useReload() {
  const refresh = useRefresh();
  return useMutation({ mutationFn: () => post<AdminReloaded>("/v1/admin/reload"), onSettled: refresh });
}
