// Whether data keeps the contract that src/report/page/src/data.ts describes. Returns what is wrong, as sentences.

const text = (it) => typeof it === "string";
const maybe = (test) => (it) => it === null || test(it);
const one = (...values) => (it) => values.includes(it);
const number = (it) => Number.isInteger(it) && it >= 0;
const bool = (it) => typeof it === "boolean";
const time = (it) => text(it) && !Number.isNaN(Date.parse(it));
const any = (it) => it !== undefined;

const VERDICTS = ["in-sync", "drifted", "broken", "unknown"];

export function wrong(data) {
  const found = [];
  const say = (where, what) => found.push(`${where}: ${what}`);
  const record = (value, where, fields) => {
    if (value === null || typeof value !== "object" || Array.isArray(value)) return say(where, "is no object");
    for (const [name, test] of Object.entries(fields)) if (!test(value[name], `${where}.${name}`)) say(`${where}.${name}`, `is ${JSON.stringify(value[name])?.slice(0, 80)}`);
    for (const name of Object.keys(value)) if (!Object.hasOwn(fields, name)) say(`${where}.${name}`, "is not in the contract");
  };
  const list = (fields) => (it, where) => {
    if (!Array.isArray(it)) return false;
    for (const [at, item] of it.entries()) typeof fields === "function" ? fields(item) || say(`${where}[${at}]`, "is wrong") : record(item, `${where}[${at}]`, fields);
    return true;
  };
  const object = (fields) => (it, where) => (record(it, where, fields), true);
  const index = (name) => (it) => number(it) && it < (data[name]?.length ?? 0);
  const resource = { name: text, arn: maybe(text), vpc: maybe(text), owner: maybe(text) };
  const side = list({ group: index("groups"), is_set: bool });
  record(data, "report", {
    schema_version: one(1),
    command: one("report"),
    title: text,
    account: maybe(text),
    region: maybe(text),
    made_at: time,
    scope: one("account", "manifest", "database", "connection"),
    program: text,
    summary: object(Object.fromEntries(VERDICTS.map((it) => [it, number]))),
    unread: list(text),
    left_out: list(text),
    databases: list({ kind: one("cluster", "instance"), id: text, arn: maybe(text), engine: maybe(text), port: maybe(number), vpc: maybe(text), owner: maybe(text) }),
    functions: list(resource),
    proxies: list(resource),
    groups: list({ id: text, name: maybe(text) }),
    connections: list({
      name: text,
      id: text,
      verdict: one(...VERDICTS),
      decision: maybe(one("no-op", "associate-existing", "create-new")),
      account: maybe(text),
      region: maybe(text),
      function: maybe(index("functions")),
      proxy: maybe(index("proxies")),
      database: maybe(index("databases")),
      hops: list({
        from: one("function", "proxy"),
        to: one("proxy", "database"),
        port: maybe(number),
        state: one("open", "impaired", "blocked", "unknown"),
        causes: list(text),
        lacks: list(one("outbound", "inbound")),
        from_groups: side,
        to_groups: side,
        rules: list({ direction: one("outbound", "inbound"), group: index("groups"), peer: maybe(index("groups")), peer_text: text, ports: text, passes: bool }),
      }),
      target_health: (it, where) => it === null || object({ state: text, reason: maybe(text) })(it, where),
      findings: list({ kind: text, severity: text, message: text, resource: text, expected: maybe(text), found: maybe(text), first_seen: maybe(text), remedy: maybe(text), likely_cause: maybe(text) }),
      checks: list({ id: text, status: one("fail", "warn", "unknown"), message: text, evidence: any, remedy: maybe(text) }),
      costs: list(text),
    }),
  });
  for (const verdict of VERDICTS) {
    const counted = (data.connections ?? []).filter((it) => it.verdict === verdict).length;
    if (data.summary?.[verdict] !== counted) say(`report.summary.${verdict}`, `is ${data.summary?.[verdict]}, and ${counted} connections have this verdict`);
  }
  return found;
}
