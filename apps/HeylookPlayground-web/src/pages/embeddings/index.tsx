import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import styles from "./embeddings.module.css";
import { Matrix } from "./Matrix";
import { cosines, linesOf, pairsOf, type Pair } from "./similarity";
import { post } from "@/client/http";
import { can, useModels } from "@/client/models";
import type { components } from "@/client/schema";
import { Button, EmptyState, ErrorNote, Metric, MetricList, Page, Panel, TextArea } from "@/components";
import { count, duration } from "@/format/quantities";
import { ModelPicker } from "@/picker/ModelPicker";

type EmbeddingList = components["schemas"]["OpenAIEmbeddingList"];

const MOST_LINES = 60;
const SHOWN_PAIRS = 8;

interface Compared {
  lines: string[];
  matrix: number[][];
  pairs: Pair[];
  dimensions: number;
  tokens: number;
  seconds: number;
}

async function compare(model: string, lines: string[]): Promise<Compared> {
  const began = performance.now();
  const { data, usage } = await post<EmbeddingList>("/v1/embeddings", {
    model,
    input: lines,
    encoding_format: "float",
  });
  const seconds = (performance.now() - began) / 1000;
  const vectors = data.map(({ embedding }) => (typeof embedding === "string" ? [] : embedding));
  const matrix = cosines(vectors);
  const dimensions = vectors[0]?.length ?? 0;
  return { lines, matrix, pairs: pairsOf(matrix), dimensions, tokens: usage.prompt_tokens, seconds };
}

export default function EmbeddingsPage() {
  const models = useModels();
  const [chosen, setChosen] = useState<string | null>(null);
  const [text, setText] = useState("");
  const comparison = useMutation({ mutationFn: (lines: string[]) => compare(model ?? "", lines) });
  const fitting = models.data?.filter((one) => can(one, "embed") !== false) ?? [];
  const model = chosen ?? (fitting.find((one) => one.loaded) ?? fitting[0])?.id ?? null;
  const lines = linesOf(text);
  const tooMany = lines.length > MOST_LINES;

  return (
    <Page
      title="Embeddings"
      actions={
        <ModelPicker label="Embedding model" value={model} onChange={setChosen} capability="embed" align="right" />
      }
    >
      {models.error && <ErrorNote error={models.error} onRetry={() => void models.refetch()} />}
      <Panel title="Texts">
        <form
          className={styles.stack}
          onSubmit={(event) => {
            event.preventDefault();
            comparison.mutate(lines);
          }}
        >
          <TextArea
            label="Lines to compare"
            rows={7}
            placeholder={"The cat sleeps on the sofa\nA kitten naps on the couch\nThe stock market fell today"}
            hint="Each line is a text of its own."
            error={tooMany ? `At most ${MOST_LINES} lines can be shown; there are ${lines.length}.` : null}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
          <div>
            <Button
              type="submit"
              kind="primary"
              busy={comparison.isPending}
              disabled={!model || lines.length < 2 || tooMany}
            >
              Compare
            </Button>
          </div>
        </form>
      </Panel>
      {comparison.error && (
        <ErrorNote
          error={comparison.error}
          onRetry={() => comparison.variables && comparison.mutate(comparison.variables)}
        />
      )}
      {comparison.data ? (
        <Comparison {...comparison.data} />
      ) : (
        <EmptyState title="Two lines or more can be compared">
          The model turns each into a vector; how alike two are is the cosine between them.
        </EmptyState>
      )}
    </Page>
  );
}

function Comparison({ lines, matrix, pairs, dimensions, tokens, seconds }: Compared) {
  return (
    <>
      <Panel title="Similarity">
        <div className={styles.stack}>
          <MetricList label="About the vectors">
            <Metric label="dimensions" value={count(dimensions)} />
            <Metric label="tokens" value={count(tokens)} />
            <Metric label="time" value={duration(seconds)} />
          </MetricList>
          <Matrix lines={lines} matrix={matrix} pairs={pairs} />
        </div>
      </Panel>
      <Panel title="Most alike">
        <ol className={styles.pairs} aria-label="Most alike">
          {pairs.slice(0, SHOWN_PAIRS).map(({ first, second, cosine }) => (
            <li key={`${first} ${second}`}>
              <b>{cosine.toFixed(3)}</b>
              <span>{lines[first]}</span>
              <span>{lines[second]}</span>
            </li>
          ))}
        </ol>
      </Panel>
    </>
  );
}
