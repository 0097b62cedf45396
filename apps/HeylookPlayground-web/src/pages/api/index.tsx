import { useState } from "react";
import styles from "./api.module.css";
import { RequestPanel } from "./RequestPanel";
import { ResponsePanel } from "./ResponsePanel";
import { SourceFields, useSource } from "./SourceFields";
import { usePaths } from "@/client/description";
import { Busy, EmptyState, ErrorNote, Page, Panel } from "@/components";
import { Tabs } from "@/components/Tabs";
import { DIALECTS, type Chat, type WireDialect, type WireRequest } from "@/wire/dialects";
import { useExchange } from "@/wire/exchange";

/** The same chat as each API has it: what is sent, what comes back, and how other programs say it. */
export default function ApiPage() {
  const paths = usePaths();
  const source = useSource();
  const [chosen, setChosen] = useState("openai");
  const exchange = useExchange();
  const served = DIALECTS.filter((it) => paths.data?.has(it.path));
  const dialect = served.find((it) => it.name === chosen) ?? served[0];
  const made = dialect && source.chat ? requestOf(dialect, source.chat) : null;

  return (
    <Page title="API">
      <SourceFields source={source} />
      {paths.error && <ErrorNote error={paths.error} onRetry={() => void paths.refetch()} />}
      {paths.isPending && !paths.error && <Busy>Asking the server for its APIs</Busy>}
      {paths.data && !served.length && <EmptyState title="The server serves no API for chats" />}
      {dialect && (
        <Tabs
          label="API"
          tabs={served.map(({ name, title }) => ({ name, title }))}
          chosen={dialect.name}
          onChoose={(name) => {
            exchange.stop();
            setChosen(name);
          }}
        >
          <div className={styles.columns}>
            {made instanceof Error && (
              <Panel title="Request">
                <ErrorNote error={made} />
              </Panel>
            )}
            {made && !(made instanceof Error) && <RequestPanel request={made} />}
            <ResponsePanel exchange={exchange} request={made instanceof Error ? null : made} />
          </div>
        </Tabs>
      )}
    </Page>
  );
}

/** The settings of a conversation may hold JSON that cannot be read. */
function requestOf(dialect: WireDialect, chat: Chat): WireRequest | Error {
  try {
    return dialect.request(chat);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
