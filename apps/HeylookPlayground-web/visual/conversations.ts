import { noSettings } from "../src/chat/chatSettings";
import type { Conversation } from "../src/chat/conversation";
import type { Message } from "../src/chat/message";

const METRICS = {
  firstToken: 0.21,
  total: 3.4,
  queue: null,
  tokensPerSecond: 61.2,
  promptPerSecond: 900,
  promptTokens: 412,
  cachedTokens: 380,
  answerTokens: 190,
  reasoningTokens: 24,
};

type Part = Partial<Message> & Pick<Message, "role" | "content">;

/** Messages that follow one another. */
function conversation(id: string, title: string, parts: Part[]): Conversation {
  const messages: Record<string, Message> = {};
  let leaf: string | null = null;
  for (const [at, part] of parts.entries()) {
    const own =
      part.role === "assistant" ? { model: "scripted", state: "complete", finish: "stop", metrics: METRICS } : {};
    const message = { id: `${id}-${at}`, parent: leaf, createdAt: 1000 + at, ...own, ...part } as Message;
    messages[message.id] = message;
    leaf = message.id;
  }
  return { id, title, createdAt: 1000, updatedAt: 1000, model: "scripted", settings: noSettings(), messages, leaf };
}

const PROSE = `## How a prompt is read

A prompt is cut into tokens, and the tokens are read **in one piece** where they fit. What was read is kept: a second
request that begins alike starts from there, so that only its own part is read. In a long conversation that is nearly
everything, which is why the second turn answers so much sooner than the first.

1. The prompt is compared with what is kept, token by token.
2. The longest common beginning is taken over; a *copy* is made where somebody else still answers from it.
3. The rest is read, and kept in its turn.

> What is kept counts into the memory budget. It shrinks before a model leaves.

The length of the common part is \`cached_tokens\` in the usage of an answer:

\`\`\`python
from openai import OpenAI

client = OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="none")


def cached(messages: list[dict[str, str]]) -> int:
    """How many tokens of the prompt were not read again."""
    answer = client.chat.completions.create(model="heylook-demo", messages=messages)
    return answer.usage.prompt_tokens_details.cached_tokens  # 0 in the first turn
\`\`\`

A line in a block of code may be longer than the column; it is scrolled, and a word such as
\`averyveryverylongidentifierwithoutanyplacetobreakitthatgoesonandonandonandonuntilitends\` is broken.`;

const TABLE = `| Backend | Format | Batches | Pictures | Constraints | Prefixes kept | Note |
| :-- | :-- | --: | :-: | :-: | --: | :-- |
| MLX | safetensors | 32 | yes | yes | 24 | On Apple silicon, and on Linux for tests |
| llama.cpp | GGUF | 64 | yes | yes | 16 | In a process of its own, which may crash alone |
| onnxruntime | ONNX | 8 | no | no | 0 | Speech |

The *first two* answer the same prompts alike:

- with the same tokens where the sampling is greedy,
  - also after a restart,
  - also from a kept prefix;
- within the tolerance of the format otherwise.

---

See [the measurements](https://example.org/results) for how that was compared.`;

const JSON_ANSWER =
  '{"city": "Ulm", "rain": true, "degrees": [12, 9.5, 11], "source": {"name": "weather", "age": null}}';

export const CONVERSATIONS: readonly Conversation[] = [
  conversation("prose", "Explain how a prompt is read, and show me the code", [
    {
      role: "user",
      content:
        "Explain how a prompt is read, and show me the code.\n\nI would like to know why the second turn of a conversation is so much faster than the first one, and what I have to do for it.",
    },
    { role: "assistant", content: PROSE, reasoning: "The user asks about kept prefixes." },
  ]),
  conversation("table", "Which backends are there?", [
    { role: "user", content: "Which backends are there?" },
    { role: "assistant", content: TABLE },
    { role: "user", content: "And the weather, as JSON?" },
    { role: "assistant", content: JSON_ANSWER },
  ]),
  conversation("ends", "Answers that ended early", [
    { role: "user", content: "Count to a thousand" },
    { role: "assistant", content: "One, two, three, four, five", state: "stopped", finish: null },
    { role: "user", content: "Go on" },
    { role: "assistant", content: "Six, seven, eight", finish: "length" },
    { role: "user", content: "What is the weather in Ulm?" },
    {
      role: "assistant",
      content: "",
      finish: "tool_calls",
      toolCalls: [{ id: "call-1", name: "weather", arguments: '{"city": "Ulm"}' }],
    },
    { role: "tool", content: "Rain, 12 degrees", toolCallId: "call-1" },
    {
      role: "assistant",
      content: "It rains in",
      state: "failed",
      finish: null,
      failure: { kind: "cut", message: "The connection ended before the answer did. What had arrived is kept." },
    },
  ]),
];
