// A command line of the data, with a button that copies it.
import type { Actions } from "./actions";
import { hasUnseen, visible } from "./text";

export function Command({ line, actions }: { line: string; actions: Actions }) {
  return (
    <div class="command">
      <code>{visible(line)}</code>
      {hasUnseen(line) ? (
        <p class="quiet">This command has characters that cannot be seen. Compare it with the output of the program before you run it.</p>
      ) : (
        <button type="button" class="screen-only" onClick={(event) => void copy(line, event.currentTarget, actions)}>
          Copy
        </button>
      )}
    </div>
  );
}

async function copy(text: string, button: HTMLElement, actions: Actions): Promise<void> {
  const isCopied = await navigator.clipboard?.writeText(text).then(
    () => true,
    () => false,
  );
  if (isCopied || copyBySelection(text, button)) actions.say("Copied to the clipboard.");
  else actions.say("The browser did not allow copying. Select the text instead.");
}

/** For pages that were opened in a way for which the browser has no clipboard. */
function copyBySelection(text: string, button: HTMLElement): boolean {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  button.after(field);
  field.select();
  const isCopied = document.execCommand("copy");
  field.remove();
  button.focus();
  return isCopied;
}
