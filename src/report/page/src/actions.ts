// What components may do to the page.
import type { State } from "./state";

export interface Actions {
  /** `replace`: without an entry in the browser's history, as for each letter of a search. */
  change(part: Partial<State>, how?: "push" | "replace"): void;
  /** Opens a connection; `stay`: the keyboard stays where it is, instead of going to the details. */
  select(key: string | null, how?: "push" | "replace" | "stay"): void;
  /** Says something to people who use a screen reader. */
  say(sentence: string): void;
  /** The address of a state, for links. */
  link(part: Partial<State>): string;
}
