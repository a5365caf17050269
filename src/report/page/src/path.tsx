// The drawing of one connection, from top to bottom: function, its groups, their outbound rules, the hop, the inbound rules,
// the groups, and the database; through a proxy twice. It is made of boxes and borders: texts wrap, and screen readers read
// it in order.
import type { ComponentChildren } from "preact";
import type { Group, Hop, Rule, SideGroup } from "./data";
import type { Model, Row } from "./model";
import { HEADING_LIMIT, KindIcon, Lines, Name, spoken } from "./names";
import { visible } from "./text";
import { VerdictIcon } from "./verdicts";

type Passing = "open" | "closed" | "unclear";
/** `held`: the edge only says which end has the group. */
type Edge = Passing | "held";

const passing = (isOpen: boolean | null): Passing => (isOpen === null ? "unclear" : isOpen ? "open" : "closed");

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
      if (hop.is_open === null) return `It is not known whether the security groups let traffic pass ${between}.`;
      return hop.is_open ? `The security groups let traffic pass ${between}.` : `No traffic passes ${between}.`;
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
  const state = passing(hop.is_open);
  const word = { open: "Traffic passes", closed: "No traffic passes", unclear: "Not known whether traffic passes" }[state];
  const isPartly = state === "open" && hop.causes.length > 0;
  const verdict = { open: isPartly ? "drifted" : "in-sync", closed: "broken", unclear: "unknown" } as const;
  return (
    <>
      <Side model={model} hop={hop} direction="outbound" />
      <p class={`bar is-${isPartly ? "partly" : state}`}>
        <VerdictIcon verdict={verdict[state]} />
        <span>
          {word}
          {port}
          {isPartly && ", and something stands against it"}
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

function lets(hop: Hop, direction: Rule["direction"]): boolean {
  return hop.rules.some((rule) => rule.direction === direction && rule.passes);
}

/** The groups of one end, each in a lane with its rules between the end and the hop. */
function Side({ model, hop, direction }: { model: Model; hop: Hop; direction: Rule["direction"] }) {
  const isOut = direction === "outbound";
  const end = isOut ? hop.from : hop.to;
  const groups = isOut ? hop.from_groups : hop.to_groups;
  // Where the hop is closed and no rule lets traffic pass, this side is why.
  const isCause = hop.is_open === false && !lets(hop, direction);
  if (groups.length === 0) {
    return (
      <ul class="side">
        <Lane isOut={isOut} state={hop.is_open === null ? "unclear" : hop.is_open ? "open" : "closed"} box={null}>
          <Missing isCause={hop.is_open !== true}>No group of the {end} is part of this connection</Missing>
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
        const state = passes ? "open" : hop.is_open === null ? "unclear" : hop.is_open ? "held" : "closed";
        return (
          <Lane key={it.group} isOut={isOut} state={state} box={<GroupBox group={model.report.groups[it.group]} side={it} end={end} />}>
            {own.map((rule, at) => (
              <RuleBox key={at} model={model} rule={rule} isHopOpen={hop.is_open === true} />
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
      <span class="quiet">{side.is_set ? "of this connection" : `another group of the ${end}`}</span>
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
