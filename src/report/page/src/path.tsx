// The drawing of one connection, from top to bottom: function, its groups, their outbound rules, the hop, the inbound rules,
// the groups, and the database; through a proxy twice. It is made of boxes and borders: texts wrap, and screen readers read
// it in order.
import type { ComponentChildren } from "preact";
import type { Group, Hop, Rule, SideGroup } from "./data";
import type { Model, Row } from "./model";
import { HEADING_LIMIT, KindIcon, Lines, Name, spoken } from "./names";
import { visible } from "./text";
import { VerdictIcon } from "./verdicts";

type Passing = "open" | "partly" | "closed" | "unclear";
/** `held`: the edge only says which end has the group. */
type Edge = Passing | "held";

const PASSING: Record<Hop["state"], Passing> = { open: "open", impaired: "partly", blocked: "closed", unknown: "unclear" };

export function Path({ model, row }: { model: Model; row: Row }) {
  const { hops } = row.connection;
  if (hops.length === 0) return <p class="quiet">The groups of this connection are not known, so its path is not drawn.</p>;
  return (
    <figure class="path">
      <figcaption>{caption(row)}</figcaption>
      {hops.map((hop, at) => (
        <div class="hop" key={at}>
          <End row={row} kind={hop.from} />
          <HopDrawing model={model} hop={hop} />
          {at === hops.length - 1 && <End row={row} kind={hop.to} />}
        </div>
      ))}
    </figure>
  );
}

function caption(row: Row): string {
  const named = (kind: Hop["from"] | Hop["to"]) => spoken(endName(row, kind));
  return row.connection.hops
    .map((hop) => {
      const between = `from ${named(hop.from)} to ${named(hop.to)}`;
      switch (hop.state) {
        case "open":
          return `The security groups let traffic pass ${between}.`;
        case "impaired":
          return `Traffic may not pass ${between}.`;
        case "blocked":
          return `No traffic passes ${between}.`;
        default:
          return `It is not known whether traffic passes ${between}.`;
      }
    })
    .join(" ");
}

function endName(row: Row, kind: "function" | "proxy" | "database"): string {
  if (kind === "function") return `function ${row.function?.name ?? "(not known)"}`;
  if (kind === "proxy") return `proxy ${row.proxy?.name ?? "(not known)"}`;
  return row.database ? `${row.database.kind} ${row.database.id}` : "database (not known)";
}

function End({ row, kind }: { row: Row; kind: "function" | "proxy" | "database" }) {
  return (
    <p class={`end ${kind}`}>
      <KindIcon kind={kind} />
      <Name text={endName(row, kind)} limit={HEADING_LIMIT} />
    </p>
  );
}

function HopDrawing({ model, hop }: { model: Model; hop: Hop }) {
  const port = hop.port === null ? "" : ` on port ${hop.port}`;
  const state = PASSING[hop.state] ?? "unclear";
  const word = { open: "Traffic passes", partly: "Traffic may not pass", closed: "No traffic passes", unclear: "Not known whether traffic passes" }[state];
  const verdict = { open: "in-sync", partly: "drifted", closed: "broken", unclear: "unknown" } as const;
  return (
    <>
      <Side model={model} hop={hop} direction="outbound" />
      <p class={`bar is-${state}`}>
        <VerdictIcon verdict={verdict[state]} />
        <span>
          {word}
          {port}
        </span>
      </p>
      {hop.causes.length > 0 && (
        <ul class={`causes is-${state}`}>
          {hop.causes.map((cause, at) => (
            <li key={at}>
              <Lines text={cause} />
            </li>
          ))}
        </ul>
      )}
      <Side model={model} hop={hop} direction="inbound" />
    </>
  );
}

/** The groups of one end, each in a lane with its rules between the end and the hop. */
function Side({ model, hop, direction }: { model: Model; hop: Hop; direction: Rule["direction"] }) {
  const isOut = direction === "outbound";
  const end = isOut ? hop.from : hop.to;
  const groups = isOut ? hop.from_groups : hop.to_groups;
  const state = PASSING[hop.state] ?? "unclear";
  const isCause = hop.lacks.includes(direction);
  if (groups.length === 0) {
    return (
      <ul class="side">
        <Lane isOut={isOut} state={state} box={null}>
          <Missing isCause={isCause}>No group of the {end} is part of this connection</Missing>
        </Lane>
      </ul>
    );
  }
  return (
    <ul class="side" aria-label={`Groups of the ${end} and their ${direction} rules`} tabIndex={groups.length > 1 ? 0 : undefined}>
      {groups.map((it) => {
        const isFirst = it === (groups.find((group) => group.is_set) ?? groups[0]);
        const own = hop.rules.filter((rule) => rule.direction === direction && rule.group === it.group);
        const passes = own.some((rule) => rule.passes);
        const lane = passes ? "open" : state === "open" || state === "partly" ? "held" : state;
        return (
          <Lane key={it.group} isOut={isOut} state={lane} box={<GroupBox group={model.report.groups[it.group]} side={it} end={end} />}>
            {own.map((rule, at) => (
              <RuleBox key={at} model={model} rule={rule} isHopOpen={state === "open" || state === "partly"} />
            ))}
            {isCause && isFirst && (
              <Missing isCause>
                No {direction} rule lets {hop.port === null ? "the traffic" : `port ${hop.port}`} through
              </Missing>
            )}
            {own.length === 0 && !(isCause && isFirst) && <Missing isCause={false}>No {direction} rule for this connection</Missing>}
          </Lane>
        );
      })}
    </ul>
  );
}

function Lane({ isOut, state, box, children }: { isOut: boolean; state: Edge; box: ComponentChildren; children: ComponentChildren }) {
  const rules = <div class="rules">{children}</div>;
  return (
    <li class="lane">
      <i class={`edge is-${isOut ? "held" : state}`} />
      {isOut ? box : rules}
      {box && <i class={`edge is-${isOut ? "held" : state}`} />}
      {isOut ? rules : box}
      <i class={`edge is-${isOut ? state : "held"}`} />
    </li>
  );
}

function GroupBox({ group, side, end }: { group: Group | undefined; side: SideGroup; end: string }) {
  return (
    <div class={`group ${side.is_set ? "own" : "other"}`}>
      <Name text={group?.name ?? "security group"} />
      <Name text={group?.id ?? "not known"} code />
      <span class="quiet">{side.is_set ? "made by setup or the console" : `on the ${end}, made by others`}</span>
    </div>
  );
}

function RuleBox({ model, rule, isHopOpen }: { model: Model; rule: Rule; isHopOpen: boolean }) {
  const peer = rule.peer === null ? undefined : model.report.groups[rule.peer];
  const toward = rule.direction === "outbound" ? "to" : "from";
  return (
    <div class={`rule ${rule.passes ? "passes" : isHopOpen ? "other" : "fails"}`}>
      {(rule.passes || !isHopOpen) && <VerdictIcon verdict={rule.passes ? "in-sync" : "broken"} />}
      <span>
        <b>{rule.passes ? "Passes" : isHopOpen ? "Other traffic" : "Does not pass"}</b>: {rule.direction} {visible(rule.ports)} {toward}{" "}
        {peer?.name ? (
          <>
            <Name text={peer.name} /> (<Name text={peer.id} code />)
          </>
        ) : (
          <Name text={peer?.id ?? rule.peer_text} code />
        )}
      </span>
    </div>
  );
}

function Missing({ isCause, children }: { isCause: boolean; children: ComponentChildren }) {
  return (
    <div class={`rule missing${isCause ? " cause" : ""}`}>
      {isCause && <VerdictIcon verdict="broken" />}
      <span>{children}</span>
    </div>
  );
}
