// The groups and rules of a connection in one line, for its edge in the map.
import type { Hop, Report, SideGroup } from "./data";
import { visible } from "./text";

/** `lambda-rds-1 → tcp 5432 → rds-lambda-1`, or with what blocks it in the middle. */
export function edgeLabel(report: Report, hop: Hop): string {
  return `${groups(report, hop.from_groups)} ${middle(hop)} ${groups(report, hop.to_groups)}`;
}

function groups(report: Report, side: SideGroup[]): string {
  const own = side.filter((it) => it.is_set);
  const shown = own.length > 0 ? own : side;
  const names = shown.map((it) => visible(report.groups[it.group]?.name ?? report.groups[it.group]?.id ?? "?"));
  return names.length === 0 ? "no group" : names.join(", ");
}

function middle(hop: Hop): string {
  if (hop.state === "unknown") return "→ not known →";
  const lets = (direction: string) => hop.rules.find((rule) => rule.direction === direction && rule.passes);
  if (hop.state === "open") return `→ ${visible(lets("inbound")?.ports ?? lets("outbound")?.ports ?? "open")} →`;
  if (hop.state === "impaired") return "→ may not pass →";
  if (hop.from_groups.length === 0 || hop.to_groups.length === 0) return "✕";
  if (hop.lacks.includes("outbound")) return `✕ ${missing(hop, "outbound")}`;
  if (hop.lacks.includes("inbound")) return `→ ${missing(hop, "inbound")} ✕`;
  return "✕ blocked ✕";
}

function missing(hop: Hop, direction: "outbound" | "inbound"): string {
  const far = direction === "outbound" ? hop.to_groups : hop.from_groups;
  const other = hop.rules.find((rule) => rule.direction === direction && far.some((it) => it.group === rule.peer));
  return other ? `${direction} ${visible(other.ports)}, not ${hop.port}` : `no ${direction} rule`;
}
