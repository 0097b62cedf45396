import { useModels, can, type CatalogueModel } from "@/client/models";
import { useCompare, type Column } from "@/compare/store";

export interface FilledColumn extends Omit<Column, "model"> {
  model: CatalogueModel | undefined;
  /** What was chosen, which may be gone by now. */
  chosen: string | null;
}

/** The columns with their models. Where none was chosen yet, one that no other column has is taken. */
export function useFilled(): FilledColumn[] {
  const columns = useCompare((state) => state.columns);
  const { data = [] } = useModels();
  const free = data.filter((it) => can(it, "chat") !== false && !columns.some((column) => column.model === it.id));
  return columns.map(({ id, model }) => {
    const chosen = model ?? free.shift()?.id ?? data[0]?.id ?? null;
    return { id, chosen, model: data.find((it) => it.id === chosen) };
  });
}
