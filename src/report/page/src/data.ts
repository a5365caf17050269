// The data that the program writes into the page. Numbers that point to something are positions in the lists of `Report`.

export type Verdict = "in-sync" | "drifted" | "broken" | "unknown";

export interface Report {
  schema_version: number;
  command: string;
  title: string;
  account: string | null;
  region: string | null;
  made_at: string;
  scope: "account" | "manifest" | "database" | "connection";
  program: string;
  summary: Record<Verdict, number>;
  /** Sentences: what could not be read. */
  unread: string[];
  /** Sentences: which connections are not shown, and why. */
  left_out: string[];
  databases: Database[];
  functions: LambdaFunction[];
  proxies: Proxy[];
  groups: Group[];
  connections: Connection[];
}

export interface Database {
  kind: "cluster" | "instance";
  id: string;
  /** Null where it was not found. */
  arn: string | null;
  engine: string | null;
  port: number | null;
  vpc: string | null;
  owner: string | null;
}

export interface LambdaFunction {
  name: string;
  /** Null where it was not found. */
  arn: string | null;
  vpc: string | null;
  owner: string | null;
}

export interface Proxy {
  name: string;
  /** Null where it was not found. */
  arn: string | null;
  vpc: string | null;
  owner: string | null;
}

export interface Group {
  id: string;
  name: string | null;
}

export interface Connection {
  name: string;
  id: string;
  verdict: Verdict;
  decision: "no-op" | "associate-existing" | "create-new" | null;
  account: string | null;
  region: string | null;
  function: number | null;
  proxy: number | null;
  database: number | null;
  hops: Hop[];
  target_health: { state: string; reason: string | null } | null;
  findings: Finding[];
  checks: Check[];
  /** Sentences. */
  costs: string[];
}

export interface Hop {
  from: "function" | "proxy";
  to: "proxy" | "database";
  port: number | null;
  /** `impaired`: something is wrong that does not block all of the traffic. */
  state: "open" | "impaired" | "blocked" | "unknown";
  /** Why no traffic passes, or not all of it; sentences without a full stop. */
  causes: string[];
  /** The rules that no group has which would let the traffic through. */
  lacks: ("outbound" | "inbound")[];
  from_groups: SideGroup[];
  to_groups: SideGroup[];
  rules: Rule[];
}

export interface SideGroup {
  group: number;
  /** Whether `setup` or the console made the group for such a connection. */
  is_set: boolean;
}

export interface Rule {
  direction: "outbound" | "inbound";
  group: number;
  peer: number | null;
  peer_text: string;
  ports: string;
  /** Whether the rule lets the hop's traffic pass. */
  passes: boolean;
}

export interface Finding {
  kind: string;
  severity: string;
  message: string;
  resource: string;
  expected: string | null;
  found: string | null;
  first_seen: string | null;
  /** A command line. */
  remedy: string | null;
  likely_cause: string | null;
}

export interface Check {
  id: string;
  status: "fail" | "warn" | "unknown";
  message: string;
  evidence: unknown;
  remedy: string | null;
}
