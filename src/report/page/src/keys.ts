// Keys that work everywhere on the page.
import type { Actions } from "./actions";
import type { State } from "./state";

export function listenToKeys(state: () => State, actions: Actions): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const field = (event.target as Element).closest?.("input, select, textarea");
    if (event.key === "/" && !field) {
      event.preventDefault();
      const search = document.getElementById("search") as HTMLInputElement | null;
      // Search is hidden behind the details on a narrow screen.
      if (search && search.offsetParent === null) actions.select(null);
      search?.focus();
      search?.select();
    } else if (event.key === "Escape" && state().selected !== null && !(field instanceof HTMLInputElement && field.value)) {
      event.preventDefault();
      actions.select(null);
    }
  });
}
