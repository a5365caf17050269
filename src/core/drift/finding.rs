//! A finding: what was expected, what was found, its severity, and what resolves it.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::decide::Decision;
use crate::estate::{Connection, Estate};
use crate::made::Surroundings;
use crate::made::world::is_public;
use crate::model::{Observation, Peer, Rule, Side};
use crate::words;

/// What has changed, or could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// Of what kind it is.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The whole of it, for people.
    pub message: String,
    /// What it refers to: an id, an ARN or a name.
    pub resource: String,
    /// What was expected.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
    /// When it was seen first, in RFC 3339; null without a state file.
    pub first_seen: Option<String>,
    /// The arguments of a command of this program that resolves it; null where there is none.
    pub remedy: Option<Vec<String>>,
    /// What has probably caused it: the deployment of a stack or another tool that owns the resource. Absent where none is
    /// known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The side whose resource lacks what is expected on it.
    #[serde(skip)]
    pub off: Option<Side>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something is left over, and harms nothing.
    Low,
    /// Something differs, and traffic passes as before.
    Medium,
    /// Traffic does not pass, or may pass from outside.
    High,
    /// The whole internet is let in.
    Critical,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

words! {
    /// The kinds of findings.
    pub enum FindingKind {
        /// An attached group lets the whole internet in.
        Opened = "opened",
        /// A connection that was known is no longer found.
        ConnectionVanished = "connection-vanished",
        /// There is no such database.
        DatabaseGone = "database-gone",
        /// There is no such proxy.
        ProxyGone = "proxy-gone",
        /// There is no such function.
        FunctionGone = "function-gone",
        /// The function is in another VPC than the database, or in none.
        FunctionMoved = "function-moved",
        /// No group of the connection is on a side, and none is left that was.
        GroupGone = "group-gone",
        /// A group of the connection is not on the resource that it is for.
        GroupDetached = "group-detached",
        /// A group was made for the connection, and nothing has it.
        GroupUnused = "group-unused",
        /// A group has a rule too many.
        RuleAdded = "rule-added",
        /// A group lacks its rule.
        RuleRemoved = "rule-removed",
        /// A group's rule is not what it was: another port, protocol or peer.
        RuleChanged = "rule-changed",
        /// The database listens on another port than its groups are for.
        PortMoved = "port-moved",
        /// A network ACL or a route stops the traffic between subnets of the connection.
        PathBlocked = "path-blocked",
        /// The proxy does not reach the database, or has it not for a target.
        TargetNotAvailable = "target-not-available",
        /// The proxy may connect, by IAM, to another database: this one was replaced, restored or renamed. Or the function may
        /// connect through another proxy: this one was made anew.
        PermissionStale = "permission-stale",
        /// `setup` would not make this connection now.
        NotSupported = "not-supported",
        /// `setup` would change something, for another reason than these.
        NotAsSetUp = "not-as-set-up",
        /// The template of a stack that owns a resource does not give it the group of the connection.
        NotInTemplate = "not-in-template",
        /// Something could not be read.
        Unread = "unread",
    }
}

impl FindingKind {
    /// How bad such a finding is where nothing makes it worse.
    fn severity(self) -> Severity {
        match self {
            Self::Opened => Severity::Critical,
            Self::ConnectionVanished
            | Self::DatabaseGone
            | Self::ProxyGone
            | Self::FunctionGone
            | Self::FunctionMoved
            | Self::GroupGone
            | Self::GroupDetached
            | Self::PortMoved
            | Self::PathBlocked
            | Self::TargetNotAvailable
            | Self::PermissionStale => Severity::High,
            Self::RuleAdded
            | Self::RuleRemoved
            | Self::RuleChanged
            | Self::NotSupported
            | Self::NotAsSetUp
            | Self::NotInTemplate
            | Self::Unread => Severity::Medium,
            Self::GroupUnused => Severity::Low,
        }
    }

    /// Whether traffic that does not pass makes it worse.
    fn can_break(self) -> bool {
        matches!(
            self,
            Self::RuleRemoved | Self::RuleChanged | Self::NotAsSetUp | Self::NotSupported
        )
    }
}

impl Finding {
    /// A finding without what was expected and found.
    pub(super) fn new(kind: FindingKind, resource: impl Into<String>, message: String) -> Self {
        Self {
            kind,
            severity: kind.severity(),
            message,
            resource: resource.into(),
            expected: None,
            found: None,
            first_seen: None,
            remedy: None,
            cause: None,
            off: None,
        }
    }

    /// About something that is missing on the resource of this side.
    pub(super) fn off(self, side: Side) -> Self {
        Self {
            off: Some(side),
            ..self
        }
    }

    /// With what was expected and what is there.
    pub(super) fn with(self, expected: Option<String>, found: Option<String>) -> Self {
        Self {
            expected,
            found,
            ..self
        }
    }

    /// Worse where the rule that is there lets in what is outside of the network: a public range. Where the entries of a prefix
    /// list were not read, it is not known whether it has one, and the message says so.
    pub(super) fn by_rule(mut self, estate: &Estate, rule: Option<&Rule>) -> Self {
        match rule.map(|rule| &rule.peer) {
            Some(Peer::Cidr(range)) if range.parse::<IpNet>().is_ok_and(|range| is_public(&range)) => {
                self.at_least(Severity::High)
            }
            Some(Peer::PrefixList(list)) => match estate.prefix_list(list) {
                Some(ranges) if ranges.iter().any(is_public) => self.at_least(Severity::High),
                Some(_) => self,
                None => {
                    let why = format!("the entries of {list} are not read");
                    self.message = format!(
                        "{}; it is not known whether it lets the internet in: {why}",
                        self.message
                    );
                    self
                }
            },
            _ => self,
        }
    }

    /// Worse where no traffic passes.
    pub(super) fn in_broken(&mut self) {
        if self.kind.can_break() {
            self.severity = self.severity.max(Severity::High);
        }
    }

    fn at_least(self, severity: Severity) -> Self {
        Self {
            severity: self.severity.max(severity),
            ..self
        }
    }

    /// A resource that does not exist.
    pub(super) fn gone(kind: &str, name: &str) -> Self {
        let of = match kind {
            "function" => FindingKind::FunctionGone,
            "proxy" => FindingKind::ProxyGone,
            _ => FindingKind::DatabaseGone,
        };
        Self::new(of, name, format!("there is no {kind} {name}")).with(Some(format!("{kind} {name}")), None)
    }

    /// Something that could not be read.
    pub fn unread(connection: &Connection, why: &str) -> Self {
        Self::new(FindingKind::Unread, connection.to_string(), why.to_owned())
    }

    /// Whether it is about a resource that does not exist.
    pub(super) fn is_gone(&self) -> bool {
        use FindingKind::{DatabaseGone, FunctionGone, ProxyGone};
        matches!(self.kind, DatabaseGone | FunctionGone | ProxyGone)
    }

    /// A connection that was known, and is no longer found, and of which these resources do not exist.
    pub(super) fn vanished(connection: &Connection, gone: &[Self]) -> Self {
        let gone: Vec<&str> = gone.iter().map(|finding| finding.message.as_str()).collect();
        let why = match gone.as_slice() {
            [] => "neither tags nor the names and rules of groups show it any more".to_owned(),
            gone => gone.join(", and "),
        };
        let message = format!("{connection} was connected before, but {why}; `drift --forget` clears this finding");
        let found = (!gone.is_empty()).then_some(why);
        let expected = Some("the connection".to_owned());
        Self::new(FindingKind::ConnectionVanished, connection.to_string(), message).with(expected, found)
    }

    pub(super) fn not_as_set_up(observation: &Observation, decision: &Decision) -> Self {
        let message = format!("setup would change this connection: its decision is {decision}");
        Self::new(FindingKind::NotAsSetUp, observation.connection_id(), message)
            .with(Some(Decision::NoOp.to_string()), Some(decision.to_string()))
    }
}
