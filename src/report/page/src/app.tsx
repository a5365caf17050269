// The whole page for one state.
import { useMemo } from "preact/hooks";
import type { Actions } from "./actions";
import { Details } from "./details";
import { Filters } from "./filters";
import { Heading } from "./heading";
import { List } from "./list";
import { ConnectionMap } from "./map";
import type { Model, Row } from "./model";
import { HEADING_LIMIT, Name } from "./names";
import { Paper } from "./paper";
import { type State, filter } from "./state";

interface Props {
  model: Model;
  state: State;
  actions: Actions;
  isPrinting: boolean;
  /** What the screen reader says next. */
  said: string;
  now: number;
}

export function App({ model, state, actions, isPrinting, said, now }: Props) {
  const wanted = [state.search, state.verdicts.join(), state.database, state.vpc, state.function, state.proxy, state.sort];
  const { rows, counts } = useMemo(() => filter(model, state), [model, ...wanted]);
  const selected = state.selected === null ? null : (model.rows[model.byKey.get(state.selected) ?? -1] ?? null);
  return (
    <>
      <a class="skip" href="#list-title" onClick={toTable}>
        Skip to the table
      </a>
      <Heading model={model} now={now} isPrinting={isPrinting} />
      <Filters model={model} state={state} counts={counts} shown={rows.length} actions={actions} />
      <div class={`layout${state.selected === null ? "" : " has-details"}`}>
        <main>
          <ConnectionMap model={model} state={state} rows={rows} actions={actions} />
          <List state={state} rows={rows} total={model.rows.length} actions={actions} />
        </main>
        {state.selected !== null && <Aside model={model} rows={rows} row={selected} actions={actions} now={now} />}
      </div>
      {isPrinting && <Paper model={model} state={state} rows={rows} actions={actions} now={now} />}
      <p class="said" role="status">
        {said}
      </p>
    </>
  );
}

function toTable(event: MouseEvent): void {
  event.preventDefault();
  document.querySelector<HTMLElement>(".list a[tabindex='0'], .list button")?.focus();
}

interface AsideProps {
  model: Model;
  rows: Row[];
  row: Row | null;
  actions: Actions;
  now: number;
}

function Aside({ model, rows, row, actions, now }: AsideProps) {
  const at = row === null ? -1 : rows.indexOf(row);
  const before = rows[at - 1];
  const after = at < 0 ? undefined : rows[at + 1];
  return (
    <aside aria-labelledby="details-title">
      <div class="tools">
        <button type="button" onClick={() => actions.select(null)} aria-keyshortcuts="Escape">
          <span aria-hidden="true">✕</span> Close
        </button>
        <button type="button" disabled={!before} onClick={() => before && actions.select(before.key, "stay")}>
          Previous
        </button>
        <button type="button" disabled={!after} onClick={() => after && actions.select(after.key, "stay")}>
          Next
        </button>
      </div>
      <h2 id="details-title" tabIndex={-1}>
        {row ? <Name text={row.connection.name} limit={HEADING_LIMIT} /> : "No such connection"}
      </h2>
      {row ? (
        <Details key={row.key} model={model} row={row} actions={actions} now={now} />
      ) : (
        <p>The link names a connection that is not in this report.</p>
      )}
    </aside>
  );
}
