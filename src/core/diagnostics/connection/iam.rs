//! IAM database authentication: whether the function's role may connect, and with IAM from end to end the proxy's too.
//!
//! Source: the check `iam-auth` of docs/network.md; RDS user guide, "Creating and using an IAM policy for IAM database
//! access". A proxy can require IAM of its clients. A database with IAM authentication also accepts passwords. There, a
//! role that may not connect is a failure only if the function's settings show that it logs in with IAM.

use std::collections::BTreeSet;

use super::{ProxyRole, Scene};
use crate::diagnostics::{Check, Finding, Status};
use crate::escape::word;
use crate::model::{Database, Place, Proxy, last_segment};
use crate::policy::{Effect, Judgement, NOT_READ, RolePolicies, Verdict, connect, literal, may_connect};

const ID: &str = "iam-auth";

/// A user whose name no policy has: allowed only by what allows every user.
const ANYONE: &str = "autoconnect-any-user";

/// None where neither the proxy nor the database takes IAM authentication.
pub(super) fn check(scene: &Scene) -> Option<Check> {
    match &scene.proxy {
        Some(proxy) => to_proxy(scene, proxy),
        None => to_database(scene),
    }
}

/// The user as whom the function connects, if its environment names one.
fn user(scene: &Scene) -> Option<&str> {
    scene.function.environment.as_ref()?.get("DB_USER")
}

/// From the function to the proxy.
fn to_proxy(scene: &Scene, proxy: &Proxy) -> Option<Check> {
    if !proxy.takes_iam {
        return None;
    }
    let id = last_segment(&proxy.arn);
    let place = Place::of(&proxy.arn);
    let what = format!("proxy {}", proxy.name);
    let asked = Asked {
        place,
        id,
        what: &what,
        users: user(scene),
    };
    let (connects, mut evidence) = match of_function(scene, &asked) {
        Ok(found) => found,
        Err(finding) if proxy.requires_iam => return Some(Check::of(ID, "", Vec::new(), vec![finding])),
        Err(finding) => {
            let passed = format!("{what} accepts IAM authentication and passwords");
            return Some(Check::of(ID, &passed, vec![finding.text], Vec::new()));
        }
    };
    evidence.push(NOT_READ.to_owned());
    if connects.verdict() == Verdict::Allowed {
        let passed = format!(
            "the function's role may connect through {what} with IAM, {}",
            connects.whom()
        );
        return Some(Check::of(ID, &passed, evidence, Vec::new()));
    }
    if !proxy.requires_iam {
        let passed = format!(
            "{what} accepts IAM authentication and passwords; {}",
            connects.lack(&asked)
        );
        return Some(Check::of(ID, &passed, evidence, Vec::new()));
    }
    let mut finding = Finding::fail(format!(
        "{what} requires IAM authentication, and {}",
        connects.lack(&asked)
    ));
    finding.status = connects.status();
    if connects.verdict() == Verdict::NotAllowed && !connects.is_bounded() {
        finding = finding.fixed_by(match connects.user(&asked) {
            Some(user) => format!(
                "autoconnect setup --{} {} --function {} --proxy {} --iam-auth required --db-user {}",
                scene.database.kind,
                word(&scene.database.id),
                word(&scene.function.name),
                word(&proxy.name),
                word(&user)
            ),
            None => connects.remedy_for_any(&asked),
        });
    }
    let mut check = Check::of(ID, "", Vec::new(), vec![finding]);
    check.evidence.extend(evidence);
    Some(check)
}

/// From the function to the database, without a proxy.
fn to_database(scene: &Scene) -> Option<Check> {
    let database = &scene.database;
    if database.access.iam_enabled != Some(true) {
        return None;
    }
    let what = database.to_string();
    let start = format!("IAM authentication is enabled on {what}, which also accepts passwords");
    let Some(id) = &database.access.resource_id else {
        let evidence = vec![format!("AWS does not report the resource id of {what}")];
        return Some(Check::of(ID, &start, evidence, Vec::new()));
    };
    let asked = Asked {
        place: database.place(),
        id,
        what: &what,
        users: user(scene),
    };
    let (connects, mut evidence) = match of_function(scene, &asked) {
        Ok(found) => found,
        Err(finding) => return Some(Check::of(ID, &start, vec![finding.text], Vec::new())),
    };
    evidence.push(NOT_READ.to_owned());
    if connects.verdict() == Verdict::Allowed {
        let passed = format!("the function's role may log in to {what} with IAM, {}", connects.whom());
        return Some(Check::of(ID, &passed, evidence, Vec::new()));
    }
    let is_told = user(scene).is_some() && !has_secret(scene);
    if !is_told && connects.others.is_empty() {
        let passed = format!("{start}; {}", connects.lack(&asked));
        return Some(Check::of(ID, &passed, evidence, Vec::new()));
    }
    let text = format!(
        "if the function logs in to {what} with IAM, it is refused: {}",
        connects.lack(&asked)
    );
    let mut finding = Finding::warn(text);
    if is_told {
        finding.text = format!(
            "the function has DB_USER and no DB_SECRET_ARN, so it logs in with IAM, and {}",
            connects.lack(&asked)
        );
        finding.status = connects.status();
    }
    if connects.verdict() == Verdict::NotAllowed && !connects.is_bounded() {
        finding = finding.fixed_by(match connects.user(&asked) {
            Some(user) => put_connect(&connects.role, &asked, &user),
            None => connects.remedy_for_any(&asked),
        });
    }
    let mut check = Check::of(ID, "", Vec::new(), vec![finding]);
    check.evidence.extend(evidence);
    Some(check)
}

fn has_secret(scene: &Scene) -> bool {
    let environment = scene.function.environment.as_ref();
    environment.is_some_and(|environment| environment.get("DB_SECRET_ARN").is_some())
}

/// The command that lets a role connect as a user.
fn put_connect(role: &str, asked: &Asked<'_>, user: &str) -> String {
    format!(
        "aws iam put-role-policy --role-name {} --policy-name connect-{} --policy-document {}",
        word(last_segment(role)),
        word(asked.id),
        word(connect(asked.place, asked.id, user))
    )
}

/// From the proxy to the database, with IAM from end to end.
pub(super) fn of_proxy(scene: &Scene, proxy: &Proxy, role: &ProxyRole, policies: &RolePolicies) -> Option<Finding> {
    let database: &Database = &scene.database;
    let what = database.to_string();
    let Some(id) = &database.access.resource_id else {
        return Some(Finding::unknown(format!(
            "could not determine whether {} may connect to {what}: AWS does not report its resource id",
            role.arn
        )));
    };
    let asked = Asked {
        place: database.place(),
        id,
        what: &what,
        users: user(scene),
    };
    let connects = Connects::of(&role.arn, policies, &asked);
    let lack = || {
        format!(
            "proxy {} logs in to {what} with IAM, and {}",
            proxy.name,
            connects.lack(&asked)
        )
    };
    match connects.verdict() {
        Verdict::Allowed => None,
        Verdict::Unknown => Some(Finding::unknown(lack())),
        Verdict::Denied => Some(Finding::fail(lack())),
        Verdict::NotAllowed => {
            let finding = Finding::fail(lack());
            Some(match connects.user(&asked) {
                Some(user) if !connects.is_bounded() => finding.fixed_by(put_connect(&role.arn, &asked, &user)),
                _ => finding,
            })
        }
    }
}

/// What a role is to connect to.
struct Asked<'a> {
    place: Place<'a>,
    /// The resource id.
    id: &'a str,
    /// In words.
    what: &'a str,
    /// The user, where it is known.
    users: Option<&'a str>,
}

/// Whether a role may connect.
struct Connects {
    role: String,
    /// The best that was found, and as whom; without a user it is anyone.
    best: (Judgement, Option<String>),
    /// The resource ids of other databases and proxies that its policies let connect to, with the users.
    others: BTreeSet<(String, String)>,
}

/// Whether the function's role may connect, with the evidence.
fn of_function(scene: &Scene, asked: &Asked<'_>) -> Result<(Connects, Vec<String>), Finding> {
    let Some(arn) = &scene.function.role else {
        let text = format!(
            "AWS does not report the execution role of function {}",
            scene.function.name
        );
        return Err(Finding::unknown(text));
    };
    let policies = scene.policies.read().map_err(|why| {
        Finding::unknown(format!(
            "could not determine whether {arn} may connect to {}: {why}",
            asked.what
        ))
    })?;
    let connects = Connects::of(arn, policies, asked);
    let evidence = vec![format!("{arn}: {}", connects.best.0.by)];
    Ok((connects, evidence))
}

impl Connects {
    fn of(role: &str, policies: &RolePolicies, asked: &Asked<'_>) -> Self {
        let named = named_in(policies, asked.place);
        let users: BTreeSet<Option<String>> = if let Some(user) = asked.users {
            BTreeSet::from([Some(user.to_owned())])
        } else {
            let of_it = named.iter().filter(|(id, _)| id == asked.id || id == "*");
            let users = of_it
                .filter(|(_, user)| user != "*")
                .map(|(_, user)| Some(user.clone()));
            users.chain([None]).collect()
        };
        let judged = users.into_iter().map(|user| {
            let judgement = may_connect(policies, asked.place, asked.id, user.as_deref().unwrap_or(ANYONE));
            (judgement, user)
        });
        // Verdicts are in order, the best first; a user who is named says more than any.
        let best = judged.min_by_key(|(judgement, user)| (judgement.verdict, user.is_none()));
        let best = best.unwrap_or_else(|| (may_connect(policies, asked.place, asked.id, ANYONE), None));
        Self {
            role: role.to_owned(),
            best,
            others: named
                .into_iter()
                .filter(|(id, _)| id != asked.id && id != "*")
                .collect(),
        }
    }

    fn verdict(&self) -> Verdict {
        self.best.0.verdict
    }

    /// How bad it is where the role has to connect.
    fn status(&self) -> Status {
        match self.verdict() {
            Verdict::Unknown => Status::Unknown,
            _ => Status::Fail,
        }
    }

    /// What to do where the user is not known.
    fn remedy_for_any(&self, asked: &Asked<'_>) -> String {
        format!(
            "allow {} to connect: rds-db:connect on {}, with the user of the database in place of USER",
            self.role,
            asked.place.arn("rds-db", &format!("dbuser:{}/USER", asked.id))
        )
    }

    fn is_bounded(&self) -> bool {
        self.best.0.is_bounded
    }

    fn whom(&self) -> String {
        match &self.best.1 {
            Some(user) => format!("as {user}"),
            None => "as any user".to_owned(),
        }
    }

    /// The user to be allowed: the one that is known, else the only one whom the policies name.
    fn user(&self, asked: &Asked<'_>) -> Option<String> {
        let known = asked.users.map(str::to_owned);
        let kind = |id: &str| id.split('-').next().map(str::to_owned);
        let of_kind = self.others.iter().filter(|(id, _)| kind(id) == kind(asked.id));
        let users: BTreeSet<&String> = of_kind.map(|(_, user)| user).filter(|user| *user != "*").collect();
        known.or_else(|| match users.into_iter().collect::<Vec<_>>().as_slice() {
            [user] => Some((*user).clone()),
            _ => None,
        })
    }

    /// What the role lacks, with what it has instead.
    fn lack(&self, asked: &Asked<'_>) -> String {
        let Self { role, best, others } = self;
        let user = asked.users.map(|user| format!(" as {user}")).unwrap_or_default();
        let resource = format!("{} ({})", asked.what, asked.id);
        let does = match best.0.verdict {
            Verdict::Allowed => return format!("{role} allows rds-db:connect to {resource}{user}"),
            Verdict::NotAllowed if best.0.is_bounded => {
                format!(
                    "{role} does not allow rds-db:connect to {resource}{user}, since {}",
                    best.0.by
                )
            }
            Verdict::NotAllowed => format!("{role} does not allow rds-db:connect to {resource}{user}"),
            Verdict::Denied => format!("{role} denies rds-db:connect to {resource}{user} by {}", best.0.by),
            Verdict::Unknown => {
                format!(
                    "could not determine whether {role} allows rds-db:connect to {resource}{user}; this depends on {}",
                    best.0.by
                )
            }
        };
        let ids: BTreeSet<&str> = others.iter().map(|(id, _)| id.as_str()).collect();
        if ids.is_empty() || best.0.verdict != Verdict::NotAllowed {
            return does;
        }
        let ids: Vec<&str> = ids.into_iter().collect();
        format!(
            "{does}, but to {}: a database or proxy that was replaced has another resource id",
            ids.join(", ")
        )
    }
}

/// The resource ids and users that policies name in what they allow of `rds-db:connect` here, as far as those are no
/// patterns; `*` for any.
fn named_in(policies: &RolePolicies, place: Place<'_>) -> BTreeSet<(String, String)> {
    let statements = policies.policies.iter().flat_map(|policy| &policy.document.statement);
    let allowing = statements.filter(|statement| {
        let connects = |action: &str| ["rds-db:connect", "rds-db:*"].contains(&action.to_ascii_lowercase().as_str());
        statement.effect == Effect::Allow && statement.action.iter().any(connects)
    });
    let start = place.arn("rds-db", "dbuser:");
    let parts = |text: &str| -> Option<(String, String)> {
        let (_, named) = text.split_once(":dbuser:")?;
        let here = text.starts_with(&start) || text.contains("rds-db:*:");
        let (id, user) = named.split_once('/').filter(|_| here)?;
        Some((plain(id)?, plain(user)?))
    };
    allowing
        .flat_map(|statement| statement.resource.iter().filter_map(parts))
        .collect()
}

/// A part of a resource that is no pattern, without its escapes; `*` stays.
fn plain(part: &str) -> Option<String> {
    if part == "*" {
        return Some(part.to_owned());
    }
    let mut text = part.to_owned();
    for character in ["*", "?", "$"] {
        text = text.replace(&format!("${{{character}}}"), character);
    }
    (literal(&text) == part).then_some(text)
}
