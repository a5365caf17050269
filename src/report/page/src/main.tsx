// Reads the data, draws the page, and draws it again when the state changes.
import { render } from "preact";
import type { Actions } from "./actions";
import { App } from "./app";
import type { Report } from "./data";
import { listenToKeys } from "./keys";
import { type Model, makeModel } from "./model";
import { type State, readFragment, writeFragment } from "./state";
import { visible } from "./text";

const root = document.getElementById("page") as HTMLElement;

function start(report: Report): void {
  const model: Model = makeModel(report);
  const now = Date.now();
  let state: State = readFragment(location.hash);
  const [only] = model.rows;
  if (report.scope === "connection" && model.rows.length === 1 && only && location.hash === "") state.selected = only.key;
  let isPrinting = false;
  let said = "";
  document.title = visible(report.title);

  const draw = () =>
    render(<App model={model} state={state} actions={actions} isPrinting={isPrinting} said={said} now={now} />, root);

  const change: Actions["change"] = (part, how = "push") => {
    state = { ...state, ...part };
    const address = writeFragment(state);
    if (address !== location.hash) remember(address, how);
    draw();
  };
  const actions: Actions = {
    change,
    link: (part) => writeFragment({ ...state, ...part }),
    say(sentence) {
      said = sentence;
      draw();
      setTimeout(() => {
        said = "";
        draw();
      }, 4000);
    },
    select(key, how = "push") {
      const left = state.selected;
      change({ selected: key }, how === "stay" ? "replace" : how);
      if (how === "stay") return;
      if (key === null) focusRow(left);
      else {
        document.querySelector("aside")?.scrollTo(0, 0);
        document.getElementById("details-title")?.focus();
      }
    },
  };

  const follow = () => {
    state = readFragment(location.hash);
    draw();
  };
  addEventListener("popstate", follow);
  addEventListener("hashchange", follow);

  const print = (on: boolean) => {
    if (isPrinting === on) return;
    isPrinting = on;
    draw();
  };
  addEventListener("beforeprint", () => print(true));
  addEventListener("afterprint", () => print(false));
  const paper = matchMedia("print");
  paper.addEventListener("change", () => print(paper.matches));
  isPrinting = paper.matches;

  listenToKeys(() => state, actions);
  root.replaceChildren();
  draw();
}

/** Browsers limit how often the history is written to, and some do not allow it for files: the page works without. */
function remember(address: string, how: "push" | "replace"): void {
  try {
    if (how === "push") history.pushState(null, "", address);
    else history.replaceState(null, "", address);
  } catch {
    // The link is then not up to date.
  }
}

function focusRow(key: string | null): void {
  const links = [...document.querySelectorAll<HTMLElement>(".list a[data-key]")];
  const link = links.find((it) => it.dataset["key"] === key) ?? document.querySelector<HTMLElement>("#search");
  link?.focus();
}

function fail(error: unknown): void {
  const note = document.createElement("p");
  note.setAttribute("role", "alert");
  note.textContent = `This report cannot be shown: ${visible(String(error))}`;
  (document.querySelector("main") ?? root).append(note);
  document.getElementById("wait")?.remove();
}

try {
  const report = JSON.parse(document.getElementById("data")?.textContent ?? "") as Report;
  if (report.schema_version !== 1) throw new Error(`its data has version ${report.schema_version}, and this page reads version 1`);
  start(report);
} catch (error) {
  fail(error);
}
