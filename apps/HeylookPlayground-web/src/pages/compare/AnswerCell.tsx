import styles from "./compare.module.css";
import { AnswerMetrics } from "@/answer/AnswerMetrics";
import { AnswerStatus } from "@/answer/AnswerStatus";
import { AnswerText } from "@/answer/AnswerText";
import { Reasoning } from "@/answer/Reasoning";
import type { Message } from "@/chat/message";
import { useRuns } from "@/chat/runs";
import { ServerError, type ErrorKind } from "@/client/errors";
import type { Best } from "@/compare/best";
import { Badge, CopyButton, ErrorNote } from "@/components";
import { CodeBlock } from "@/markdown/CodeBlock";

interface AnswerCellProps {
  answer: Message;
  column: string;
  best: Best;
}

export function AnswerCell({ answer, column, best }: AnswerCellProps) {
  const run = useRuns((state) => state.runs[answer.id]);
  const shown = run ?? answer;
  return (
    <article className={styles.answer} aria-label={`Answer of ${answer.model}`} aria-busy={run ? true : undefined}>
      <p className={styles.author}>
        {answer.model}
        {best.firstToken === column && <Badge tone="good">earliest first token</Badge>}
        {best.speed === column && <Badge tone="good">most tokens a second</Badge>}
        {!run && answer.state === "stopped" && <Badge tone="warn">stopped</Badge>}
      </p>
      {shown.reasoning && <Reasoning text={shown.reasoning} open={run?.phase.kind === "thinking"} />}
      {shown.content && <AnswerText text={shown.content} open={run !== undefined} />}
      {shown.toolCalls?.map((call) => (
        <CodeBlock key={call.id} code={`${call.name}(${call.arguments})`} language="" open={run !== undefined} />
      ))}
      {run && <AnswerStatus run={run} />}
      {!run && answer.failure && (
        <ErrorNote error={new ServerError(answer.failure.kind as ErrorKind, answer.failure.message)} />
      )}
      {!run && answer.metrics && (
        <footer className={styles.footer}>
          <AnswerMetrics metrics={answer.metrics} finish={answer.finish} />
          <CopyButton text={() => answer.content} label="Copy the answer" />
        </footer>
      )}
    </article>
  );
}
