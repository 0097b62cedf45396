import styles from "./compare.module.css";
import type { FilledColumn } from "./useFilled";
import { chooseModel, FEWEST_COLUMNS, removeColumn } from "@/compare/store";
import { IconButton } from "@/components";
import { ModelPicker } from "@/picker/ModelPicker";

export function ColumnHeads({ columns }: { columns: FilledColumn[] }) {
  return (
    <div className={styles.heads}>
      {columns.map((column, index) => (
        <div key={column.id} className={styles.head}>
          <ModelPicker
            label={`Model ${index + 1}`}
            value={column.chosen}
            onChange={(model) => chooseModel(column.id, model)}
            align={index > 1 ? "right" : "left"}
          />
          {columns.length > FEWEST_COLUMNS && (
            <IconButton
              small
              icon="close"
              label={`Remove model ${index + 1}`}
              onClick={() => removeColumn(column.id)}
            />
          )}
        </div>
      ))}
    </div>
  );
}
