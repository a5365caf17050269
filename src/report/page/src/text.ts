// Texts from the data: what a reader cannot see is made visible, so that a name cannot pass for another.

/** Controls, and characters that have no shape, or that turn the direction of what follows. The joiner of emoji is none of these. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

const code = (character: string) =>
  `[U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}]`;

/** A text on one line: each unseen character as its code, such as [U+202E]. */
export function visible(text: string): string {
  return text.replace(UNSEEN, code);
}

/** The same for texts of several lines: line breaks and tabs stay. */
export function visibleLines(text: string): string {
  return text.replace(UNSEEN, (character) => (character === "\n" || character === "\t" ? character : code(character)));
}

/** Whether pasting this into a shell could do something that cannot be seen. */
export function hasUnseen(text: string): boolean {
  return text.search(UNSEEN) >= 0;
}

/** At most `limit` characters, for places that cannot cut a text themselves. */
export function shortened(text: string, limit: number): string {
  const characters = text.length > limit ? Array.from(text) : [];
  return characters.length > limit ? `${characters.slice(0, limit - 1).join("")}…` : text;
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** `2026-11-26 09:14 UTC`, or the text as it came if it is no time. */
export function exactTime(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? visible(text) : `${time.toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

const UNITS: [string, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** `3 days ago`; null if the text is no time, or one that is still to come. */
export function timeAgo(text: string, now: number): string | null {
  const seconds = (now - new Date(text).getTime()) / 1000;
  if (Number.isNaN(seconds) || seconds < -60) return null;
  for (const [unit, length] of UNITS) {
    if (seconds >= length) return `${count(Math.floor(seconds / length), unit)} ago`;
  }
  return "just now";
}
