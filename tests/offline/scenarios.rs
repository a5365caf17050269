//! Starting states: every combination of what the decision table distinguishes, for clusters and instances, direct and
//! through a proxy; and what must hold of an account after any run that began there.

use std::collections::{BTreeMap, BTreeSet};

use autoconnect::account::{AccountDocument, OfflineAccount, VpcSecurityGroupMembership};
use autoconnect::cloud::Cloud;
use autoconnect::model::{CredentialsWish, EnvironmentWish, NewFunction, Rule};
use autoconnect::observe::{NewProxyWish, ProxyWish, Target};
use autoconnect::tags;
use serde_json::{Value, json};

use crate::support::*;

/// An account and what is asked of it.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub document: AccountDocument,
    pub target: Target,
}

/// What of a side's group there is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Is {
    Fit,
    Available,
    Unfit,
    None,
}

/// The port of the database.
pub const PORT: u16 = 5433;

fn group(id: &str, name: &str, is: Is, ingress: Option<(u16, &str)>, egress: Option<(u16, &str)>) -> Value {
    let rules = |rule: Option<(u16, &str)>| -> Vec<Value> {
        rule.into_iter()
            .map(|(port, peer)| {
                // Someone has opened one port more.
                let to = if is == Is::Unfit { port + 1 } else { port };
                json!({"IpProtocol": "tcp", "FromPort": port, "ToPort": to, "UserIdGroupPairs": [{"GroupId": peer}]})
            })
            .collect()
    };
    json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-1",
           "IpPermissions": rules(ingress), "IpPermissionsEgress": rules(egress)})
}

/// Base groups stand for what someone else has put there: they must stay.
#[expect(clippy::too_many_lines, reason = "one account, written down")]
fn scenario(cluster: bool, database: Is, function: Is, proxy: Option<Is>) -> Scenario {
    let mut groups = vec![
        group("sg-base-d", "databases", Is::Fit, None, None),
        group("sg-base-f", "functions", Is::Fit, None, None),
        group("sg-base-p", "proxies", Is::Fit, None, None),
    ];
    let (mut on_database, mut on_function) = (vec!["sg-base-d"], vec!["sg-base-f"]);
    let mut on_proxy = vec!["sg-base-p"];
    let mut add = |id, name, is, ingress, egress, on: &mut Vec<&'static str>| {
        if is != Is::None {
            groups.push(group(id, name, is, ingress, egress));
        }
        if matches!(is, Is::Fit | Is::Unfit) {
            on.push(id);
        }
    };
    match proxy {
        None => {
            let peers = (database != Is::None, function != Is::None);
            add(
                "sg-d",
                "rds-lambda-1",
                database,
                peers.1.then_some((PORT, "sg-l")),
                None,
                &mut on_database,
            );
            add(
                "sg-l",
                "lambda-rds-1",
                function,
                None,
                peers.0.then_some((PORT, "sg-d")),
                &mut on_function,
            );
        }
        Some(proxy) => {
            let to = |is: Is, port, peer| (is != Is::None).then_some((port, peer));
            add(
                "sg-d",
                "rds-rdsproxy-1",
                database,
                to(proxy, PORT, "sg-p"),
                None,
                &mut on_database,
            );
            let (from, onwards) = (to(function, 5432, "sg-l"), to(database, PORT, "sg-d"));
            add("sg-p", "rdsproxy-lambda-1", proxy, from, onwards, &mut on_proxy);
            add(
                "sg-l",
                "lambda-rdsproxy-1",
                function,
                None,
                to(proxy, 5432, "sg-p"),
                &mut on_function,
            );
        }
    }
    let memberships: Vec<Value> = on_database
        .iter()
        .map(|id| json!({"VpcSecurityGroupId": id, "Status": "active"}))
        .collect();
    let (clusters, instances) = if cluster {
        let member = |id| json!({"DBInstanceIdentifier": id, "Engine": "aurora-postgresql", "DBSubnetGroup": "s", "DBClusterIdentifier": "db"});
        let cluster = json!({"DBClusterIdentifier": "db", "Engine": "aurora-postgresql", "Port": PORT, "DBSubnetGroup": "s",
                             "VpcSecurityGroups": memberships, "Endpoint": "db.example", "MasterUsername": "root"});
        (vec![cluster], vec![member("db-1"), member("db-2")])
    } else {
        let instance = json!({"DBInstanceIdentifier": "db", "Engine": "postgres", "Port": PORT, "DBSubnetGroup": "s",
                              "VpcSecurityGroups": memberships, "Endpoint": "db.example", "MasterUsername": "root"});
        (vec![], vec![instance])
    };
    let kind = if cluster { "TRACKED_CLUSTER" } else { "RDS_INSTANCE" };
    let document = json!({
        "FormatVersion": 1, "AccountId": "123456789012", "Region": "eu-central-1", "SettlesAfterReads": 1,
        "Vpcs": [{"VpcId": "vpc-1"}],
        "Subnets": [
            {"SubnetId": "subnet-a", "VpcId": "vpc-1", "AvailabilityZone": "eu-central-1a"},
            {"SubnetId": "subnet-b", "VpcId": "vpc-1", "AvailabilityZone": "eu-central-1b"}
        ],
        "SecurityGroups": groups,
        "DBSubnetGroups": [{"DBSubnetGroupName": "s", "VpcId": "vpc-1"}],
        "DBClusters": clusters, "DBInstances": instances,
        "DBProxies": [{"DBProxyName": "p", "EngineFamily": "POSTGRESQL", "VpcId": "vpc-1", "VpcSecurityGroupIds": on_proxy,
                       "Target": {"Type": kind, "RdsResourceId": "db"}, "IAMAuth": "REQUIRED"}],
        "Functions": [
            {"FunctionName": "f", "RevisionId": "revision-1", "Role": "arn:aws:iam::123456789012:role/f",
             "VpcConfig": {"SubnetIds": ["subnet-a"], "SecurityGroupIds": on_function}},
            {"FunctionName": "g", "RevisionId": "revision-1", "Role": "arn:aws:iam::123456789012:role/f",
             "VpcConfig": {"SubnetIds": ["subnet-b"], "SecurityGroupIds": ["sg-base-f"]}}
        ],
        "Secrets": [{"Name": "s", "KmsKeyId": "alias/k"}],
        "KmsKeys": [{"KeyId": "k", "KeyManager": "CUSTOMER", "Aliases": ["alias/k"]}],
        "Roles": [{"RoleName": "f", "AssumeRolePolicyDocument": {"Statement": []}},
                  {"RoleName": "r", "AssumeRolePolicyDocument": {"Statement":
                      [{"Effect": "Allow", "Principal": {"Service": "rds.amazonaws.com"}, "Action": "sts:AssumeRole"}]}}]
    });
    let target = if cluster {
        self::cluster("db", "f")
    } else {
        instance("db", "f")
    };
    Scenario {
        name: format!(
            "{} {database:?}/{function:?}/{proxy:?}",
            if cluster { "cluster" } else { "instance" }
        ),
        document: serde_json::from_value(document).unwrap(),
        target: Target {
            proxy: proxy.map_or(ProxyWish::None, |_| ProxyWish::Existing("p".into())),
            ..target
        },
    }
}

/// A role has policies of its own and those of others: which, is not for the run to know before.
pub fn with_policies(document: &mut AccountDocument) {
    for role in &mut document.roles {
        role.attached_policies = vec!["arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole".into()];
        let own = json!({"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": []}});
        role.policies = vec![serde_json::from_value(own).unwrap()];
    }
}

impl Scenario {
    /// With roles that have policies.
    pub fn with_policies(mut self) -> Self {
        with_policies(&mut self.document);
        self
    }
}

/// Nothing there yet: cluster and instance, direct and through a proxy.
pub fn base() -> Vec<Scenario> {
    let mut base = Vec::new();
    for cluster in [true, false] {
        base.push(scenario(cluster, Is::None, Is::None, None));
        base.push(scenario(cluster, Is::None, Is::None, Some(Is::None)));
    }
    base
}

/// Every combination.
pub fn all_rows() -> Vec<Scenario> {
    let sides = [Is::Fit, Is::Available, Is::Unfit, Is::None];
    let mut rows = Vec::new();
    for cluster in [true, false] {
        for database in sides {
            for function in sides {
                rows.push(scenario(cluster, database, function, None));
                rows.extend(sides.map(|proxy| scenario(cluster, database, function, Some(proxy))));
            }
        }
    }
    rows
}

/// The rows of the guide's table, and one that it leaves out.
pub fn rows_of_the_table() -> Vec<Scenario> {
    let rows = [
        (Is::Fit, Is::Fit, Is::Fit),
        (Is::None, Is::None, Is::None),
        (Is::Fit, Is::Unfit, Is::Unfit),
        (Is::Fit, Is::Available, Is::Available),
        (Is::None, Is::Fit, Is::Fit),
        (Is::Fit, Is::Fit, Is::Available),
        (Is::Fit, Is::Available, Is::Fit),
        (Is::Unfit, Is::Available, Is::None),
    ];
    let mut scenarios = Vec::new();
    for cluster in [true, false] {
        for (database, function, proxy) in rows {
            scenarios.push(scenario(cluster, database, function, None));
            scenarios.push(scenario(cluster, database, function, Some(proxy)));
        }
    }
    scenarios
}

/// The row of the table with this name.
pub fn row(name: &str) -> Scenario {
    let mut rows = rows_of_the_table().into_iter();
    let row = rows.find(|scenario| scenario.name == name);
    row.unwrap_or_else(|| panic!("no row {name}"))
}

/// With what `setup` makes: a proxy on each kind of credentials, a function, a permission, an environment.
pub fn with_new_resources() -> Vec<Scenario> {
    let new = |credentials, user: Option<&str>, iam_required, function: &str| {
        let Scenario { name, document, target } = scenario(function == "f", Is::None, Is::None, None);
        let target = Target {
            proxy: ProxyWish::New(NewProxyWish {
                credentials,
                ..NewProxyWish::default()
            }),
            user: user.map(str::to_owned),
            iam_required,
            function: function.to_owned(),
            new_function: (function == "new").then(|| NewFunction {
                runtime: "nodejs24.x".into(),
            }),
            environment: Some(EnvironmentWish { overwrite: false }),
            ..target
        };
        Scenario {
            name: format!("{name} with {:?} and function {function}", target.proxy),
            document,
            target,
        }
    };
    let by_role = {
        let mut scenario = new(CredentialsWish::Secret("s".into()), Some("app"), false, "f");
        scenario.target.proxy = ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Secret("s".into()),
            role: Some("arn:aws:iam::123456789012:role/r".into()),
            ..NewProxyWish::default()
        });
        scenario
    };
    let permission = {
        let mut scenario = scenario(true, Is::Fit, Is::Available, Some(Is::Fit));
        scenario.target.user = Some("app".into());
        scenario.target.iam_required = true;
        scenario.document.db_proxies[0].target = None;
        scenario.name += " with a permission and a target";
        scenario
    };
    let without_instances = {
        let mut scenario = scenario(true, Is::None, Is::None, None);
        scenario.document.db_instances.clear();
        scenario.name += " without instances";
        scenario
    };
    let outside = |database, function| {
        let mut scenario = scenario(true, database, function, None);
        scenario.document.functions[0].vpc_config = None;
        with_policies(&mut scenario.document);
        scenario.target.attach = true;
        scenario.name += " with a function in no VPC";
        scenario
    };
    vec![
        outside(Is::None, Is::None),
        outside(Is::Fit, Is::Available),
        new(CredentialsWish::Password, Some("app"), true, "new"),
        new(CredentialsWish::Secret("s".into()), Some("app"), false, "f"),
        by_role,
        permission,
        without_instances,
    ]
}

/// The groups on the database of a scenario.
pub fn groups_on_database(document: &mut AccountDocument) -> &mut Vec<VpcSecurityGroupMembership> {
    match document.db_clusters.first_mut() {
        Some(cluster) => &mut cluster.vpc_security_groups,
        None => &mut document.db_instances[0].vpc_security_groups,
    }
}

/// The lists of groups of all resources, by the resource. What is being disassociated is off.
pub fn lists(document: &AccountDocument) -> BTreeMap<String, Vec<String>> {
    let ids = |memberships: &[VpcSecurityGroupMembership]| -> Vec<String> {
        let there = memberships.iter().filter(|membership| membership.status != "removing");
        there
            .map(|membership| membership.vpc_security_group_id.clone())
            .collect()
    };
    let mut lists = BTreeMap::new();
    for cluster in &document.db_clusters {
        lists.insert(format!("cluster {}", cluster.id), ids(&cluster.vpc_security_groups));
    }
    for instance in &document.db_instances {
        lists.insert(format!("instance {}", instance.id), ids(&instance.vpc_security_groups));
    }
    for proxy in &document.db_proxies {
        lists.insert(format!("proxy {}", proxy.name), proxy.vpc_security_group_ids.clone());
    }
    for function in &document.functions {
        let config = function.vpc_config.as_ref();
        let groups = config.map(|config| config.security_group_ids.clone());
        lists.insert(
            format!("function {}", function.function_name),
            groups.unwrap_or_default(),
        );
    }
    lists
}

/// Publishes the next version of a function as it is, with an alias that leads to it.
pub fn publish(document: &mut AccountDocument, function: &str) {
    let mut functions = document.functions.iter_mut();
    let function = functions.find(|entry| entry.function_name == function).unwrap();
    let number = (function.versions.len() + 1).to_string();
    let version = json!({"Version": number, "VpcConfig": function.vpc_config});
    function.versions.push(serde_json::from_value(version).unwrap());
    let alias = json!({"Name": format!("live-{number}"), "FunctionVersion": number});
    function.aliases.push(serde_json::from_value(alias).unwrap());
}

/// The published versions that reach a database by rules between groups, directly or through a proxy.
pub fn versions_that_reach(document: &AccountDocument) -> BTreeSet<String> {
    let groups: BTreeMap<&str, _> = document
        .security_groups
        .iter()
        .map(|group| (group.group_id.as_str(), group.to_model()))
        .collect();
    let passes = |from: &[String], to: &[String]| {
        let from = from.iter().filter_map(|id| groups.get(id.as_str()));
        let to = || to.iter().filter_map(|id| groups.get(id.as_str()));
        let names = |rules: &[Rule], id| rules.iter().any(|rule| rule.peer.group() == Some(id));
        from.into_iter()
            .any(|out| to().any(|into| names(&out.egress, &into.id) && names(&into.ingress, &out.id)))
    };
    let lists = lists(document);
    let of = |kinds: &[&str]| -> Vec<&Vec<String>> {
        let is_one = |resource: &String| kinds.iter().any(|kind| resource.starts_with(kind));
        lists
            .iter()
            .filter(|(resource, _)| is_one(resource))
            .map(|(_, list)| list)
            .collect()
    };
    let (databases, proxies) = (of(&["cluster ", "instance "]), of(&["proxy "]));
    let reaches = |from: &[String]| {
        let comes_to = |from: &[String]| databases.iter().any(|to| passes(from, to));
        comes_to(from) || proxies.iter().any(|proxy| passes(from, proxy) && comes_to(proxy))
    };
    let versions = document
        .functions
        .iter()
        .flat_map(|function| function.versions.iter().map(move |version| (function, version)));
    versions
        .filter(|(_, version)| {
            let config = version.vpc_config.as_ref();
            config.is_some_and(|config| reaches(&config.security_group_ids))
        })
        .map(|(function, version)| format!("function {}, version {}", function.function_name, version.version))
        .collect()
}

/// Nothing of before is lost: no group, no rule of a group that is not ours, no entry of a list, no variable.
pub fn assert_nothing_lost(before: &AccountDocument, after: &AccountDocument, context: &str) {
    for (before, after) in before.security_groups.iter().zip(&after.security_groups) {
        if before.tags.iter().any(|tag| tag.key == tags::MANAGED) {
            // Of ours, rules may come; but only the one that EC2 has given it may go.
            assert_eq!(
                (&before.group_id, &before.tags),
                (&after.group_id, &after.tags),
                "{context}"
            );
            let (before, after) = (before.to_model(), after.to_model());
            let is_kept = |rule: &Rule, rules: &[Rule]| rule.is_default_egress() || rules.contains(rule);
            assert!(
                before.ingress.iter().all(|rule| after.ingress.contains(rule)),
                "{context}"
            );
            assert!(
                before.egress.iter().all(|rule| is_kept(rule, &after.egress)),
                "{context}"
            );
        } else {
            assert_eq!(before, after, "a group of others: {context}");
        }
    }
    assert!(after.security_groups.len() >= before.security_groups.len(), "{context}");
    let now = lists(after);
    for (resource, list) in lists(before) {
        let now = &now[&resource];
        assert!(now.starts_with(&list), "{resource}: {list:?} became {now:?}: {context}");
    }
    for (resource, list) in now {
        let distinct: BTreeSet<&String> = list.iter().collect();
        assert_eq!(distinct.len(), list.len(), "{resource}: {list:?}: {context}");
    }
    let cut: Vec<String> = versions_that_reach(before)
        .difference(&versions_that_reach(after))
        .cloned()
        .collect();
    assert!(cut.is_empty(), "{cut:?} cut off: {context}");
    for (before, after) in before.functions.iter().zip(&after.functions) {
        for (name, value) in &before.environment {
            assert_eq!(after.environment.get(name), Some(value), "{context}");
        }
    }
    for (before, after) in before.db_proxies.iter().zip(&after.db_proxies) {
        assert_eq!(before.secret_arns, after.secret_arns, "{context}");
    }
}

/// The groups that were made for a connection, by the numbers of their sets.
pub fn sets_made(before: &AccountDocument, after: &AccountDocument) -> BTreeMap<String, usize> {
    let mut sets = BTreeMap::new();
    for group in &after.security_groups[before.security_groups.len()..] {
        let number = group.group_name.rsplit('-').next().unwrap_or_default();
        *sets.entry(number.to_owned()).or_default() += 1;
    }
    sets
}

/// The safety rules (docs/safety.md): whatever happened, nothing of before is lost or changed, and there is at most one
/// set of ours, and one of each other thing.
pub fn assert_safe(before: &AccountDocument, after: &AccountDocument, context: &str) {
    assert_nothing_lost(before, after, context);
    let made = sets_made(before, after);
    assert!(made.len() <= 1, "more than one set: {made:?}: {context}");
    assert!(after.db_proxies.len() <= before.db_proxies.len() + 1, "{context}");
    assert!(after.secrets.len() <= before.secrets.len() + 1, "{context}");
    assert!(after.functions.len() <= before.functions.len() + 1, "{context}");
    assert!(after.roles.len() <= before.roles.len() + 2, "{context}");
}

/// The next run connects, and the one after it writes nothing.
pub async fn assert_heals(scenario: &Scenario, account: &OfflineAccount, context: &str) {
    let outcome = setup(account, &scenario.target).await;
    if let Err(failure) = &outcome {
        panic!("the next run fails: {failure} ({}): {context}", failure.error.code());
    }
    assert_safe(&scenario.document, &account.document(), context);
    let made = sets_made(&scenario.document, &account.document());
    let whole = outcome.map_or(0, |outcome| outcome.found.observation.sides().len());
    assert!(
        made.values().all(|groups| *groups == whole),
        "a set of {whole} groups: {made:?}: {context}"
    );
    let writes = account.calls().write;
    let third = setup(account, &scenario.target).await.unwrap();
    assert_eq!(
        (third.draft.decision, account.calls().write),
        ("no-op", writes),
        "the third run writes: {context}"
    );
}
