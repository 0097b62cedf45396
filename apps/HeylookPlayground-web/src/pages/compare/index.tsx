import { useState } from "react";
import { ColumnHeads } from "./ColumnHeads";
import { RoundView } from "./RoundView";
import styles from "./compare.module.css";
import { useFilled } from "./useFilled";
import { useRuns } from "@/chat/runs";
import { addColumn, askAll, changeSettings, clear, MOST_COLUMNS, stopAll, useCompare } from "@/compare/store";
import { can } from "@/client/models";
import { Composer } from "@/composer/Composer";
import { Button, EmptyState, IconButton, Page } from "@/components";
import { SettingsPanel } from "@/settings/SettingsPanel";

export default function ComparePage() {
  const { rounds, settings } = useCompare();
  const columns = useFilled();
  const [settingsOpen, setSettingsOpen] = useState(false);
  const last = rounds.at(-1);
  const running = useRuns(({ runs }) => Object.values(last?.answers ?? {}).some((answer) => runs[answer.id]));
  const models = Object.fromEntries(columns.flatMap((it) => (it.model ? [[it.id, it.model.id]] : [])));
  const blind = columns.find((it) => can(it.model, "vision") === false);

  return (
    <Page
      title="Compare"
      full
      actions={
        <>
          <Button small icon="plus" disabled={columns.length >= MOST_COLUMNS} onClick={addColumn}>
            Add a model
          </Button>
          <Button small icon="trash" disabled={!rounds.length} onClick={clear}>
            Clear
          </Button>
          <IconButton
            icon="settings"
            label="Settings of the comparison"
            aria-expanded={settingsOpen}
            onClick={() => setSettingsOpen(!settingsOpen)}
          />
        </>
      }
    >
      <div className={styles.body}>
        <div className={styles.main}>
          {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it */}
          <div className={styles.scroll} tabIndex={0} role="region" aria-label="Answers side by side">
            <div className={styles.table} style={{ minWidth: columns.length * 260 }}>
              <ColumnHeads columns={columns} />
              {rounds.map((round) => (
                <RoundView key={round.id} round={round} columns={columns} isLast={round === last} />
              ))}
              {!rounds.length && (
                <EmptyState title="The same question to several models">
                  They are asked at the same moment, and each goes on from its own answers.
                </EmptyState>
              )}
            </div>
          </div>
          <Composer
            model={blind?.model ?? columns.find((it) => it.model)?.model}
            placeholder="Ask all of them"
            ready={Object.keys(models).length === columns.length}
            stop={running ? stopAll : undefined}
            onSend={({ text, pictures }) => askAll(text, pictures, models)}
          />
        </div>
        {settingsOpen && (
          <SettingsPanel
            model={columns[0]?.model?.id ?? null}
            settings={settings}
            onChange={changeSettings}
            onClose={() => setSettingsOpen(false)}
          />
        )}
      </div>
    </Page>
  );
}
