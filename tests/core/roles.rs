//! What roles may do, as `diagnose` and the warnings before changes of interfaces judge it.

use autoconnect::diagnostics::connection::{ProxyRole, Scene, diagnose};
use autoconnect::diagnostics::{Check, Status};
use autoconnect::interfaces::{change_of, warnings};
use autoconnect::model::network::{Network, Part};
use autoconnect::model::*;
use autoconnect::plan::{Effect, Plan, Ref, Step, StepStatus, VpcEffect};
use autoconnect::policy::{
    INTERFACE_ACTIONS, InterfaceChange, LAMBDA, PolicyDocument, RDS, RolePolicies, SourcedPolicy, Statement, connect,
    execution_role, read_secret, trust,
};

use crate::builder::{direct, proxied};

const PLACE: Place<'static> = Place {
    partition: "aws",
    region: "eu-central-1",
    account: "123456789012",
};
const CLUSTER: &str = "cluster-NEW";
const OLD: &str = "cluster-OLD";
const PROXY: &str = "prx-1";
const CREATE: &str = "ec2:CreateNetworkInterface";
const DELETE: &str = "ec2:DeleteNetworkInterface";
const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:s-AbCdEf";

fn read(text: &str) -> PolicyDocument {
    PolicyDocument::read(text).unwrap()
}

fn connects(id: &str, user: &str) -> PolicyDocument {
    read(&connect(PLACE, id, user))
}

/// What a function's role always has here.
fn role(more: impl IntoIterator<Item = PolicyDocument>) -> RolePolicies {
    RolePolicies::only(more.into_iter().chain([execution_role(false)]))
}

fn bounded(role: RolePolicies, boundary: PolicyDocument) -> RolePolicies {
    RolePolicies {
        boundary: Part::Read(Some(SourcedPolicy {
            source: "permissions boundary arn:b".into(),
            document: boundary,
        })),
        ..role
    }
}

fn s3_only() -> PolicyDocument {
    PolicyDocument::new(vec![Statement::allow(["s3:*"]).on(["*"])])
}

fn scene(observation: Observation, policies: Part<RolePolicies>) -> Scene {
    let targets = observation.proxy.as_ref().map(|proxy| proxy.targets.clone());
    Scene {
        function: observation.function,
        database: observation.database,
        targets: Part::Read(targets.unwrap_or_default()),
        proxy: observation.proxy,
        network: Network::default(),
        policies,
        proxy_role: None,
        endpoint: None,
    }
}

fn asked(scene: &Scene, id: &str) -> Option<Check> {
    diagnose(scene).checks.into_iter().find(|check| check.id == id)
}

/// The function to a proxy that requires IAM.
fn to_proxy(policies: RolePolicies) -> Scene {
    let mut observation = proxied(Some(TargetHealthState::Available));
    let proxy = observation.proxy.as_mut().unwrap();
    (proxy.takes_iam, proxy.requires_iam) = (true, true);
    scene(observation, Part::Read(policies))
}

#[test]
fn a_proxy_that_requires_iam_needs_the_permission_for_itself() {
    use Status::{Fail, Pass, Unknown};
    type Row<'r> = (RolePolicies, Option<&'r str>, Status, &'r [&'r str]);
    let all = |resource: &str| PolicyDocument::new(vec![Statement::allow(["rds-db:connect"]).on([resource])]);
    let denies = PolicyDocument::new(vec![
        Statement::deny(["rds-db:*"]).on(["arn:aws:rds-db:*:*:dbuser:prx-1/*"]),
    ]);
    let by_address = PolicyDocument::new(vec![Statement::allow(["rds-db:connect"]).on(["*"]).when(
        "IpAddress",
        "aws:SourceIp",
        ["10.0.0.0/8"],
    )]);
    let by_name = all("arn:aws:rds-db:eu-central-1:123456789012:dbuser:prx-1/${aws:username}");
    let any_user = "arn:aws:rds-db:eu-central-1:123456789012:dbuser:prx-1/*";
    let of_another_region = "arn:aws:rds-db:us-east-1:123456789012:dbuser:prx-1/*";
    // The role's policies, the user in the function's environment, the answer, and what it names.
    let table: Vec<Row<'_>> = vec![
        (role([connects(PROXY, "app")]), None, Pass, &["as app", "statement 1"]),
        (role([connects(PROXY, "app")]), Some("app"), Pass, &["as app"]),
        (
            role([connects(PROXY, "app")]),
            Some("admin"),
            Fail,
            &["as admin", "prx-1"],
        ),
        (role([connects(PROXY, "a*b")]), Some("a*b"), Pass, &["as a*b"]),
        (role([all(any_user)]), None, Pass, &["as any user"]),
        (role([all("*")]), None, Pass, &["as any user"]),
        (role([all("*")]), Some("app"), Pass, &["as app"]),
        (
            role([all(of_another_region)]),
            None,
            Fail,
            &["does not allow rds-db:connect"],
        ),
        (role([]), None, Fail, &["requires IAM", "prx-1/USER"]),
        (
            role([connects("prx-0", "app")]),
            None,
            Fail,
            &["prx-0", "replaced", "--db-user app"],
        ),
        (role([connects(CLUSTER, "app")]), None, Fail, &[CLUSTER, "prx-1/USER"]),
        (role([all("*"), denies]), None, Fail, &["denies", "statement 1"]),
        (role([by_address]), None, Unknown, &["conditions"]),
        (role([by_name]), None, Fail, &[]),
        (
            bounded(role([all("*")]), s3_only()),
            None,
            Fail,
            &["permissions boundary arn:b"],
        ),
        (bounded(role([all("*")]), all(any_user)), None, Pass, &[]),
    ];
    for (policies, user, expected, named) in table {
        let mut scene = to_proxy(policies);
        if let Some(user) = user {
            scene.function.environment = Some(Environment::default().with("DB_USER", user));
        }
        let check = asked(&scene, "iam-auth").unwrap();
        // A variable stands for something only AWS knows: for which user is not said.
        if format!("{:?}", scene.policies).contains("aws:username") {
            assert_ne!(check.status, Pass, "{check:?}");
            continue;
        }
        assert_eq!(check.status, expected, "{:?}: {check:?}", scene.policies);
        for text in named {
            assert!(format!("{check:?}").contains(text), "{text}: {check:?}");
        }
        let is_bounded = scene.policies.known().unwrap().boundary != Part::Read(None);
        if expected == Fail && !is_bounded && !check.message.contains("denies") {
            assert!(check.remedy.is_some(), "{check:?}");
        }
    }
    let mut unread = to_proxy(role([]));
    unread.policies = Part::Unread("iam:ListRolePolicies was denied".into());
    let check = asked(&unread, "iam-auth").unwrap();
    assert_eq!(check.status, Unknown);
    assert!(check.message.contains("iam:ListRolePolicies"), "{check:?}");
}

#[test]
fn a_proxy_that_does_not_require_iam_fails_nobody() {
    let check_of = |takes_iam| {
        let mut scene = to_proxy(role([]));
        let proxy = scene.proxy.as_mut().unwrap();
        (proxy.takes_iam, proxy.requires_iam) = (takes_iam, false);
        asked(&scene, "iam-auth")
    };
    assert_eq!(check_of(false), None);
    assert_eq!(check_of(true).unwrap().status, Status::Pass);
}

/// IAM authentication on a database forces nobody to use it.
#[test]
fn a_database_with_iam_on_takes_passwords_too() {
    use Status::{Fail, Pass, Warn};
    type Row<'r> = (Option<bool>, RolePolicies, &'r [(&'r str, &'r str)], Option<Status>);
    let table: Vec<Row<'_>> = vec![
        (None, role([]), &[], None),
        (Some(false), role([connects(OLD, "app")]), &[], None),
        (Some(true), role([]), &[], Some(Pass)),
        (Some(true), role([connects(CLUSTER, "app")]), &[], Some(Pass)),
        (Some(true), role([connects(OLD, "app")]), &[], Some(Warn)),
        (
            Some(true),
            role([connects(OLD, "app")]),
            &[("DB_USER", "app")],
            Some(Fail),
        ),
        (Some(true), role([]), &[("DB_USER", "app")], Some(Fail)),
        (
            Some(true),
            role([]),
            &[("DB_USER", "app"), ("DB_SECRET_ARN", SECRET)],
            Some(Pass),
        ),
        (
            Some(true),
            role([connects(CLUSTER, "app")]),
            &[("DB_USER", "app")],
            Some(Pass),
        ),
    ];
    for (enabled, policies, variables, expected) in table {
        let mut observation = direct();
        observation.database.access.iam_enabled = enabled;
        observation.database.access.resource_id = Some(CLUSTER.into());
        let with = |environment: Environment, (name, value): &(&str, &str)| environment.with(name, value);
        let environment = variables.iter().fold(Environment::default(), with);
        observation.function.environment = Some(environment);
        let scene = scene(observation, Part::Read(policies));
        let check = asked(&scene, "iam-auth");
        let found = check.as_ref().map(|check| check.status);
        assert_eq!(
            found, expected,
            "{enabled:?} {variables:?} {:?}: {check:?}",
            scene.policies
        );
        if let Some(check) = check.filter(|check| check.status >= Warn) {
            let remedy = check.remedy.unwrap();
            assert!(
                remedy.contains("put-role-policy") && remedy.contains(CLUSTER),
                "{remedy}"
            );
        }
    }
}

#[test]
fn a_proxys_role_needs_trust_and_its_secrets() {
    use Status::{Fail, Pass, Unknown, Warn};
    type Row = (Part<String>, Part<RolePolicies>, Vec<NeededSecret>, Status, Status);
    let reads = || RolePolicies::only([read(&read_secret(SECRET, None))]);
    let rds = || Part::Read(trust(RDS));
    let secret = |key| NeededSecret {
        arn: SECRET.into(),
        customer_key: key,
        asked_key: None,
        is_deleted: false,
    };
    let of_aws = || vec![secret(Part::Read(None))];
    let customers = || {
        vec![secret(Part::Read(Some(
            "arn:aws:kms:eu-central-1:123456789012:key/k".into(),
        )))]
    };
    let unread = || Part::Unread("denied".to_owned());
    // The trust, the policies, the secrets; the answer where the target is unavailable, and where it is available.
    let table: Vec<Row> = vec![
        (rds(), Part::Read(reads()), of_aws(), Pass, Pass),
        (rds(), Part::Read(RolePolicies::default()), of_aws(), Fail, Warn),
        (rds(), Part::Read(RolePolicies::default()), vec![], Pass, Pass),
        (rds(), Part::Read(reads()), customers(), Fail, Warn),
        (Part::Read(trust(LAMBDA)), Part::Read(reads()), of_aws(), Fail, Warn),
        (rds(), Part::Read(bounded(reads(), s3_only())), of_aws(), Fail, Warn),
        (unread(), Part::Read(reads()), of_aws(), Unknown, Pass),
        (rds(), Part::Unread("denied".into()), of_aws(), Unknown, Pass),
        (
            rds(),
            Part::Read(reads()),
            vec![secret(Part::Unread("denied".into()))],
            Unknown,
            Pass,
        ),
    ];
    for (trust, policies, secrets, unavailable, available) in table {
        for (health, expected) in [
            (TargetHealthState::Unavailable, unavailable),
            (TargetHealthState::Available, available),
        ] {
            let mut scene = scene(proxied(Some(health.clone())), Part::Read(role([])));
            scene.proxy_role = Some(ProxyRole {
                arn: "arn:aws:iam::123456789012:role/p".into(),
                trust: trust.clone(),
                policies: policies.clone(),
                secrets: secrets.clone(),
            });
            let check = asked(&scene, "proxy-role").unwrap();
            assert_eq!(
                check.status, expected,
                "{health:?} {trust:?} {policies:?} {secrets:?}: {check:?}"
            );
        }
    }
    // Nothing to read and no role: nothing to say.
    let without = scene(proxied(Some(TargetHealthState::Unavailable)), Part::Read(role([])));
    assert_eq!(asked(&without, "proxy-role"), None);
}

/// With IAM from end to end the proxy logs in to this very database.
#[test]
fn a_proxy_without_secrets_needs_the_permission_for_the_database() {
    let table = [
        (connects(CLUSTER, "app"), Some(CLUSTER), Status::Pass, ""),
        (connects(OLD, "app"), Some(CLUSTER), Status::Fail, OLD),
        (s3_only(), Some(CLUSTER), Status::Fail, CLUSTER),
        (connects(CLUSTER, "app"), None, Status::Unknown, "resource id"),
    ];
    for (document, resource_id, expected, named) in table {
        let mut observation = proxied(Some(TargetHealthState::Unavailable));
        observation.database.access.resource_id = resource_id.map(str::to_owned);
        let proxy = observation.proxy.as_mut().unwrap();
        (proxy.takes_iam, proxy.requires_iam) = (true, true);
        let mut scene = scene(observation, Part::Read(role([connects(PROXY, "app")])));
        scene.proxy_role = Some(ProxyRole {
            arn: "arn:aws:iam::123456789012:role/p".into(),
            trust: Part::Read(trust(RDS)),
            policies: Part::Read(RolePolicies::only([document])),
            secrets: vec![],
        });
        let check = asked(&scene, "proxy-role").unwrap();
        assert_eq!(check.status, expected, "{check:?}");
        assert!(format!("{check:?}").contains(named), "{check:?}");
        if named == OLD {
            let remedy = check.remedy.as_deref().unwrap();
            assert!(remedy.contains(CLUSTER) && remedy.contains("/app"), "{remedy}");
        }
    }
}

#[test]
fn a_boundary_counts_for_interfaces() {
    use Status::{Pass, Unknown, Warn};
    let ec2 = || PolicyDocument::new(vec![Statement::allow(["ec2:*"]).on(["*"])]);
    let unread = RolePolicies {
        boundary: Part::Unread("iam:GetRole was denied".into()),
        ..role([])
    };
    let partly = RolePolicies {
        unread: vec!["policy arn:x: iam:GetPolicyVersion was denied".into()],
        ..role([])
    };
    let table = [
        (role([]), Pass, "organization"),
        (bounded(role([]), ec2()), Pass, "organization"),
        (bounded(role([]), s3_only()), Warn, "permissions boundary arn:b"),
        (unread, Unknown, "iam:GetRole was denied"),
        (partly, Unknown, "iam:GetPolicyVersion was denied"),
    ];
    for (policies, expected, named) in table {
        let scene = scene(direct(), Part::Read(policies));
        let check = asked(&scene, "execution-role").unwrap();
        assert_eq!(check.status, expected, "{check:?}");
        assert!(format!("{check:?}").contains(named), "{named}: {check:?}");
        let notes = check.evidence.iter().filter(|line| line.contains("organization"));
        assert_eq!(notes.count(), 1, "{check:?}");
        // What the boundary does not allow is given by no further policy.
        let attaches = check.remedy.is_some_and(|remedy| remedy.contains("attach-role-policy"));
        assert!(!attaches);
    }
}

fn plan(effects: impl IntoIterator<Item = Effect>) -> Plan {
    let step = |(effect, id)| Step {
        id,
        effect,
        resource: String::new(),
        summary: String::new(),
        after: Vec::new(),
        status: StepStatus::Planned,
    };
    Plan {
        steps: effects.into_iter().zip(1..).map(step).collect(),
        number: None,
    }
}

#[test]
fn what_a_change_of_interfaces_lacks_is_reported_before() {
    type Row<'r> = (Part<RolePolicies>, Effect, &'r [&'r str]);
    let function = direct().function;
    let associate = || Effect::AssociateFunction {
        function: function.arn.clone(),
        group: Ref::Existing("sg-9".into()),
    };
    let detach = || {
        Effect::Vpc(VpcEffect::Detach {
            function: function.arn.clone(),
        })
    };
    let database = Effect::AssociateDatabase {
        kind: DatabaseKind::Cluster,
        id: "c".into(),
        group: Ref::Existing("sg-9".into()),
    };
    assert_eq!(change_of(&plan([database])), None);
    assert_eq!(change_of(&plan([detach()])), Some(InterfaceChange::Delete));
    assert_eq!(
        change_of(&plan([detach(), associate()])),
        Some(InterfaceChange::Replace)
    );

    let without = |left_out: &str| {
        let others = INTERFACE_ACTIONS.into_iter().filter(|action| *action != left_out);
        RolePolicies::only([PolicyDocument::new(vec![Statement::allow(others).on(["*"])])])
    };
    let denying = || role([PolicyDocument::new(vec![Statement::deny([DELETE]).on(["*"])])]);
    let unread = || Part::Unread("iam:ListRolePolicies was denied".to_owned());
    // The role, the change, and what the warning names; without a name there is none.
    let table: Vec<Row<'_>> = vec![
        (Part::Read(role([])), associate(), &[]),
        (Part::Read(role([])), detach(), &[]),
        (
            Part::Read(without(CREATE)),
            associate(),
            &[CREATE, "refuses", "attach-role-policy"],
        ),
        (Part::Read(without(CREATE)), detach(), &[]),
        (Part::Read(without(DELETE)), associate(), &[DELETE, "stay behind"]),
        (Part::Read(without(DELETE)), detach(), &[DELETE, "stay behind"]),
        (Part::Read(denying()), detach(), &["denies", DELETE, "statement 1"]),
        (
            Part::Read(bounded(role([]), s3_only())),
            detach(),
            &[DELETE, "boundary"],
        ),
        (
            Part::Read(bounded(role([]), s3_only())),
            associate(),
            &[CREATE, "boundary"],
        ),
        (unread(), associate(), &["Could not determine", "iam:ListRolePolicies"]),
        (unread(), detach(), &["Could not determine", "iam:ListRolePolicies"]),
    ];
    for (policies, effect, named) in table {
        let plan = plan([effect]);
        let told = warnings(&function, &policies, change_of(&plan).unwrap(), &plan);
        assert_eq!(told.is_empty(), named.is_empty(), "{policies:?} {plan:?}: {told:?}");
        for text in named {
            assert!(told[0].contains(text), "{text}: {told:?}");
        }
    }
}
