// The table of connections. It begins with some rows, and grows as the reader goes down.
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Actions } from "./actions";
import type { Row } from "./model";
import { KindIcon, Name, spoken } from "./names";
import type { Sort, State } from "./state";
import { count } from "./text";
import { Badge } from "./verdicts";

const FIRST = 40;
const STEP = 150;

interface Props {
  state: State;
  rows: Row[];
  total: number;
  actions: Actions;
}

export function List({ state, rows, total, actions }: Props) {
  const [most, setMost] = useState(FIRST);
  const [current, setCurrent] = useState<string | null>(null);
  const table = useRef<HTMLTableElement>(null);
  const end = useRef<HTMLParagraphElement>(null);
  const wanted = useRef<string | null>(null);
  useLayoutEffect(() => setMost(FIRST), [rows]);
  useEffect(() => {
    const element = end.current;
    if (!element) return;
    const observer = new IntersectionObserver((seen) => seen.some((it) => it.isIntersecting) && setMost((n) => n + STEP), { rootMargin: "600px" });
    observer.observe(element);
    return () => observer.disconnect();
  }, [rows, most]);
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const link = [...(table.current as HTMLTableElement).querySelectorAll("a")].find((it) => it.dataset["key"] === wanted.current);
    wanted.current = null;
    link?.focus();
    link?.closest("tr")?.scrollIntoView({ block: "nearest" });
  });

  const shown = rows.slice(0, most);
  const stop = rows.some((row) => row.key === current) ? current : (shown.find((row) => row.key === state.selected) ?? shown[0])?.key;
  const move = (event: KeyboardEvent) => {
    const at = rows.findIndex((row) => row.key === (event.target as HTMLElement).dataset["key"]);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const index = Math.max(0, Math.min(rows.length - 1, to));
    const row = rows[index] as Row;
    wanted.current = row.key;
    setMost(Math.max(most, index + 1));
    setCurrent(row.key);
    if (state.selected !== null) actions.select(row.key, "stay");
  };
  return (
    <section class="list" aria-labelledby="list-title">
      <div class="list-head">
        <h2 id="list-title">Connections</h2>
        <p class="quiet keys">Arrow keys move from row to row, Enter opens the details.</p>
      </div>
      {rows.length === 0 ? (
        <p class="empty">{total === 0 ? "No connections were found." : "No connection fits the search and the filters."}</p>
      ) : (
        <div class="table-frame">
          <table ref={table} aria-labelledby="list-title" aria-rowcount={rows.length + 1} onKeyDown={move}>
            <thead>
              <tr aria-rowindex={1}>
                <Sortable name="verdict" word="Verdict" state={state} actions={actions} />
                <Sortable name="function" word="Function" state={state} actions={actions} />
                <Sortable name="database" word="Database" state={state} actions={actions} />
                <th scope="col" class="wide">
                  Findings
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((row, at) => (
                <Entry
                  key={row.key}
                  row={row}
                  at={at + 2}
                  isSelected={row.key === state.selected}
                  isStop={row.key === stop}
                  onFocus={() => setCurrent(row.key)}
                  actions={actions}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {rows.length > most && (
        <p ref={end}>
          <button type="button" class="more" onClick={() => setMost(most + STEP)}>
            Show more
          </button>{" "}
          <span class="quiet">
            {most} of {count(rows.length, "connection")}
          </span>
        </p>
      )}
    </section>
  );
}

function Sortable({ name, word, state, actions }: { name: Sort; word: string; state: State; actions: Actions }) {
  const isSorted = state.sort === name;
  return (
    <th scope="col" class={name} aria-sort={isSorted ? "ascending" : undefined}>
      <button type="button" onClick={() => actions.change({ sort: name })}>
        {word} <span aria-hidden="true">{isSorted ? "↓" : ""}</span>
      </button>
    </th>
  );
}

interface EntryProps {
  row: Row;
  at: number;
  isSelected: boolean;
  isStop: boolean;
  onFocus: () => void;
  actions: Actions;
}

function Entry({ row, at, isSelected, isStop, onFocus, actions }: EntryProps) {
  const { connection, database } = row;
  const open = (event: MouseEvent) => {
    // A new tab, or a text that is being marked.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    if (!(event.target as Element).closest("a") && getSelection()?.toString()) return;
    event.preventDefault();
    actions.select(row.key);
  };
  return (
    <tr aria-rowindex={at} class={isSelected ? "selected" : ""} onClick={open}>
      <td class="verdict">
        <Badge verdict={row.verdict} />
      </td>
      <th scope="row">
        <a
          href={actions.link({ selected: row.key })}
          data-key={row.key}
          tabIndex={isStop ? 0 : -1}
          aria-current={isSelected ? "true" : undefined}
          title={spoken(connection.name)}
          onFocus={onFocus}
        >
          {row.function ? <Name text={row.function.name} /> : <Name text={connection.name} />}
        </a>
      </th>
      <td class="database">
        <span class="cell">
          <KindIcon kind="database" />
          {database ? <Name text={database.id} /> : <span class="quiet">not known</span>}
        </span>
        {row.proxy && (
          <span class="cell quiet">
            through <Name text={row.proxy.name} />
          </span>
        )}
      </td>
      <td class="wide findings">
        {connection.findings.length > 0 && (
          <span class="cell">
            <span class="kind-of">{visibleKinds(row)}</span>
          </span>
        )}
        {connection.findings[0] && (
          <span class="cell quiet">
            <Name text={connection.findings[0].message} />
          </span>
        )}
        {connection.findings.length === 0 && connection.checks.length > 0 && (
          <span class="cell quiet">
            <Name text={connection.checks[0]?.message ?? ""} />
          </span>
        )}
      </td>
    </tr>
  );
}

function visibleKinds(row: Row): string {
  const kinds = [...new Set(row.connection.findings.map((finding) => finding.kind))];
  return spoken(kinds.length > 2 ? `${kinds.slice(0, 2).join(", ")} and ${kinds.length - 2} more` : kinds.join(", "));
}
