//! Whether a function can be attached: one condition a row.

use std::collections::BTreeMap;

use autoconnect::attach::{AttachUnmet, Fitting, Site, Wish, fit};
use autoconnect::model::network::*;
use autoconnect::model::{Function, FunctionVpc, GroupList, SubnetId};
use autoconnect::policy::{PolicyDocument, RolePolicies, SourcedPolicy, execution_role};

use crate::builder::{direct, group};

fn function() -> Function {
    Function {
        vpc: None,
        ..direct().function
    }
}

fn subnet(id: &str, zone: &str, v6: bool) -> Subnet {
    let cidrs = [Some("10.0.1.0/24"), v6.then_some("fd00::/64")];
    Subnet {
        id: id.into(),
        vpc: "vpc-1".into(),
        cidrs: cidrs.into_iter().flatten().map(|cidr| cidr.parse().unwrap()).collect(),
        doubtful_cidrs: Vec::new(),
        availability_zone: zone.into(),
        free_addresses: Some(10),
        tags: BTreeMap::new(),
    }
}

fn table(id: &str, subnets: &[&str], target: RouteTarget) -> RouteTable {
    let association = |subnet: &&str| Association {
        id: format!("rtbassoc-{subnet}"),
        subnet: (*subnet).into(),
    };
    RouteTable {
        id: id.into(),
        vpc: "vpc-1".into(),
        is_main: subnets.is_empty(),
        associations: subnets.iter().map(association).collect(),
        routes: vec![Route {
            destination: Destination::Cidr("0.0.0.0/0".parse().unwrap()),
            target,
            state: RouteState::Active,
            origin: RouteOrigin::Static,
        }],
        tags: BTreeMap::new(),
    }
}

/// Two private subnets, and a public one; a group; a role that is enough.
fn site() -> Site {
    Site {
        vpcs: vec![vpc("vpc-1", "default")],
        network: Network {
            subnets: Part::Read(vec![
                subnet("subnet-1", "eu-central-1a", false),
                subnet("subnet-2", "eu-central-1b", true),
                subnet("subnet-3", "eu-central-1c", true),
            ]),
            route_tables: Part::Read(vec![
                table("rtb-1", &[], RouteTarget::Nat("nat-1".into())),
                table("rtb-2", &["subnet-3"], RouteTarget::InternetGateway("igw-1".into())),
            ]),
            ..Network::default()
        },
        groups: vec![group("sg-1", "functions", vec![], vec![])],
        policies: Part::Read(RolePolicies::only([execution_role(false)])),
        neighbours: Part::Read(BTreeMap::new()),
        database: None,
        wish: wish(&["subnet-1", "subnet-2"]),
    }
}

fn vpc(id: &str, tenancy: &str) -> Vpc {
    Vpc {
        id: id.into(),
        owner: None,
        cidrs: vec!["10.0.0.0/16".parse().unwrap()],
        tenancy: tenancy.into(),
        dns: Part::Unread("not asked".into()),
        doubtful_cidrs: Vec::new(),
        dhcp_options: None,
        resolver: Part::Unread("not asked".into()),
    }
}

fn wish(subnets: &[&str]) -> Wish {
    Wish {
        subnets: subnets.iter().map(|&id| id.into()).collect(),
        groups: vec!["sg-1".into()],
        ..Wish::default()
    }
}

fn attached(vpc: &str, subnets: &[&str], groups: &[&str]) -> FunctionVpc {
    FunctionVpc {
        vpc: vpc.into(),
        subnets: subnets.iter().map(|&id| id.into()).collect(),
        groups: GroupList::as_read(groups.iter().map(|&id| id.into())),
        ipv6_allowed: None,
    }
}

fn fitting(change: impl FnOnce(&mut Site)) -> Result<Fitting, AttachUnmet> {
    let mut site = site();
    change(&mut site);
    fit(&function(), &site)
}

fn policy(text: &str) -> Part<RolePolicies> {
    Part::Read(RolePolicies::only([PolicyDocument::read(text).unwrap()]))
}

/// A role whose policies are enough, under a boundary.
fn bounded(text: &str) -> Part<RolePolicies> {
    Part::Read(RolePolicies {
        boundary: Part::Read(Some(SourcedPolicy {
            source: "permissions boundary b".into(),
            document: PolicyDocument::read(text).unwrap(),
        })),
        ..RolePolicies::only([execution_role(false)])
    })
}

#[test]
fn nothing_is_worth_saying_of_two_private_subnets_with_a_role_that_is_enough() {
    let fitting = fitting(|_| ()).unwrap();
    assert_eq!(fitting.vpc, "vpc-1".into());
    assert_eq!(fitting.subnets, [SubnetId::from("subnet-1"), "subnet-2".into()]);
    assert!(fitting.lacks.is_empty() && fitting.notes.is_empty(), "{fitting:?}");
}

#[test]
fn what_cannot_be_is_refused() {
    type Change = Box<dyn FnOnce(&mut Site)>;
    let table: Vec<(&str, Change)> = vec![
        ("several-vpcs", Box::new(|site| site.vpcs.push(vpc("vpc-2", "default")))),
        (
            "dedicated-tenancy",
            Box::new(|site| site.vpcs = vec![vpc("vpc-1", "dedicated")]),
        ),
        ("too-many-subnets", Box::new(|site| site.wish = wish(&["subnet-1"; 17]))),
        ("not-in-vpc", Box::new(|site| site.groups.clear())),
        ("not-in-vpc", Box::new(|site| site.groups[0].vpc = "vpc-2".into())),
        ("not-dual-stack", Box::new(|site| site.wish.ipv6 = Some(true))),
        (
            "role-denies-vpc-access",
            Box::new(|site| {
                let text = r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}]}"#;
                site.policies = policy(text);
            }),
        ),
    ];
    for (code, change) in table {
        let unmet = fitting(change).unwrap_err();
        assert_eq!(unmet.code(), code, "{unmet}");
        assert!(!unmet.hint().is_empty());
    }
}

#[test]
fn a_function_is_not_moved_to_another_vpc() {
    let mut function = function();
    function.vpc = Some(attached("vpc-2", &["subnet-9"], &["sg-9"]));
    let unmet = fit(&function, &site()).unwrap_err();
    assert_eq!(unmet.code(), "attached-elsewhere", "{unmet}");
    function.vpc = Some(attached("vpc-1", &["subnet-3"], &["sg-9"]));
    assert!(fit(&function, &site()).is_ok());
}

#[test]
fn ipv6_is_for_dual_stack_subnets() {
    let dual = fitting(|site| {
        site.wish = Wish {
            ipv6: Some(true),
            ..wish(&["subnet-2"])
        };
    });
    assert!(dual.is_ok(), "{dual:?}");
}

#[test]
fn public_subnets_are_reported_and_those_of_a_database_left_out() {
    let named = fitting(|site| site.wish = wish(&["subnet-1", "subnet-3"])).unwrap();
    assert_eq!(named.subnets.len(), 2);
    assert!(
        named.notes[0].starts_with("Public subnets: subnet-3."),
        "{:?}",
        named.notes
    );
    let like = |subnets: &[&str]| {
        fitting(|site| {
            site.wish = Wish {
                like: Some("cluster c".into()),
                ..wish(subnets)
            };
        })
        .unwrap()
    };
    assert_eq!(like(&["subnet-1", "subnet-3"]).subnets, [SubnetId::from("subnet-1")]);
    let only_public = like(&["subnet-3"]);
    assert_eq!(only_public.subnets, [SubnetId::from("subnet-3")]);
    assert!(only_public.notes[0].starts_with("Public"), "{:?}", only_public.notes);
}

/// The default route makes a subnet public, and not any route to an internet gateway.
#[test]
fn a_subnet_is_public_by_its_default_route() {
    let route = |range: &str, target: RouteTarget| Route {
        destination: Destination::Cidr(range.parse().unwrap()),
        target,
        state: RouteState::Active,
        origin: RouteOrigin::Static,
    };
    let out = |range| route(range, RouteTarget::InternetGateway("igw-1".into()));
    let nat = route("0.0.0.0/0", RouteTarget::Nat("nat-1".into()));
    let doubtful = Route {
        state: RouteState::Other("pondering".into()),
        ..out("0.0.0.0/0")
    };
    let rows = [
        (vec![out("0.0.0.0/0")], "Public subnets: subnet-3."),
        (vec![out("::/0")], "Public subnets: subnet-3."),
        (vec![nat.clone(), out("8.8.8.8/32")], ""),
        (vec![nat, out("::/0")], ""),
        (vec![out("8.8.8.8/32")], ""),
        (vec![doubtful], "Could not determine whether subnet-3 is public"),
    ];
    for (routes, told) in rows {
        let fitting = fitting(|site| {
            let Part::Read(tables) = &mut site.network.route_tables else {
                unreachable!()
            };
            tables[1].routes.clone_from(&routes);
            site.wish = wish(&["subnet-1", "subnet-3"]);
        })
        .unwrap();
        let note = fitting.notes.iter().find(|note| note.contains("ublic"));
        let note = note.map_or("", String::as_str);
        assert!(
            note.starts_with(told) && note.is_empty() == told.is_empty(),
            "{routes:?}: {note}"
        );
    }
}

#[test]
fn a_route_that_leads_nowhere_makes_no_subnet_public() {
    let fitting = fitting(|site| {
        let Part::Read(tables) = &mut site.network.route_tables else {
            unreachable!()
        };
        tables[1].routes[0].state = RouteState::Blackhole;
        site.wish = wish(&["subnet-1", "subnet-3"]);
    });
    assert!(fitting.unwrap().notes.is_empty());
}

#[test]
fn what_the_role_lacks_is_reported() {
    let lacking = fitting(|site| site.policies = policy(r#"{"Statement": []}"#)).unwrap();
    assert_eq!(lacking.lacks.len(), 6, "{:?}", lacking.lacks);
    assert!(lacking.policy.ends_with("AWSLambdaVPCAccessExecutionRole"));
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}}"#;
    let unclear = fitting(|site| site.policies = policy(text)).unwrap();
    assert!(unclear.lacks.is_empty());
    assert!(
        unclear.notes[0].contains("depends on conditions or variables in statement 1"),
        "{:?}",
        unclear.notes
    );
    let within = fitting(|site| {
        site.policies = bounded(r#"{"Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}"#);
    });
    assert!(within.unwrap().lacks.is_empty());
    let outside = fitting(|site| {
        site.policies = bounded(r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#);
    });
    match outside {
        Err(AttachUnmet::RoleBounded { actions, by, .. }) => {
            assert_eq!(actions.len(), 6);
            assert!(by.contains("permissions boundary b"), "{by}");
        }
        other => panic!("{other:?}"),
    }
    let unread = fitting(|site| site.policies = Part::Unread("denied".into())).unwrap();
    assert!(unread.notes[0].contains("needs: denied"), "{:?}", unread.notes);
}

#[test]
fn zones_and_addresses_are_reported() {
    let one = fitting(|site| site.wish = wish(&["subnet-1"])).unwrap();
    assert!(one.notes[0].contains("eu-central-1a"), "{:?}", one.notes);
    let full = fitting(|site| {
        let Part::Read(subnets) = &mut site.network.subnets else {
            unreachable!()
        };
        subnets[1].free_addresses = Some(0);
    });
    assert!(full.unwrap().notes[0].contains("subnet-2 has no free address"));
}

#[test]
fn a_combination_of_others_is_suggested_or_shared() {
    let with = |neighbours: &[(&str, FunctionVpc)]| {
        let neighbours = neighbours.iter().map(|(name, vpc)| ((*name).to_owned(), vpc.clone()));
        let neighbours = Part::Read(neighbours.collect());
        fitting(|site| site.neighbours = neighbours).unwrap().notes
    };
    let same = attached("vpc-1", &["subnet-2", "subnet-1"], &["sg-1"]);
    let other = attached("vpc-1", &["subnet-1"], &["sg-2"]);
    let public = attached("vpc-1", &["subnet-3"], &["sg-2"]);
    let elsewhere = attached("vpc-2", &["subnet-1", "subnet-2"], &["sg-1"]);
    let shares = with(&[("a", same.clone()), ("b", other.clone())]);
    assert!(
        shares[0].contains("shares network interfaces with function a"),
        "{shares:?}"
    );
    let suggests = with(&[("a", other.clone()), ("b", other), ("c", public.clone())]);
    assert!(
        suggests[0].starts_with("It could share network interfaces with function a and 1 more"),
        "{suggests:?}"
    );
    assert!(
        suggests[0].contains("--subnet subnet-1 --security-group sg-2"),
        "{suggests:?}"
    );
    // Its own place, a public one, and another VPC's are no suggestion.
    for neighbours in [vec![("f", same)], vec![("c", public)], vec![("d", elsewhere)]] {
        assert_eq!(with(&neighbours), [""; 0]);
    }
}
