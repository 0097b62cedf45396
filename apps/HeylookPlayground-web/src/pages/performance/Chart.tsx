import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useEffect, useRef } from "react";
import styles from "./Chart.module.css";
import type { Columns } from "./slots";
import { useTheme } from "@/app/theme";

export interface Line {
  label: string;
  /** A token of the design, as in `accent`. */
  colour: string;
  dashed?: boolean;
}

export interface ChartProps {
  title: string;
  lines: Line[];
  columns: Columns;
  /** How far the time axis reaches back from the last value. */
  seconds: number;
  /** There is nothing between two whole numbers. */
  whole?: boolean;
  /** How a value is written, on the axis and in the legend. */
  write: (value: number) => string;
}

const HEIGHT = 150;
const WHOLE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 10_000, 100_000];

function colourOf(element: Element, token: string): string {
  return getComputedStyle(element).getPropertyValue(`--${token}`).trim();
}

/** The browser resolves light-dark() for real properties only. */
function resolved(element: HTMLElement, token: string): string {
  const probe = document.createElement("i");
  probe.style.color = colourOf(element, token);
  element.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** Marks of the time axis, as precise as they are close. */
function moments(marks: number[], step: number): string[] {
  const format = step < 60 ? SECONDS : step < 86_400 ? CLOCK : DAY;
  return marks.map((mark) => format.format(mark * 1000));
}

function options(
  element: HTMLElement,
  { lines, write, seconds, whole }: Omit<ChartProps, "title" | "columns">,
): uPlot.Options {
  const grid = { stroke: resolved(element, "line"), width: 1 };
  const axis: uPlot.Axis = {
    stroke: resolved(element, "muted"),
    grid,
    ticks: { show: false },
    font: `11px ${colourOf(element, "font")}`,
  };
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 26, 0, 0],
    scales: {
      x: { range: (_, __, last) => [last - seconds, last] },
      y: { range: (_, __, most) => [0, most > 0 ? most * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 90,
        values: (_, marks, __, ___, step) => moments(marks, step),
      },
      { ...axis, size: 60, space: 34, values: (_, marks) => marks.map(write), ...(whole ? { incrs: WHOLE } : {}) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: resolved(element, line.colour),
        width: 1.5,
        dash: line.dashed ? [4, 3] : undefined,
        points: { size: 5, width: 0, fill: resolved(element, line.colour) },
        spanGaps: false,
      })),
    ],
  };
}

/** Lines over time. The picture is for the eye; the caption has the last values for everybody. */
export default function Chart(props: ChartProps) {
  const { title, lines, columns, write } = props;
  const { theme } = useTheme();
  return (
    <figure className={styles.chart} aria-label={title}>
      <figcaption className={styles.caption}>
        <span className={styles.title}>{title}</span>
        {lines.map((line, at) => (
          <span key={line.label} className={styles.key}>
            <i style={{ background: `var(--${line.colour})` }} aria-hidden="true" />
            {line.label}
            <b data-volatile>{lastOf(columns[at + 1], write)}</b>
          </span>
        ))}
      </figcaption>
      <Plot key={`${theme} ${props.seconds}`} {...props} />
    </figure>
  );
}

/** Its colours and its time range are those of when it was made. */
function Plot(props: ChartProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(props);
  useEffect(() => {
    newest.current = props;
    plot.current?.setData(props.columns as uPlot.AlignedData);
  }, [props]);
  useEffect(() => {
    const element = frame.current;
    if (!element) return;
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(element, newest.current), newest.current.columns as uPlot.AlignedData, element);
    };
    const observer = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    draw();
    observer.observe(element);
    dark.addEventListener("change", draw);
    return () => {
      observer.disconnect();
      dark.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  return <div ref={frame} className={styles.frame} aria-hidden="true" data-volatile />;
}

function lastOf(column: (number | null)[] | undefined, write: (value: number) => string): string {
  const last = column?.findLast((value) => value !== null);
  return last === undefined || last === null ? "–" : write(last);
}
