//! The decision: nothing to do, associate groups that exist, or create a new set.
//!
//! Source: docs/decision.md, "The three decisions". The table of the guide, which this agrees with:
//!
//! | database | function | proxy (if used) | decision |
//! |---|---|---|---|
//! | fit | fit | fit | no-op |
//! | none or unfit | none or unfit | none or unfit | create-new |
//! | fit | associated but unfit | associated but unfit | create-new |
//! | fit | available | available | associate-existing |
//! | none or unfit | fit | fit | create-new |
//! | fit | fit | available | associate-existing |
//! | fit | available | fit | associate-existing |
//! | any other | | | create-new |

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::classify::{Candidate, Classified, Context, Misfit, classify};
use crate::extras;
use crate::model::{GroupId, Observation, SecurityGroup, Side};
use crate::ownership::{For, Names, Way, judge};

/// What `setup` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Every side has a fit group. Nothing is written.
    NoOp,
    /// These groups exist and fit; they are associated with their resources.
    AssociateExisting {
        /// The group that the function gets, unless it has one that fits.
        function: Option<GroupId>,
        /// The group that the proxy gets, unless it has one that fits.
        proxy: Option<GroupId>,
    },
    /// A whole new set of groups is created and associated.
    CreateNew,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoOp => "no-op",
            Self::AssociateExisting { .. } => "associate-existing",
            Self::CreateNew => "create-new",
        })
    }
}

/// The four verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "VerdictName")]
pub enum Verdict {
    /// Associated, and as it should be.
    Fit,
    /// As it should be, but not associated.
    Available,
    /// Changed, or made for something else.
    Unfit,
    /// There is none.
    None,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fit => "fit",
            Self::Available => "available",
            Self::Unfit => "unfit",
            Self::None => "none",
        })
    }
}

/// One group of the convention, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupVerdict<'a> {
    /// The group.
    pub group: &'a SecurityGroup,
    /// The judgement.
    pub verdict: Verdict,
    /// Whether it is associated now.
    pub associated: bool,
    misfits: Vec<Misfit<'a>>,
    dangling: [Option<Misfit<'a>>; 2],
}

impl<'a> GroupVerdict<'a> {
    /// Why it is unfit; nothing otherwise.
    pub fn why(&self) -> impl Iterator<Item = &Misfit<'a>> {
        let reasons = self.misfits.iter().chain(self.dangling.iter().flatten());
        reasons.filter(|_| self.verdict == Verdict::Unfit)
    }
}

/// One side, judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SideVerdict<'a> {
    /// Which side.
    pub side: Side,
    /// Its best group's verdict; the database's is also fit where the proxy reaches it.
    pub verdict: Verdict,
    /// The group that the verdict refers to.
    pub group: Option<&'a GroupId>,
    /// Every group whose name counts on this side, in the order observed.
    pub groups: Vec<GroupVerdict<'a>>,
}

/// The decision, with what led to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment<'a> {
    /// What was observed.
    pub observation: &'a Observation,
    /// What to do.
    pub decision: Decision,
    /// The sides, in the order in which they are associated.
    pub sides: Vec<SideVerdict<'a>>,
}

impl<'a> Assessment<'a> {
    /// The verdict on one side; none for a proxy that the connection does not use.
    pub fn side(&self, side: Side) -> Option<&SideVerdict<'a>> {
        self.sides.iter().find(|verdict| verdict.side == side)
    }

    /// The associated groups of a side whose place a new set takes: only groups of this very connection, which are credibly
    /// ours, or tied to a group of its function. Groups of other connections can stand beside them on the same resource.
    pub fn superseded(&self, side: Side) -> Vec<&GroupVerdict<'a>> {
        let names = Names::new(&self.observation.groups);
        let on = |side: Side| -> Vec<&GroupVerdict<'a>> {
            let groups = self.side(side).into_iter().flat_map(|side| &side.groups);
            groups.filter(|found| found.associated).collect()
        };
        let of_this = |side: Side, others: &[&GroupVerdict<'a>]| -> Vec<&GroupVerdict<'a>> {
            let is_of_this = |found: &&GroupVerdict<'a>| {
                let group = found.group;
                let tied = |other: &&GroupVerdict<'a>| group.names(&other.group.id) || other.group.names(&group.id);
                others.iter().any(tied) || self.is_own(group, side, &names) && !self.leads_elsewhere(group, &names)
            };
            on(side).into_iter().filter(is_of_this).collect()
        };
        // From the function outwards: what its groups are not tied to is another function's.
        let first_hop = if self.observation.proxy.is_some() {
            Side::Proxy
        } else {
            Side::Database
        };
        let mut old = match side {
            Side::Function => of_this(Side::Function, &on(first_hop)),
            side if side == first_hop => of_this(first_hop, &on(Side::Function)),
            side => of_this(side, &of_this(first_hop, &on(Side::Function))),
        };
        old.sort_by_key(|found| (&found.group.name, &found.group.id));
        old
    }

    /// A group of [`Assessment::superseded`] that nothing but this connection goes by, as far as its rules show.
    pub fn could_go(&self, side: Side) -> Option<&SecurityGroup> {
        let names = Names::new(&self.observation.groups);
        let mut old = self.superseded(side).into_iter().map(|found| found.group);
        old.find(|group| !self.leads_elsewhere(group, &names))
    }

    /// An associated group of a side that has the name of one for connections, has no rules, and is named by none that were read.
    pub fn without_rules(&self, side: Side) -> Option<&SecurityGroup> {
        let all = &self.observation.groups;
        let groups = self.side(side).into_iter().flat_map(|side| &side.groups);
        let empty = groups.filter(|found| found.associated).map(|found| found.group);
        empty
            .filter(|group| group.ingress.is_empty() && group.egress.is_empty())
            .filter(|group| !all.iter().any(|other| other.names(&group.id)))
            .min_by_key(|group| (&group.name, &group.id))
    }

    /// Whether a group was made by this program for this very connection.
    fn is_own(&self, group: &SecurityGroup, side: Side, names: &Names<'_>) -> bool {
        let made_for = For::Function(&self.observation.function.name);
        judge(group, side, &Way::of(self.observation), made_for, names).is_credible()
    }

    /// Whether a rule of a group names a group that is neither on this connection nor made for it.
    fn leads_elsewhere(&self, group: &SecurityGroup, names: &Names<'_>) -> bool {
        let is_of_this = |id: &GroupId| {
            let mut sides = self.observation.sides().iter();
            sides.any(|side| {
                let found = || self.observation.group(id);
                self.observation.groups_on(*side).contains(id)
                    || found().is_some_and(|group| self.is_own(group, *side, names))
            })
        };
        let rules = group.ingress.iter().chain(&group.egress);
        rules.filter_map(|rule| rule.peer.group()).any(|peer| !is_of_this(peer))
    }
}

/// Classifies what was observed and decides. The same observation in any order gives the same decision.
pub fn decide(observation: &Observation) -> Assessment<'_> {
    let classified = classify(observation);
    let decision = decision(&classified);
    let (function, proxy) = match &decision {
        Decision::AssociateExisting { function, proxy } => (function.as_ref(), proxy.as_ref()),
        Decision::NoOp | Decision::CreateNew => (None, None),
    };
    let context = classified.now().with(function, proxy);
    let chain = Chain::tied(&classified, &context, function, proxy);
    let judged = |side| {
        let chosen = match side {
            Side::Database => chain.database,
            Side::Function => chain.function,
            Side::Proxy => chain.proxy,
        };
        judge_side(&classified, &context, side, chosen)
    };
    let sides = observation.sides().iter().copied().map(judged).collect();
    Assessment {
        observation,
        decision,
        sides,
    }
}

/// The groups that speak for their sides.
#[derive(Clone, Copy)]
struct Chain<'c> {
    database: Option<&'c GroupId>,
    function: Option<&'c GroupId>,
    proxy: Option<&'c GroupId>,
}

impl<'c> Chain<'c> {
    /// Of several fit groups on a side, those that name each other from end to end: only they connect. The
    /// groups that the decision adds are among them.
    fn tied(
        classified: &'c Classified<'_>,
        context: &Context<'_>,
        function: Option<&'c GroupId>,
        proxy: Option<&'c GroupId>,
    ) -> Self {
        let fit = |side: Side, chosen: Option<&GroupId>| {
            let is_fit = |found: &&Candidate<'_>| {
                // What is neither on the side nor chosen for it is passed over without a look at its rules.
                let counts = match chosen {
                    None => found.associated,
                    Some(id) => found.group.id == *id,
                };
                counts && context.suits(side, found)
            };
            let mut fit: Vec<&'c Candidate<'_>> = classified.side(side).iter().filter(is_fit).collect();
            fit.sort_by_key(|found| (found.number, &found.group.id));
            fit
        };
        // Whether traffic leaves by the first group for the second, which lets it in.
        let leads = |from: &Candidate<'_>, to: &Candidate<'_>| {
            from.destination == Some(&to.group.id) && to.source == Some(&from.group.id)
        };
        let (functions, databases) = (fit(Side::Function, function), fit(Side::Database, None));
        let proxies = fit(Side::Proxy, proxy);
        let through_proxy = classified.observation.proxy.is_some();
        for from in functions {
            let hops: Vec<_> = if through_proxy {
                proxies.iter().copied().filter(|hop| leads(from, hop)).collect()
            } else {
                vec![from]
            };
            for hop in hops {
                let to = databases.iter().find(|to| leads(hop, to));
                if to.is_some() || through_proxy && classified.proxy_reaches_database() {
                    return Self {
                        database: to.map(|to| &to.group.id),
                        function: Some(&from.group.id),
                        proxy: through_proxy.then_some(&hop.group.id),
                    };
                }
            }
        }
        Self {
            database: None,
            function,
            proxy,
        }
    }
}

fn decision(classified: &Classified<'_>) -> Decision {
    let now = classified.now();
    let is_fit = |side: Side| {
        (side == Side::Database && classified.proxy_reaches_database())
            || classified
                .side(side)
                .iter()
                .any(|candidate| candidate.associated && now.suits(side, candidate))
    };
    let all_fit = classified.observation.sides().iter().copied().all(is_fit);
    if all_fit && extras::lacks(classified.observation).is_empty() {
        return Decision::NoOp;
    }
    // The groups are all there, and something else is missing: the proxy's target, a permission, a variable.
    if all_fit {
        return Decision::AssociateExisting {
            function: None,
            proxy: None,
        };
    }
    match best_choice(classified) {
        Some(choice) => Decision::AssociateExisting {
            function: choice.function.added().cloned(),
            proxy: choice.proxy.and_then(Candidate::added).cloned(),
        },
        None => Decision::CreateNew,
    }
}

impl<'a> Candidate<'a> {
    /// The group's id, if it would have to be associated.
    fn added(&self) -> Option<&'a GroupId> {
        (!self.associated).then_some(&self.group.id)
    }

    /// Fewest additions, then the lowest n, then (for a stable choice) the id.
    fn preferred_to(&self, other: &Self) -> Ordering {
        (other.associated, self.number, &self.group.id).cmp(&(self.associated, other.number, &other.group.id))
    }
}

/// A function group and, through a proxy, a proxy group, with which every side would be fit.
#[derive(Clone, Copy)]
struct Choice<'c, 'a> {
    function: &'c Candidate<'a>,
    proxy: Option<&'c Candidate<'a>>,
}

impl Choice<'_, '_> {
    fn preferred_to(&self, other: &Self) -> Ordering {
        let members = |choice: &Self| [Some(choice.function), choice.proxy];
        let additions = |choice: &Self| members(choice).into_iter().flatten().filter(|c| !c.associated).count();
        let numbers = |choice: &Self, associated: bool| {
            let chosen = members(choice).map(|c| c.filter(|c| c.associated == associated));
            chosen
                .map(|c| c.map(|c| c.number))
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
        };
        let ids = |choice: &Self| members(choice).map(|c| c.map(|c| c.group.id.clone()));
        additions(self)
            .cmp(&additions(other))
            .then_with(|| numbers(self, false).cmp(&numbers(other, false)))
            .then_with(|| numbers(self, true).cmp(&numbers(other, true)))
            .then_with(|| ids(self).cmp(&ids(other)))
    }
}

fn best_choice<'c, 'a>(classified: &'c Classified<'a>) -> Option<Choice<'c, 'a>> {
    let now = classified.now();
    // The groups from which the database lets traffic in, by groups that it has and nobody changed.
    let let_in: BTreeSet<&GroupId> = classified
        .database
        .iter()
        .filter(|candidate| candidate.associated && candidate.is_unchanged())
        .filter_map(|candidate| candidate.source)
        .collect();
    let unchanged = classified.function.iter().filter(|candidate| candidate.is_unchanged());
    if classified.observation.proxy.is_none() {
        let open = let_in.iter().any(|source| now.is_on(source, Side::Function));
        return unchanged
            .filter(|function| open || let_in.contains(&function.group.id))
            .filter(|function| function.destination.is_some_and(|to| now.is_on(to, Side::Database)))
            .min_by(|a, b| a.preferred_to(b))
            .map(|function| Choice { function, proxy: None });
    }

    let open = classified.proxy_reaches_database() || let_in.iter().any(|source| now.is_on(source, Side::Proxy));
    let proxies = ProxyChoices::new(
        &now,
        classified
            .proxy
            .iter()
            .filter(|proxy| open || let_in.contains(&proxy.group.id)),
    );
    unchanged
        .filter_map(|function| {
            let proxy = proxies.best_for(&now, function)?;
            Some(Choice {
                function,
                proxy: Some(proxy),
            })
        })
        .min_by(Choice::preferred_to)
}

/// The proxy groups that lead on to the database, found by what a function group can have to do with them.
struct ProxyChoices<'c, 'a> {
    by_id: BTreeMap<&'a GroupId, &'c Candidate<'a>>,
    best_by_source: BTreeMap<&'a GroupId, &'c Candidate<'a>>,
    best_open: Option<&'c Candidate<'a>>,
}

impl<'c, 'a> ProxyChoices<'c, 'a> {
    fn new(now: &Context<'_>, candidates: impl Iterator<Item = &'c Candidate<'a>>) -> Self {
        let mut choices = Self {
            by_id: BTreeMap::new(),
            best_by_source: BTreeMap::new(),
            best_open: None,
        };
        for proxy in candidates.filter(|proxy| proxy.is_unchanged()) {
            let (Some(source), Some(destination)) = (proxy.source, proxy.destination) else {
                continue;
            };
            if !now.is_on(destination, Side::Database) {
                continue;
            }
            choices.by_id.insert(&proxy.group.id, proxy);
            let best = choices.best_by_source.entry(source).or_insert(proxy);
            *best = better(best, proxy);
            if now.is_on(source, Side::Function) {
                choices.best_open = Some(choices.best_open.map_or(proxy, |best| better(best, proxy)));
            }
        }
        choices
    }

    /// The best proxy group that fits together with this function group.
    fn best_for(&self, now: &Context<'_>, function: &Candidate<'a>) -> Option<&'c Candidate<'a>> {
        let destination = function.destination?;
        let lets_in = |proxy: &&Candidate<'a>| {
            let source = proxy.source;
            source == Some(&function.group.id) || source.is_some_and(|source| now.is_on(source, Side::Function))
        };
        let named = self.by_id.get(destination).copied().filter(|proxy| lets_in(proxy));
        let others = if now.is_on(destination, Side::Proxy) {
            [self.best_open, self.best_by_source.get(&function.group.id).copied()]
        } else {
            [None, None]
        };
        others
            .into_iter()
            .chain([named])
            .flatten()
            .min_by(|a, b| a.preferred_to(b))
    }
}

fn better<'c, 'a>(a: &'c Candidate<'a>, b: &'c Candidate<'a>) -> &'c Candidate<'a> {
    if b.preferred_to(a) == Ordering::Less { b } else { a }
}

/// Judges one side's groups. Those not associated are judged as if they were, each together with a
/// partner that is as little associated, so that the verdicts agree with the table above.
fn judge_side<'a>(
    classified: &Classified<'a>,
    context: &Context<'_>,
    side: Side,
    chosen: Option<&GroupId>,
) -> SideVerdict<'a> {
    let candidates = classified.side(side);
    let partners = Partners::new(classified, side);
    let mut groups: Vec<GroupVerdict<'a>> = Vec::with_capacity(candidates.len());
    let mut best: Option<(Verdict, &Candidate<'a>)> = None;
    for candidate in candidates {
        let dangling = context.dangling(side, candidate);
        let suits = candidate.is_unchanged() && dangling.iter().all(Option::is_none);
        let verdict = match candidate.associated {
            true if suits => Verdict::Fit,
            false if suits || partners.any_suits(candidate) => Verdict::Available,
            _ => Verdict::Unfit,
        };
        if verdict != Verdict::Unfit || candidate.associated {
            // The group that was chosen speaks for its side, also where another has a lower number.
            let is_other = |candidate: &Candidate<'a>| Some(&candidate.group.id) != chosen;
            let is_better = best.is_none_or(|(best_verdict, best)| {
                (verdict, is_other(candidate), candidate.number, &candidate.group.id)
                    < (best_verdict, is_other(best), best.number, &best.group.id)
            });
            if is_better {
                best = Some((verdict, candidate));
            }
        }
        groups.push(GroupVerdict {
            group: candidate.group,
            verdict,
            associated: candidate.associated,
            misfits: candidate.misfits.clone(),
            dangling,
        });
    }
    let (mut verdict, mut group) = match best {
        Some((verdict, candidate)) => (verdict, Some(&candidate.group.id)),
        None => (Verdict::None, None),
    };
    if side == Side::Database && verdict != Verdict::Fit && classified.proxy_reaches_database() {
        (verdict, group) = (Verdict::Fit, None);
    }
    SideVerdict {
        side,
        verdict,
        group,
        groups,
    }
}

/// The unassociated groups of the function and the proxy are judged together with one of the other of the
/// two: the one that a group names, as if both were associated.
struct Partners<'c, 'a> {
    now: Context<'c>,
    side: Side,
    others: Vec<&'c Candidate<'a>>,
}

impl<'c, 'a> Partners<'c, 'a> {
    /// Only a proxy group that leads on to the database can be a partner, or have one: there are few.
    fn new(classified: &'c Classified<'a>, side: Side) -> Self {
        let now = classified.now();
        let leads_on = |proxy: &&Candidate<'a>| proxy.destination.is_some_and(|to| now.is_on(to, Side::Database));
        let proxies: Vec<_> = classified.proxy.iter().filter(leads_on).collect();
        let others = match side {
            Side::Database => Vec::new(),
            Side::Function => proxies,
            Side::Proxy if proxies.is_empty() => Vec::new(),
            Side::Proxy => classified.function.iter().collect(),
        };
        Self { now, side, others }
    }

    fn any_suits(&self, candidate: &Candidate<'a>) -> bool {
        let leads_on = |to| self.now.is_on(to, Side::Database);
        if self.side == Side::Proxy && !candidate.destination.is_some_and(leads_on) {
            return false;
        }
        let named = match self.side {
            Side::Function => candidate.destination,
            _ => candidate.source,
        };
        let mut others = self.others.iter().filter(|other| Some(&other.group.id) == named);
        others.any(|other| {
            let (function, proxy) = match self.side {
                Side::Function => (candidate, *other),
                _ => (*other, candidate),
            };
            let context = self.now.with(Some(&function.group.id), Some(&proxy.group.id));
            context.suits(Side::Function, function) && context.suits(Side::Proxy, proxy)
        })
    }
}
