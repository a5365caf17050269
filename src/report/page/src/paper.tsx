// What is printed: all connections that the filters leave, those with findings at length.
import type { Actions } from "./actions";
import { Details } from "./details";
import type { Model, Row } from "./model";
import { HEADING_LIMIT, Name } from "./names";
import { type State, isFiltered } from "./state";
import { count, visible } from "./text";
import { VERDICTS, WORDS } from "./verdicts";

interface Props {
  model: Model;
  state: State;
  rows: Row[];
  actions: Actions;
  now: number;
}

/** Up to so many are printed at length whatever their verdict. */
const FEW = 20;

export function Paper({ model, state, rows, actions, now }: Props) {
  const isLong = (row: Row) => rows.length <= FEW || row.connection.findings.length + row.connection.checks.length > 0;
  const short = rows.filter((row) => !isLong(row));
  return (
    <div class="paper">
      <p>{VERDICTS.map((verdict) => `${WORDS[verdict]}: ${rows.filter((row) => row.verdict === verdict).length}`).join(" · ")}</p>
      {isFiltered(state) && (
        <p>
          {count(rows.length, "connection")} of {model.rows.length}, filtered by {filters(state)}.
        </p>
      )}
      {rows.filter(isLong).map((row) => (
        <article key={row.key} class="printed">
          <h2>
            <Name text={row.connection.name} limit={HEADING_LIMIT} />
          </h2>
          <Details model={model} row={row} actions={actions} now={now} />
        </article>
      ))}
      {short.length > 0 && (
        <section>
          <h2>{count(short.length, "connection")} without findings</h2>
          <ul>
            {short.map((row) => (
              <li key={row.key}>
                <Name text={row.connection.name} />: {WORDS[row.verdict]}
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function filters(state: State): string {
  const named: [string, string | null][] = [
    ["search", state.search.trim()],
    ["verdict", state.verdicts.join(", ")],
    ["database", state.database],
    ["VPC", state.vpc],
    ["function", state.function],
    ["proxy", state.proxy],
  ];
  return named.flatMap(([word, value]) => (value ? `${word} ${visible(value)}` : [])).join(", ");
}
