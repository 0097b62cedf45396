import { AxiosError, type AxiosResponse } from "axios";
import { expect, test } from "vitest";
import { asServerError, errorOfBody, kindOf } from "./errors";

function answered(status: number, data: unknown, headers: Record<string, string> = {}): AxiosError {
  const response = { status, data, headers } as unknown as AxiosResponse;
  return new AxiosError("failed", "ERR_BAD_RESPONSE", undefined, undefined, response);
}

test("an error of the OpenAI dialect is told in the server's words", async () => {
  const body = { error: { message: "No room.", type: "unavailable_error", param: "model", code: "model_load_failed" } };
  const error = await asServerError(answered(503, body, { "retry-after": "7" }));
  expect(error).toMatchObject({ kind: "unavailable", message: "No room.", code: "model_load_failed", param: "model" });
  expect(error.retryAfter).toBe(7);
});

test("an error of the Ollama dialect is a text", () => {
  expect(errorOfBody({ error: "model not found" })).toEqual({ message: "model not found", code: null, param: null });
});

test("an error of the core has a kind instead of a code", () => {
  expect(errorOfBody({ error: { kind: "not_found", message: "Gone." } })?.code).toBe("not_found");
});

test("the body of a refused stream is read", async () => {
  const stream = new Response('{"error": {"message": "Too long."}}').body;
  expect((await asServerError(answered(400, stream))).message).toBe("Too long.");
});

test("a body that is no error of any dialect is shown as it is", async () => {
  expect((await asServerError(answered(502, "<h1>Bad gateway</h1>"))).message).toBe("<h1>Bad gateway</h1>");
});

test("no answer at all means that the server is away", async () => {
  expect((await asServerError(new AxiosError("Network Error", "ERR_NETWORK"))).kind).toBe("offline");
});

test("each status has its kind", () => {
  expect([400, 401, 403, 404, 413, 429, 500, 503].map(kindOf)).toEqual([
    "refused",
    "unauthorised",
    "forbidden",
    "missing",
    "refused",
    "busy",
    "failed",
    "unavailable",
  ]);
});
