// Names from the data in the page: always as text, apart from the direction of the text around them.
import { shortened, visible, visibleLines } from "./text";

export function Name({ text, code = false, limit = Infinity }: { text: string; code?: boolean; limit?: number }) {
  const shown = shortened(visible(text), limit);
  return code ? <code class="name">{shown}</code> : <bdi class="name">{shown}</bdi>;
}

/** For headings and boxes: a longer name is given in full among the facts. */
export const HEADING_LIMIT = 200;

/** A text of one or more lines. */
export function Lines({ text }: { text: string }) {
  return <bdi class="lines">{visibleLines(text)}</bdi>;
}

/** For tooltips and spoken labels, which cannot be cut by the layout. */
export function spoken(text: string): string {
  return shortened(visible(text), 120);
}

const SHAPES = {
  function: "M3 13.5 8.2 2.5h1.4l4 11M6.3 6.5 10 13.5",
  proxy: "M2 8h12M5 4.5 1.5 8 5 11.5M11 4.5 14.5 8 11 11.5",
  database: "M2.5 3.8C2.5 1 13.5 1 13.5 3.8v8.4c0 2.8-11 2.8-11 0zM2.5 3.8c0 2.7 11 2.7 11 0M2.5 8c0 2.7 11 2.7 11 0",
  functions: "M1.5 13 5 5l3 8M7.5 13l4-9.5L15 13",
};

export function KindIcon({ kind }: { kind: keyof typeof SHAPES }) {
  return (
    <svg class="icon kind" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={SHAPES[kind]} />
    </svg>
  );
}
