//! `attach` and `detach`, as goals of [`super::converge`].
//!
//! Source: docs/attaching.md.

use std::collections::BTreeSet;

use super::error::RunError;
use super::goal::{Draft, Goal, Look, Memory, WithRole};
use crate::attach::{AttachUnmet, Fitting, Site, fit};
use crate::cloud::{Cloud, GroupFilter, derived};
use crate::model::{
    Function, FunctionState, GroupId, Origin, Place, Proxy, ResourceTags, Side, SubnetId, USUAL_GROUPS, last_segment,
};
use crate::naming::Convention;
use crate::observe::{
    Groups, Location, ObserveError, Reads, reads_of_site, site, tags_of_ends, the_function, users_of,
};
use crate::owner::{heading, owners_of, warnings};
use crate::plan::{AttachPlan, Basis, Effect, Ground, May, Plan, Ref, Steps, VpcEffect};
use crate::policy::{PolicyDocument, operator};
use crate::preconditions::{Facts, Making, Unmet, ask, function_update, versions_stay};
use crate::users::{User, Users};

/// A function that is to be in a VPC.
#[derive(Clone, Debug)]
pub struct Attach {
    /// The function's name or ARN.
    pub function: String,
    /// Where it is to be.
    pub location: Location,
    /// The groups that it is to have; none for those of the database that it is to be like.
    pub groups: Vec<GroupId>,
    /// `Ipv6AllowedForDualStack`; none leaves it as it is.
    pub ipv6: Option<bool>,
    /// The role is given what it lacks.
    pub grant: bool,
}

#[async_trait::async_trait]
impl Goal for Attach {
    type Seen = (Function, Site, ResourceTags);

    fn name(&self) -> &'static str {
        "attach"
    }

    async fn observe(&self, cloud: &dyn Cloud, look: Look) -> Result<Self::Seen, ObserveError> {
        let function = the_function(cloud, &self.function).await?;
        let site = site(cloud, &function, &self.location, &self.groups, self.ipv6);
        let (site, tags) = tokio::join!(site, tags_to_draft(cloud, &function, None, look));
        Ok((function, site?, tags))
    }

    fn origin(&self, (function, ..): &Self::Seen) -> Origin {
        Origin::of_arn(&function.arn)
    }

    fn draft(&self, (function, site, tags): &Self::Seen, _: &mut Memory) -> Result<Draft, RunError> {
        let name = &function.name;
        let pending = function_update(function)?.into_iter().collect();
        let facts = Facts {
            function: Some(function),
            site: Some(site),
            ..Facts::default()
        };
        ask(&[Making::FunctionNetwork, Making::Attachment], &facts)?;
        let fitting = fit(function, site).map_err(Unmet::from)?;
        if let (true, Some(database)) = (site.wish.groups.is_empty(), &site.wish.like) {
            let database = database.clone();
            return Err(Unmet::from(AttachUnmet::NoGroup { database }).into());
        }
        let role = function.role.as_deref().map_or("", last_segment);
        let mut steps = Steps::default();
        if !fitting.lacks.is_empty() && self.grant {
            grant(&mut steps, role, &fitting);
        }
        let changes = changes(function, &fitting, site);
        if !changes.is_empty() {
            if !fitting.lacks.is_empty() && !self.grant {
                return Err(Unmet::from(AttachUnmet::RoleLacks {
                    role: role.to_owned(),
                    actions: fitting.lacks,
                    policy: fitting.policy,
                })
                .into());
            }
            check_room(function, site)?;
            attach(&mut steps, function, &fitting, site);
        }
        let mut notes = fitting.notes.clone();
        if function.state == FunctionState::Inactive {
            notes.push(format!(
                "Function {name} is Inactive: its network interface is gone, and its next invocation fails once while it comes back."
            ));
        }
        if changes.is_empty() && !fitting.lacks.is_empty() && !self.grant {
            notes.push(format!(
                "Role {role} lacks {}: Lambda cannot create or delete the function's network interfaces. --grant adds these permissions.",
                fitting.lacks.join(", ")
            ));
        }
        if !changes.is_empty() {
            notes.push(
                "Creating a network interface can take minutes; until then the function keeps its previous settings."
                    .to_owned(),
            );
            notes.push(versions_stay(function));
        }
        let is_reached = steps.is_empty();
        let reasons = if is_reached {
            vec![format!(
                "Function {name} is already attached to {} as requested.",
                fitting.vpc
            )]
        } else {
            changes
        };
        let (plan, owners) = (steps.plan(), owners_of(function, tags, &[], None));
        notes.extend(warnings(&owners, &plan));
        let lines = [
            format!("Attach function {name} to {}", fitting.vpc),
            format!("subnets  {}", listed(&fitting.subnets)),
            format!("groups   {}", listed(&site.wish.groups)),
        ];
        Ok(Draft {
            heading: lines.into_iter().chain(heading(&owners)).collect(),
            decision: if is_reached { "no-op" } else { "attach" },
            meaning: if is_reached {
                "there is nothing to change"
            } else {
                "the function is attached"
            },
            reasons,
            notes,
            pending,
            plan,
            owners,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, _: &'s Self::Seen) -> Ground<'s> {
        Ground::new(May::Add)
    }

    fn basis(&self, (function, ..): &Self::Seen) -> Basis {
        Basis::default().with_list(Side::Function, function.groups().iter())
    }

    fn policy(&self, (function, site, _): &Self::Seen, plan: &Plan) -> PolicyDocument {
        operator(function, reads_of_site(function, &self.location, site), plan)
    }
}

/// The tags by which the owners of a function and a proxy are known, where a plan is drafted.
pub(super) async fn tags_to_draft(
    cloud: &dyn Cloud,
    function: &Function,
    proxy: Option<&Proxy>,
    look: Look,
) -> ResourceTags {
    match look {
        Look::Draft => tags_of_ends(cloud, Some(function), proxy).await,
        Look::Verify => ResourceTags::default(),
    }
}

/// What is different from how it should be, one sentence each.
fn changes(function: &Function, fitting: &Fitting, site: &Site) -> Vec<String> {
    let name = &function.name;
    let Some(attached) = &function.vpc else {
        return vec![format!("Function {name} is in no VPC.")];
    };
    let mut changes = Vec::new();
    let of = |ids: &[SubnetId], others: &[SubnetId]| -> Vec<SubnetId> {
        ids.iter().filter(|id| !others.contains(id)).cloned().collect()
    };
    let (more, fewer) = (
        of(&fitting.subnets, &attached.subnets),
        of(&attached.subnets, &fitting.subnets),
    );
    if !more.is_empty() {
        changes.push(format!("Function {name} is not in {}.", listed(&more)));
    }
    if !fewer.is_empty() {
        changes.push(format!(
            "Function {name} will be removed from {}, which were not named.",
            listed(&fewer)
        ));
    }
    let groups: Vec<GroupId> = site
        .wish
        .groups
        .iter()
        .filter(|id| !attached.groups.contains(id))
        .cloned()
        .collect();
    if !groups.is_empty() {
        changes.push(format!("Function {name} does not have {}.", listed(&groups)));
    }
    match (site.wish.ipv6, attached.ipv6_allowed == Some(true)) {
        (Some(true), false) => changes.push(format!("Function {name} does not use IPv6.")),
        (Some(false), true) => changes.push(format!("Function {name} uses IPv6.")),
        _ => {}
    }
    changes
}

fn check_room(function: &Function, site: &Site) -> Result<(), Unmet> {
    let after = site
        .wish
        .groups
        .iter()
        .cloned()
        .fold(function.groups(), crate::model::GroupList::with);
    if after.len() <= USUAL_GROUPS {
        return Ok(());
    }
    Err(Unmet::GroupsBeyondLimit {
        resource: format!("function {}", function.name),
        most: USUAL_GROUPS,
        groups: after.iter().map(ToString::to_string).collect(),
    })
}

/// A function that is to be in no VPC.
#[derive(Clone, Debug)]
pub struct Detach {
    /// The function's name or ARN.
    pub function: String,
}

#[async_trait::async_trait]
impl Goal for Detach {
    type Seen = (Function, Groups, Users, ResourceTags);

    fn name(&self) -> &'static str {
        "detach"
    }

    async fn observe(&self, cloud: &dyn Cloud, look: Look) -> Result<Self::Seen, ObserveError> {
        let function = the_function(cloud, &self.function).await?;
        let ids: Vec<GroupId> = function.groups().iter().cloned().collect();
        let groups = match ids.as_slice() {
            [] => Vec::new(),
            ids => derived::groups(cloud, GroupFilter::Ids(ids)).await?,
        };
        let groups = groups.into_iter().map(|group| (group.id, group.name));
        let groups: Groups = groups.collect();
        let (users, tags) = tokio::join!(users_of(cloud, &groups), tags_to_draft(cloud, &function, None, look));
        Ok((function, groups, users?, tags))
    }

    fn origin(&self, (function, ..): &Self::Seen) -> Origin {
        Origin::of_arn(&function.arn)
    }

    fn draft(&self, (function, groups, users, tags): &Self::Seen, _: &mut Memory) -> Result<Draft, RunError> {
        let name = &function.name;
        let facts = Facts {
            function: Some(function),
            ..Facts::default()
        };
        ask(&[Making::FunctionNetwork], &facts)?;
        let pending = function_update(function)?.into_iter().collect();
        let Some(attached) = &function.vpc else {
            return Ok(Draft {
                heading: vec![format!("Detach function {name}")],
                decision: "no-op",
                meaning: "there is nothing to change",
                reasons: vec![format!("Function {name} is in no VPC.")],
                pending,
                ..Draft::default()
            });
        };
        let named = |id: &GroupId| match groups.get(id) {
            Some(group) => format!("{group} ({id})"),
            None => id.to_string(),
        };
        let taken: Vec<String> = attached.groups.iter().map(named).collect();
        let mut steps = Steps::default();
        let summary = format!(
            "function {name}: detach it from {}, subnets {}, groups {}",
            attached.vpc,
            listed(&attached.subnets),
            taken.join(", ")
        );
        let effect = Effect::Vpc(VpcEffect::Detach {
            function: function.arn.clone(),
        });
        steps.then(effect, &function.arn, summary);
        let mut notes = vec![
            "Lambda deletes the network interface within 20 minutes, or 45 at worst: until then its groups and subnets cannot be deleted, and its role must keep its permissions.".to_owned(),
        ];
        let every = groups.values().map(String::as_str);
        let connections: Vec<&str> = every.filter(|name| is_of_convention(name)).collect();
        if !connections.is_empty() {
            notes.push(format!("Its connections through {} end.", connections.join(", ")));
        }
        notes.extend(versions_that_stay(function, users));
        notes.extend(users_that_stay(function, groups, users));
        let (plan, owners) = (steps.plan(), owners_of(function, tags, &[], None));
        notes.extend(warnings(&owners, &plan));
        let lines = [
            format!("Detach function {name} from {}", attached.vpc),
            format!("subnets  {}", listed(&attached.subnets)),
            format!("groups   {}", taken.join(", ")),
        ];
        Ok(Draft {
            heading: lines.into_iter().chain(heading(&owners)).collect(),
            decision: "detach",
            meaning: "the function is detached from its VPC",
            reasons: vec![format!("Function {name} is attached to {}.", attached.vpc)],
            notes,
            pending,
            plan,
            owners,
            ..Draft::default()
        })
    }

    fn ground<'s>(&self, _: &'s Self::Seen) -> Ground<'s> {
        Ground::new(May::Detach)
    }

    fn basis(&self, (function, ..): &Self::Seen) -> Basis {
        Basis::default().with_list(Side::Function, function.groups().iter())
    }

    fn interfaces_of<'s>(&self, (function, ..): &'s Self::Seen) -> Option<WithRole<'s>> {
        Some((function, None))
    }

    fn policy(&self, (function, groups, users, _): &Self::Seen, plan: &Plan) -> PolicyDocument {
        let place = Place::of(&function.arn);
        let mut reads = Reads::at(place)
            .function(function)
            .tags_of(function, None)
            .interfaces_of(function, plan);
        if !groups.is_empty() {
            reads = reads.users(place, users);
        }
        operator(function, reads.permissions(), plan)
    }
}

fn is_of_convention(name: &str) -> bool {
    Convention::ALL
        .iter()
        .any(|convention| convention.number(name).is_some())
}

/// The published versions that stay attached.
fn versions_that_stay(function: &Function, users: &Users) -> Vec<String> {
    let of_groups = function.vpc.iter().flat_map(|vpc| vpc.groups.iter());
    let versions = of_groups.flat_map(|id| users.of(id));
    let own = versions.filter(|user| matches!(user, User::Version { function: of, .. } if *of == function.name));
    let own: BTreeSet<&User> = own.collect();
    own.into_iter()
        .map(|version| {
            format!("{version}, stays attached: a version keeps the VPC settings with which it was published.")
        })
        .collect()
}

/// What else uses the function's groups, which therefore cannot be deleted.
fn users_that_stay(function: &Function, groups: &Groups, users: &Users) -> Vec<String> {
    let is_own = |user: &&User| match user {
        User::Function(name) | User::Version { function: name, .. } => *name == function.name,
        _ => false,
    };
    let mut notes: Vec<String> = Vec::new();
    for (id, name) in groups.iter().filter(|(_, name)| is_of_convention(name)) {
        let others: Vec<String> = users
            .of(id)
            .filter(|user| !is_own(user))
            .map(ToString::to_string)
            .collect();
        if !others.is_empty() {
            notes.push(format!("{name} ({id}) is also used by {}.", others.join(", ")));
        }
    }
    let unread = users.unread().iter();
    notes.extend(unread.map(|unread| format!("Not all other users of its groups are known: {unread}.")));
    notes
}

fn listed<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items.iter().map(ToString::to_string).collect();
    items.join(", ")
}

/// Gives a role the policy of AWS that attaching the function needs.
fn grant(steps: &mut Steps, role: &str, fitting: &Fitting) {
    let summary = format!(
        "role {role}: policy {}, for {}",
        last_segment(&fitting.policy),
        fitting.lacks.join(", ")
    );
    let effect = Effect::AttachRolePolicy {
        role: role.to_owned(),
        policy: fitting.policy.clone(),
    };
    steps.then(effect, role, summary);
}

fn attach(steps: &mut Steps, function: &Function, fitting: &Fitting, site: &Site) {
    let summary = format!(
        "function {}: attach it to {} of {}, with {}",
        function.name,
        listed(&fitting.subnets),
        fitting.vpc,
        listed(&site.wish.groups)
    );
    let effect = VpcEffect::Attach(Box::new(AttachPlan {
        function: function.arn.clone(),
        vpc: fitting.vpc.clone(),
        subnets: fitting.subnets.clone(),
        groups: site.wish.groups.iter().cloned().map(Ref::Existing).collect(),
        ipv6: site.wish.ipv6,
    }));
    steps.then(effect, &function.arn, summary);
}
