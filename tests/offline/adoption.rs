//! What stands under a name of ours is taken over exactly as we would make it, and shown; else it is refused, with what
//! differs, before anything is written.

use autoconnect::account::{
    AccountDocument, ConnectionPoolEntry, DbProxyEntry, FunctionEntry, OfflineAccount, ProxyAuthEntry, RoleEntry,
    RolePolicy, SecretEntry, Tag,
};
use autoconnect::cloud::{Cloud, Operation};
use autoconnect::model::{CredentialsWish, EnvironmentWish, NewFunction};
use autoconnect::observe::{BEARER_READS, NewProxyWish, ProxyWish, Target};
use autoconnect::plan::StepStatus;
use autoconnect::reconcile::Ending;
use serde_json::{Value, json};

use crate::denied::Denied;
use crate::interposed::Interposed;
use crate::support::*;

const PROXY_ROLE: &str = "autoconnect-eu-central-1-proxy-autoconnect-orders";
const FUNCTION_ROLE: &str = "autoconnect-eu-central-1-function-report";
const SECRET: &str = "autoconnect/autoconnect-orders/app";

/// Everything that is made: a function, a proxy, a secret, and the roles of both.
fn everything() -> Target {
    Target {
        new_function: Some(NewFunction {
            runtime: "nodejs24.x".into(),
        }),
        iam_required: true,
        environment: Some(EnvironmentWish { overwrite: false }),
        user: Some("app".into()),
        proxy: ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Password,
            ..NewProxyWish::default()
        }),
        ..cluster("orders", "report")
    }
}

/// Another function through the same proxy.
fn another() -> Target {
    Target {
        proxy: ProxyWish::New(NewProxyWish::default()),
        ..cluster("orders", "refunds")
    }
}

/// The account once everything was made.
async fn made() -> AccountDocument {
    let account = account(|_| ());
    setup(&account, &everything()).await.unwrap();
    account.document()
}

fn account_with(document: &AccountDocument) -> OfflineAccount {
    OfflineAccount::in_memory(document.clone()).unwrap()
}

fn role<'d>(document: &'d mut AccountDocument, name: &str) -> &'d mut RoleEntry {
    document.roles.iter_mut().find(|role| role.role_name == name).unwrap()
}

fn tag(tags: &mut Vec<Tag>, key: &str, value: Option<&str>) {
    tags.retain(|tag| tag.key != key);
    tags.extend(value.map(|value| Tag {
        key: key.into(),
        value: value.into(),
    }));
}

/// The plan and the run are refused for the same reason, which names what differs, and nothing is written.
async fn is_refused(document: &AccountDocument, target: &Target, code: &str, word: &str) {
    for options in [dry_run(), autoconnect::reconcile::Options::default()] {
        let account = account_with(document);
        let ended = setup_with(&account, target, &options, &Script::default()).await;
        let failure = ended.err().unwrap_or_else(|| panic!("taken over: {word}"));
        assert_eq!(failure.error.code(), code, "{word}: {failure}");
        assert!(failure.to_string().contains(word), "{word}: {failure}");
        assert!(failure.error.hint().is_some(), "{word}");
        assert_eq!(account.calls().write, 0, "{word}");
    }
}

/// An account in which someone has made a role, as this program makes it, except one thing.
async fn squatted(name: &str, change: impl FnOnce(&mut RoleEntry)) -> AccountDocument {
    let mut of = made().await;
    let entry = role(&mut of, name);
    change(entry);
    let mut document = example();
    document.roles.push(entry.clone());
    document
}

type ChangeRole = fn(&mut RoleEntry);

fn trust(role: &mut RoleEntry, change: impl FnOnce(&mut Value)) {
    change(&mut role.assume_role_policy_document["Statement"]);
}

#[tokio::test]
async fn a_role_that_differs_in_anything_is_refused() {
    let table: [(&str, ChangeRole); 17] = [
        ("role/team/", |role| role.path = Some("/team/".into())),
        ("111122223333", |role| {
            trust(role, |s| s[0]["Principal"]["AWS"] = json!("111122223333"));
        }),
        ("\"*\"", |role| trust(role, |s| s[0]["Principal"] = json!("*"))),
        ("ec2.amazonaws.com", |role| {
            trust(role, |s| {
                let ours = s[0]["Principal"]["Service"].clone();
                s[0]["Principal"]["Service"] = json!([ours, "ec2.amazonaws.com"]);
            });
        }),
        ("sts:TagSession", |role| {
            trust(role, |s| s[0]["Action"] = json!(["sts:AssumeRole", "sts:TagSession"]));
        }),
        ("arn:aws:iam::111122223333:root", |role| {
            let other = json!({"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::111122223333:root"}});
            trust(role, |s| s.as_array_mut().unwrap().push(other));
        }),
        ("\"Deny\"", |role| trust(role, |s| s[0]["Effect"] = json!("Deny"))),
        ("Condition", |role| {
            trust(role, |s| {
                s[0]["Condition"] = json!({"Bool": {"aws:SecureTransport": "true"}});
            });
        }),
        ("NotPrincipal", |role| {
            trust(role, |s| {
                s[0]["NotPrincipal"] = s[0]["Principal"].take();
                s[0].as_object_mut().unwrap().remove("Principal");
            });
        }),
        ("AdministratorAccess", |role| {
            role.attached_policies
                .push("arn:aws:iam::aws:policy/AdministratorAccess".into());
        }),
        ("anything", |role| {
            let policy_document =
                json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
            role.policies.push(RolePolicy {
                policy_name: "anything".into(),
                policy_document,
            });
        }),
        ("\"Resource\":\"*\"", |role| {
            role.policies[0].policy_document["Statement"][0]["Resource"] = json!("*");
        }),
        ("\"Action\":\"*\"", |role| {
            role.policies[0].policy_document["Statement"][0]["Action"] = json!("*");
        }),
        ("autoconnect:managed is missing", |role| {
            tag(&mut role.tags, "autoconnect:managed", None);
        }),
        ("autoconnect:managed is no", |role| {
            tag(&mut role.tags, "autoconnect:managed", Some("no"));
        }),
        ("autoconnect:role is database", |role| {
            tag(&mut role.tags, "autoconnect:role", Some("database"));
        }),
        ("autoconnect:connection is cluster/payroll", |role| {
            tag(
                &mut role.tags,
                "autoconnect:connection",
                Some("cluster/payroll:proxy/p:function/payroll"),
            );
        }),
    ];
    for name in [PROXY_ROLE, FUNCTION_ROLE] {
        for (word, change) in table {
            let document = squatted(name, change).await;
            is_refused(&document, &everything(), "name-taken", word).await;
        }
    }
}

/// What changes nothing is no difference: the form of the documents, further tags, and what a run that died had left out.
#[tokio::test]
async fn a_role_that_is_ours_in_another_form_is_adopted() {
    let table: [(&str, ChangeRole); 7] = [
        ("as it is", |_| ()),
        ("brackets", |role| {
            trust(role, |s| {
                let service = s[0]["Principal"]["Service"].take();
                s[0]["Principal"]["Service"] = json!([service]);
                s[0]["Action"] = json!(["sts:AssumeRole"]);
            });
        }),
        ("a statement without a list, and a name", |role| {
            trust(role, |s| {
                let mut statement = s[0].take();
                statement["Sid"] = json!("Trust");
                *s = statement;
            });
        }),
        ("the path that is none", |role| role.path = Some("/".into())),
        ("further tags", |role| tag(&mut role.tags, "team", Some("shop"))),
        ("no policy yet", |role| {
            role.policies.clear();
            role.attached_policies.clear();
        }),
        ("a boundary", |role| {
            role.permissions_boundary = Some("arn:aws:iam::123456789012:policy/b".into());
        }),
    ];
    for name in [PROXY_ROLE, FUNCTION_ROLE] {
        for (what, change) in table {
            let mut document = squatted(name, change).await;
            // The secret that its policy is for.
            if name == PROXY_ROLE {
                document.secrets.push(made().await.secrets.pop().unwrap());
            }
            let account = account_with(&document);
            let planned = setup_with(&account, &everything(), &dry_run(), &Script::default()).await;
            let planned = planned.unwrap_or_else(|failure| panic!("{name}, {what}: {failure}"));
            let statuses = |operation| -> Vec<StepStatus> {
                let steps = planned.draft.plan.steps.iter();
                let of_role = steps.filter(|step| step.summary.contains(name) && step.effect.operation() == operation);
                of_role.map(|step| step.status).collect()
            };
            assert_eq!(statuses(Operation::CreateRole), [StepStatus::Adopt], "{name}, {what}");
            if name == PROXY_ROLE {
                let expected = if what == "no policy yet" {
                    StepStatus::Planned
                } else {
                    StepStatus::Adopt
                };
                assert_eq!(statuses(Operation::PutRolePolicy), [expected], "{what}");
            }
            let told = planned.draft.notes.join(" ");
            assert_eq!(told.contains("permissions boundary"), what == "a boundary", "{told}");
            let outcome = setup(&account, &everything()).await;
            let outcome = outcome.unwrap_or_else(|failure| panic!("{name}, {what}: {failure}"));
            assert_eq!(outcome.ending, Ending::Reached);
            let roles = account.document().roles;
            assert_eq!(roles.iter().filter(|role| role.role_name == name).count(), 1);
            assert!(
                !outcome
                    .applied
                    .iter()
                    .any(|applied| applied.action == "iam:CreateRole" && applied.resource.ends_with(name))
            );
        }
    }
}

#[tokio::test]
async fn a_secret_that_differs_in_anything_is_refused() {
    type Change = fn(&mut SecretEntry);
    let table: [(&str, &str, Change); 8] = [
        ("secret-name-taken", "did not create it", |secret| secret.tags.clear()),
        ("secret-name-taken", "autoconnect:managed is no", |secret| {
            tag(&mut secret.tags, "autoconnect:managed", Some("no"));
        }),
        ("secret-name-taken", "autoconnect:connection is missing", |secret| {
            tag(&mut secret.tags, "autoconnect:connection", None);
        }),
        ("secret-name-taken", "alias/shop", |secret| {
            secret.kms_key_id = Some("alias/shop".into());
        }),
        ("secret-name-taken", "111122223333", |secret| {
            secret.resource_policy = Some(json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
                "Principal": {"AWS": "111122223333"}, "Action": "secretsmanager:GetSecretValue", "Resource": "*"}]}));
        }),
        ("secret-name-taken", "rotates it", |secret| {
            secret.rotation_lambda_arn = Some("arn:aws:lambda:eu-central-1:123456789012:function:other".into());
        }),
        ("secret-name-taken", "service appflow", |secret| {
            secret.owning_service = Some("appflow".into());
        }),
        ("secret-name-taken", "us-east-1", |secret| {
            secret.replica_regions = vec!["us-east-1".into()];
        }),
    ];
    let entry = made().await.secrets.pop().unwrap();
    assert_eq!(entry.name, SECRET);
    for (code, word, change) in table {
        let mut document = example();
        let mut secret = entry.clone();
        change(&mut secret);
        document.secrets.push(secret);
        is_refused(&document, &everything(), code, word).await;
    }
    let mut document = example();
    document.secrets.push(SecretEntry {
        deleted_date: Some("2026-11-01".into()),
        ..entry.clone()
    });
    is_refused(&document, &everything(), "secret-deleted", "scheduled").await;

    // As it was made it is taken over, without asking for the password again.
    let mut document = example();
    document.secrets.push(entry);
    let account = account_with(&document);
    let outcome = setup(&account, &everything()).await.unwrap();
    let steps = &outcome.draft.plan.steps;
    let step = steps
        .iter()
        .find(|step| step.effect.operation() == Operation::CreateSecret)
        .unwrap();
    assert_eq!((step.status, outcome.ending), (StepStatus::Adopt, Ending::Reached));
    assert_eq!(account.document().secrets, document.secrets);
}

#[tokio::test]
async fn a_proxy_that_differs_in_anything_is_refused() {
    type Change = fn(&mut DbProxyEntry);
    fn pool(proxy: &mut DbProxyEntry, change: impl FnOnce(&mut ConnectionPoolEntry)) {
        change(proxy.connection_pool_config.get_or_insert_default());
    }
    let table: [(&str, Change); 19] = [
        ("runs an InitQuery on every connection: \"SET ROLE evil\"", |proxy| {
            pool(proxy, |pool| pool.init_query = Some("SET ROLE evil".into()));
        }),
        ("its MaxConnectionsPercent is 1, not 100", |proxy| {
            pool(proxy, |pool| pool.max_connections_percent = Some(1));
        }),
        ("its MaxIdleConnectionsPercent is 1, not 50", |proxy| {
            pool(proxy, |pool| pool.max_idle_connections_percent = Some(1));
        }),
        ("its ConnectionBorrowTimeout is 1, not 120", |proxy| {
            pool(proxy, |pool| pool.connection_borrow_timeout = Some(1));
        }),
        ("SessionPinningFilters: EXCLUDE_VARIABLE_SETS", |proxy| {
            pool(proxy, |pool| {
                pool.session_pinning_filters = vec!["EXCLUDE_VARIABLE_SETS".into()];
            });
        }),
        ("its IdleClientTimeout is 28800, not 1800", |proxy| {
            proxy.idle_client_timeout = Some(28_800);
        }),
        ("its EndpointNetworkType is DUAL, not IPV4", |proxy| {
            proxy.endpoint_network_type = Some("DUAL".into());
        }),
        ("its TargetConnectionNetworkType is IPV6, not IPV4", |proxy| {
            proxy.target_connection_network_type = Some("IPV6".into());
        }),
        ("its ClientPasswordAuthType is POSTGRES_MD5", |proxy| {
            proxy.auth = vec![ProxyAuthEntry {
                auth_scheme: Some("SECRETS".into()),
                secret_arn: proxy.secret_arns.first().cloned(),
                iam_auth: Some("REQUIRED".into()),
                client_password_auth_type: Some("POSTGRES_MD5".into()),
                ..ProxyAuthEntry::default()
            }];
        }),
        ("without TLS", |proxy| proxy.require_tls = Some(false)),
        ("logs SQL", |proxy| proxy.debug_logging = Some(true)),
        ("role/other", |proxy| {
            proxy.role_arn = Some("arn:aws:iam::123456789012:role/other".into());
        }),
        ("role/team/", |proxy| {
            proxy.role_arn = Some(format!("arn:aws:iam::123456789012:role/team/{PROXY_ROLE}"));
        }),
        ("several secrets", |proxy| {
            proxy
                .secret_arns
                .push("arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders-app-Ac1De2".into());
        }),
        ("its subnets are subnet-0a1a, not", |proxy| {
            proxy.vpc_subnet_ids = vec!["subnet-0a1a".into()];
        }),
        ("sg-0f00", |proxy| proxy.vpc_security_group_ids.push("sg-0f00".into())),
        ("autoconnect:managed is missing", |proxy| proxy.tags.clear()),
        ("autoconnect:role is function", |proxy| {
            tag(&mut proxy.tags, "autoconnect:role", Some("function"));
        }),
        ("autoconnect:connection is cluster/payroll", |proxy| {
            tag(
                &mut proxy.tags,
                "autoconnect:connection",
                Some("cluster/payroll:proxy/autoconnect-orders:function/f"),
            );
        }),
    ];
    for (word, change) in table {
        let mut document = made().await;
        change(document.db_proxies.last_mut().unwrap());
        is_refused(&document, &another(), "proxy-name-taken", word).await;
    }
    let statuses = async |document: &AccountDocument| -> Vec<(Operation, StepStatus)> {
        let outcome = setup(&account_with(document), &another()).await.unwrap();
        let steps = outcome.draft.plan.steps.iter();
        steps.map(|step| (step.effect.operation(), step.status)).collect()
    };
    // One that is ready is shared; one that was begun is gone on with.
    let mut document = made().await;
    let attached = (Operation::UpdateFunctionConfiguration, StepStatus::Done);
    assert_eq!(statuses(&document).await, [attached]);
    document.db_proxies.last_mut().unwrap().target = None;
    let registered = (Operation::RegisterDbProxyTargets, StepStatus::Done);
    let adopted = (Operation::CreateDbProxy, StepStatus::Adopt);
    assert_eq!(statuses(&document).await, [adopted, registered, attached]);
}

/// The role and the secret of a proxy are compared before the proxy is adopted. A run that has nothing to write adopts nothing,
/// and reads neither.
#[tokio::test]
async fn what_the_proxy_of_an_earlier_run_uses_is_compared_too() {
    type Change = fn(&mut AccountDocument);
    let table: [(&str, &str, Change); 9] = [
        ("name-taken", "111122223333", |document| {
            trust(role(document, PROXY_ROLE), |s| {
                s[0]["Principal"]["AWS"] = json!("111122223333");
            });
        }),
        ("name-taken", "AdministratorAccess", |document| {
            let attached = &mut role(document, PROXY_ROLE).attached_policies;
            attached.push("arn:aws:iam::aws:policy/AdministratorAccess".into());
        }),
        ("name-taken", "\"Resource\":\"*\"", |document| {
            role(document, PROXY_ROLE).policies[0].policy_document["Statement"][0]["Resource"] = json!("*");
        }),
        ("proxy-differs", "--secret arn:", |document| {
            let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders-app-Ac1De2";
            document.db_proxies.last_mut().unwrap().secret_arns = vec![secret.into()];
        }),
        ("proxy-differs", "secret:evil-Ac1De2", |document| {
            let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:evil-Ac1De2";
            let ours = document.secrets.last().unwrap().clone();
            document.secrets.push(SecretEntry {
                name: "evil".into(),
                arn: None,
                ..ours
            });
            document.db_proxies.last_mut().unwrap().secret_arns = vec![secret.into()];
        }),
        ("secret-name-taken", "autoconnect:managed is missing", |document| {
            document.secrets.last_mut().unwrap().tags.clear();
        }),
        ("secret-name-taken", "111122223333", |document| {
            document.secrets.last_mut().unwrap().resource_policy = Some(json!({"Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "*", "Resource": "*"}]}));
        }),
        ("secret-deleted", "scheduled", |document| {
            document.secrets.last_mut().unwrap().deleted_date = Some("2026-11-01".into());
        }),
        (
            "proxy-name-taken",
            "it has no group that autoconnect created",
            |document| {
                // The tag that says that it is ours is not enough.
                let group = document.db_proxies.last().unwrap().vpc_security_group_ids[0].clone();
                let mut groups = document.security_groups.iter_mut();
                let group = groups.find(|found| found.group_id == group).unwrap();
                tag(&mut group.tags, "autoconnect:connection", None);
            },
        ),
    ];
    for (code, word, change) in table {
        let mut document = made().await;
        change(&mut document);
        for options in [dry_run(), autoconnect::reconcile::Options::default()] {
            let account = account_with(&document);
            let ended = setup_with(&account, &another(), &options, &Script::default()).await;
            let failure = ended.err().unwrap_or_else(|| panic!("taken over: {word}"));
            assert_eq!(failure.error.code(), code, "{word}: {failure}");
            let told = format!("{failure} {}", failure.error.hint().unwrap_or_default());
            assert!(told.contains(word), "{word}: {told}");
            assert_eq!(account.calls().write, 0, "{word}");
        }
        // The run that made everything has nothing to write any more.
        if code != "proxy-name-taken" && code != "proxy-differs" {
            let account = account_with(&document);
            assert_eq!(
                setup(&account, &everything()).await.unwrap().ending,
                Ending::Unchanged,
                "{word}"
            );
        }
    }
}

/// A secret that was named, and one that RDS manages, are no secrets of ours, and are known for what they are.
#[tokio::test]
async fn a_secret_that_was_named_is_named_again() {
    let with = |function: &str, credentials| Target {
        proxy: ProxyWish::New(NewProxyWish {
            credentials,
            ..NewProxyWish::default()
        }),
        ..cluster("orders", function)
    };
    let named = || CredentialsWish::Secret("orders-app".into());
    for (first, second, code) in [
        (CredentialsWish::MasterSecret, CredentialsWish::MasterSecret, None),
        (named(), named(), None),
        (named(), CredentialsWish::MasterSecret, Some("proxy-differs")),
        (CredentialsWish::MasterSecret, named(), Some("proxy-differs")),
    ] {
        let account = account(|_| ());
        setup(&account, &with("refunds", first.clone())).await.unwrap();
        let ended = setup(&account, &with("checkout", second.clone())).await;
        let found = ended.as_ref().err().map(|failure| failure.error.code());
        assert_eq!(found, code, "{first:?}, then {second:?}");
        // Naming nothing continues with what is finished.
        let again = setup(&account, &with("refunds", CredentialsWish::MasterSecret))
            .await
            .unwrap();
        assert_eq!(again.ending, Ending::Unchanged, "{first:?}");
    }
}

/// `--iam-auth disabled` is compared with how the proxy treats its clients, and never ignored.
#[tokio::test]
async fn passwords_only_is_what_the_proxy_has_or_refused() {
    let target = |without_iam| Target {
        proxy: ProxyWish::New(NewProxyWish {
            without_iam,
            ..NewProxyWish::default()
        }),
        ..cluster("orders", "refunds")
    };
    for (mode, is_finished) in [
        ("REQUIRED", false),
        ("ENABLED", false),
        ("REQUIRED", true),
        ("DISABLED", true),
    ] {
        let account = account(|_| ());
        setup(&account, &target(false)).await.unwrap();
        let mut document = account.document();
        let proxy = document.db_proxies.last_mut().unwrap();
        proxy.iam_auth = Some(mode.into());
        if !is_finished {
            proxy.target = None;
        }
        if mode == "DISABLED" {
            assert_eq!(
                setup(&account_with(&document), &target(true)).await.unwrap().ending,
                Ending::Unchanged
            );
        } else {
            is_refused(
                &document,
                &target(true),
                "proxy-differs",
                "IAM authentication of its clients",
            )
            .await;
        }
    }
}

/// What a run that died has left: two groups with our tags, and no rules in them yet.
async fn begun() -> (AccountDocument, [String; 2]) {
    for call in 0.. {
        let account = account(|_| ());
        setup_interrupted_at(call, &account, &instance("inventory", "stock-sync"))
            .await
            .unwrap_err();
        let document = account.document();
        if document.security_groups.len() == example().security_groups.len() + 2 {
            let mut made = document
                .security_groups
                .iter()
                .rev()
                .take(2)
                .map(|group| group.group_id.clone());
            let (function, database) = (made.next().unwrap(), made.next().unwrap());
            return (document, [database, function]);
        }
    }
    unreachable!()
}

/// Rules are written before a group is associated: what has a group of a set without rules was not connected by us, and is
/// not given the way to the database.
#[tokio::test(start_paused = true)]
async fn a_set_without_rules_that_something_has_is_not_completed() {
    type Take = fn(&mut AccountDocument, String);
    let table: [(&str, Take); 3] = [
        ("function evil", |document, group| {
            let mut evil = document
                .functions
                .iter()
                .find(|found| found.vpc_config.is_some())
                .unwrap()
                .clone();
            evil.function_name = "evil".into();
            evil.vpc_config.as_mut().unwrap().security_group_ids = vec![group];
            document.functions.push(evil);
        }),
        ("proxy evil", |document, group| {
            let mut evil = document.db_proxies[0].clone();
            (evil.name, evil.target, evil.tags) = ("evil".into(), None, Vec::new());
            evil.vpc_security_group_ids = vec![group];
            document.db_proxies.push(evil);
        }),
        ("network interface eni-0evil", |document, group| {
            let interface = json!({"NetworkInterfaceId": "eni-0evil", "SubnetId": "subnet-0a1a",
                "VpcId": document.security_groups[0].vpc_id, "Groups": [{"GroupId": group}]});
            document
                .network_interfaces
                .push(serde_json::from_value(interface).unwrap());
        }),
    ];
    let target = instance("inventory", "stock-sync");
    let (document, groups) = begun().await;
    let group = |account: &OfflineAccount, id: &str| {
        let document = account.document();
        document
            .security_groups
            .into_iter()
            .find(|found| found.group_id == id)
            .unwrap()
    };
    for (who, take) in table {
        for at in [0, 1] {
            let mut document = document.clone();
            take(&mut document, groups[at].clone());
            let account = account_with(&document);
            let outcome = setup(&account, &target).await.unwrap();
            assert_eq!(outcome.ending, Ending::Reached, "{who}");
            let reasons = outcome.draft.reasons.join(" ");
            let told = format!("({}) is on {who}", groups[at]);
            assert!(reasons.contains(&told), "{who}: {reasons}");
            for id in &groups {
                let before = document
                    .security_groups
                    .iter()
                    .find(|found| found.group_id == *id)
                    .unwrap();
                assert_eq!(&group(&account, id), before, "{who}");
            }
            assert_eq!(
                setup(&account, &target).await.unwrap().ending,
                Ending::Unchanged,
                "{who}"
            );
        }
    }
    // What nothing else has is completed, and shown as taken over.
    let account = account_with(&document);
    let outcome = setup(&account, &target).await.unwrap();
    let steps = outcome.draft.plan.steps.iter();
    let created = steps.filter(|step| step.effect.operation() == Operation::CreateSecurityGroup);
    assert!(created.into_iter().all(|step| step.status == StepStatus::Adopt));
    assert_eq!(account.document().security_groups.len(), document.security_groups.len());
}

/// Without the permission to read what has its groups, no second set is made: the next run completes it.
#[tokio::test(start_paused = true)]
async fn a_set_without_rules_waits_for_the_permission_to_read_what_has_it() {
    let target = instance("inventory", "stock-sync");
    let (document, _) = begun().await;
    for operation in BEARER_READS {
        let account = account_with(&document);
        let cloud = Interposed {
            account: &account,
            hook: Denied(operation),
        };
        let failure = setup(&cloud, &target).await.unwrap_err();
        assert!(failure.to_string().contains(operation.iam_action()), "{failure}");
        assert_eq!(account.calls().write, 0, "{operation}");
        assert_eq!(
            setup(&account, &target).await.unwrap().ending,
            Ending::Reached,
            "{operation}"
        );
        assert_eq!(account.document().security_groups.len(), document.security_groups.len());
    }
}

/// Another run can write the rules and put its groups into use between two of our reads: then the set is shared.
#[tokio::test(start_paused = true)]
async fn a_set_that_was_completed_meanwhile_is_shared() {
    let (mut document, groups) = begun().await;
    let mut another = document
        .functions
        .iter()
        .find(|found| found.function_name == "stock-sync")
        .unwrap()
        .clone();
    another.function_name = "another".into();
    document.functions.push(another);
    let account = account_with(&document);
    let other = account_with(&document);
    setup(&other, &instance("inventory", "stock-sync")).await.unwrap();
    let cloud = slow_with(&account, |operation| {
        if operation == Operation::ListFunctions {
            account.edit(|document| *document = other.document());
        }
    });
    let outcome = setup(&cloud, &instance("inventory", "another")).await.unwrap();
    assert_eq!(outcome.ending, Ending::Reached);
    let after = account.document();
    assert_eq!(after.security_groups.len(), document.security_groups.len());
    let of = |name: &str| {
        let function = after
            .functions
            .iter()
            .find(|found| found.function_name == name)
            .unwrap();
        function.vpc_config.as_ref().unwrap().security_group_ids.clone()
    };
    assert!(of("another").contains(&groups[1]) && of("stock-sync").contains(&groups[1]));
}

/// A role that is given a further policy is compared, also where its proxy has it already.
#[tokio::test]
async fn a_role_is_compared_before_it_is_given_more() {
    let iam = |function, user: &str| Target {
        proxy: ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Iam,
            ..NewProxyWish::default()
        }),
        user: Some(user.into()),
        iam_required: true,
        ..cluster("orders", function)
    };
    let account = account(|_| ());
    setup(&account, &iam("refunds", "app")).await.unwrap();
    let mut document = account.document();
    role(&mut document, PROXY_ROLE)
        .attached_policies
        .push("arn:aws:iam::aws:policy/AdministratorAccess".into());
    is_refused(&document, &iam("checkout", "app2"), "name-taken", "AdministratorAccess").await;
    setup(&account, &iam("checkout", "app2")).await.unwrap();
}

#[tokio::test]
async fn a_function_that_differs_in_anything_is_refused() {
    type Change = fn(&mut FunctionEntry);
    let table: [(&str, Change); 6] = [
        ("python3.13", |function| function.runtime = Some("python3.13".into())),
        ("other.main", |function| function.handler = Some("other.main".into())),
        ("role/team/", |function| {
            function.role = Some(format!("arn:aws:iam::123456789012:role/team/{FUNCTION_ROLE}"));
        }),
        ("its subnets are subnet-0a1a, not", |function| {
            function.vpc_config.as_mut().unwrap().subnet_ids = vec!["subnet-0a1a".into()];
        }),
        ("sg-0f00", |function| {
            function
                .vpc_config
                .as_mut()
                .unwrap()
                .security_group_ids
                .push("sg-0f00".into());
        }),
        ("autoconnect:managed is missing", |function| function.tags.clear()),
    ];
    let unfinished = || async {
        let mut document = made().await;
        document.functions.last_mut().unwrap().environment.remove("DB_PORT");
        document
    };
    for (word, change) in table {
        let mut document = unfinished().await;
        change(document.functions.last_mut().unwrap());
        is_refused(&document, &everything(), "function-name-taken", word).await;
        // Where nothing is left to be written, nothing is taken over.
        let mut document = made().await;
        let function = document.functions.last_mut().unwrap();
        if function.runtime.is_some() && word == "python3.13" {
            change(function);
            let again = setup(&account_with(&document), &everything()).await.unwrap();
            assert_eq!(again.ending, Ending::Unchanged);
        }
    }
    let mut document = unfinished().await;
    role(&mut document, FUNCTION_ROLE)
        .attached_policies
        .push("arn:aws:iam::aws:policy/AdministratorAccess".into());
    is_refused(&document, &everything(), "name-taken", "AdministratorAccess").await;
    assert_eq!(
        setup(&account_with(&unfinished().await), &everything())
            .await
            .unwrap()
            .ending,
        Ending::Reached
    );
}

/// A policy of our name on a role that is not ours: what another run of ours wrote for a proxy that was created again
/// is written again, anything else is refused.
#[tokio::test]
async fn a_policy_of_our_name_on_a_functions_role_is_ours_or_refused() {
    let iam = Target {
        proxy: ProxyWish::New(NewProxyWish {
            credentials: CredentialsWish::Iam,
            ..NewProxyWish::default()
        }),
        user: Some("app".into()),
        iam_required: true,
        ..cluster("orders", "refunds")
    };
    let ours = |resource: Value, action: Value| {
        json!({"PolicyName": "autoconnect-connect-eu-central-1+autoconnect-orders+app",
            "PolicyDocument": {"Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}})
    };
    let user = |id: &str| json!(format!("arn:aws:rds-db:eu-central-1:123456789012:dbuser:{id}"));
    let with = |policy: &Value| {
        let mut document = example();
        let policy = serde_json::from_value(policy.clone()).unwrap();
        role(&mut document, "shop-functions").policies.push(policy);
        document
    };
    let connect = json!("rds-db:connect");
    for (word, policy) in [
        ("\"Action\":\"*\"", ours(json!("*"), json!("*"))),
        (
            "iam:PassRole",
            ours(user("prx-1/app"), json!(["rds-db:connect", "iam:PassRole"])),
        ),
        ("prx-1/*", ours(user("prx-1/*"), connect.clone())),
        ("dbuser:*/app", ours(user("*/app"), connect.clone())),
        (
            "payroll",
            ours(json!([user("prx-1/app"), user("prx-payroll/app")]), connect.clone()),
        ),
    ] {
        is_refused(&with(&policy), &iam, "policy-name-taken", word).await;
    }
    let account = account_with(&with(&ours(user("prx-of-before/app"), connect)));
    setup(&account, &iam).await.unwrap();
    let mut document = account.document();
    let policies = &role(&mut document, "shop-functions").policies;
    assert_eq!(policies.len(), 1);
    assert_eq!(
        policies[0].policy_document["Statement"][0]["Resource"],
        user("prx-autoconnect-orders/app")
    );
}

/// Wherever a run ended, the plan of the next one shows what it takes over, and makes none of it.
#[tokio::test(start_paused = true)]
async fn the_plan_after_a_crash_shows_what_is_adopted() {
    let mut adopted = std::collections::BTreeSet::new();
    for call in 0..280 {
        let account = account(|_| ());
        if setup_interrupted_at(call, &account, &everything()).await.is_ok() {
            break;
        }
        let document = account.document();
        let before = example();
        let planned = setup_with(&account, &everything(), &dry_run(), &Script::default())
            .await
            .unwrap();
        let exists = [
            (Operation::CreateSecret, document.secrets.len() > before.secrets.len()),
            (
                Operation::CreateDbProxy,
                document.db_proxies.len() > before.db_proxies.len(),
            ),
            (
                Operation::CreateFunction,
                document.functions.len() > before.functions.len(),
            ),
        ];
        for (operation, exists) in exists {
            let steps = planned.draft.plan.steps.iter();
            let steps: Vec<_> = steps.filter(|step| step.effect.operation() == operation).collect();
            for step in &steps {
                let expected = if exists { StepStatus::Adopt } else { StepStatus::Planned };
                assert_eq!(step.status, expected, "after call {call}: {}", step.summary);
            }
            if exists && !steps.is_empty() {
                adopted.insert(operation);
            }
        }
        for step in planned
            .draft
            .plan
            .steps
            .iter()
            .filter(|step| step.effect.operation() == Operation::CreateRole)
        {
            let name = [PROXY_ROLE, FUNCTION_ROLE]
                .into_iter()
                .find(|name| step.summary.contains(name))
                .unwrap();
            let exists = document.roles.iter().any(|role| role.role_name == name);
            let expected = if exists { StepStatus::Adopt } else { StepStatus::Planned };
            assert_eq!(step.status, expected, "after call {call}: {}", step.summary);
            if exists {
                adopted.insert(Operation::CreateRole);
            }
        }
    }
    assert_eq!(adopted.len(), 4, "{adopted:?}");
}

/// A role that someone makes between the plan and its step is not taken over either, unless it is exactly ours.
#[tokio::test(start_paused = true)]
async fn what_is_made_between_plan_and_step_is_compared_too() {
    let exact = role(&mut made().await, PROXY_ROLE).clone();
    let squatted = |change: ChangeRole| {
        let mut role = exact.clone();
        role.policies.clear();
        change(&mut role);
        role
    };
    let table: [(ChangeRole, bool); 4] = [
        (|_| (), true),
        (
            |role| trust(role, |s| s[0]["Principal"]["AWS"] = json!("111122223333")),
            false,
        ),
        (
            |role| {
                role.attached_policies
                    .push("arn:aws:iam::aws:policy/AdministratorAccess".into());
            },
            false,
        ),
        (|role| role.path = Some("/team/".into()), false),
    ];
    for (change, is_ours) in table {
        let account = account(|_| ());
        let role = squatted(change);
        let cloud = slow_with(&account, |operation| {
            if operation == Operation::CreateRole {
                account.edit(|document| {
                    if !document.roles.iter().any(|found| found.role_name == role.role_name) {
                        document.roles.push(role.clone());
                    }
                });
            }
        });
        let target = Target {
            new_function: None,
            iam_required: false,
            environment: None,
            ..everything()
        };
        let target = Target {
            function: "refunds".into(),
            ..target
        };
        let ended = setup(&cloud, &target).await;
        match ended {
            Ok(outcome) => assert!(is_ours && outcome.ending == Ending::Reached),
            Err(failure) => {
                assert!(!is_ours, "{failure}");
                assert_eq!(failure.error.code(), "name-taken", "{failure}");
                let document = account.document();
                let found = document
                    .roles
                    .iter()
                    .find(|found| found.role_name == PROXY_ROLE)
                    .unwrap();
                assert!(found.policies.is_empty(), "it was given nothing");
            }
        }
    }
}
