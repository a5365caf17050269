//! Which groups of the convention are unchanged, and what is wrong with the others.
//!
//! Source: docs/decision.md, "When a group matches". This file judges a group by its own
//! rules; whether the groups that it names are where they should be depends on what one thinks of as
//! associated, and is asked through a [`Context`].

use std::fmt;

use crate::model::{Direction, GroupId, GroupList, Observation, Peer, PortRange, Protocol, Rule, SecurityGroup, Side};
use crate::naming::{Convention, Number};
use crate::ownership::{Way, is_being_removed, is_removed_on_way};
use crate::tags;

/// A group whose name counts on a side, read against the rules for that side.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// The group.
    pub group: &'a SecurityGroup,
    /// The number in its name.
    pub number: Number<'a>,
    /// Whether it is associated with the side's resource now.
    pub associated: bool,
    /// The source of its one inbound rule, where the side's rules ask for one.
    pub source: Option<&'a GroupId>,
    /// The destination of its one outbound rule, where the side's rules ask for one.
    pub destination: Option<&'a GroupId>,
    /// What someone changed in it; empty for an unchanged group.
    pub misfits: Vec<Misfit<'a>>,
}

impl Candidate<'_> {
    /// Whether nobody has changed the group's rules.
    pub fn is_unchanged(&self) -> bool {
        self.misfits.is_empty()
    }

    /// Whether the group has no rules but those of its side, which may be missing.
    pub fn has_only_own_rules(&self) -> bool {
        let is_missing = |misfit: &Misfit<'_>| matches!(misfit, Misfit::NoRule { .. } | Misfit::BeingRemoved);
        self.misfits.iter().all(is_missing)
    }
}

/// Why a group is not fit for use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit<'a> {
    /// A rule that should be there is not.
    NoRule {
        /// Which way.
        direction: Direction,
        /// The port it should be for.
        port: u16,
    },
    /// A rule that should not be there.
    ExtraRule {
        /// Which way.
        direction: Direction,
        /// The rule.
        rule: &'a Rule,
    },
    /// The one rule is for another protocol.
    WrongProtocol {
        /// Which way.
        direction: Direction,
        /// The rule.
        rule: &'a Rule,
    },
    /// The one rule is for another port.
    WrongPort {
        /// Which way.
        direction: Direction,
        /// The rule.
        rule: &'a Rule,
        /// The port it should be for.
        port: u16,
    },
    /// The one rule names a CIDR or a prefix list where it should name a group.
    NoGroup {
        /// Which way.
        direction: Direction,
        /// The rule.
        rule: &'a Rule,
    },
    /// The group that the rule names is not associated with the other side.
    NotOn {
        /// Which way.
        direction: Direction,
        /// The group named.
        peer: &'a GroupId,
        /// Where it should be.
        side: Side,
    },
    /// The database's port is not known yet.
    NoPort,
    /// A run of `remove` has begun to remove it.
    BeingRemoved,
}

/// A rule as text, with its peer: `tcp 5432 from sg-1`.
#[derive(Clone, Copy, Debug)]
pub struct InWords<'a>(pub Direction, pub &'a Rule);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.0 {
            Direction::Ingress => "from",
            Direction::Egress => "to",
        };
        write!(f, "{} {word} {}", self.1, self.1.peer)
    }
}

fn end_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "source",
        Direction::Egress => "destination",
    }
}

impl fmt::Display for Misfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoRule { direction, port } => {
                write!(
                    f,
                    "has no {direction} rule; expected tcp {port} with a security group as its {}",
                    end_of(direction)
                )
            }
            Self::ExtraRule { direction, rule } => {
                write!(f, "has an unexpected {direction} rule: {}", InWords(direction, rule))
            }
            Self::WrongProtocol { direction, rule } => {
                write!(
                    f,
                    "{direction} rule is {}; expected protocol tcp",
                    InWords(direction, rule)
                )
            }
            Self::WrongPort { direction, rule, port } => {
                write!(
                    f,
                    "{direction} rule is {}; expected port {port}",
                    InWords(direction, rule)
                )
            }
            Self::NoGroup { direction, rule } => write!(
                f,
                "{direction} rule is {}; expected a security group as its {}",
                InWords(direction, rule),
                end_of(direction)
            ),
            Self::NotOn { direction, peer, side } => {
                write!(
                    f,
                    "{} {peer} of its {direction} rule is not on the {side}",
                    end_of(direction)
                )
            }
            Self::BeingRemoved => write!(f, "is being removed, as its tag {} says", tags::REMOVING),
            Self::NoPort => f.write_str("the database has no port yet to compare its rules with"),
        }
    }
}

/// What is thought of as associated: what is, and at most one more group on the function and one on the proxy.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    database: &'a GroupList,
    function: &'a GroupList,
    proxy: Option<&'a GroupList>,
    with_function: Option<&'a GroupId>,
    with_proxy: Option<&'a GroupId>,
}

impl<'a> Context<'a> {
    /// The context in which also these are associated.
    pub fn with(self, function: Option<&'a GroupId>, proxy: Option<&'a GroupId>) -> Self {
        Self {
            with_function: function,
            with_proxy: proxy,
            ..self
        }
    }

    /// Whether `group` is on `side` here.
    pub fn is_on(&self, group: &GroupId, side: Side) -> bool {
        match side {
            Side::Database => self.database.contains(group),
            Side::Function => self.function.contains(group) || self.with_function == Some(group),
            Side::Proxy => self.proxy.is_some_and(|list| list.contains(group)) || self.with_proxy == Some(group),
        }
    }

    /// The side from which the database's group lets traffic in.
    fn before_database(&self) -> Side {
        match self.proxy {
            Some(_) => Side::Proxy,
            None => Side::Function,
        }
    }

    /// The side to which the function's group lets traffic out.
    fn behind_function(&self) -> Side {
        match self.proxy {
            Some(_) => Side::Proxy,
            None => Side::Database,
        }
    }

    /// The references of a side's group that do not hold here: with none, an unchanged group is fit.
    pub fn dangling<'c>(&self, side: Side, candidate: &Candidate<'c>) -> [Option<Misfit<'c>>; 2] {
        let (source_side, destination_side) = match side {
            Side::Database => (self.before_database(), Side::Database),
            Side::Function => (Side::Function, self.behind_function()),
            Side::Proxy => (Side::Function, Side::Database),
        };
        let missing = |direction, peer: Option<&'c GroupId>, side| {
            peer.filter(|peer| !self.is_on(peer, side))
                .map(|peer| Misfit::NotOn { direction, peer, side })
        };
        [
            missing(Direction::Ingress, candidate.source, source_side),
            missing(Direction::Egress, candidate.destination, destination_side),
        ]
    }

    /// Whether the group would be fit here, if it were associated.
    pub fn suits(&self, side: Side, candidate: &Candidate<'_>) -> bool {
        candidate.is_unchanged() && self.dangling(side, candidate).iter().all(Option::is_none)
    }
}

/// The groups that count, by side.
#[derive(Clone, Debug)]
pub struct Classified<'a> {
    /// The observation they come from.
    pub observation: &'a Observation,
    /// Groups of each side, in the order in which they were observed.
    pub database: Vec<Candidate<'a>>,
    /// As above.
    pub function: Vec<Candidate<'a>>,
    /// As above; empty without a proxy.
    pub proxy: Vec<Candidate<'a>>,
    on_database: GroupList,
    on_function: GroupList,
    on_proxy: Option<GroupList>,
}

impl<'a> Classified<'a> {
    /// The context of what is associated now.
    pub fn now(&self) -> Context<'_> {
        Context {
            database: &self.on_database,
            function: &self.on_function,
            proxy: self.on_proxy.as_ref(),
            with_function: None,
            with_proxy: None,
        }
    }

    /// The candidates of one side.
    pub fn side(&self, side: Side) -> &[Candidate<'a>] {
        match side {
            Side::Database => &self.database,
            Side::Function => &self.function,
            Side::Proxy => &self.proxy,
        }
    }

    /// Whether the proxy's own `TargetHealth` makes the database side fit.
    pub fn proxy_reaches_database(&self) -> bool {
        let Observation { database, proxy, .. } = self.observation;
        proxy.as_ref().is_some_and(|proxy| proxy.reaches(database))
    }
}

/// Reads every group of the database's VPC against the rules of the side that its name is for.
pub fn classify(observation: &Observation) -> Classified<'_> {
    let through_proxy = observation.proxy.is_some();
    let mut classified = Classified {
        observation,
        database: Vec::with_capacity(observation.groups.len() / 2),
        function: Vec::with_capacity(observation.groups.len() / 2),
        proxy: Vec::new(),
        on_database: observation.groups_on(Side::Database),
        on_function: observation.groups_on(Side::Function),
        on_proxy: observation.proxy.as_ref().map(|proxy| proxy.groups.clone()),
    };
    let in_vpc = observation
        .groups
        .iter()
        .filter(|group| group.vpc == observation.database.vpc);
    for group in in_vpc {
        for side in [Side::Database, Side::Function, Side::Proxy] {
            if side == Side::Proxy && !through_proxy {
                continue;
            }
            let accepted = Convention::accepted(side, through_proxy);
            let Some(number) = accepted.iter().find_map(|convention| convention.number(&group.name)) else {
                continue;
            };
            let associated = classified.now().is_on(&group.id, side);
            let candidate = candidate(observation, side, group, number, associated);
            match side {
                Side::Database => classified.database.push(candidate),
                Side::Function => classified.function.push(candidate),
                Side::Proxy => classified.proxy.push(candidate),
            }
            break;
        }
    }
    classified
}

fn candidate<'a>(
    observation: &Observation,
    side: Side,
    group: &'a SecurityGroup,
    number: Number<'a>,
    associated: bool,
) -> Candidate<'a> {
    let mut misfits = Vec::new();
    let (mut source, mut destination) = (None, None);
    match (side, observation.database.port, observation.function_port()) {
        (Side::Database, Some(port), _) => {
            source = the_one_rule(group, Direction::Ingress, port, &mut misfits);
            if !group.egress.iter().all(Rule::is_default_egress) {
                no_rules(group, Direction::Egress, &mut misfits);
            }
        }
        (Side::Function, _, Some(port)) => {
            destination = the_one_rule(group, Direction::Egress, port, &mut misfits);
            no_rules(group, Direction::Ingress, &mut misfits);
        }
        (Side::Proxy, Some(database_port), Some(port)) => {
            source = the_one_rule(group, Direction::Ingress, port, &mut misfits);
            destination = the_one_rule(group, Direction::Egress, database_port, &mut misfits);
        }
        _ => misfits.push(Misfit::NoPort),
    }
    if is_being_removed(group) && is_removed_on_way(group, side, &Way::of(observation)) {
        misfits.push(Misfit::BeingRemoved);
    }
    Candidate {
        group,
        number,
        associated,
        source,
        destination,
        misfits,
    }
}

/// The peer of the exactly one rule for tcp `port` with a group at its other end; else what is wrong.
fn the_one_rule<'a>(
    group: &'a SecurityGroup,
    direction: Direction,
    port: u16,
    misfits: &mut Vec<Misfit<'a>>,
) -> Option<&'a GroupId> {
    let rules = group.rules(direction);
    let (first, rest) = match rules {
        [] => {
            misfits.push(Misfit::NoRule { direction, port });
            return None;
        }
        [first, rest @ ..] => (first, rest),
    };
    // Of several rules the one that is as it should be is the group's own, and the others do not belong.
    let own = if rest.is_empty() {
        Some(first)
    } else {
        rules.iter().filter(|rule| is_expected(rule, port)).min()
    };
    misfits.extend(
        rules
            .iter()
            .filter(|rule| own.is_none_or(|own| !std::ptr::eq(*rule, own)))
            .map(|rule| Misfit::ExtraRule { direction, rule }),
    );
    let own = own?;
    if own.protocol != Protocol::Tcp {
        misfits.push(Misfit::WrongProtocol { direction, rule: own });
    } else if own.ports != Some(PortRange::only(port)) {
        misfits.push(Misfit::WrongPort {
            direction,
            rule: own,
            port,
        });
    }
    match &own.peer {
        Peer::Group(id) => Some(id),
        Peer::Cidr(_) | Peer::PrefixList(_) => {
            misfits.push(Misfit::NoGroup { direction, rule: own });
            None
        }
    }
}

fn is_expected(rule: &Rule, port: u16) -> bool {
    rule.protocol == Protocol::Tcp && rule.ports == Some(PortRange::only(port)) && rule.peer.group().is_some()
}

fn no_rules<'a>(group: &'a SecurityGroup, direction: Direction, misfits: &mut Vec<Misfit<'a>>) {
    misfits.extend(
        group
            .rules(direction)
            .iter()
            .map(|rule| Misfit::ExtraRule { direction, rule }),
    );
}
