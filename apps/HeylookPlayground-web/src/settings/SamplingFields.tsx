import { useQuery } from "@tanstack/react-query";
import styles from "./SettingsPanel.module.css";
import { defaultsOf, NUMBERS, type NumberKey, type NumberRange, type Sampling } from "@/chat/chatSettings";
import { post } from "@/client/http";
import type { OllamaCard } from "@/client/types";
import { TextField } from "@/components";

interface SamplingFieldsProps {
  model: string | null;
  sampling: Sampling;
  onChange: (sampling: Sampling) => void;
}

/** Numbers that decide how tokens are drawn. An empty field leaves it to the model, whose own value it shows. */
export function SamplingFields({ model, sampling, onChange }: SamplingFieldsProps) {
  const defaults = useDefaults(model);
  return (
    <fieldset className={styles.numbers}>
      <legend>Sampling</legend>
      {NUMBERS.map((range) => (
        <NumberField
          key={range.key}
          range={range}
          value={sampling[range.key]}
          own={defaults[range.key]}
          onChange={(value) => onChange({ ...sampling, [range.key]: value })}
        />
      ))}
      <div className={styles.wide}>
        <TextField
          label="Stop texts"
          hint="Separated by |"
          value={sampling.stop.join("|")}
          onChange={(event) => onChange({ ...sampling, stop: event.target.value.split("|").filter((it) => it !== "") })}
        />
      </div>
    </fieldset>
  );
}

interface NumberFieldProps {
  range: NumberRange;
  value: number | null;
  own: number | undefined;
  onChange: (value: number | null) => void;
}

function NumberField({ range, value, own, onChange }: NumberFieldProps) {
  const outside = value !== null && (value < range.min || value > range.max);
  return (
    <TextField
      label={range.label}
      type="number"
      min={range.min}
      max={range.max}
      step={range.step}
      placeholder={own === undefined ? "Model's own" : String(own)}
      hint={range.hint}
      error={outside ? `${range.min} to ${range.max}` : null}
      value={value ?? ""}
      onChange={({ target }) => onChange(target.value === "" ? null : target.valueAsNumber)}
    />
  );
}

/** From the model's card, which only the Ollama dialect has; without it nothing is shown. */
function useDefaults(model: string | null): Partial<Record<NumberKey, number>> {
  const card = useQuery({
    queryKey: ["card", model],
    queryFn: ({ signal }) => post<OllamaCard>("/api/show", { model }, signal),
    enabled: model !== null,
    staleTime: Infinity,
    retry: false,
  });
  return card.data ? defaultsOf(card.data.parameters) : {};
}
