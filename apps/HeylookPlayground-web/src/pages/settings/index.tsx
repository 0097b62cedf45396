import { useQueryClient } from "@tanstack/react-query";
import styles from "./settings.module.css";
import { useTheme, type Theme } from "@/app/theme";
import { useHealth } from "@/client/health";
import { serverUrl, useConnection } from "@/client/settings";
import { Button, ErrorNote, Page, Panel, Select, TextField } from "@/components";

export default function SettingsPage() {
  return (
    <Page title="Settings">
      <div className={styles.columns}>
        <ConnectionPanel />
        <Appearance />
      </div>
    </Page>
  );
}

function ConnectionPanel() {
  const { baseUrl, apiKey, adminToken, change } = useConnection();
  const queries = useQueryClient();
  const health = useHealth();
  return (
    <Panel title="Server">
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          void queries.invalidateQueries();
        }}
      >
        <TextField
          label="Address"
          type="url"
          placeholder={serverUrl()}
          hint="Empty: the server that this page came from. Another one has to allow this page's origin."
          value={baseUrl}
          onChange={(event) => change({ baseUrl: event.target.value.trim() })}
        />
        <TextField
          label="API key"
          type="password"
          autoComplete="off"
          hint="Only if the server has keys. It is kept in this browser."
          value={apiKey}
          onChange={(event) => change({ apiKey: event.target.value.trim() })}
        />
        <TextField
          label="Admin token"
          type="password"
          autoComplete="off"
          hint="Only if the server has admin tokens: for loading models and for requests that run."
          value={adminToken}
          onChange={(event) => change({ adminToken: event.target.value.trim() })}
        />
        {health.error && <ErrorNote error={health.error} />}
        <div>
          <Button type="submit" kind="primary" busy={health.isFetching}>
            Connect
          </Button>
        </div>
      </form>
    </Panel>
  );
}

const THEMES: { value: Theme; label: string }[] = [
  { value: "system", label: "As the system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
];

function Appearance() {
  const { theme, choose } = useTheme();
  return (
    <Panel title="Appearance">
      <Select
        label="Theme"
        options={THEMES}
        value={theme}
        onChange={(event) => choose(THEMES.find((it) => it.value === event.target.value)?.value ?? "system")}
      />
    </Panel>
  );
}
