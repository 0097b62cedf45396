import { CapabilityBadges } from "./CapabilityBadges";
import styles from "./ModelPicker.module.css";
import type { CatalogueModel } from "@/client/models";

interface ModelOptionProps {
  id: string;
  model: CatalogueModel;
  active: boolean;
  chosen: boolean;
  onChoose: () => void;
}

export function ModelOption({ id, model, active, chosen, onChoose }: ModelOptionProps) {
  return (
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus -- the field has the keyboard
    <div
      id={id}
      role="option"
      className={styles.option}
      aria-selected={chosen}
      data-active={active || undefined}
      // The field keeps the focus: else the list would close before the click arrives.
      onMouseDown={(event) => event.preventDefault()}
      onClick={onChoose}
    >
      <p className={styles.optionName}>
        <span className={styles.dot} data-loaded={model.loaded} aria-hidden="true" />
        {model.id}
        <span className={styles.provider}>{model.provider}</span>
      </p>
      <CapabilityBadges capabilities={model.capabilities} />
    </div>
  );
}
