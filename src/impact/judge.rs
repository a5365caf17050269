//! Judges the connections of an account before and after a change, and tells the difference.

mod difference;

use std::collections::{BTreeMap, BTreeSet};

use super::future::{About, Future, Layer, Touch};
use super::openness::{Opening, Openness};
use super::{Effect, Judged, Path, Standing};
use crate::account::{AccountDocument, Mistake, OfflineAccount};
use crate::diagnostics::Status;
use crate::diagnostics::connection::diagnose;
use crate::drift::traffic::groups_let_through;
use crate::drift::{Judge, discover, list};
use crate::estate::{Connection, Estate, Look, Scope};
use crate::model::{Database, DatabaseKind, Function, GroupList, Proxy, last_segment};
use crate::observe::{ObserveError, Proxies, ProxyWish, Target, scene, survey, survey_paths};
use difference::{REASONS, by_of_openings, difference};

/// A connection that is looked at, with what it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// What it is called.
    pub name: String,
    /// Which one it is.
    pub connection: Connection,
}

/// An account, to be judged.
struct Sight {
    account: OfflineAccount,
    document: AccountDocument,
    estate: Estate,
}

/// A connection in an account.
struct State {
    standing: Standing,
    /// The checks that fail, by their ids, with what they say.
    failing: BTreeMap<String, String>,
    /// The checks that could not be judged.
    unjudged: BTreeSet<String>,
    /// What it depends on.
    on: BTreeSet<About>,
    /// What comes in to its database and its proxy.
    openness: Openness,
}

impl Sight {
    async fn of(document: AccountDocument) -> Result<Self, Vec<Mistake>> {
        let account = OfflineAccount::in_memory(document.clone())?;
        let mut surveyed = survey(&account, &Proxies::All).await;
        survey_paths(&account, &mut surveyed.estate).await;
        Ok(Self {
            account,
            document,
            estate: surveyed.estate,
        })
    }

    /// The connections that are found, and the pairs of a function and a database between which groups let traffic pass.
    fn connections(&self) -> BTreeSet<Connection> {
        let estate = &self.estate;
        let mut found = discover(estate);
        for database in estate.databases().filter(|database| database.member_of.is_none()) {
            let of = |function: &Function, proxy: Option<&Proxy>| Connection {
                kind: database.kind,
                database: database.id.clone(),
                proxy: proxy.map(|proxy| proxy.name.clone()),
                function: function.name.clone(),
            };
            found.extend(
                list(estate, database)
                    .iter()
                    .map(|compute| of(compute.function, compute.proxy)),
            );
            let peers = self.peers_of(database);
            for function in estate.functions() {
                if function
                    .vpc
                    .as_ref()
                    .is_none_or(|vpc| !peers.contains(vpc.vpc.as_str()))
                {
                    continue;
                }
                let connection = of(function, None);
                let observation = estate.observation(&connection, Scope::Associated);
                if observation.is_ok_and(|observation| groups_let_through(estate, &observation)) {
                    found.insert(connection);
                }
            }
        }
        found
    }

    /// The VPCs that are peered with a database's.
    fn peers_of(&self, database: &Database) -> BTreeSet<&str> {
        let vpc = database.vpc.as_str();
        let peerings = self.document.vpc_peering_connections.iter();
        let sides = peerings.map(|peering| {
            (
                peering.requester_vpc_info.vpc_id.as_str(),
                peering.accepter_vpc_info.vpc_id.as_str(),
            )
        });
        sides
            .filter_map(|(one, other)| match (one == vpc, other == vpc) {
                (true, false) => Some(other),
                (false, true) => Some(one),
                _ => None,
            })
            .collect()
    }

    async fn state(&self, judge: &Judge<'_>, connection: &Connection) -> State {
        let verdict = judge.judge(connection).verdict;
        let target = Target {
            proxy: connection.proxy.clone().map_or(ProxyWish::None, ProxyWish::Existing),
            ..Target::direct(connection.kind, &connection.database, &connection.function)
        };
        let mut failing = BTreeMap::new();
        let mut unjudged = BTreeSet::new();
        let path = match Box::pin(scene(&self.account, &target)).await {
            Ok(scene) => {
                for check in diagnose(&scene).checks {
                    match check.status {
                        Status::Fail => {
                            failing.insert(check.id, check.message);
                        }
                        Status::Unknown => {
                            unjudged.insert(check.id);
                        }
                        Status::Pass | Status::Warn => {}
                    }
                }
                if failing.is_empty() { Path::Open } else { Path::Blocked }
            }
            Err(error @ ObserveError::NoSuch { .. }) => {
                failing.insert(EXISTENCE.to_owned(), error.to_string());
                Path::Missing
            }
            Err(error) => {
                unjudged.insert(error.to_string());
                Path::Unknown
            }
        };
        let (on, openness) = self.surroundings(connection);
        State {
            standing: Standing {
                verdict: Some(verdict),
                path,
            },
            failing,
            unjudged,
            on,
            openness,
        }
    }

    /// What a connection depends on, and what comes in to its database and its proxy.
    fn surroundings(&self, connection: &Connection) -> (BTreeSet<About>, Openness) {
        let mut on = BTreeSet::from([About::Everything]);
        let mut openness = Openness::default();
        let add_groups = |on: &mut BTreeSet<About>, groups: Vec<String>, vpc: &str| {
            on.extend(groups.into_iter().map(About::Group));
            if !vpc.is_empty() {
                on.insert(About::Vpc(vpc.to_owned()));
            }
        };
        let named = |groups: GroupList| groups.iter().map(ToString::to_string).collect::<Vec<_>>();
        if !connection.function.is_empty() {
            let name = last_segment(&connection.function);
            on.insert(About::Function(name.to_owned()));
            if let Look::Found(function) = self.estate.function(&connection.function)
                && let Some(vpc) = &function.vpc
            {
                add_groups(&mut on, named(function.groups()), vpc.vpc.as_str());
            }
        }
        if !connection.database.is_empty() {
            let id = last_segment(&connection.database).to_ascii_lowercase();
            on.insert(About::Database(connection.kind, id));
            if let Look::Found(database) = self.estate.database(connection.kind, &connection.database) {
                let members = database.members.iter();
                on.extend(members.map(|member| About::Database(DatabaseKind::Instance, member.id.clone())));
                let groups = named(database.groups());
                openness = Openness::of(&self.document, &groups, database.port);
                add_groups(&mut on, groups, database.vpc.as_str());
            }
        }
        if let Some(name) = &connection.proxy {
            on.insert(About::Proxy(name.to_ascii_lowercase()));
            if let Look::Found(proxy) = self.estate.proxy(name) {
                let groups = named(proxy.groups.clone());
                let of_proxy = Openness::of(&self.document, &groups, Some(proxy.engine_family.listener_port()));
                openness.openings.extend(of_proxy.openings);
                openness.unread.extend(of_proxy.unread);
                add_groups(&mut on, groups, proxy.vpc.as_str());
            }
        }
        (on, openness)
    }
}

/// What stands for a check where a resource does not exist.
const EXISTENCE: &str = "existence";

/// Judges a change: these connections, or all that are found before or after it. `names` is what stands for ids that do not
/// exist yet, with the address of each.
///
/// # Errors
///
/// The account as it is has mistakes.
pub async fn judge(
    before: AccountDocument,
    mut future: Future,
    wanted: Option<&[Named]>,
    names: &[(String, String)],
) -> Result<(Vec<Judged>, Future), Vec<Mistake>> {
    let before = Sight::of(before).await?;
    let after = match Sight::of(future.document.clone()).await {
        Ok(after) => Some(after),
        Err(mistakes) => {
            // AWS would refuse it, or it was not understood.
            let why = mistakes.first().map_or_else(String::new, ToString::to_string);
            let why = format!("the account as the change would leave it is not one that could exist: {why}");
            let touched: Vec<Touch> = future.touches.iter().cloned().collect();
            for touch in touched {
                future.not_understood(&touch.by, touch.about, Layer::Resource, why.as_str());
            }
            None
        }
    };
    let all;
    let wanted = if let Some(wanted) = wanted {
        wanted
    } else {
        let mut found = before.connections();
        found.extend(after.iter().flat_map(Sight::connections));
        let by_id = |connection: Connection| Named {
            name: connection.to_string(),
            connection,
        };
        all = found.into_iter().map(by_id).collect::<Vec<_>>();
        &all
    };
    // If a bound is no valid account, what is not known stays unknown.
    let bound = async |document: Option<AccountDocument>| match document.filter(|_| after.is_some()) {
        Some(document) => Sight::of(document).await.ok(),
        None => None,
    };
    let (at_most, at_least) = (bound(future.at_most()).await, bound(future.at_least()).await);
    let judge_now = Judge::new(&before.estate);
    let [after_judged, at_most, at_least] = [&after, &at_most, &at_least].map(|sight| {
        let sight = sight.as_ref()?;
        Some((sight, Judge::new(&sight.estate)))
    });
    let state = async |judged: &Option<(&Sight, Judge<'_>)>, connection: &Connection| match judged {
        Some((sight, judge)) => Some(sight.state(judge, connection).await),
        None => None,
    };
    let mut judged = Vec::new();
    for Named { name, connection } in wanted {
        let was = before.state(&judge_now, connection).await;
        let will_be = state(&after_judged, connection).await;
        let is_open = will_be.as_ref().is_some_and(|state| state.standing.path == Path::Open);
        let bound = state(if is_open { &at_least } else { &at_most }, connection).await;
        let states = (will_be.as_ref(), bound.as_ref());
        judged.push(difference(name, &was, states, &future));
    }
    let told: BTreeSet<About> = wanted.iter().flat_map(|wanted| ends(&wanted.connection)).collect();
    if let Some(after) = &after {
        judged.extend(alone(&before, after, &told, &future));
    }
    for one in &mut judged {
        for text in one.why.iter_mut().chain(&mut one.by) {
            *text = with_addresses(text, names);
        }
    }
    Ok((judged, future))
}

/// A text in which what stands for ids that do not exist yet is said by its address.
pub(super) fn with_addresses(text: &str, names: &[(String, String)]) -> String {
    let mut text = text.to_owned();
    for (placeholder, address) in names {
        if text.contains(placeholder.as_str()) {
            let words = format!("of {address}");
            text = text.replace(&format!(" of {placeholder}"), &format!(" {words}"));
            text = text.replace(placeholder.as_str(), &words);
        }
    }
    text
}

/// The database and the proxy of a connection.
fn ends(connection: &Connection) -> Vec<About> {
    let database = last_segment(&connection.database).to_ascii_lowercase();
    let proxy = connection
        .proxy
        .as_ref()
        .map(|proxy| About::Proxy(proxy.to_ascii_lowercase()));
    std::iter::once(About::Database(connection.kind, database))
        .chain(proxy)
        .collect()
}

/// The databases and proxies without a connection that are opened.
fn alone(before: &Sight, after: &Sight, told: &BTreeSet<About>, future: &Future) -> Vec<Judged> {
    let of = |kind, database: &str, proxy: Option<&str>| Connection {
        kind,
        database: database.to_owned(),
        proxy: proxy.map(str::to_owned),
        function: String::new(),
    };
    let databases = after.estate.databases().filter(|database| database.member_of.is_none());
    let databases = databases.map(|database| of(database.kind, &database.id, None));
    let proxies = after.estate.proxies();
    let proxies = proxies.map(|proxy| of(DatabaseKind::Cluster, "", Some(&proxy.name)));
    let mut found = Vec::new();
    for connection in databases.chain(proxies) {
        let about = ends(&connection).pop();
        if about.is_some_and(|about| told.contains(&about)) {
            continue;
        }
        let ((_, was), (on, will_be)) = (before.surroundings(&connection), after.surroundings(&connection));
        let openings: Vec<&Opening> = will_be.beyond(&was).collect();
        if openings.is_empty() {
            continue;
        }
        let standing = Standing {
            verdict: None,
            path: Path::Unknown,
        };
        found.push(Judged {
            name: connection.to_string(),
            effect: Effect::Opened,
            also: Vec::new(),
            by: by_of_openings(&openings, &on, future),
            why: openings.iter().take(REASONS).map(|opening| opening.words()).collect(),
            before: standing.clone(),
            after: standing,
        });
    }
    found
}
