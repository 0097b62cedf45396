/** Line icons on a grid of 16, drawn in the colour of the text. */
const PATHS = {
  chat: "M2.5 3.500h11v7.500h-6l-3 2.500v-2.500h-2z",
  compare: "M2.5 3h4.500v10h-4.500zM9 3h4.500v10h-4.500z",
  models: "M8 2l5.5 3-5.5 3-5.5-3zM2.5 8l5.5 3 5.5-3M2.5 11l5.5 3 5.5-3",
  speech: "M8 2a2 2 0 0 1 2 2v3.500a2 2 0 0 1-4 0v-3.500a2 2 0 0 1 2-2zM4 7.500a4 4 0 0 0 8 0M8 11.500v2.5",
  embeddings: "M2.5 2.500h11v11h-11zM2.5 6.200h11M2.5 9.800h11M6.2 2.500v11M9.8 2.500v11",
  performance: "M2 13.500h12M3.5 11v-3M6.5 11v-7M9.5 11v-4.500M12.5 11v-8",
  api: "M5.5 4.500l-3.5 3.5 3.5 3.500M10.5 4.500l3.5 3.5-3.5 3.5",
  settings: "M2 4.500h7M12 4.500h2M9 3v3h3v-3zM2 11.500h2M7 11.500h7M4 10v3h3v-3z",
  plus: "M8 3v10M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M5.5 5.500h8v8h-8zM3.5 10.500h-1v-8h8v1",
  check: "M3 8.500l3.5 3.5 6.5-7.5",
  edit: "M3 13l.7-3 7-7 2.3 2.3-7 7zM9.5 4.200l2.3 2.3",
  trash: "M3 4.500h10M6 4.500v-2h4v2M4.5 4.500l.7 9h5.600l.7-9",
  refresh: "M13 8a5 5 0 1 1-1.5-3.600M13 2.500v3h-3",
  stop: "M4 4h8v8h-8z",
  send: "M8 13v-10M4 7l4-4 4 4",
  play: "M5 3l8 5-8 5z",
  left: "M10 3.500l-4.5 4.5 4.5 4.5",
  right: "M6 3.500l4.5 4.5-4.5 4.5",
  down: "M3.5 6l4.5 4.5 4.5-4.5",
  image: "M2.5 3h11v10h-11zM2.5 11l3.5-3.5 3 3 2-2 2.5 2.500M10.5 6h.01",
  file: "M4 2h5.500l2.5 2.500v9.500h-8zM9.5 2v3h2.5",
  download: "M8 2.500v7.500M4.5 7l3.5 3.5 3.5-3.500M3 13.500h10",
  upload: "M8 10.500v-7.500M4.5 6l3.5-3.5 3.5 3.500M3 13.500h10",
  search: "M7 2.500a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.5 10.500l3 3",
  sun: "M8 5.200a2.8 2.8 0 1 1 0 5.6 2.8 2.8 0 0 1 0-5.600zM8 1.500v1.500M8 13v1.500M1.5 8h1.500M13 8h1.500M3.4 3.400l1 1M11.6 11.600l1 1M3.4 12.600l1-1M11.6 4.400l1-1",
  moon: "M13 9.500a5.5 5.5 0 1 1-6.5-6.5 4.5 4.5 0 0 0 6.5 6.500z",
  screen: "M2 3h12v8h-12zM6 13.500h4",
  pin: "M6 2.500h4l-.5 4 2 2.500h-7l2-2.500zM8 9v4.5",
  keyboard: "M1.5 4h13v8h-13zM4 6.5h.01M6.5 6.5h.01M9 6.5h.01M11.5 6.5h.01M5 9.5h6",
  menu: "M2.5 4.500h11M2.5 8h11M2.5 11.500h11",
  brain: "M6.5 13.500v-1.500c-2-.5-3.5-2-3.5-4.300a5 5 0 0 1 10 0c0 1.5-.8 2.6-1.5 3.300v2.500M6 7.500h4",
  tool: "M10.5 2.500a3.5 3.5 0 0 0-3.3 4.700l-4.7 4.7 1.6 1.6 4.7-4.700a3.5 3.5 0 0 0 4.5-4.300l-2 2-1.8-.5-.5-1.8 2-2z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.4"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
