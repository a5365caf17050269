// The map: functions, proxies and databases, and their connections as lines.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Actions } from "./actions";
import { edgeLabel } from "./edge-label";
import { type Layout, type Node, layOut, tally } from "./map-layout";
import { moveInMap } from "./map-keys";
import type { Model, Row } from "./model";
import { KindIcon, Name, spoken } from "./names";
import type { State } from "./state";
import { count, shortened } from "./text";
import { LineSample, Mark, VERDICTS, VerdictIcon, WORDS } from "./verdicts";

const STEP = 60;
/** Milliseconds. */
const REST = 150;
const LEAST_WIDTH = 560;

interface Props {
  model: Model;
  state: State;
  rows: Row[];
  actions: Actions;
}

export function ConnectionMap({ model, state, rows: wanted, actions }: Props) {
  const rows = useRested(wanted, state.search);
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [most, setMost] = useState(STEP);
  useLayoutEffect(() => {
    const element = frame.current as HTMLDivElement;
    const measure = () => element.clientWidth && setWidth(Math.max(LEAST_WIDTH, element.clientWidth - 24));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => setMost(STEP), [rows]);
  const selected = state.selected === null ? null : (model.rows[model.byKey.get(state.selected) ?? -1] ?? null);
  const layout = useMemo(() => (width > 0 ? layOut(rows, width, most, selected) : null), [rows, width, most, selected]);
  useEffect(() => {
    const element = frame.current as HTMLDivElement;
    const node = selected && element.querySelector<HTMLElement>(".node.lit");
    if (node && !element.contains(document.activeElement)) element.scrollTop = node.offsetTop - element.clientHeight / 2;
  }, [selected, width]);
  const { database, proxy } = state;
  // Drawn again only for what it shows: not for each letter of a search.
  const drawing = useMemo(
    () => layout && <Drawing layout={layout} model={model} state={state} selected={selected} actions={actions} />,
    [layout, model, database, proxy, state.function, selected, actions],
  );
  return (
    <details class="map" open={window.innerWidth >= 700}>
      <summary>
        <h2>Map</h2>
        <span class="quiet keys" id="map-keys" aria-hidden="true">
          Arrow keys move, Enter selects.
        </span>
      </summary>
      <p class="quiet" id="map-hint">
        {summary(rows)} {layout?.hasBundles && "Select a database to see its functions. "}The table below says the same in words.
      </p>
      <ul class="legend" aria-label="Lines of the map">
        {VERDICTS.map((verdict) => (
          <li key={verdict}>
            <LineSample verdict={verdict} /> {WORDS[verdict]}
          </li>
        ))}
      </ul>
      <div class="map-frame" ref={frame}>
        {rows.length > 0 && drawing}
      </div>
      {layout && layout.hidden.connections > 0 && (
        <p>
          <button type="button" class="more" onClick={() => setMost(most + STEP)}>
            Draw more
          </button>{" "}
          <span class="quiet">
            Not drawn yet: {count(layout.hidden.connections, "connection")}
            {layout.hidden.databases > 0 && ` of ${count(layout.hidden.databases, "database")}`}. The worst are drawn first.
          </span>
        </p>
      )}
    </details>
  );
}

/** While someone types, the map stays as it is: the table answers each letter, the map the last one. */
function useRested(rows: Row[], search: string): Row[] {
  const [rested, rest] = useState({ rows, search });
  useEffect(() => {
    const timer = setTimeout(() => rest({ rows, search }), REST);
    return () => clearTimeout(timer);
  }, [rows, search]);
  return rested.search === search ? rows : rested.rows;
}

function summary(rows: Row[]): string {
  const many = (pick: (row: Row) => number | string | null) => new Set(rows.map(pick).filter((it) => it !== null)).size;
  const proxies = many((row) => row.connection.proxy);
  const vpcs = many((row) => row.vpc);
  return `${count(many((row) => row.connection.function), "function")}, ${
    proxies > 0 ? `${count(proxies, "proxy", "proxies")}, ` : ""
  }${count(many((row) => row.connection.database), "database")}${vpcs > 0 ? ` in ${count(vpcs, "VPC")}` : ""}.`;
}

interface DrawingProps {
  layout: Layout;
  model: Model;
  state: Pick<State, "database" | "function" | "proxy">;
  selected: Row | null;
  actions: Actions;
}

function Drawing({ layout, model, state, selected, actions }: DrawingProps) {
  const [current, setCurrent] = useState("");
  const stop = layout.nodes.some((node) => node.key === current) ? current : layout.nodes[0]?.key;
  const isLit = (rows: Row[]) => selected === null || rows.includes(selected);
  const hasSelected = selected !== null && layout.lines.some((line) => line.rows.includes(selected));
  return (
    <div
      class={`drawing${hasSelected ? " has-selected" : ""}`}
      style={{ width: `${layout.width}px`, height: `${Math.round(layout.height)}px` }}
      role="group"
      aria-label="Functions, proxies and databases"
      aria-describedby="map-hint map-keys"
      onKeyDown={moveInMap}
    >
      <svg width={layout.width} height={Math.round(layout.height)} aria-hidden="true">
        {layout.boxes.map((box, at) => (
          <rect key={at} class="vpc" x={box.x} y={box.y} width={box.width} height={box.height} rx="8" />
        ))}
        {layout.lines.map((line) => (
          <g key={line.key} class={`connection${isLit(line.rows) ? " lit" : ""}`} onClick={() => openLine(line.rows, actions, model)}>
            <path class="target" d={line.path} />
            <path class={`line is-${line.verdict}`} d={line.path} />
            <title>{lineTitle(model, line.rows)}</title>
            {line.labels.map((label) => (
              <text key={label.hop} class="edge-label" x={label.x} y={label.y}>
                {edgeText(model, line.rows, label)}
              </text>
            ))}
          </g>
        ))}
        {layout.lines.map((line) => (
          <g key={line.key} class={`marks${isLit(line.rows) ? " lit" : ""}`}>
            <Mark verdict={line.verdict} {...line.mark} />
          </g>
        ))}
      </svg>
      {layout.boxes.map((box, at) => (
        <p key={at} class="vpc-name" style={{ left: `${box.x + 10}px`, top: `${box.y + 5}px`, width: `${box.width - 20}px` }}>
          {box.vpc === null ? "VPC not known" : <Name text={box.vpc} />}
        </p>
      ))}
      {layout.nodes.map((node) => (
        <NodeButton
          key={node.key}
          node={node}
          model={model}
          state={state}
          isLit={isLit(node.rows)}
          isStop={node.key === stop}
          onFocus={() => setCurrent(node.key)}
          actions={actions}
        />
      ))}
    </div>
  );
}

/** How wide a letter of a label is at most, nearly always: SVG does not cut texts. */
const LETTER = 6;

function edgeText(model: Model, rows: Row[], label: { hop: number; width: number }): string {
  const hop = rows[0]?.connection.hops[label.hop];
  return hop ? shortened(edgeLabel(model.report, hop), Math.floor(label.width / LETTER)) : "";
}

function lineTitle(model: Model, rows: Row[]): string {
  const first = rows[0] as Row;
  const verdict = WORDS[first.verdict];
  if (rows.length > 1) return `${verdict}: ${count(rows.length, "connection")}`;
  return [`${verdict}: ${spoken(first.connection.name)}`, ...first.connection.hops.map((hop) => edgeLabel(model.report, hop))].join("\n");
}

function openLine(rows: Row[], actions: Actions, model: Model): void {
  const first = rows[0] as Row;
  if (rows.length === 1) actions.select(first.key);
  else actions.change({ ...chosenDatabase(model, first), verdicts: [first.verdict] });
}

function chosenDatabase(model: Model, row: Row): Partial<State> {
  return row.connection.database === null ? {} : { database: model.databaseKeys[row.connection.database] ?? null };
}

interface NodeProps {
  node: Node;
  model: Model;
  state: DrawingProps["state"];
  isLit: boolean;
  isStop: boolean;
  onFocus: () => void;
  actions: Actions;
}

function NodeButton({ node, model, state, isLit, isStop, onFocus, actions }: NodeProps) {
  const first = node.rows[0] as Row;
  const key = node.index === null ? null : (keysOf(model, node.column)[node.index] ?? null);
  const isFilter = key !== null && state[node.column] === key;
  const opens = node.column === "function" && node.rows.length === 1 && !isFilter;
  const act = () => {
    if (opens) actions.select(first.key);
    else if (node.isBundle) actions.change({ ...chosenDatabase(model, first), proxy: proxyKey(model, first) });
    else if (key !== null) actions.change({ [node.column]: isFilter ? null : key });
  };
  const { title, quiet } = words(node, first);
  const found = tally(node.rows);
  const verdicts = VERDICTS.filter((verdict) => found[verdict] > 0);
  const hasTally = node.isBundle || (node.column === "database" && node.rows.length > 1);
  return (
    <button
      type="button"
      class={`node ${node.isBundle ? "bundle" : node.column}${isLit ? " lit" : ""}${isAbsent(node, first) ? " absent" : ""}`}
      style={{ left: `${node.x}px`, top: `${Math.round(node.y - node.height / 2)}px`, width: `${node.width}px`, height: `${node.height}px` }}
      data-column={node.column}
      tabIndex={isStop ? 0 : -1}
      aria-pressed={opens || node.isBundle ? undefined : isFilter}
      title={spoken(`${title}${quiet && `, ${quiet}`}`)}
      onClick={act}
      onFocus={onFocus}
    >
      <KindIcon kind={node.isBundle ? "functions" : node.column} />
      <span class="two">
        <span class="cut">
          {!node.isBundle && <span class="ears">{node.column} </span>}
          <Name text={shortName(first, node, title)} />
        </span>
        {hasTally ? (
          <span class="tally">
            {verdicts.map((verdict) => (
              <span key={verdict}>
                <VerdictIcon verdict={verdict} />
                {found[verdict]}
                <span class="ears"> {WORDS[verdict]},</span>
              </span>
            ))}
          </span>
        ) : (
          quiet && <span class="quiet cut">{spoken(quiet)}</span>
        )}
        {node.isBundle && <span class="ears">{spoken(quiet)}</span>}
        {!hasTally && node.rows.length === 1 && <span class="ears">, {WORDS[first.verdict]}</span>}
        {!hasTally && node.rows.length > 1 && <span class="ears">, {count(node.rows.length, "connection")}</span>}
      </span>
    </button>
  );
}

/** Whether the resource was not found, so that only connections name it. */
function isAbsent(node: Node, row: Row): boolean {
  if (node.isBundle) return false;
  const own = node.column === "function" ? row.function : node.column === "proxy" ? row.proxy : row.database;
  return own !== null && own.arn === null;
}

function keysOf(model: Model, column: Node["column"]): string[] {
  return column === "function" ? model.functionKeys : column === "proxy" ? model.proxyKeys : model.databaseKeys;
}

function proxyKey(model: Model, row: Row): string | null {
  return row.connection.proxy === null ? null : (model.proxyKeys[row.connection.proxy] ?? null);
}

function words(node: Node, row: Row): { title: string; quiet: string } {
  if (node.isBundle) return { title: count(node.rows.length, "function"), quiet: `of ${row.database?.id ?? "a database that is not known"}` };
  const absent = isAbsent(node, row) ? "not found" : "";
  if (node.column === "function") return { title: `Function ${row.function?.name ?? "not known"}`, quiet: absent };
  if (node.column === "proxy") return { title: `Proxy ${row.proxy?.name ?? "not known"}`, quiet: absent };
  const { database } = row;
  if (database === null) return { title: "Database not known", quiet: "" };
  return { title: `${database.kind === "cluster" ? "Cluster" : "Instance"} ${database.id}`, quiet: absent || (database.engine ?? database.kind) };
}

function shortName(row: Row, node: Node, title: string): string {
  if (node.isBundle) return title;
  const own = node.column === "function" ? row.function?.name : node.column === "proxy" ? row.proxy?.name : row.database?.id;
  return own ?? title;
}
