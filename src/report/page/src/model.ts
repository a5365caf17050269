// The report with what the page looks up again and again, made once.
import type { Connection, Database, LambdaFunction, Proxy, Report, Verdict } from "./data";
import { VERDICTS, rank } from "./verdicts";

export interface Row {
  position: number;
  connection: Connection;
  /** What a link names the connection by: its id, or more if another has that id too. */
  key: string;
  verdict: Verdict;
  function: LambdaFunction | null;
  proxy: Proxy | null;
  database: Database | null;
  /** The database's VPC; the function's if that is not known. */
  vpc: string | null;
  /** All that search finds the connection by, in lower case. */
  searchText: string;
}

export interface Model {
  report: Report;
  rows: Row[];
  byKey: Map<string, number>;
  databaseKeys: string[];
  functionKeys: string[];
  proxyKeys: string[];
  vpcs: string[];
}

export function makeModel(report: Report): Model {
  const databaseKeys = keys(report.databases, (it) => [`${it.kind}/${it.id}`, it.arn ?? `${it.kind}/${it.id}`]);
  const functionKeys = keys(report.functions, (it) => [it.name, it.arn ?? it.name]);
  const proxyKeys = keys(report.proxies, (it) => [it.name, it.arn ?? it.name]);
  const connectionKeys = keys(report.connections, (it) => [it.id, `${it.account ?? ""}/${it.region ?? ""}/${it.id}`]);
  const rows = report.connections.map((connection, position): Row => {
    const at = <T>(list: T[], index: number | null) => (index === null ? null : (list[index] ?? null));
    const database = at(report.databases, connection.database);
    const func = at(report.functions, connection.function);
    const row: Row = {
      position,
      connection,
      key: connectionKeys[position] as string,
      verdict: VERDICTS.includes(connection.verdict) ? connection.verdict : "unknown",
      function: func,
      proxy: at(report.proxies, connection.proxy),
      database,
      // A database that was not found is in no known VPC.
      vpc: database ? database.vpc : (func?.vpc ?? null),
      searchText: "",
    };
    row.searchText = searchText(report, row);
    return row;
  });
  return {
    report,
    rows,
    byKey: new Map(rows.map((row) => [row.key, row.position])),
    databaseKeys,
    functionKeys,
    proxyKeys,
    vpcs: [...new Set(rows.flatMap((row) => row.vpc ?? []))].sort(),
  };
}

/** For each item the first of its names that is its own, and at last one with its position. */
function keys<T>(items: T[], names: (item: T) => string[]): string[] {
  const uses = new Map<string, number>();
  for (const item of items) {
    for (const name of new Set(names(item))) uses.set(name, (uses.get(name) ?? 0) + 1);
  }
  return items.map((item, position) => names(item).find((name) => uses.get(name) === 1) ?? `${names(item)[0]}~${position}`);
}

function searchText(report: Report, row: Row): string {
  const { connection } = row;
  const words: (string | null | undefined)[] = [
    connection.name,
    connection.id,
    connection.account,
    connection.region,
    row.vpc,
    row.function?.name,
    row.function?.arn,
    row.function?.owner,
    row.proxy?.name,
    row.proxy?.arn,
    row.database?.id,
    row.database?.arn,
    row.database?.engine,
    row.database?.owner,
  ];
  const groups = new Set<number>();
  for (const hop of connection.hops) {
    for (const side of [...hop.from_groups, ...hop.to_groups]) groups.add(side.group);
    for (const rule of hop.rules) if (rule.peer !== null) groups.add(rule.peer);
  }
  for (const group of groups) words.push(report.groups[group]?.id, report.groups[group]?.name);
  for (const it of connection.findings) words.push(it.kind, it.severity, it.message, it.resource, it.expected, it.found, it.likely_cause);
  for (const it of connection.checks) words.push(it.id, it.message);
  return words.filter(Boolean).join("\n").toLowerCase();
}

/** The worst verdicts first, then by database and function. */
export function byVerdict(a: Row, b: Row): number {
  return rank(a.verdict) - rank(b.verdict) || byDatabase(a, b);
}

export function byDatabase(a: Row, b: Row): number {
  return compare(a.database?.id, b.database?.id) || compare(a.function?.name, b.function?.name) || a.position - b.position;
}

export function byFunction(a: Row, b: Row): number {
  return compare(a.function?.name, b.function?.name) || byDatabase(a, b);
}

/** By code points: the same order everywhere, and fast. What is not known comes last. */
export function compare(a: string | null | undefined, b: string | null | undefined): number {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return a < b ? -1 : 1;
}
