import type { Message } from "@/chat/message";

export interface Best {
  firstToken: string | null;
  speed: string | null;
}

/** The columns with the earliest first token and the highest speed, once there is something to compare. */
export function bestOf(answers: Record<string, Message>): Best {
  return {
    firstToken: least(answers, (it) => it.metrics?.firstToken ?? null),
    speed: least(answers, (it) => (it.metrics?.tokensPerSecond ? -it.metrics.tokensPerSecond : null)),
  };
}

function least(answers: Record<string, Message>, measure: (answer: Message) => number | null): string | null {
  const measured = Object.entries(answers).flatMap(([column, answer]) => {
    const value = answer.state === "complete" ? measure(answer) : null;
    return value === null ? [] : [{ column, value }];
  });
  if (measured.length < 2) return null;
  const sorted = measured.toSorted((a, b) => a.value - b.value);
  return sorted[0]?.value === sorted[1]?.value ? null : (sorted[0]?.column ?? null);
}
