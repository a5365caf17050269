// Where the map draws what: functions on the left, proxies in the middle, databases by VPC on the right.
// Each database has a slot as high as its functions need; a function with several databases stands in the slot of the one
// in the middle of them. Where there are too many functions, those of one database (and proxy) become one bundle.
import type { Verdict } from "./data";
import { type Row, compare } from "./model";
import { VERDICTS, rank } from "./verdicts";

export interface Node {
  key: string;
  column: "function" | "proxy" | "database";
  /** Position in the report's list; null if it is not known. */
  index: number | null;
  /** Set if the node stands for all functions of `rows`. */
  isBundle: boolean;
  rows: Row[];
  x: number;
  /** Of the middle. */
  y: number;
  width: number;
  height: number;
}

export interface Line {
  key: string;
  verdict: Verdict;
  rows: Row[];
  path: string;
  /** Places for the groups and rules of each hop, from left to right; none where there is no room. */
  labels: { hop: number; x: number; y: number; width: number }[];
  /** Where the verdict's mark sits. */
  mark: { x: number; y: number };
  ends: Node[];
}

export interface Box {
  vpc: string | null;
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layout {
  nodes: Node[];
  lines: Line[];
  boxes: Box[];
  hasBundles: boolean;
  width: number;
  height: number;
  /** What is not drawn, since the map would be too long. */
  hidden: { databases: number; connections: number };
}

/** More functions than this are drawn as bundles, if they have several databases. */
export const MOST_FUNCTIONS = 60;

const ROW = 34;
const HEIGHT = { function: 28, bundle: 42, proxy: 42, database: 48 };
const BUNDLE_ROW = 56;
const LEAST_SLOT = 62;
/** Below this width a label would say nothing. */
const LEAST_LABEL = 130;
const VPC_HEADER = 30;
const VPC_GAP = 18;

interface Slot {
  index: number | null;
  vpc: string | null;
  rows: Row[];
}

/** `most`: how many rows of functions or bundles are drawn at most. `selected` is always drawn, and by itself. */
export function layOut(rows: Row[], width: number, most: number, selected: Row | null): Layout {
  const slots = slotsOf(rows);
  const hasBundles = slots.length > 1 && new Set(rows.map((row) => row.connection.function)).size > MOST_FUNCTIONS;
  const hasProxies = rows.some((row) => row.connection.proxy !== null);
  const columns = columnsOf(width, hasProxies);
  const functions = hasBundles ? bundles(slots, selected) : singles(slots);

  const nodes: Node[] = [];
  const boxes: Box[] = [];
  const drawn = new Map<Row, Node>();
  const databases = new Map<number | null, Node>();
  let used = 0;
  let y = 0;
  let drawnSlots = 0;
  let vpc: string | null | undefined;
  for (const [position, slot] of slots.entries()) {
    const isSelected = selected !== null && slot.rows.includes(selected);
    if (used >= most && !isSelected) continue;
    const all = functions[position] as Unplaced[];
    const own = all.filter((it, at) => at < most - used || (isSelected && it.rows.includes(selected)));
    used += Math.max(own.length, 1);
    drawnSlots += 1;
    if (slot.vpc !== vpc) {
      y += vpc === undefined ? 0 : VPC_GAP;
      boxes.push({ vpc: slot.vpc, x: columns.database.x - 10, y, width: columns.database.width + 20, height: 0 });
      y += VPC_HEADER;
      vpc = slot.vpc;
    }
    const needed = own.reduce((sum, it) => sum + (it.isBundle ? BUNDLE_ROW : ROW), 0);
    const height = Math.max(needed, LEAST_SLOT);
    let top = y + (height - needed) / 2;
    for (const it of own) {
      const row = it.isBundle ? BUNDLE_ROW : ROW;
      const node: Node = { ...it, ...columns.function, y: top + row / 2, height: it.isBundle ? HEIGHT.bundle : HEIGHT.function };
      nodes.push(node);
      for (const one of it.rows) drawn.set(one, node);
      top += row;
    }
    const database: Node = {
      key: `database ${slot.index}`,
      column: "database",
      index: slot.index,
      isBundle: false,
      rows: slot.rows,
      ...columns.database,
      y: y + height / 2,
      height: HEIGHT.database,
    };
    nodes.push(database);
    databases.set(slot.index, database);
    y += height;
    const box = boxes.at(-1) as Box;
    box.height = y - box.y + 6;
  }
  // A function is drawn once: its connections to databases further down begin at the same node, if that is drawn.
  const shown = rows.filter((row) => drawn.has(row) && databases.has(row.connection.database));
  const proxies = placeProxies(shown, drawn, columns.proxy);
  nodes.push(...proxies.values());
  const lowest = Math.max(y, ...[...proxies.values()].map((it) => it.y + it.height / 2));
  return {
    nodes,
    lines: linesOf(shown, drawn, proxies, databases, selected),
    boxes,
    hasBundles,
    width,
    height: lowest + 12,
    hidden: { databases: slots.length - drawnSlots, connections: rows.length - shown.length },
  };
}

type Unplaced = Omit<Node, "x" | "y" | "width" | "height">;

/** The databases, VPC by VPC; those with the worst verdicts first. */
function slotsOf(rows: Row[]): Slot[] {
  const slots = grouped(rows, (row) => row.connection.database).map(([index, own]): Slot => ({ index, vpc: own[0]?.vpc ?? null, rows: own }));
  const vpcs = grouped(rows, (row) => row.vpc);
  const places = new Map(vpcs.sort((a, b) => worse(a[1], b[1]) || compare(a[0], b[0])).map(([vpc], place) => [vpc, place]));
  const place = (slot: Slot) => places.get(slot.vpc) ?? 0;
  const name = (slot: Slot) => slot.rows[0]?.database?.id;
  return slots.sort((a, b) => place(a) - place(b) || worse(a.rows, b.rows) || compare(name(a), name(b)));
}

function worse(a: Row[], b: Row[]): number {
  for (const verdict of VERDICTS.slice(0, 3)) {
    const more = tally(b)[verdict] - tally(a)[verdict];
    if (more !== 0) return more;
  }
  return 0;
}

const tallies = new WeakMap<Row[], Record<Verdict, number>>();

/** How many of the rows have which verdict. */
export function tally(rows: Row[]): Record<Verdict, number> {
  let found = tallies.get(rows);
  if (!found) {
    found = { broken: 0, drifted: 0, unknown: 0, "in-sync": 0 };
    for (const row of rows) found[row.verdict] += 1;
    tallies.set(rows, found);
  }
  return found;
}

/** One node for each function, in the slot of the database in the middle of its databases. */
function singles(slots: Slot[]): Unplaced[][] {
  const placed = slots.map((): Unplaced[] => []);
  const position = new Map(slots.map((slot, at) => [slot.index, at]));
  const all = slots.flatMap((slot) => slot.rows);
  const known = all.filter((row) => row.connection.function !== null);
  for (const [index, rows] of grouped(known, (row) => row.connection.function)) {
    const places = rows.map((row) => position.get(row.connection.database) as number).sort((a, b) => a - b);
    const middle = places[Math.floor((places.length - 1) / 2)] as number;
    placed[middle]?.push({ key: `function ${index}`, column: "function", index, isBundle: false, rows });
  }
  for (const row of all) {
    if (row.connection.function !== null) continue;
    const at = position.get(row.connection.database) as number;
    placed[at]?.push({ key: `nothing ${row.position}`, column: "function", index: null, isBundle: false, rows: [row] });
  }
  const has = (node: Unplaced) => (node.rows.some((row) => row.connection.proxy !== null) ? 0 : 1);
  const proxy = (node: Unplaced) => node.rows.find((row) => row.proxy)?.proxy?.name;
  const worst = (node: Unplaced) => Math.min(...node.rows.map((row) => rank(row.verdict)));
  for (const own of placed) {
    own.sort(
      (a, b) =>
        has(a) - has(b) || compare(proxy(a), proxy(b)) || worst(a) - worst(b) || compare(a.rows[0]?.function?.name, b.rows[0]?.function?.name),
    );
  }
  return placed;
}

/** One node for all functions of a database that go through the same proxy, or through none. */
function bundles(slots: Slot[], selected: Row | null): Unplaced[][] {
  return slots.map((slot) => {
    const own: Unplaced[] = [];
    for (const [proxy, all] of grouped(slot.rows, (row) => row.connection.proxy)) {
      const rows = all.filter((row) => row !== selected);
      const isAlone = selected !== null && rows.length < all.length;
      if (isAlone) own.push({ key: `chosen ${selected.position}`, column: "function", index: selected.connection.function, isBundle: false, rows: [selected] });
      if (rows.length > 0) own.push({ key: `bundle ${slot.index} ${proxy}`, column: "function", index: null, isBundle: true, rows });
    }
    return own.sort((a, b) => Number(a.rows[0]?.proxy === null) - Number(b.rows[0]?.proxy === null));
  });
}

function columnsOf(width: number, hasProxies: boolean) {
  const share = hasProxies ? 0.27 : 0.36;
  const node = Math.round(Math.min(250, width * share));
  return {
    function: { x: 0, width: node },
    proxy: { x: Math.round((width - 12 - Math.min(200, node)) / 2), width: Math.min(200, node) },
    database: { x: width - node - 12, width: node },
  };
}

/** Each proxy beside the middle of its functions, and below the one above it. */
function placeProxies(rows: Row[], drawn: Map<Row, Node>, column: { x: number; width: number }): Map<number, Node> {
  const through = rows.filter((row) => row.connection.proxy !== null);
  const wanted = grouped(through, (row) => row.connection.proxy as number).map(([index, own]) => {
    const heights = own.map((row) => drawn.get(row)?.y ?? 0);
    return { index, own, y: heights.reduce((sum, y) => sum + y, 0) / heights.length };
  });
  const placed = new Map<number, Node>();
  let lowest = HEIGHT.proxy / 2;
  for (const { index, own, y } of wanted.sort((a, b) => a.y - b.y)) {
    const at = Math.max(y, lowest);
    placed.set(index, { key: `proxy ${index}`, column: "proxy", index, isBundle: false, rows: own, ...column, y: at, height: HEIGHT.proxy });
    lowest = at + HEIGHT.proxy + 8;
  }
  return placed;
}

function linesOf(
  rows: Row[],
  drawn: Map<Row, Node>,
  proxies: Map<number, Node>,
  databases: Map<number | null, Node>,
  selected: Row | null,
): Line[] {
  const all = grouped(rows, (row) => `${drawn.get(row)?.key} ${row.connection.proxy} ${row.connection.database} ${row.verdict} ${row === selected}`);
  const lines = all.map(([key, own]) => {
    const first = own[0] as Row;
    const proxy = first.connection.proxy === null ? null : (proxies.get(first.connection.proxy) ?? null);
    const from = drawn.get(first) as Node;
    const to = databases.get(first.connection.database) as Node;
    return { key, own, ends: proxy ? [from, proxy, to] : [from, to], isSelected: own.includes(selected as Row) };
  });
  const port = ports(lines);
  const bend = Math.max(0, ...[...proxies.values()].map((it) => it.x + it.width));
  return lines
    .map(({ key, own, ends, isSelected }, position): Line & { isSelected: boolean } => {
      const points = ends.map((node, at) => port(position, at, node));
      const [from, to] = [ends[0] as Node, ends.at(-1) as Node];
      const start = { x: from.x + from.width, y: points[0] as number };
      const end = { x: to.x, y: points.at(-1) as number };
      let path = `M${start.x} ${round(start.y)}`;
      const labels: Line["labels"] = [];
      const label = (hop: number, at: { x: number; y: number }, space: number) => {
        if (space >= LEAST_LABEL && !from.isBundle) labels.push({ hop, x: at.x + 8, y: round(at.y - 5), width: space - 16 });
      };
      // The lines of a bundle are close together: their marks sit beside each other.
      const share = from.isBundle ? [0.36, 0.5, 0.64, 0.5][rank((own[0] as Row).verdict)] ?? 0.5 : 0.45;
      let mark: { x: number; y: number };
      const proxy = ends.length === 3 ? (ends[1] as Node) : null;
      if (proxy) {
        const middle = points[1] as number;
        const right = { x: proxy.x + proxy.width, y: middle };
        path += `${curve(start, { x: proxy.x, y: middle })}M${right.x} ${round(middle)}${curve(right, end)}`;
        mark = along(right, end, share);
        // Below a line that rises, so that it does not run through its label.
        label(0, middle < start.y - 3 ? { x: start.x, y: start.y + 17 } : start, proxy.x - start.x);
        const isTop = lines.findIndex((it) => it.ends[1] === proxy && it.ends[2] === to) === position;
        if (isTop) label(1, { x: right.x, y: proxy.y - proxy.height / 2 + 2 }, end.x - right.x);
      } else {
        // Past the column of the proxies first, so that the line does not seem to go through one.
        const space = end.x - start.x;
        const turn = { x: Math.max(bend, start.x + (space >= LEAST_LABEL * 2 && !from.isBundle ? space * 0.35 : 0)), y: start.y };
        label(0, start, Math.min(turn.x - start.x + 40, space));
        path += `H${turn.x}${curve(turn, end)}`;
        const level = start.x + space * share;
        mark = from.isBundle && level < turn.x ? { x: round(level), y: round(start.y) } : along(turn, end, share);
      }
      return { key, verdict: (own[0] as Row).verdict, rows: own, path, labels, mark, ends, isSelected };
    })
    .sort((a, b) => Number(a.isSelected) - Number(b.isSelected) || rank(b.verdict) - rank(a.verdict) || compare(a.key, b.key));
}

/** Where lines touch a node: apart from each other, in the order of the nodes at their other ends. */
function ports(lines: { ends: Node[] }[]): (line: number, end: number, node: Node) => number {
  const touching = new Map<Node, { line: number; end: number; other: number }[]>();
  for (const [line, { ends }] of lines.entries()) {
    for (const [end, node] of ends.entries()) {
      const others = [ends[end - 1], ends[end + 1]].filter((it) => it !== undefined);
      const other = (node.column === "proxy" ? (ends[0] as Node) : (others[0] as Node)).y;
      const list = touching.get(node) ?? [];
      list.push({ line, end, other });
      touching.set(node, list);
    }
  }
  const found = new Map<string, number>();
  for (const [node, list] of touching) {
    list.sort((a, b) => a.other - b.other || a.line - b.line);
    const gap = list.length > 1 ? Math.min(9, (node.height - 12) / (list.length - 1)) : 0;
    for (const [at, { line, end }] of list.entries()) found.set(`${line} ${end}`, node.y + (at - (list.length - 1) / 2) * gap);
  }
  return (line, end, node) => found.get(`${line} ${end}`) ?? node.y;
}

function curve(from: { x: number; y: number }, to: { x: number; y: number }): string {
  const middle = round((from.x + to.x) / 2);
  return `C${middle} ${round(from.y)} ${middle} ${round(to.y)} ${to.x} ${round(to.y)}`;
}

/** The point of that curve at a share of its way. */
function along(from: { x: number; y: number }, to: { x: number; y: number }, share: number): { x: number; y: number } {
  const rest = 1 - share;
  const [start, before, after, end] = [rest ** 3, 3 * rest ** 2 * share, 3 * rest * share ** 2, share ** 3];
  return {
    x: round(from.x * start + ((from.x + to.x) / 2) * (before + after) + to.x * end),
    y: round(from.y * (start + before) + to.y * (after + end)),
  };
}

function round(n: number): number {
  return Math.round(n * 10) / 10;
}

function grouped<T, K>(items: T[], key: (item: T) => K): [K, T[]][] {
  const found = new Map<K, T[]>();
  for (const item of items) {
    const list = found.get(key(item));
    if (list) list.push(item);
    else found.set(key(item), [item]);
  }
  return [...found];
}
