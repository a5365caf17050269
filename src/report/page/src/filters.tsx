// Search, and the filters by verdict, database and VPC.
import { useMemo } from "preact/hooks";
import type { Actions } from "./actions";
import type { Verdict } from "./data";
import { type Model, compare } from "./model";
import { Name } from "./names";
import { NO_FILTERS, type State, isFiltered } from "./state";
import { shortened, visible } from "./text";
import { VERDICTS, VerdictIcon, WORDS } from "./verdicts";

interface Props {
  model: Model;
  state: State;
  counts: Record<Verdict, number>;
  shown: number;
  actions: Actions;
}

export function Filters({ model, state, counts, shown, actions }: Props) {
  const total = model.rows.length;
  return (
    <div class="filters" role="search" aria-label="Search and filters">
      <div class="verdicts" role="group" aria-label="Filter by verdict">
        {VERDICTS.map((verdict) => {
          const isOn = state.verdicts.includes(verdict);
          const all = model.report.summary[verdict] ?? 0;
          const toggled = VERDICTS.filter((it) => (it === verdict ? !isOn : state.verdicts.includes(it)));
          return (
            <button
              key={verdict}
              type="button"
              class={`verdict is-${verdict}`}
              aria-pressed={isOn}
              onClick={() => actions.change({ verdicts: toggled })}
            >
              <VerdictIcon verdict={verdict} />
              <b>{counts[verdict].toLocaleString("en")}</b> {WORDS[verdict]}
              {counts[verdict] !== all && <span class="quiet"> of {all.toLocaleString("en")}</span>}
            </button>
          );
        })}
      </div>
      <div class="fields">
        <div class="search">
          <label for="search">Search</label>
          <input
            id="search"
            type="search"
            autocomplete="off"
            spellcheck={false}
            placeholder="function, database, proxy, group, finding"
            aria-keyshortcuts="/"
            value={state.search}
            onInput={(event) => actions.change({ search: event.currentTarget.value }, "replace")}
          />
        </div>
        <Choice
          label="Database"
          all="All databases"
          value={state.database}
          options={useMemo(() => databases(model), [model])}
          choose={(database) => actions.change({ database })}
        />
        <Choice
          label="VPC"
          all="All VPCs"
          value={state.vpc}
          options={useMemo(() => model.vpcs.map((vpc) => [vpc, vpc]), [model])}
          choose={(vpc) => actions.change({ vpc })}
        />
      </div>
      <p class="result">
        <span role="status">
          {shown === total ? `All ${total.toLocaleString("en")} connections` : `${shown.toLocaleString("en")} of ${total.toLocaleString("en")} connections`}
        </span>
        {state.function !== null && <Chip word="function" name={state.function} drop={() => actions.change({ function: null })} />}
        {state.proxy !== null && <Chip word="proxy" name={state.proxy} drop={() => actions.change({ proxy: null })} />}
        {isFiltered(state) && (
          <button type="button" class="plain" onClick={() => actions.change(NO_FILTERS)}>
            Show all
          </button>
        )}
      </p>
    </div>
  );
}

function databases(model: Model): [string, string][] {
  const used = new Set(model.rows.map((row) => row.connection.database));
  return model.report.databases
    .map((database, at): [string, string, boolean] => [model.databaseKeys[at] as string, `${database.id} (${database.kind})`, used.has(at)])
    .filter((it) => it[2])
    .sort((a, b) => compare(a[1], b[1]))
    .map(([key, name]) => [key, name]);
}

interface ChoiceProps {
  label: "Database" | "VPC";
  all: string;
  value: string | null;
  options: string[][];
  choose: (value: string | null) => void;
}

function Choice({ label, all, value, options, choose }: ChoiceProps) {
  const entries = useMemo(
    () =>
      options.map(([key, name]) => (
        <option key={key} value={key}>
          {shortened(visible(name ?? ""), 80)}
        </option>
      )),
    [options],
  );
  return (
    <div>
      <label for={`choice-${label}`}>{label}</label>
      <select id={`choice-${label}`} value={value ?? ""} onChange={(event) => choose(event.currentTarget.value || null)}>
        <option value="">{all}</option>
        {value !== null && !options.some(([key]) => key === value) && <option value={value}>{shortened(visible(value), 80)}</option>}
        {entries}
      </select>
    </div>
  );
}

function Chip({ word, name, drop }: { word: string; name: string; drop: () => void }) {
  return (
    <button type="button" class="chip" onClick={drop} aria-label={`Do not filter by ${word} ${shortened(visible(name), 80)}`}>
      {word} <Name text={name} /> <span aria-hidden="true">×</span>
    </button>
  );
}
