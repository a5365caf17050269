// What the reader chose. It is kept in the fragment of the address, so that a link shows the same.
import type { Verdict } from "./data";
import { type Model, type Row, byDatabase, byFunction, byVerdict } from "./model";
import { VERDICTS } from "./verdicts";

const ORDERS = { verdict: byVerdict, function: byFunction, database: byDatabase };
export type Sort = keyof typeof ORDERS;

export interface State {
  search: string;
  verdicts: Verdict[];
  database: string | null;
  vpc: string | null;
  function: string | null;
  proxy: string | null;
  selected: string | null;
  sort: Sort;
}

export const NO_FILTERS = { search: "", verdicts: [], database: null, vpc: null, function: null, proxy: null } satisfies Partial<State>;
export const START: State = { ...NO_FILTERS, selected: null, sort: "verdict" };

export function readFragment(fragment: string): State {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const sort = given.get("sort") ?? "";
  const verdicts = (given.get("verdict") ?? "").split(",");
  return {
    search: given.get("search") ?? "",
    verdicts: VERDICTS.filter((verdict) => verdicts.includes(verdict)),
    database: given.get("database"),
    vpc: given.get("vpc"),
    function: given.get("function"),
    proxy: given.get("proxy"),
    selected: given.get("connection"),
    sort: Object.hasOwn(ORDERS, sort) ? (sort as Sort) : "verdict",
  };
}

export function writeFragment(state: State): string {
  const shown = new URLSearchParams();
  const put = (name: string, value: string | null) => value && shown.set(name, value);
  put("connection", state.selected);
  put("verdict", state.verdicts.join(","));
  put("database", state.database);
  put("vpc", state.vpc);
  put("function", state.function);
  put("proxy", state.proxy);
  put("search", state.search);
  if (state.sort !== "verdict") put("sort", state.sort);
  return `#${shown}`;
}

export function isFiltered(state: State): boolean {
  return Boolean(state.search.trim() || state.verdicts.length || state.database || state.vpc || state.function || state.proxy);
}

/** The rows that the filters leave, in order, and how many of each verdict there would be without the filter by verdict. */
export function filter(model: Model, state: State): { rows: Row[]; counts: Record<Verdict, number> } {
  const words = state.search.toLowerCase().split(/\s+/).filter(Boolean);
  const counts: Record<Verdict, number> = { broken: 0, drifted: 0, unknown: 0, "in-sync": 0 };
  const key = (list: string[], index: number | null) => (index === null ? null : (list[index] ?? null));
  const rows = inOrder(model, state.sort).filter((row) => {
    const { connection } = row;
    const isWanted =
      (state.database === null || key(model.databaseKeys, connection.database) === state.database) &&
      (state.function === null || key(model.functionKeys, connection.function) === state.function) &&
      (state.proxy === null || key(model.proxyKeys, connection.proxy) === state.proxy) &&
      (state.vpc === null || row.vpc === state.vpc) &&
      words.every((word) => row.searchText.includes(word));
    if (!isWanted) return false;
    counts[row.verdict] += 1;
    return state.verdicts.length === 0 || state.verdicts.includes(row.verdict);
  });
  return { rows, counts };
}

const ordered = new WeakMap<Model, Partial<Record<Sort, Row[]>>>();

/** All rows, sorted once for each order. */
function inOrder(model: Model, sort: Sort): Row[] {
  const known = ordered.get(model) ?? {};
  ordered.set(model, known);
  known[sort] ??= model.rows.toSorted(ORDERS[sort]);
  return known[sort];
}
