// The evidence of a check: any JSON, in the simplest form that shows it.
import { Lines, Name } from "./names";

export function Evidence({ value }: { value: unknown }) {
  if (value === null || value === undefined) return null;
  if (typeof value !== "object") return <Lines text={String(value)} />;
  if (Array.isArray(value)) {
    return (
      <ul class="evidence">
        {value.map((item, at) => (
          <li key={at}>
            <Evidence value={item} />
          </li>
        ))}
      </ul>
    );
  }
  return (
    <dl class="evidence">
      {Object.entries(value).map(([name, item]) => (
        <div key={name}>
          <dt>
            <Name text={name} />
          </dt>
          <dd>
            <Evidence value={item} />
          </dd>
        </div>
      ))}
    </dl>
  );
}
