import type { components } from "./schema";

type Schemas = components["schemas"];

export type Model = Schemas["OpenAIModel"];
export type ModelList = Schemas["OpenAIModelList"];
export type ChatRequest = Schemas["OpenAIChatRequest"];
export type ChatChunk = Schemas["OpenAIChatChunk"];
export type Usage = Schemas["OpenAIUsage"];
export type Performance = Schemas["OpenAIPerformance"];
export type OllamaCard = Schemas["OllamaCard"];
export type OllamaModelList = Schemas["OllamaModelList"];
export type Health = Schemas["Health"];
