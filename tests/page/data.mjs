// Data for the page by its contract: made up, and the same each time for the same size.

/** Numbers from 0 to 1, the same sequence for the same seed (mulberry32). */
function random(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const hex = (n, width = 8) => n.toString(16).padStart(width, "0");

const AREAS = ["orders", "billing", "catalog", "shipping", "ledger", "search", "users", "inventory", "reports", "audit", "pricing", "loyalty"];
const TASKS = ["checkout", "refunds", "sync", "export", "webhook", "nightly", "import", "notify", "archive", "lookup", "reconcile", "enrich"];
const ENGINES = [["aurora-postgresql", 5432], ["aurora-mysql", 3306], ["postgres", 5432], ["mariadb", 3306], ["sqlserver-se", 1433]];
const OWNERS = [null, "CloudFormation stack shop-data", "Terraform (state payments.tfstate)", "CDK app warehouse, stack Data"];
const ACCOUNT = "111122223333";
const REGION = "eu-west-1";

/** A report of `size` connections; `now` is when it was made. */
export function report(size, now = new Date()) {
  const next = random(size);
  const pick = (list) => list[Math.floor(next() * list.length)];
  const data = empty(now);
  const databases = Math.max(3, Math.round(size / 14));
  const vpcs = Array.from({ length: Math.max(2, Math.round(databases / 12)) }, (_, at) => `vpc-0${hex(0xa1b2c3d0 + at * 7919)}`);
  for (let at = 0; at < databases; at += 1) {
    const kind = at % 3 === 2 ? "instance" : "cluster";
    const [engine, port] = ENGINES[at % ENGINES.length];
    const id = at < AREAS.length ? AREAS[at] : `${AREAS[at % AREAS.length]}-${Math.floor(at / AREAS.length)}`;
    data.databases.push({ kind, id, arn: `arn:aws:rds:${REGION}:${ACCOUNT}:${kind === "cluster" ? "cluster" : "db"}:${id}`, engine, port, vpc: vpcs[at % vpcs.length], owner: pick(OWNERS) });
    data.groups.push({ id: `sg-0d${hex(at)}`, name: `rds-lambda-${at + 1}` }, { id: `sg-0f${hex(at)}`, name: `lambda-rds-${at + 1}` });
    if (at % 4 === 1) {
      const name = `${id}-proxy`;
      data.groups.push({ id: `sg-0e${hex(at)}`, name: `rdsproxy-lambda-${at + 1}` });
      data.proxies.push({ name, arn: `arn:aws:rds:${REGION}:${ACCOUNT}:db-proxy:prx-${hex(at)}`, vpc: vpcs[at % vpcs.length], owner: null, database: at, group: data.groups.length - 1 });
    }
  }
  data.groups.push({ id: "sg-0aaaaaaaa", name: "default" });
  const other = data.groups.length - 1;
  for (let at = 0; at < size; at += 1) {
    const database = at < databases ? at : Math.floor(next() ** 1.6 * databases);
    const again = data.functions.length > 4 && next() < 0.08;
    if (!again) {
      const name = `${data.databases[database].id}-${TASKS[at % TASKS.length]}${size > 12 ? `-${at}` : ""}`;
      data.functions.push({ name, arn: `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`, vpc: data.databases[database].vpc, owner: pick(OWNERS) });
    }
    const func = again ? Math.floor(next() * data.functions.length) : data.functions.length - 1;
    const proxy = data.proxies.findIndex((it) => it.database === database);
    const roll = size <= 12 ? [0.99, 0.99, 0.01, 0.1, 0.99, 0.2, 0.99, 0.99, 0.06, 0.99][at % 10] : next();
    const verdict = roll < 0.04 ? "broken" : roll < 0.13 ? "drifted" : roll < 0.16 || roll === 0.2 ? "unknown" : "in-sync";
    data.connections.push(connection(data, { func, database, proxy: proxy >= 0 && at % 3 !== 2 ? proxy : null, verdict, other, at, now }));
  }
  for (const proxy of data.proxies) {
    delete proxy.database;
    delete proxy.group;
  }
  return counted(data);
}

function empty(now) {
  return {
    schema_version: 1,
    command: "report",
    title: `Connections of account ${ACCOUNT}`,
    account: ACCOUNT,
    region: REGION,
    made_at: new Date(now.getTime() - 2 * 3_600_000).toISOString(),
    scope: "account",
    program: "autoconnect 0.1.0",
    summary: {},
    unread: ["The network ACLs of vpc-0a1b2c3d0 could not be read: ec2:DescribeNetworkAcls is not allowed. They count as passing."],
    left_out: ["2 connections by other rules have no verdict and are not on the page"],
    databases: [],
    functions: [],
    proxies: [],
    groups: [],
    connections: [],
  };
}

function counted(data) {
  data.summary = { "in-sync": 0, drifted: 0, broken: 0, unknown: 0 };
  for (const { verdict } of data.connections) data.summary[verdict] += 1;
  return data;
}

function connection(data, { func, database, proxy, verdict, other, at, now }) {
  const db = data.databases[database];
  const fn = data.functions[func];
  const rds = data.groups.findIndex((it) => it.name === `rds-lambda-${database + 1}`);
  const lambda = rds + 1;
  const ports = `tcp ${db.port}`;
  const rule = (direction, group, peer, passes = true) => ({ direction, group, peer, peer_text: data.groups[peer].id, ports, passes });
  const hop = (from, to, a, b) => ({
    from,
    to,
    port: db.port,
    state: "open",
    causes: [],
    lacks: [],
    from_groups: [{ group: a, is_set: true }],
    to_groups: [{ group: b, is_set: true }],
    rules: [rule("outbound", a, b), rule("inbound", b, a)],
  });
  const middle = proxy === null ? null : data.proxies[proxy].group;
  const hops = proxy === null ? [hop("function", "database", lambda, rds)] : [hop("function", "proxy", lambda, middle), hop("proxy", "database", middle, rds)];
  const id = `${db.kind}/${db.id}:function/${fn.name}${proxy === null ? "" : `:proxy/${data.proxies[proxy].name}`}`;
  const made = {
    name: id,
    id,
    verdict,
    decision: "no-op",
    account: ACCOUNT,
    region: REGION,
    function: func,
    proxy,
    database,
    hops,
    target_health: proxy === null ? null : { state: "AVAILABLE", reason: null },
    findings: [],
    checks: [],
    costs: proxy === null ? [] : ["The proxy costs by the vCPU-hour of its database, whether it is used or not."],
  };
  const since = (hours) => new Date(now.getTime() - hours * 3_600_000).toISOString();
  const last = hops.at(-1);
  const group = (index) => `${data.groups[index].name} (${data.groups[index].id})`;
  if (verdict === "drifted") {
    last.from_groups.push({ group: other, is_set: false });
    last.rules.push({ direction: "outbound", group: other, peer: null, peer_text: "10.0.0.0/16", ports: "tcp 443", passes: false });
    last.rules.push({ direction: "inbound", group: rds, peer: null, peer_text: "10.20.0.0/16", ports, passes: true });
    made.findings.push({
      kind: "rule-added",
      severity: at % 5 === 0 ? "high" : "medium",
      message: `${group(rds)} has an inbound rule that setup did not make: ${ports} from 10.20.0.0/16`,
      resource: data.groups[rds].id,
      expected: null,
      found: `${ports} from 10.20.0.0/16`,
      first_seen: since(74 + at),
      remedy: `autoconnect setup --${db.kind} ${db.id} --function ${fn.name} --repair`,
      likely_cause: null,
    });
    made.checks.push({ id: "network-acls", status: "unknown", message: "the network ACLs could not be read", evidence: { vpc: db.vpc, denied: ["ec2:DescribeNetworkAcls"] }, remedy: null });
  } else if (verdict === "broken") {
    made.decision = "associate-existing";
    last.state = "blocked";
    last.lacks = ["inbound"];
    last.causes = [`no group of ${db.kind} ${db.id} has an inbound rule for tcp ${db.port} from function ${fn.name}`];
    last.rules = [{ direction: "outbound", group: last.from_groups[0].group, peer: rds, peer_text: data.groups[rds].id, ports, passes: true }];
    if (made.target_health) made.target_health = { state: "UNAVAILABLE", reason: "PENDING_PROXY_CAPACITY" };
    last.to_groups = [{ group: rds, is_set: true }, { group: other, is_set: false }];
    last.rules.push({ direction: "inbound", group: other, peer: other, peer_text: data.groups[other].id, ports: "all traffic", passes: false });
    made.findings.push({
      kind: "rule-removed",
      severity: "high",
      message: `${group(rds)} lacks its inbound rule: ${ports} from ${group(lambda)}`,
      resource: data.groups[rds].id,
      expected: `${ports} from ${group(lambda)}`,
      found: "no such rule",
      first_seen: since(5 + at),
      remedy: `autoconnect setup --${db.kind} ${db.id} --function ${fn.name} --repair`,
      likely_cause: at % 2 ? "the deployment of CloudFormation stack shop-data on 2026-11-26 took the rule off" : null,
    });
    if (at % 4 === 2) {
      made.findings.push({
        kind: "opened",
        severity: "critical",
        message: `${group(other)} on ${db.kind} ${db.id} lets the whole internet in: tcp 22 from 0.0.0.0/0`,
        resource: data.groups[other].id,
        expected: null,
        found: "tcp 22 from 0.0.0.0/0",
        first_seen: null,
        remedy: null,
        likely_cause: null,
      });
    }
    made.checks.push({
      id: "security-groups",
      status: "fail",
      message: `into ${db.kind} ${db.id} from function ${fn.name}: no rule lets ${ports} through`,
      evidence: [`out of function ${fn.name}: ${group(lambda)} lets ${ports} through`, `into ${db.kind} ${db.id} (subnet-0a1a, subnet-0a1b): no rule of ${data.groups[rds].id}, ${data.groups[other].id} lets ${ports} through`],
      remedy: `autoconnect setup --${db.kind} ${db.id} --function ${fn.name}`,
    });
  } else if (verdict === "unknown") {
    made.decision = null;
    last.state = "unknown";
    last.rules = [];
    made.findings.push({ kind: "unread", severity: "medium", message: `the groups of ${db.kind} ${db.id} could not be read: ec2:DescribeSecurityGroups is not allowed`, resource: db.arn, expected: null, found: null, first_seen: since(400), remedy: null, likely_cause: null });
  }
  return made;
}

const BIDI = "orders\u202Egnp.exe\u202C\u2066x\u2069";
export const HOSTILE = {
  script: "</script><script>document.title='executed';alert(1)</script>",
  image: "<img src=x onerror=\"document.title='executed';alert(2)\">",
  bidi: BIDI,
  long: "long-name-".repeat(200),
  lines: "first\nsecond\r\n\u2028third\u0000",
  emoji: "👩‍💻🏳️‍🌈 database 数据库 قاعدة",
  template: "${alert(3)} {{constructor.constructor('alert(4)')()}} @DATA@ $& javascript:alert(5)",
  proto: "__proto__",
};

/** Three connections whose every text is hostile. */
export function hostile(now = new Date()) {
  const data = report(3, now);
  const texts = Object.values(HOSTILE);
  let at = 0;
  const taint = (value, key) => {
    if (typeof value === "string") {
      if (["verdict", "decision", "kind", "direction", "from", "to", "scope", "command", "made_at", "first_seen", "status", "state", "lacks"].includes(key)) return value;
      at += 1;
      return `${texts[at % texts.length]}`;
    }
    if (Array.isArray(value)) return value.map((item) => taint(item, key));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, taint(item, name)]));
  };
  const tainted = taint(data, "");
  tainted.summary = data.summary;
  const [one, two, three] = tainted.connections;
  Object.assign(tainted, { title: HOSTILE.script });
  Object.assign(tainted.databases[0], { id: HOSTILE.bidi });
  Object.assign(tainted.functions[0], { name: HOSTILE.image });
  Object.assign(tainted.functions[1], { name: HOSTILE.long });
  Object.assign(tainted.functions[2], { name: HOSTILE.emoji });
  one.name = HOSTILE.script;
  two.name = HOSTILE.long;
  three.name = HOSTILE.lines;
  for (const it of [one, two, three]) {
    it.findings = Object.values(HOSTILE).map((text, n) => ({ kind: n % 2 ? "opened" : text, severity: n % 3 ? "critical" : text, message: text, resource: text, expected: text, found: text, first_seen: n % 2 ? "2026-11-01T10:00:00Z" : text, remedy: text, likely_cause: text }));
    it.checks = [{ id: HOSTILE.image, status: "fail", message: HOSTILE.script, evidence: { [HOSTILE.image]: [HOSTILE.script, { __proto: HOSTILE.long }], ["__proto__"]: HOSTILE.bidi, deep: { n: 1, b: true, nothing: null } }, remedy: HOSTILE.template }];
    it.costs = [HOSTILE.image];
    it.target_health = { state: HOSTILE.script, reason: HOSTILE.image };
    it.account = HOSTILE.bidi;
    it.region = HOSTILE.image;
  }
  return tainted;
}

/** What the data does not know is null, and lists may be empty. */
export function bare(now = new Date()) {
  const data = empty(now);
  data.account = null;
  data.region = null;
  data.unread = [];
  data.databases.push({ kind: "cluster", id: "gone", arn: "arn:aws:rds:eu-west-1:111122223333:cluster:gone", engine: null, port: null, vpc: null, owner: null });
  const nothing = { decision: null, account: null, region: null, function: null, proxy: null, hops: [], target_health: null, findings: [], checks: [], costs: [] };
  data.connections.push({ name: "vanished", id: "same", verdict: "broken", database: 0, ...nothing }, { name: "nothing known", id: "same", verdict: "unknown", database: null, ...nothing });
  const noGroups = { from: "function", to: "database", port: null, state: "blocked", causes: ["the database has no group"], lacks: [], from_groups: [], to_groups: [], rules: [] };
  data.connections.push({ name: "without groups", id: "no-groups", verdict: "broken", database: 0, ...nothing, hops: [noGroups] });
  return counted(data);
}

/** JSON as the program writes it into the page. */
export function inPage(data) {
  return JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (it) => `\\u${it.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
