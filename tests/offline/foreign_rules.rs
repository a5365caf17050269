//! `remove` and the rules that someone else made in our groups: they keep the group, stay as they are, and are named.

use autoconnect::account::{AccountDocument, IpPermission, OfflineAccount, Tag};
use autoconnect::cloud::Cloud;
use autoconnect::interrupt::Interrupt;
use autoconnect::model::{Direction, Peer, PortRange, Protocol, Rule};
use autoconnect::observe::{ProxyWish, Target};
use autoconnect::reconcile::{Converged, Ending, Failure, Options, converge};
use autoconnect::removal::{RemovalWish, Standing};
use autoconnect::tags;

use crate::crashes::{Crash, Left, each_death};
use crate::interposed::Interposed;
use crate::removals::{assert_only_connected, disconnect, essence};
use crate::scenarios::base;
use crate::support::*;

const FUNCTION: &str = "lambda-rds-1";
const DATABASE: &str = "rds-lambda-1";

async fn try_remove(cloud: &dyn Cloud, target: &Target) -> Result<Converged<Standing>, Failure> {
    let goal = disconnect(target, RemovalWish::default());
    let (options, front) = (Options::default(), Script::default());
    Box::pin(converge(cloud, &goal, &options, &front, Interrupt::never())).await
}

async fn remove(account: &OfflineAccount, target: &Target) -> Converged<Standing> {
    let ended = try_remove(account, target).await;
    ended.unwrap_or_else(|failure| panic!("{failure} ({})", failure.error.code()))
}

fn id_of(document: &AccountDocument, name: &str) -> String {
    let mut groups = document.security_groups.iter();
    let found = groups.find(|group| group.group_name == name);
    found.unwrap_or_else(|| panic!("no {name}")).group_id.clone()
}

fn permissions<'d>(document: &'d mut AccountDocument, name: &str, direction: Direction) -> &'d mut Vec<IpPermission> {
    let mut groups = document.security_groups.iter_mut();
    let group = groups.find(|group| group.group_name == name).unwrap();
    match direction {
        Direction::Ingress => &mut group.ip_permissions,
        Direction::Egress => &mut group.ip_permissions_egress,
    }
}

fn rule(protocol: Protocol, ports: Option<(i32, i32)>, peer: &Peer) -> Rule {
    Rule {
        protocol,
        ports: ports.map(|(from, to)| PortRange { from, to }),
        peer: peer.clone(),
        description: None,
    }
}

/// Each way in which a rule can differ from ours, in a group of each side: the group, the direction, the rule, and how it
/// is named.
#[expect(clippy::too_many_lines, reason = "a table, one row a rule")]
fn rules(document: &AccountDocument) -> Vec<(&'static str, Direction, Rule, &'static str)> {
    let port = i32::from(document.db_clusters[0].port);
    let group = |name: &str| Peer::Group(id_of(document, name).as_str().into());
    let (function, database) = (group(FUNCTION), group(DATABASE));
    let base = Peer::Group("sg-base-d".into());
    let everywhere = Peer::Cidr("0.0.0.0/0".to_owned());
    let (tcp, udp) = (|| Protocol::Tcp, Protocol::Other("udp".to_owned()));
    let (out, into) = (Direction::Egress, Direction::Ingress);
    let said = |rule: Rule| Rule {
        description: Some("cluster/db:function/f".to_owned()),
        ..rule
    };
    vec![
        (
            FUNCTION,
            out,
            rule(tcp(), Some((443, 443)), &everywhere),
            "outbound tcp 443 to 0.0.0.0/0",
        ),
        (
            FUNCTION,
            out,
            Rule::default_egress(),
            "outbound all traffic to 0.0.0.0/0",
        ),
        (
            FUNCTION,
            out,
            rule(tcp(), Some((port, port)), &base),
            "outbound tcp 5433 to sg-base-d",
        ),
        (
            FUNCTION,
            out,
            rule(tcp(), Some((port, port + 1)), &database),
            "outbound tcp 5433-5434 to sg-",
        ),
        (
            FUNCTION,
            out,
            rule(tcp(), Some((22, 22)), &database),
            "outbound tcp 22 to sg-",
        ),
        (
            FUNCTION,
            out,
            rule(udp.clone(), Some((port, port)), &database),
            "outbound udp 5433 to sg-",
        ),
        (
            FUNCTION,
            out,
            rule(tcp(), Some((443, 443)), &Peer::PrefixList("pl-1".to_owned())),
            "outbound tcp 443 to pl-1",
        ),
        (
            FUNCTION,
            out,
            said(rule(tcp(), Some((port, port)), &everywhere)),
            "outbound tcp 5433 to 0.0.0.0/0",
        ),
        (
            FUNCTION,
            into,
            rule(tcp(), Some((22, 22)), &base),
            "inbound tcp 22 from sg-base-d",
        ),
        (
            FUNCTION,
            into,
            rule(tcp(), Some((port, port)), &database),
            "inbound tcp 5433 from sg-",
        ),
        (
            DATABASE,
            into,
            rule(tcp(), Some((22, 22)), &base),
            "inbound tcp 22 from sg-base-d",
        ),
        (
            DATABASE,
            into,
            rule(tcp(), Some((port, port)), &base),
            "inbound tcp 5433 from sg-base-d",
        ),
        (
            DATABASE,
            into,
            rule(udp, Some((port, port)), &function),
            "inbound udp 5433 from sg-",
        ),
        (
            DATABASE,
            into,
            rule(tcp(), Some((22, 22)), &function),
            "inbound tcp 22 from sg-",
        ),
        (
            DATABASE,
            into,
            said(rule(tcp(), Some((port, port)), &everywhere)),
            "inbound tcp 5433 from 0.0.0.0/0",
        ),
        (
            DATABASE,
            into,
            rule(tcp(), Some((port, port)), &database),
            "inbound tcp 5433 from sg-",
        ),
        (
            DATABASE,
            out,
            rule(tcp(), Some((443, 443)), &everywhere),
            "outbound tcp 443 to 0.0.0.0/0",
        ),
        (
            DATABASE,
            out,
            Rule::default_egress(),
            "outbound all traffic to 0.0.0.0/0",
        ),
    ]
}

/// Any rule that is not exactly ours keeps its group, on its resource where it may be used there, and is named; of ours
/// nothing is left, so that the connection ends anyway. Without that rule the next run takes the rest away.
#[tokio::test(start_paused = true)]
async fn a_rule_that_is_not_ours_keeps_its_group() {
    let scenario = &base()[0];
    let document = connected(&scenario.document, &scenario.target).await;
    for (name, direction, foreign, named) in rules(&document) {
        let context = format!("{name}: {named}");
        let account = in_memory(&document);
        account.edit(|document| permissions(document, name, direction).push(IpPermission::from_rule(&foreign)));
        let removed = remove(&account, &scenario.target).await;
        assert_eq!(
            (removed.ending, removed.draft.decision),
            (Ending::Reached, "disconnect"),
            "{context}"
        );
        let reasons = &removed.draft.reasons;
        let told = reasons
            .iter()
            .any(|reason| reason.contains(name) && reason.contains(named));
        assert!(told, "{context}: {reasons:?}");

        let mut left = account.document();
        let id = id_of(&left, name);
        assert_eq!(
            permissions(&mut left, name, direction),
            &[IpPermission::from_rule(&foreign)],
            "{context}: only that rule is left"
        );
        let on_function = &left.functions[0].vpc_config.as_ref().unwrap().security_group_ids;
        let needs_it = name == FUNCTION && direction == Direction::Egress;
        assert_eq!(on_function.contains(&id), needs_it, "{context}");
        let mut on_database = left.db_clusters[0].vpc_security_groups.iter();
        let is_on_database = on_database.any(|membership| membership.vpc_security_group_id == id);
        assert_eq!(is_on_database, name == DATABASE, "{context}");
        // By the console's own condition, a rule for the port to another group of the database is a connection.
        if named != "outbound tcp 5433 to sg-base-d" {
            assert_only_connected(&account, &[], &context).await;
        }
        let again = remove(&account, &scenario.target).await;
        assert_eq!(again.ending, Ending::Unchanged, "{context}");

        account.edit(|document| permissions(document, name, direction).clear());
        remove(&account, &scenario.target).await;
        assert!(essence(&account.document()) == essence(&scenario.document), "{context}");
    }
}

/// A group whose other rules the function may need, and which another function shares, cannot be disassociated, nor its
/// rules out of it: nothing is written, and the error names both.
#[tokio::test(start_paused = true)]
async fn a_shared_group_with_other_outbound_rules_is_left_alone() {
    let scenario = &base()[0];
    let account = in_memory(&scenario.document);
    setup(&account, &scenario.target).await.unwrap();
    let other = Target {
        function: "g".to_owned(),
        ..scenario.target.clone()
    };
    setup(&account, &other).await.unwrap();
    let foreign = rule(Protocol::Tcp, Some((443, 443)), &Peer::Cidr("0.0.0.0/0".to_owned()));
    account.edit(|document| {
        permissions(document, FUNCTION, Direction::Egress).push(IpPermission::from_rule(&foreign));
    });
    let (before, writes) = (account.document(), account.calls().write);
    let failure = try_remove(&account, &scenario.target).await.unwrap_err();
    assert_eq!(failure.error.code(), "rules-in-use");
    let told = failure.to_string();
    assert!(
        told.contains("outbound tcp 443 to 0.0.0.0/0") && told.contains("function g"),
        "{told}"
    );
    assert_eq!((account.document(), account.calls().write), (before, writes));
}

/// The mark of a removal is a tag, which anybody can write: it takes no group with a rule of someone else's away.
#[tokio::test(start_paused = true)]
async fn a_mark_takes_no_group_with_other_rules_away() {
    let scenario = &base()[0];
    let mut document = connected(&scenario.document, &scenario.target).await;
    for group in &mut document.security_groups {
        group.tags.push(Tag {
            key: tags::REMOVING.to_owned(),
            value: "cluster/db:function/f".to_owned(),
        });
    }
    for (name, direction) in [
        (FUNCTION, Direction::Egress),
        (DATABASE, Direction::Ingress),
        (DATABASE, Direction::Egress),
    ] {
        let account = in_memory(&document);
        let foreign = rule(Protocol::Tcp, Some((443, 443)), &Peer::Cidr("0.0.0.0/0".to_owned()));
        account.edit(|document| permissions(document, name, direction).push(IpPermission::from_rule(&foreign)));
        remove(&account, &scenario.target).await;
        let mut left = account.document();
        assert_eq!(
            permissions(&mut left, name, direction),
            &[IpPermission::from_rule(&foreign)],
            "{name}"
        );
    }
}

/// Through a proxy, too, on each side.
#[tokio::test(start_paused = true)]
async fn a_rule_in_a_set_of_three_keeps_its_group() {
    let scenario = base()
        .into_iter()
        .find(|scenario| scenario.target.proxy != ProxyWish::None)
        .unwrap();
    let document = connected(&scenario.document, &scenario.target).await;
    let foreign = rule(Protocol::Tcp, Some((443, 443)), &Peer::Cidr("0.0.0.0/0".to_owned()));
    for name in ["lambda-rdsproxy-1", "rdsproxy-lambda-1", "rds-rdsproxy-1"] {
        for direction in [Direction::Ingress, Direction::Egress] {
            let context = format!("{name} {direction}");
            let account = in_memory(&document);
            account.edit(|document| permissions(document, name, direction).push(IpPermission::from_rule(&foreign)));
            let removed = remove(&account, &scenario.target).await;
            assert_eq!(removed.ending, Ending::Reached, "{context}");
            let mut left = account.document();
            let is_there = permissions(&mut left, name, direction).contains(&IpPermission::from_rule(&foreign));
            assert!(is_there, "{context}");
            assert_only_connected(&account, &[], &context).await;

            account.edit(|document| {
                permissions(document, name, direction).retain(|found| *found != IpPermission::from_rule(&foreign));
            });
            remove(&account, &scenario.target).await;
            assert!(essence(&account.document()) == essence(&scenario.document), "{context}");
        }
    }
}

/// Wherever a run dies, the next one comes to the same end.
#[tokio::test(start_paused = true)]
async fn a_removal_that_keeps_a_group_survives_each_death() {
    let scenario = &base()[0];
    let document = connected(&scenario.document, &scenario.target).await;
    let foreign = rule(Protocol::Tcp, Some((443, 443)), &Peer::Cidr("0.0.0.0/0".to_owned()));
    let mut deaths = 0;
    for (name, direction) in [
        (FUNCTION, Direction::Egress),
        (FUNCTION, Direction::Ingress),
        (DATABASE, Direction::Ingress),
        (DATABASE, Direction::Egress),
    ] {
        let mut changed = document.clone();
        permissions(&mut changed, name, direction).push(IpPermission::from_rule(&foreign));
        let whole = in_memory(&changed);
        remove(&whole, &scenario.target).await;
        let removing = async |cloud: &Interposed<'_, Crash<'_>>| try_remove(cloud, &scenario.target).await;
        deaths += each_death(&changed, removing, async |died: Left| {
            let context = format!("{name} {direction}, {}", died.context);
            remove(&died.account, &scenario.target).await;
            assert!(
                essence(&died.account.document()) == essence(&whole.document()),
                "{context}"
            );
        })
        .await;
    }
    println!("{deaths} deaths of a removal that keeps a group healed");
    assert!(deaths > 200, "{deaths}");
}
