import { useEffect, useRef } from "react";
import { AnswerCell } from "./AnswerCell";
import styles from "./compare.module.css";
import type { FilledColumn } from "./useFilled";
import { bestOf } from "@/compare/best";
import type { Round } from "@/compare/store";

interface RoundViewProps {
  round: Round;
  columns: FilledColumn[];
  isLast: boolean;
}

/** A question over its answers, which lie side by side. */
export function RoundView({ round, columns, isLast }: RoundViewProps) {
  const frame = useRef<HTMLElement>(null);
  const best = bestOf(round.answers);
  useEffect(() => {
    if (isLast) frame.current?.scrollIntoView({ block: "start" });
  }, [isLast]);
  return (
    <section ref={frame} className={styles.round} aria-label={round.question}>
      <p className={styles.question}>{round.question}</p>
      {round.pictures.length > 0 && (
        <div className={styles.pictures}>
          {round.pictures.map((picture) => (
            <img key={picture.url} src={picture.url} alt={picture.name} />
          ))}
        </div>
      )}
      <div className={styles.answers}>
        {columns.map((column) => {
          const answer = round.answers[column.id];
          return (
            <div key={column.id} className={styles.cell}>
              {answer ? <AnswerCell answer={answer} column={column.id} best={best} /> : <p>It was not there yet.</p>}
            </div>
          );
        })}
      </div>
    </section>
  );
}
