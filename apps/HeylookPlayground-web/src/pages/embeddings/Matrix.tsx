import styles from "./embeddings.module.css";
import { scaled, type Pair } from "./similarity";

interface MatrixProps {
  lines: string[];
  matrix: number[][];
  pairs: Pair[];
}

/** How alike each two lines are, as numbers under colours. */
export function Matrix({ lines, matrix, pairs }: MatrixProps) {
  const numbered = lines.map((text, at) => ({ number: at + 1, text }));
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- the keyboard scrolls it
    <div className={styles.scroll} tabIndex={0} role="region" aria-label="Similarity matrix">
      <table className={styles.matrix}>
        <thead>
          <tr>
            <th scope="col">Line</th>
            {numbered.map(({ number, text }) => (
              <th key={number} scope="col" title={text}>
                {number}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {numbered.map((row) => (
            <tr key={row.number}>
              <th scope="row" title={row.text}>
                <span>{row.number}</span>
                {row.text}
              </th>
              {numbered.map((column) => {
                const value = matrix[row.number - 1]?.[column.number - 1] ?? 0;
                const own = row.number === column.number;
                return <Cell key={column.number} value={value} strength={own ? 0 : scaled(value, pairs)} own={own} />;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** The background is a part of the accent small enough for the text to stay legible on it. */
function Cell({ value, strength, own }: { value: number; strength: number; own: boolean }) {
  const share = Math.round(strength * 42);
  const background = `color-mix(in srgb, var(--accent) ${share}%, var(--surface))`;
  return (
    <td data-own={own || undefined} style={{ background }}>
      {value.toFixed(2)}
    </td>
  );
}
