// Whose report this is, of when, and what it could not see.
import type { Model } from "./model";
import { HEADING_LIMIT, Lines, Name } from "./names";
import { count, exactTime, shortened, timeAgo, visible } from "./text";

const SCOPES = { account: "the whole account", manifest: "the connections of a manifest", connection: "one connection" };

export function Heading({ model, now, isPrinting }: { model: Model; now: number; isPrinting: boolean }) {
  const { report } = model;
  const ago = timeAgo(report.made_at, now);
  return (
    <header>
      <h1>
        <Name text={report.title} limit={HEADING_LIMIT} />
      </h1>
      <p class="about">
        <span>
          Account <b>{of(report.account, model, "account")}</b>
        </span>
        <span>
          Region <b>{of(report.region, model, "region")}</b>
        </span>
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
    </header>
  );
}

function of(own: string | null, model: Model, field: "account" | "region"): string {
  if (own !== null) return shortened(visible(own), 80);
  const found = new Set(model.rows.map((row) => row.connection[field]).filter((it) => it !== null));
  return found.size > 1 ? `${found.size} of them` : shortened(visible([...found][0] ?? "not known"), 80);
}
