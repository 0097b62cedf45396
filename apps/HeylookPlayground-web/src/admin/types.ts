import type { components } from "@/client/schema";

type Schemas = components["schemas"];

export type AdminModel = Schemas["AdminModel"];
export type AdminModels = Schemas["AdminModels"];
export type AdminMemory = Schemas["AdminMemory"];
export type AdminModelAction = Schemas["AdminModelAction"];
export type AdminReloaded = Schemas["AdminReloaded"];
export type AdminCache = Schemas["AdminCache"];
export type AdminCaches = Schemas["AdminCaches"];
export type AdminRequests = Schemas["AdminRequests"];
export type LiveRequest = Schemas["LiveRequest"];
export type PullProgress = Schemas["PullProgress"];
export type RequestRecord = Schemas["RequestRecord"];
export type ResidencyEvent = Schemas["ResidencyEvent"];
