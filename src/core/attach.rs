//! Whether a function can be attached to the wanted subnets and groups, and what that needs. Pure.
//!
//! Source: docs/attaching.md.

mod unmet;

use std::collections::{BTreeMap, BTreeSet};

pub use unmet::{AttachUnmet, MAX_SUBNETS};

use crate::diagnostics::internet::way::{Exit, way_out};
use crate::model::network::{Network, Part, Subnet, Vpc};
use crate::model::{Database, Function, FunctionVpc, GroupId, Place, SecurityGroup, SubnetId, VpcId, last_segment};
use crate::policy::{Lack, RolePolicies, Verdict, lacks, vpc_access};
use crate::reachability::Paths;

/// What was read of where a function is to be attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Site {
    /// The VPCs of the subnets that were named.
    pub vpcs: Vec<Vpc>,
    /// All subnets of these VPCs, and their route tables.
    pub network: Network,
    /// The groups that were named, as far as they exist.
    pub groups: Vec<SecurityGroup>,
    /// What decides what the function's role may do.
    pub policies: Part<RolePolicies>,
    /// Where the other functions are attached, by their names.
    pub neighbours: Part<BTreeMap<String, FunctionVpc>>,
    /// The database whose subnets these are; none where the user named them.
    pub database: Option<Database>,
    /// The subnets and groups that were named, or that the database has.
    pub wish: Wish,
}

/// Where a function is to be attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The subnets.
    pub subnets: Vec<SubnetId>,
    /// The groups.
    pub groups: Vec<GroupId>,
    /// The database whose subnets these are, as text; none where the user named them.
    pub like: Option<String>,
    /// `--ipv6` or `--no-ipv6`; none leaves `Ipv6AllowedForDualStack` as it is.
    pub ipv6: Option<bool>,
}

/// A function that can be attached: where, and what the role still needs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitting {
    /// The VPC.
    pub vpc: VpcId,
    /// The subnets, in order.
    pub subnets: Vec<SubnetId>,
    /// What the role certainly lacks.
    pub lacks: Vec<&'static str>,
    /// The policy that would give it that.
    pub policy: String,
    /// What else the user should know, one sentence each.
    pub notes: Vec<String>,
}

/// Judges whether the function can be attached.
///
/// # Errors
///
/// The first condition that does not hold. That the role lacks something is reported, since it can be given.
pub fn fit(function: &Function, site: &Site) -> Result<Fitting, AttachUnmet> {
    let vpc = the_vpc(site)?;
    if let Some(attached) = function.vpc.as_ref().filter(|attached| attached.vpc != vpc.id) {
        return Err(AttachUnmet::AttachedElsewhere {
            function: format!("function {}", function.name),
            vpc: attached.vpc.clone(),
            wanted: vpc.id.clone(),
        });
    }
    if vpc.is_dedicated() {
        return Err(AttachUnmet::DedicatedTenancy { vpc: vpc.id.clone() });
    }
    let groups = site.groups.iter().filter(|group| group.vpc == vpc.id);
    let known: BTreeSet<&GroupId> = groups.map(|group| &group.id).collect();
    let unknown: Vec<String> = site
        .wish
        .groups
        .iter()
        .filter(|id| !known.contains(id))
        .map(ToString::to_string)
        .collect();
    if !unknown.is_empty() {
        let vpc = vpc.id.clone();
        return Err(AttachUnmet::NotInVpc { ids: unknown, vpc });
    }
    let (subnets, mut notes) = choose(site)?;
    check_ipv6(function, site, &subnets)?;
    notes.extend(zones(site, &subnets));
    let place = Place::of(&function.arn);
    let lacks = of_role(function, site, &subnets, &mut notes)?;
    notes.extend(sharing(function, site, &vpc.id, &subnets));
    Ok(Fitting {
        vpc: vpc.id.clone(),
        subnets,
        lacks,
        policy: vpc_access(place),
        notes,
    })
}

/// The one VPC of the subnets.
fn the_vpc(site: &Site) -> Result<&Vpc, AttachUnmet> {
    match site.vpcs.as_slice() {
        [vpc] => Ok(vpc),
        vpcs => Err(AttachUnmet::SeveralVpcs {
            vpcs: vpcs.iter().map(|vpc| vpc.id.clone()).collect(),
        }),
    }
}

fn subnets(site: &Site) -> &[Subnet] {
    site.network.subnets.known().map_or(&[], Vec::as_slice)
}

/// The subnets. A public one is of no use to a function, which gets no public address there: of a database's, only the
/// private ones are taken, where there are any.
fn choose(site: &Site) -> Result<(Vec<SubnetId>, Vec<String>), AttachUnmet> {
    let Wish { subnets, like, .. } = &site.wish;
    let mut notes = Vec::new();
    let paths = Paths::new(&site.network);
    let mut public = Vec::new();
    for id in subnets {
        match is_public(&paths, id) {
            Ok(is_public) => public.extend(is_public.then_some(id)),
            Err(why) => notes.push(format!("Could not determine whether {id} is public: {why}.")),
        }
    }
    if like.is_some() && public.len() < subnets.len() {
        return Ok((private_of(&paths, subnets), notes));
    }
    if !public.is_empty() {
        let ids: Vec<&str> = public.iter().map(|id| id.as_str()).collect();
        notes.push(format!(
            "Public subnets: {}. A function gets no public address there and cannot reach the internet; use private subnets.",
            ids.join(", ")
        ));
    }
    if like.is_none() && subnets.len() > MAX_SUBNETS {
        return Err(AttachUnmet::TooManySubnets { count: subnets.len() });
    }
    Ok((subnets.iter().take(MAX_SUBNETS).cloned().collect(), notes))
}

/// Of a database's subnets, those for a function: the private ones, all where none is, as many as a function takes.
pub fn private_of(paths: &Paths<'_>, subnets: &[SubnetId]) -> Vec<SubnetId> {
    let private = subnets.iter().filter(|id| is_public(paths, id) != Ok(true));
    let private: Vec<SubnetId> = private.take(MAX_SUBNETS).cloned().collect();
    if private.is_empty() {
        return subnets.iter().take(MAX_SUBNETS).cloned().collect();
    }
    private
}

/// Whether what it has no other route for leads to an internet gateway: then a function in it does not reach the internet.
fn is_public(paths: &Paths<'_>, subnet: &SubnetId) -> Result<bool, String> {
    match way_out(paths, subnet, false)?.exit {
        Exit::InternetGateway(_) => Ok(true),
        Exit::Doubtful(_, why) => Err(why),
        // Without a way out over IPv4, that over IPv6 shows what the subnet is for.
        Exit::None | Exit::Blackhole(_) => Ok(matches!(way_out(paths, subnet, true)?.exit, Exit::InternetGateway(_))),
        Exit::Nat(_) | Exit::Instance(_) | Exit::Elsewhere(_) => Ok(false),
    }
}

/// Lambda takes `Ipv6AllowedForDualStack` for dual-stack subnets only, also where it was on before.
fn check_ipv6(function: &Function, site: &Site, chosen: &[SubnetId]) -> Result<(), AttachUnmet> {
    let is_on = function.vpc.as_ref().and_then(|vpc| vpc.ipv6_allowed) == Some(true);
    let is_dual = |id: &SubnetId| {
        subnets(site)
            .iter()
            .any(|subnet| subnet.id == *id && subnet.is_dual_stack())
    };
    let others: Vec<SubnetId> = chosen.iter().filter(|id| !is_dual(id)).cloned().collect();
    if site.wish.ipv6.unwrap_or(is_on) && !others.is_empty() {
        return Err(AttachUnmet::NotDualStack {
            function: function.name.clone(),
            subnets: others,
            is_on: site.wish.ipv6.is_none(),
        });
    }
    Ok(())
}

/// What the zones and the free addresses of the subnets are worth saying.
fn zones(site: &Site, chosen: &[SubnetId]) -> Vec<String> {
    let chosen: Vec<&Subnet> = subnets(site)
        .iter()
        .filter(|subnet| chosen.contains(&subnet.id))
        .collect();
    let zones: BTreeSet<&str> = chosen.iter().map(|subnet| subnet.availability_zone.as_str()).collect();
    let one_zone = zones.first().filter(|_| zones.len() == 1);
    let one_zone = one_zone.map(|zone| format!("All subnets are in {zone}: if that zone fails, so does the function."));
    let full = chosen.iter().filter(|subnet| subnet.free_addresses == Some(0));
    let full = full.map(|subnet| {
        format!(
            "{} has no free address: Lambda cannot make an interface there.",
            subnet.id
        )
    });
    one_zone.into_iter().chain(full).collect()
}

/// What the role certainly lacks. What cannot be determined is noted.
fn of_role(
    function: &Function,
    site: &Site,
    chosen: &[SubnetId],
    notes: &mut Vec<String>,
) -> Result<Vec<&'static str>, AttachUnmet> {
    let Some(role) = function.role.as_deref().map(last_segment) else {
        notes.push("AWS reports no execution role, so its permissions could not be checked.".to_owned());
        return Ok(Vec::new());
    };
    let policies = match site.policies.read() {
        Ok(policies) => policies,
        Err(why) => {
            notes.push(format!(
                "Could not check whether role {role} allows what Lambda needs: {why}."
            ));
            return Ok(Vec::new());
        }
    };
    let found = lacks(policies, Place::of(&function.arn), chosen, &site.wish.groups);
    let with = |wanted: &dyn Fn(&Lack) -> bool| -> Vec<&'static str> {
        let found = found.iter().filter(|lack| wanted(lack));
        found.map(|lack| lack.action).collect()
    };
    let is_bounded = |lack: &Lack| lack.verdict == Verdict::NotAllowed && lack.is_bounded;
    if let Some(first) = found.iter().find(|lack| is_bounded(lack)) {
        return Err(AttachUnmet::RoleBounded {
            role: role.to_owned(),
            actions: with(&is_bounded),
            by: first.by.clone(),
        });
    }
    if let Some(first) = found.iter().find(|lack| lack.verdict == Verdict::Denied) {
        return Err(AttachUnmet::RoleDenies {
            role: role.to_owned(),
            actions: with(&|lack| lack.verdict == Verdict::Denied),
            by: first.by.clone(),
        });
    }
    if let Some(first) = found.iter().find(|lack| lack.verdict == Verdict::Unknown) {
        notes.push(format!(
            "Could not determine whether role {role} allows {}; this depends on {}.",
            with(&|lack| lack.verdict == Verdict::Unknown).join(", "),
            first.by
        ));
    }
    Ok(with(&|lack| lack.verdict == Verdict::NotAllowed))
}

/// Functions with the same subnets and the same groups share one interface: whether another one of the VPC has a
/// combination that could be shared.
fn sharing(function: &Function, site: &Site, vpc: &VpcId, chosen: &[SubnetId]) -> Option<String> {
    type Combination<'a> = (BTreeSet<&'a SubnetId>, BTreeSet<&'a GroupId>);
    let neighbours = site.neighbours.known().filter(|_| !site.wish.groups.is_empty())?;
    let mut combinations: BTreeMap<Combination<'_>, Vec<&str>> = BTreeMap::new();
    for (name, attached) in neighbours {
        if attached.vpc == *vpc && *name != function.name {
            let combination = (attached.subnets.iter().collect(), attached.groups.iter().collect());
            combinations.entry(combination).or_default().push(name);
        }
    }
    let own = function.groups();
    let groups: BTreeSet<&GroupId> = site.wish.groups.iter().chain(own.iter()).collect();
    let wanted: Combination<'_> = (chosen.iter().collect(), groups);
    if let Some(names) = combinations.get(&wanted) {
        return Some(format!(
            "It shares network interfaces with {} (same subnets and groups), so attaching is fast and needs no further interface.",
            listed(names)
        ));
    }
    // The combination of most functions, of those in private subnets.
    let paths = Paths::new(&site.network);
    let fits = |(subnets, groups): &&Combination<'_>| {
        // The function keeps the groups that it has.
        let is_reached = own.iter().all(|id| groups.contains(id));
        let is_private = |id: &&SubnetId| is_public(&paths, id) == Ok(false);
        is_reached && !groups.is_empty() && subnets.iter().all(is_private)
    };
    let best = combinations
        .iter()
        .filter(|(combination, _)| fits(combination))
        .max_by_key(|(combination, names)| (names.len(), combination.0.len()))?;
    let ((subnets, groups), names) = best;
    let options: Vec<String> = subnets
        .iter()
        .map(|id| format!("--subnet {id}"))
        .chain(groups.iter().map(|id| format!("--security-group {id}")))
        .collect();
    Some(format!(
        "It could share network interfaces with {}, which is faster and saves interfaces (65,000 connections each). If these groups suit this function, use {}.",
        listed(names),
        options.join(" ")
    ))
}

fn listed(names: &[&str]) -> String {
    match names {
        [name] => format!("function {name}"),
        [name, rest @ ..] => format!("function {name} and {} more", rest.len()),
        [] => String::new(),
    }
}
