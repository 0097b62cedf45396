import { useState } from "react";
import { FilePanel } from "./FilePanel";
import { LivePanel } from "./LivePanel";
import styles from "./speech.module.css";
import { useSpeechModels, type SpeechModel } from "./transcribe";
import { Busy, EmptyState, ErrorNote, Page, Select } from "@/components";

export default function SpeechPage() {
  const { data, error, isPending, refetch } = useSpeechModels();
  const [chosen, setChosen] = useState("");
  const model = data?.find((one) => one.id === chosen) ?? data?.find((one) => one.loaded) ?? data?.[0];
  return (
    <Page
      title="Speech"
      actions={data && data.length > 0 && <Models {...{ models: data, model, onChoose: setChosen }} />}
    >
      {error && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {isPending && <Busy>Asking the server</Busy>}
      {data && !data.length && (
        <EmptyState title="The server has no model that hears">
          Models with a speech backend will be listed here, loaded or not.
        </EmptyState>
      )}
      {data && data.length > 0 && (
        <div className={styles.columns}>
          <LivePanel model={model} />
          <FilePanel model={model} />
        </div>
      )}
    </Page>
  );
}

interface ModelsProps {
  models: SpeechModel[];
  model: SpeechModel | undefined;
  onChoose: (id: string) => void;
}

function Models({ models, model, onChoose }: ModelsProps) {
  const options = models.map((one) => ({ value: one.id, label: one.loaded ? one.id : `${one.id} (not loaded)` }));
  return (
    <Select
      bare
      label="Speech model"
      options={options}
      value={model?.id ?? ""}
      onChange={(event) => onChoose(event.target.value)}
    />
  );
}
