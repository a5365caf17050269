//! What connections of one manifest must agree on.

use std::collections::BTreeMap;

use super::keys::Options;
use super::{Mistake, Read, Spot};
use crate::model::{Origin, last_segment};

/// The ways in which an account and Region are named, where `home` is the Region of entries that name none. Two entries are in
/// the same place if they have one of them in common.
fn places(read: &Read, home: Option<&str>) -> Vec<String> {
    let (place, connection) = (&read.entry.place, &read.entry.connection);
    // An ARN has to be of the place's Region and account.
    let origin = [&connection.database, &connection.function]
        .into_iter()
        .fold(place.origin(), |origin, name| origin.or(Origin::of_arn(name)));
    let text = |part: &Option<String>| part.clone().unwrap_or_default();
    let region = origin.region.as_deref().or(home).unwrap_or_default();
    let mut places = vec![format!("{}|{}|{region}", text(&place.role_arn), text(&place.profile))];
    if origin.account.is_some() && origin.region.is_some() {
        places.push(format!("{}|{region}", text(&origin.account)));
    }
    places
}

/// What was found first, by its place and its name.
struct Seen<'h, T> {
    home: Option<&'h str>,
    found: BTreeMap<String, T>,
}

impl<'h, T: Copy> Seen<'h, T> {
    fn new(home: Option<&'h str>) -> Self {
        let found = BTreeMap::new();
        Self { home, found }
    }

    fn get(&self, read: &Read, name: &str) -> Option<T> {
        let mut places = places(read, self.home).into_iter();
        places.find_map(|place| self.found.get(&format!("{place}|{name}")).copied())
    }

    /// The first one, if this is another.
    fn add(&mut self, read: &Read, name: &str, found: T) -> Option<T> {
        let before = self.get(read, name);
        for place in places(read, self.home) {
            let first = before.unwrap_or(found);
            self.found.entry(format!("{place}|{name}")).or_insert(first);
        }
        before
    }
}

/// Connections that are listed twice.
pub fn repeated(all: &[&Read], home: Option<&str>) -> Vec<Mistake> {
    let mut seen = Seen::new(home);
    let twice = all.iter().filter_map(|read| {
        let id = read.entry.connection.to_string();
        let before: Spot = seen.add(read, &id, read.spot)?;
        Some(Mistake::at(read.spot, format!("{id} is listed already, in {before}")))
    });
    twice.collect()
}

/// Names that two connections have. What a connection is called without a name counts only if `with_ids`.
pub fn names(all: &[&Read], with_ids: bool) -> Vec<Mistake> {
    let mut seen = BTreeMap::<String, (Spot, bool, String)>::new();
    let mut mistakes = Vec::new();
    for read in all {
        let id = read.entry.connection.to_string();
        let is_named = read.entry.name.is_some();
        if !is_named && !with_ids {
            continue;
        }
        let name = read.entry.name.clone().unwrap_or_else(|| id.clone());
        let spot = read.options.own_spot("name").unwrap_or(read.spot);
        match seen.get(&name) {
            None => {
                seen.insert(name, (spot, is_named, id));
            }
            Some((before, true, _)) if is_named => {
                mistakes.push(Mistake::at(
                    spot,
                    format!("the name {name} is taken already, in {before}"),
                ));
            }
            Some((before, ..)) => {
                let message =
                    format!("{name} is the name of the connection in {before} as well: give this one another name");
                mistakes.push(Mistake::at(spot, message));
            }
        }
    }
    mistakes
}

/// What two connections want of one proxy or one function, and cannot both have.
pub fn contradictions(all: &[&Read], home: Option<&str>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let mut seen = [Seen::new(home), Seen::new(home)];
    let [proxies, made] = &mut seen;
    for (at, read) in all.iter().enumerate() {
        let Some(proxy) = &read.entry.connection.proxy else {
            continue;
        };
        let name = proxy.to_ascii_lowercase();
        if let Some(before) = proxies.add(read, &name, at).map(|before| all[before])
            && database(read) != database(before)
        {
            let (here, there, line) = (database(read), database(before), before.spot);
            mistakes.push(Mistake::at(
                read.options.own_spot("proxy").unwrap_or(read.spot),
                format!("proxy {proxy} is for {there} in {line}, and for {here} here: a proxy is for one database"),
            ));
        } else if read.options.makes_proxy()
            && let Some(before) = made.add(read, &name, at).map(|before| all[before])
        {
            mistakes.extend(differences(proxy, read, before));
        }
    }
    for read in all
        .iter()
        .filter(|read| !read.options.makes_proxy() && read.options.requires_iam())
    {
        let Some(proxy) = &read.entry.connection.proxy else {
            continue;
        };
        let name = proxy.to_ascii_lowercase();
        if let Some(before) = made.get(read, &name).map(|before| all[before])
            && !before.options.requires_iam()
        {
            let line = before.spot;
            mistakes.push(Mistake::at(
                read.options.own_spot("iam_auth").unwrap_or(read.spot),
                format!("iam_auth is required here, and {line} creates the proxy {proxy} without it"),
            ));
        }
    }
    mistakes.extend(functions(all, home));
    mistakes
}

fn database(read: &Read) -> String {
    let connection = &read.entry.connection;
    let name = last_segment(&connection.database).to_ascii_lowercase();
    format!("{}/{name}", connection.kind)
}

/// In what two connections differ that create one proxy.
fn differences(proxy: &str, here: &Read, there: &Read) -> Vec<Mistake> {
    fn of(options: &Options) -> [(&'static str, Option<&str>); 5] {
        let is_iam = options.text("proxy_auth") == Some("iam");
        let secret = options.text("secret");
        // With a secret or with IAM, the user is not the proxy's.
        let user = options.text("db_user").filter(|_| !is_iam && secret.is_none());
        [
            ("proxy_auth", Some(if is_iam { "iam" } else { "secret" })),
            ("secret", secret),
            ("db_user", user),
            ("proxy_role", options.text("proxy_role")),
            (
                "iam_auth",
                Some(if options.requires_iam() { "required" } else { "disabled" }),
            ),
        ]
    }
    let differ = of(&here.options).into_iter().zip(of(&there.options));
    let differ =
        differ.filter(|((key, here), (_, there))| !(here == there || *key == "secret" && is_one_secret(*here, *there)));
    // The first one explains the others.
    let first = differ.take(1).map(|((key, own), (_, other))| {
        let words = |value: Option<&str>| value.unwrap_or("left out").to_owned();
        let (own, other, line) = (words(own), words(other), there.spot);
        Mistake::at(
            here.options.own_spot(key).unwrap_or(here.spot),
            format!("both create the proxy {proxy}: {key} is {other} in {line}, and {own} here"),
        )
    });
    first.collect()
}

/// Whether a name and an ARN are those of one secret. The ARN ends with six random characters.
fn is_one_secret(here: Option<&str>, there: Option<&str>) -> bool {
    let is_of = |arn: &str, name: &str| {
        let full = arn.starts_with("arn:").then(|| last_segment(arn));
        let rest = full.and_then(|full| full.strip_prefix(name)?.strip_prefix('-'));
        rest.is_some_and(|rest| rest.len() == 6)
    };
    here.zip(there)
        .is_some_and(|(here, there)| is_of(here, there) || is_of(there, here))
}

fn functions(all: &[&Read], home: Option<&str>) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    let (mut seen, mut with_variables) = (Seen::new(home), Seen::new(home));
    for (at, read) in all.iter().enumerate() {
        let options = &read.options;
        let function = last_segment(&read.entry.connection.function);
        if let Some(before) = seen.add(read, function, at).map(|before| all[before]) {
            let line = before.spot;
            let spot = |key| options.own_spot(key).unwrap_or(read.spot);
            match (before.options.makes_function(), options.makes_function()) {
                (true, false) => mistakes.push(Mistake::at(
                    spot("function"),
                    format!("{line} creates the function {function}: name it new:{function} here, too"),
                )),
                (false, true) => mistakes.push(Mistake::at(
                    spot("function"),
                    format!("the function {function} is created here, and has to exist in {line}: name it new:{function} there, too"),
                )),
                (true, true) if before.options.text("runtime") != options.text("runtime") => {
                    let words = |options: &Options| options.text("runtime").unwrap_or("left out").to_owned();
                    let (there, here) = (words(&before.options), words(options));
                    mistakes.push(Mistake::at(
                        spot("runtime"),
                        format!("both create the function {function}: runtime is {there} in {line}, and {here} here"),
                    ));
                }
                _ => {}
            }
        }
        if options.is("set_env")
            && let Some(line) = with_variables.add(read, function, read.spot)
        {
            let line: Spot = line;
            mistakes.push(Mistake::at(
                options.own_spot("set_env").unwrap_or(read.spot),
                format!("set_env is set for the function {function} in {line} as well: its variables hold the settings of one connection"),
            ));
        }
    }
    mistakes
}
