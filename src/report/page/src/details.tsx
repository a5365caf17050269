// What is known of one connection, on the screen and on paper.
import type { ComponentChildren } from "preact";
import type { Actions } from "./actions";
import { Command } from "./command";
import type { Check, Finding } from "./data";
import { Evidence } from "./evidence";
import type { Model, Row } from "./model";
import { HEADING_LIMIT, Lines, Name } from "./names";
import { Path } from "./path";
import { count, exactTime, timeAgo, visible } from "./text";
import { Badge, MEANINGS } from "./verdicts";

const DECISIONS: Record<string, string> = {
  "no-op": "nothing to do",
  "associate-existing": "matching groups exist: setup would associate those that are missing on their resources",
  "create-new": "no groups connect them: setup would create new ones and associate them",
};

const STATUSES: Record<Check["status"], string> = { fail: "Fails", warn: "Warning", unknown: "Not known" };

interface Props {
  model: Model;
  row: Row;
  actions: Actions;
  /** Of the page when it was opened: milliseconds since 1970. */
  now: number;
}

export function Details({ model, row, actions, now }: Props) {
  const { connection } = row;
  return (
    <>
      <p class="judged">
        <Badge verdict={row.verdict} /> {MEANINGS[row.verdict]}
      </p>
      <Facts row={row} model={model} />
      <Section title="Path">
        <Path model={model} row={row} />
      </Section>
      {connection.findings.length > 0 && (
        <Section title={count(connection.findings.length, "finding")}>
          {connection.findings.map((finding, at) => (
            <FindingCard key={at} finding={finding} actions={actions} now={now} />
          ))}
        </Section>
      )}
      {connection.checks.length > 0 && (
        <Section title={`${count(connection.checks.length, "check")} that did not pass`}>
          {connection.checks.map((check, at) => (
            <CheckCard key={at} check={check} actions={actions} />
          ))}
        </Section>
      )}
      {connection.findings.length + connection.checks.length === 0 && <p class="quiet">No findings, and no failing checks. Checked are security groups, network ACLs and routes; `autoconnect diagnose` also checks states, DNS and permissions.</p>}
      {connection.costs.length > 0 && (
        <Section title="Costs">
          <ul>
            {connection.costs.map((sentence, at) => (
              <li key={at}>
                <Lines text={sentence} />
              </li>
            ))}
          </ul>
        </Section>
      )}
    </>
  );
}

function Section({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section>
      <h3>{title}</h3>
      {children}
    </section>
  );
}

function Facts({ row, model }: { row: Row; model: Model }) {
  const { connection, database, proxy } = row;
  const { account, region } = model.report;
  const health = connection.target_health;
  return (
    <dl class="facts">
      {connection.name.length > HEADING_LIMIT && (
        <Fact word="Connection">
          <Name text={connection.name} />
        </Fact>
      )}
      {connection.decision && (
        <Fact word="Decision">
          <Name text={connection.decision} code />: {DECISIONS[connection.decision] ?? ""}
        </Fact>
      )}
      <Fact word="Function">
        <Resource name={row.function?.name} arn={row.function?.arn} owner={row.function?.owner} vpc={row.function?.vpc ?? (row.function?.arn ? "in no VPC" : null)} />
      </Fact>
      {(proxy || connection.proxy !== null) && (
        <Fact word="Proxy">
          <Resource name={proxy?.name} arn={proxy?.arn} owner={proxy?.owner} vpc={proxy?.vpc} />
        </Fact>
      )}
      {health && (
        <Fact word="Proxy's target">
          <span class={health.state === "AVAILABLE" ? "good" : "bad"}>{visible(health.state)}</span>
          {health.reason && (
            <>
              : <Lines text={health.reason} />
            </>
          )}
        </Fact>
      )}
      <Fact word={database ? (database.kind === "cluster" ? "Cluster" : "Instance") : "Database"}>
        <Resource
          name={database?.id}
          arn={database?.arn}
          owner={database?.owner}
          vpc={database?.vpc}
          more={[database?.engine, database?.port && `port ${database.port}`]}
        />
      </Fact>
      {connection.account !== null && connection.account !== account && (
        <Fact word="Account">
          <Name text={connection.account} code />
        </Fact>
      )}
      {connection.region !== null && connection.region !== region && (
        <Fact word="Region">
          <Name text={connection.region} />
        </Fact>
      )}
    </dl>
  );
}

function Fact({ word, children }: { word: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </div>
  );
}

type Maybe = string | number | null | undefined;

function Resource({ name, arn, owner, vpc, more = [] }: { name: Maybe; arn: Maybe; owner: Maybe; vpc: Maybe; more?: Maybe[] }) {
  if (!name) return <span class="quiet">not known</span>;
  const facts = [...more, vpc, arn ? null : "not found in the account"].filter(Boolean).map((fact) => visible(String(fact)));
  return (
    <>
      <strong>
        <Name text={String(name)} />
      </strong>
      {facts.length > 0 && <span class="fact">{facts.join(" · ")}</span>}
      {arn && (
        <span class="fact">
          <Name text={String(arn)} code />
        </span>
      )}
      {owner && (
        <span class="fact">
          Owner: <Name text={String(owner)} />
        </span>
      )}
    </>
  );
}

function FindingCard({ finding, actions, now }: { finding: Finding; actions: Actions; now: number }) {
  const { first_seen: seen } = finding;
  const ago = seen === null ? null : timeAgo(seen, now);
  return (
    <article class={`card severity-${/^[a-z]+$/.test(finding.severity) ? finding.severity : "other"}`}>
      <h4>
        <span class="severity">{visible(finding.severity)}</span> <Name text={finding.kind} code />
      </h4>
      <p>
        <Lines text={finding.message} />
      </p>
      <dl class="facts">
        {finding.expected !== null && (
          <Fact word="Expected">
            <Lines text={finding.expected} />
          </Fact>
        )}
        {finding.found !== null && (
          <Fact word="Found">
            <Lines text={finding.found} />
          </Fact>
        )}
        <Fact word="Resource">
          <Name text={finding.resource} code />
        </Fact>
        {seen !== null && (
          <Fact word="First seen">
            {ago && `${ago}, `}
            <time dateTime={seen}>{exactTime(seen)}</time>
          </Fact>
        )}
        {finding.likely_cause !== null && (
          <Fact word="Likely cause">
            <Lines text={finding.likely_cause} />
          </Fact>
        )}
      </dl>
      {finding.remedy !== null && (
        <>
          <p class="label">{finding.remedy.startsWith("autoconnect diagnose ") ? "To find the cause, run:" : "To fix, run (it shows its plan and asks first):"}</p>
          <Command line={finding.remedy} actions={actions} />
        </>
      )}
    </article>
  );
}

function CheckCard({ check, actions }: { check: Check; actions: Actions }) {
  return (
    <article class={`card status-${check.status}`}>
      <h4>
        <span class="severity">{STATUSES[check.status] ?? visible(check.status)}</span> <Name text={check.id} code />
      </h4>
      <p>
        <Lines text={check.message} />
      </p>
      <Evidence value={check.evidence} />
      {check.remedy !== null &&
        (check.remedy.startsWith("autoconnect ") || check.remedy.startsWith("aws ") ? (
          <Command line={check.remedy} actions={actions} />
        ) : (
          <p>
            <b>What to do:</b> <Lines text={check.remedy} />
          </p>
        ))}
    </article>
  );
}
