// How verdicts look: each has a word, a colour, a pattern of lines and a shape, so that none is told by colour alone.
import type { Verdict } from "./data";

/** The worst first. */
export const VERDICTS: readonly Verdict[] = ["broken", "drifted", "unknown", "in-sync"];

export const WORDS: Record<Verdict, string> = {
  broken: "Broken",
  drifted: "Drifted",
  unknown: "Unknown",
  "in-sync": "In sync",
};

export const MEANINGS: Record<Verdict, string> = {
  broken: "A resource is gone, or no traffic can pass.",
  drifted: "Something changed, and traffic may still pass.",
  unknown: "Something that the connection is judged by could not be read.",
  "in-sync": "The connection is as setup leaves it.",
};

export function rank(verdict: Verdict): number {
  return VERDICTS.indexOf(verdict);
}

const SHAPES: Record<Verdict, string> = {
  broken: "M5 1h6l4 4v6l-4 4H5l-4-4V5zM5.2 5.2l5.6 5.6M10.8 5.2l-5.6 5.6",
  drifted: "M8 1.5 15.2 14H.8zM8 6v4M8 11.6v.6",
  unknown: "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM5.9 6.2c.2-2.9 4.3-2.7 4.2-.2 0 1.5-2.1 1.6-2.1 3.2M8 11.3v.6",
  "in-sync": "M8 1a7 7 0 1 1 0 14A7 7 0 0 1 8 1zM4.8 8.3l2.2 2.3 4.2-5",
};

export function VerdictIcon({ verdict }: { verdict: Verdict }) {
  return (
    <svg class={`icon is-${verdict}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={SHAPES[verdict]} />
    </svg>
  );
}

export function Badge({ verdict }: { verdict: Verdict }) {
  return (
    <span class={`badge is-${verdict}`}>
      <VerdictIcon verdict={verdict} />
      {WORDS[verdict]}
    </span>
  );
}

/** A piece of line as the map draws it. */
export function LineSample({ verdict }: { verdict: Verdict }) {
  return (
    <svg class="sample" viewBox="0 0 44 16" width="44" height="16" aria-hidden="true">
      <path class={`line is-${verdict}`} d="M0 8H44" />
      <Mark verdict={verdict} x={22} y={8} />
    </svg>
  );
}

/** What sits on the middle of a line: a cross, a triangle, a question mark; nothing where all is well. */
export function Mark({ verdict, x, y }: { verdict: Verdict; x: number; y: number }) {
  if (verdict === "in-sync") return null;
  return (
    <g class={`mark is-${verdict}`} transform={`translate(${x - 7} ${y - 7}) scale(.875)`}>
      <path d={SHAPES[verdict]} />
    </g>
  );
}
