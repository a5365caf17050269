// Whose report this is, of when, and what it could not see.
import type { Model } from "./model";
import { HEADING_LIMIT, Lines, Name } from "./names";
import { count, exactTime, shortened, timeAgo, visible } from "./text";

const SCOPES = {
  account: "the whole account",
  manifest: "the connections of a manifest",
  database: "one database",
  connection: "one function and one database",
};

const MOST_NAMED = 3;

export function Heading({ model, now, isPrinting }: { model: Model; now: number; isPrinting: boolean }) {
  const { report } = model;
  const ago = timeAgo(report.made_at, now);
  return (
    <header>
      <h1>
        <Name text={report.title} limit={HEADING_LIMIT} />
      </h1>
      <p class="about">
        <Whose word="Account" model={model} field="account" />
        <Whose word="Region" model={model} field="region" />
        <span>{SCOPES[report.scope] ?? ""}</span>
        <span>
          read <time dateTime={report.made_at}>{exactTime(report.made_at)}</time>
          {ago && `, ${ago}`}
        </span>
        <span>
          by <Name text={report.program} limit={80} />
        </span>
      </p>
      {report.unread.length > 0 && (
        <details class="unread" open={isPrinting || report.unread.length <= 3}>
          <summary>
            <b>{count(report.unread.length, "thing")} could not be read</b>. What depends on that is missing in this report, or unknown.
          </summary>
          <ul>
            {report.unread.map((sentence, at) => (
              <li key={at}>
                <Lines text={sentence} />
              </li>
            ))}
          </ul>
        </details>
      )}
      {report.left_out.length > 0 && (
        <div class="unread">
          {report.left_out.map((sentence, at) => (
            <p key={at}>
              <Lines text={sentence} />
            </p>
          ))}
        </div>
      )}
    </header>
  );
}

/** The report's own account or Region, or those of its connections where it has several. */
function Whose({ word, model, field }: { word: string; model: Model; field: "account" | "region" }) {
  const own = model.report[field];
  const all = own === null ? new Set(model.rows.map((row) => row.connection[field]).filter((it) => it !== null)) : new Set([own]);
  const named = [...all].slice(0, MOST_NAMED).map((it) => shortened(visible(it), 80));
  const rest = all.size - named.length;
  return (
    <span>
      {all.size > 1 ? `${word}s` : word} <b>{named.length === 0 ? "not known" : `${named.join(", ")}${rest > 0 ? ` and ${rest} more` : ""}`}</b>
    </span>
  );
}
