import { useQuery } from "@tanstack/react-query";
import { get } from "./http";
import type { Model, ModelList, OllamaModelList } from "./types";

/** A model as the playground shows it. Its capabilities are null where the server does not tell them before it is loaded. */
export interface CatalogueModel extends Model {
  sizeBytes: number | null;
  /** The capabilities are all that there are; else a model may have others that the other dialect has no word for. */
  complete: boolean;
}

/** Ollama's words for what heylook's capabilities are called. */
const OLLAMA_WORDS: Record<string, string> = {
  completion: "chat",
  embedding: "embed",
  thinking: "reasoning",
  insert: "fill_in_middle",
};

/** The list of the other dialect tells sizes and capabilities of models that are not loaded. It may not be served. */
async function ollamaList(signal: AbortSignal): Promise<OllamaModelList["models"]> {
  try {
    return (await get<OllamaModelList>("/api/tags", signal)).models;
  } catch {
    return [];
  }
}

export function merged(models: Model[], tags: OllamaModelList["models"]): CatalogueModel[] {
  const byName = new Map(tags.map((tag) => [tag.name, tag]));
  return models.map((model) => {
    const tag = byName.get(model.id) ?? byName.get(`${model.id}:latest`);
    const expected = tag?.capabilities.map((word) => OLLAMA_WORDS[word] ?? word) ?? null;
    return {
      ...model,
      capabilities: model.capabilities ?? expected,
      context_length: model.context_length ?? tag?.details.context_length ?? null,
      sizeBytes: tag?.size ?? null,
      complete: model.capabilities !== null,
    };
  });
}

export async function catalogue(signal: AbortSignal): Promise<CatalogueModel[]> {
  const [list, tags] = await Promise.all([get<ModelList>("/v1/models", signal), ollamaList(signal)]);
  return merged(list.data, tags);
}

export const CATALOGUE = ["models"] as const;

export function useModels() {
  return useQuery({
    queryKey: CATALOGUE,
    queryFn: ({ signal }) => catalogue(signal),
    refetchInterval: (query) => (query.state.status === "error" ? 2000 : 10_000),
  });
}

/** Null where it is not known. */
export function can(model: CatalogueModel | undefined, capability: string): boolean | null {
  if (!model?.capabilities) return null;
  if (model.capabilities.includes(capability)) return true;
  // A model that is told to do something else only, as to embed, does not chat.
  return model.complete || capability === "chat" ? false : null;
}
