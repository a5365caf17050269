// The arrow keys in the map: up and down in a column, left and right to what is nearest in the next one.

const COLUMNS = ["function", "proxy", "database"];

export function moveInMap(event: KeyboardEvent): void {
  const from = (event.target as Element).closest<HTMLElement>("[data-column]");
  if (!from || event.ctrlKey || event.metaKey || event.altKey) return;
  const nodes = [...(event.currentTarget as Element).querySelectorAll<HTMLElement>("[data-column]")];
  const to = target(event.key, from, nodes);
  if (to === undefined) return;
  event.preventDefault();
  to?.focus();
}

/** undefined: the key is none of the map's; null: there is nothing to go to. */
function target(key: string, from: HTMLElement, nodes: HTMLElement[]): HTMLElement | null | undefined {
  const middle = (node: HTMLElement) => node.offsetTop + node.offsetHeight / 2;
  const own = nodes.filter((node) => node.dataset["column"] === from.dataset["column"]).sort((a, b) => middle(a) - middle(b));
  const at = own.indexOf(from);
  switch (key) {
    case "ArrowDown":
      return own[at + 1] ?? null;
    case "ArrowUp":
      return own[at - 1] ?? null;
    case "Home":
      return own[0] ?? null;
    case "End":
      return own.at(-1) ?? null;
    case "ArrowLeft":
    case "ArrowRight": {
      const step = key === "ArrowRight" ? 1 : -1;
      const start = COLUMNS.indexOf(from.dataset["column"] ?? "");
      for (let column = start + step; column >= 0 && column < COLUMNS.length; column += step) {
        const there = nodes.filter((node) => node.dataset["column"] === COLUMNS[column]);
        there.sort((a, b) => Math.abs(middle(a) - middle(from)) - Math.abs(middle(b) - middle(from)));
        if (there[0]) return there[0];
      }
      return null;
    }
    default:
      return undefined;
  }
}
