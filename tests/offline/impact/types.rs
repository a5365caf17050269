//! Each resource type with each action, as the AWS provider has them.

use autoconnect::impact::Effect;
use serde_json::{Value, json};

use autoconnect::account::AccountDocument;

use super::{checkout, judged, one, plan, shop};

/// A change of one resource.
struct Case {
    kind: &'static str,
    actions: &'static [&'static str],
    before: Value,
    after: Value,
    unknown: Value,
    effect: Effect,
}

fn case(kind: &'static str, actions: &'static [&'static str], (before, after): (Value, Value), effect: Effect) -> Case {
    Case {
        kind,
        actions,
        before,
        after,
        unknown: json!({}),
        effect,
    }
}

const CREATE: &[&str] = &["create"];
const UPDATE: &[&str] = &["update"];
const DELETE: &[&str] = &["delete"];
const REPLACE: &[&str] = &["delete", "create"];

fn rule(group: &str, key: &str, peer: &str) -> Value {
    json!({"security_group_id": group, key: peer, "ip_protocol": "tcp", "from_port": 5432, "to_port": 5432})
}

fn old_rule(kind: &str, group: &str, key: &str, peer: &Value) -> Value {
    json!({"type": kind, "security_group_id": group, key: peer, "protocol": "tcp", "from_port": 5432, "to_port": 5432})
}

fn inline(rules: &Value) -> Value {
    json!({"id": "sg-0d01", "name": "rds-lambda-1", "vpc_id": "vpc-0a1b2c3d", "ingress": rules, "egress": []})
}

fn block(key: &str, peer: &str) -> Value {
    json!([{"protocol": "tcp", "from_port": 5432, "to_port": 5432, key: [peer]}])
}

fn acl_rule(number: u16, action: &str, egress: bool) -> Value {
    json!({
        "id": "nacl", "network_acl_id": "acl-0a1b", "rule_number": number, "egress": egress, "protocol": "-1",
        "rule_action": action, "cidr_block": "0.0.0.0/0",
    })
}

fn cluster(change: &Value) -> Value {
    let mut cluster = json!({
        "cluster_identifier": "orders", "engine": "aurora-postgresql", "port": 5432, "db_subnet_group_name": "shop",
        "vpc_security_group_ids": ["sg-0d00", "sg-0d01"],
    });
    for (key, value) in change.as_object().unwrap() {
        cluster[key] = value.clone();
    }
    cluster
}

fn function(config: &Value) -> Value {
    json!({"function_name": "checkout", "vpc_config": config})
}

fn attached(groups: &[&str]) -> Value {
    json!([{"subnet_ids": ["subnet-0a1a", "subnet-0a1b"], "security_group_ids": groups}])
}

fn groups() -> Vec<Case> {
    use Effect::{Breaks, None, Opened};
    const INGRESS: &str = "aws_vpc_security_group_ingress_rule";
    const EGRESS: &str = "aws_vpc_security_group_egress_rule";
    const RULE: &str = "aws_security_group_rule";
    let peer = "referenced_security_group_id";
    let (by_group, out) = (rule("sg-0d01", peer, "sg-0f01"), rule("sg-0f01", peer, "sg-0d01"));
    let world = rule("sg-0d01", "cidr_ipv4", "0.0.0.0/0");
    let source = "source_security_group_id";
    vec![
        case(INGRESS, DELETE, (by_group.clone(), Value::Null), Breaks),
        case(
            INGRESS,
            UPDATE,
            (by_group.clone(), rule("sg-0d01", "cidr_ipv4", "10.9.0.0/16")),
            Breaks,
        ),
        case(INGRESS, REPLACE, (by_group.clone(), by_group.clone()), None),
        case(INGRESS, CREATE, (Value::Null, world.clone()), Opened),
        case(
            INGRESS,
            CREATE,
            (Value::Null, rule("sg-0d01", "cidr_ipv6", "::/0")),
            Opened,
        ),
        case(
            INGRESS,
            CREATE,
            (Value::Null, rule("sg-0d01", "cidr_ipv4", "52.0.0.0/8")),
            Opened,
        ),
        case(
            INGRESS,
            CREATE,
            (Value::Null, rule("sg-0d01", "cidr_ipv4", "10.0.0.0/8")),
            None,
        ),
        case(
            INGRESS,
            CREATE,
            (Value::Null, rule("sg-0d01", "cidr_ipv4", "52.1.2.0/24")),
            None,
        ),
        case(
            INGRESS,
            CREATE,
            (Value::Null, rule("sg-0d00", "cidr_ipv4", "0.0.0.0/0")),
            Opened,
        ),
        case(
            INGRESS,
            CREATE,
            (Value::Null, rule("sg-0f00", "cidr_ipv4", "0.0.0.0/0")),
            None,
        ),
        case(EGRESS, DELETE, (out, Value::Null), Breaks),
        case(
            EGRESS,
            CREATE,
            (Value::Null, rule("sg-0d01", "cidr_ipv4", "0.0.0.0/0")),
            None,
        ),
        case(
            RULE,
            DELETE,
            (old_rule("ingress", "sg-0d01", source, &json!("sg-0f01")), Value::Null),
            Breaks,
        ),
        case(
            RULE,
            DELETE,
            (old_rule("egress", "sg-0f01", source, &json!("sg-0d01")), Value::Null),
            Breaks,
        ),
        case(
            RULE,
            CREATE,
            (
                Value::Null,
                old_rule("ingress", "sg-0d01", "cidr_blocks", &json!(["0.0.0.0/0"])),
            ),
            Opened,
        ),
        case(
            RULE,
            CREATE,
            (Value::Null, old_rule("ingress", "sg-0d01", "self", &json!(true))),
            None,
        ),
    ]
}

fn inline_rules() -> Vec<Case> {
    use Effect::{Breaks, Opened};
    const GROUP: &str = "aws_security_group";
    vec![
        case(
            GROUP,
            UPDATE,
            (inline(&block("security_groups", "sg-0f01")), inline(&json!([]))),
            Breaks,
        ),
        case(
            GROUP,
            UPDATE,
            (inline(&json!([])), inline(&block("cidr_blocks", "0.0.0.0/0"))),
            Opened,
        ),
        // EC2 refuses it: what is done by then is not known.
        case(GROUP, DELETE, (inline(&json!([])), Value::Null), Effect::Unknown),
    ]
}

fn computers() -> Vec<Case> {
    use Effect::{Breaks, None, Unknown};
    const CLUSTER: &str = "aws_rds_cluster";
    const MEMBER: &str = "aws_rds_cluster_instance";
    const FUNCTION: &str = "aws_lambda_function";
    let orders = || cluster(&json!({}));
    let with = |change: Value| (orders(), cluster(&change));
    let checkout = || function(&attached(&["sg-0f00", "sg-0f01"]));
    let member = |id: &str| json!({"identifier": id, "cluster_identifier": "orders", "engine": "aurora-postgresql"});
    vec![
        case(
            CLUSTER,
            UPDATE,
            with(json!({"vpc_security_group_ids": ["sg-0d00"]})),
            Breaks,
        ),
        case(
            CLUSTER,
            UPDATE,
            with(json!({"vpc_security_group_ids": ["sg-0d01", "sg-0d00"]})),
            None,
        ),
        case(
            CLUSTER,
            UPDATE,
            with(json!({"vpc_security_group_ids": ["sg-0d01"]})),
            None,
        ),
        case(
            CLUSTER,
            UPDATE,
            with(json!({"vpc_security_group_ids": ["sg-0d01", "sg-unknown"]})),
            Unknown,
        ),
        case(CLUSTER, UPDATE, with(json!({"port": 6432})), Breaks),
        case(CLUSTER, UPDATE, with(json!({"backup_retention_period": 7})), None),
        case(CLUSTER, DELETE, (orders(), Value::Null), Breaks),
        case(CLUSTER, REPLACE, (orders(), orders()), None),
        case(CLUSTER, REPLACE, with(json!({"cluster_identifier": "orders2"})), Breaks),
        case(
            CLUSTER,
            REPLACE,
            with(json!({"db_subnet_group_name": "archive"})),
            Breaks,
        ),
        case(
            CLUSTER,
            REPLACE,
            with(json!({"db_subnet_group_name": "nowhere"})),
            Unknown,
        ),
        case(MEMBER, DELETE, (member("orders-1"), Value::Null), None),
        case(MEMBER, CREATE, (Value::Null, member("orders-3")), None),
        case(
            "aws_db_instance",
            DELETE,
            (json!({"identifier": "inventory"}), Value::Null),
            None,
        ),
        case(
            FUNCTION,
            UPDATE,
            (checkout(), function(&attached(&["sg-0f00"]))),
            Breaks,
        ),
        case(FUNCTION, UPDATE, (checkout(), function(&json!([]))), Breaks),
        case(FUNCTION, UPDATE, (checkout(), function(&attached(&["sg-0f01"]))), None),
        case(FUNCTION, DELETE, (checkout(), Value::Null), Breaks),
        case(FUNCTION, REPLACE, (checkout(), checkout()), None),
        case(FUNCTION, &["forget"], (checkout(), Value::Null), None),
        case(
            "aws_db_subnet_group",
            UPDATE,
            (
                json!({"name": "shop", "subnet_ids": ["subnet-0a1a", "subnet-0a1b"]}),
                json!({"name": "shop", "subnet_ids": ["subnet-0a1a"]}),
            ),
            None,
        ),
        case(
            "aws_db_subnet_group",
            UPDATE,
            (
                json!({"name": "shop", "subnet_ids": ["subnet-0a1a"]}),
                json!({"name": "shop", "subnet_ids": ["subnet-0e5a"]}),
            ),
            Breaks,
        ),
    ]
}

fn network() -> Vec<Case> {
    use Effect::{Breaks, None, Unknown};
    const ACL_RULE: &str = "aws_network_acl_rule";
    let acl = |ingress: Value| json!({"id": "acl-0a1b", "vpc_id": "vpc-0a1b2c3d", "subnet_ids": ["subnet-0a1a", "subnet-0a1b"], "ingress": ingress, "egress": []});
    let deny = json!([{"rule_no": 50, "protocol": "tcp", "action": "deny", "cidr_block": "0.0.0.0/0", "from_port": 5432, "to_port": 5432}]);
    let route =
        |table: &str| json!({"route_table_id": table, "destination_cidr_block": "10.9.0.0/16", "gateway_id": "igw-1"});
    let peering = json!({"id": "pcx-1", "vpc_id": "vpc-0a1b2c3d", "peer_vpc_id": "vpc-0e5f6a7b", "auto_accept": true});
    let subnet = json!({"id": "subnet-0e5a", "vpc_id": "vpc-0e5f6a7b", "cidr_block": "10.1.0.0/24"});
    let in_use = json!({"id": "subnet-0a1a", "vpc_id": "vpc-0a1b2c3d", "cidr_block": "10.0.0.0/24"});
    vec![
        case(ACL_RULE, CREATE, (Value::Null, acl_rule(50, "deny", false)), Breaks),
        case(ACL_RULE, CREATE, (Value::Null, acl_rule(200, "deny", false)), None),
        case(ACL_RULE, DELETE, (acl_rule(100, "allow", true), Value::Null), Breaks),
        case(
            ACL_RULE,
            UPDATE,
            (acl_rule(100, "allow", false), acl_rule(100, "deny", false)),
            Breaks,
        ),
        case("aws_network_acl", UPDATE, (acl(json!([])), acl(deny.clone())), Breaks),
        case("aws_network_acl", UPDATE, (acl(deny.clone()), acl(deny)), None),
        // Its subnets get the default ACL, which it is itself here: what is there then is not known to the file.
        case(
            "aws_network_acl",
            DELETE,
            (json!({"id": "acl-0404"}), Value::Null),
            Unknown,
        ),
        case("aws_route", CREATE, (Value::Null, route("rtb-unknown")), Unknown),
        case("aws_vpc_peering_connection", CREATE, (Value::Null, peering), None),
        case("aws_subnet", DELETE, (in_use, Value::Null), Unknown),
        case("aws_subnet", UPDATE, (subnet.clone(), subnet), None),
        case("aws_vpc", DELETE, (json!({"id": "vpc-0a1b2c3d"}), Value::Null), Unknown),
        case(
            "aws_vpc_dhcp_options_association",
            CREATE,
            (
                Value::Null,
                json!({"vpc_id": "vpc-0a1b2c3d", "dhcp_options_id": "dopt-1"}),
            ),
            Unknown,
        ),
        case(
            "aws_vpc_dhcp_options_association",
            CREATE,
            (
                Value::Null,
                json!({"vpc_id": "vpc-0e5f6a7b", "dhcp_options_id": "dopt-1"}),
            ),
            None,
        ),
        case("awscc_ec2_security_group", UPDATE, (json!({}), json!({})), Unknown),
        case("aws_ec2_managed_prefix_list", UPDATE, (json!({}), json!({})), Unknown),
        case("aws_cloudformation_stack", UPDATE, (json!({}), json!({})), Unknown),
        case("aws_cloudformation_stack_set", UPDATE, (json!({}), json!({})), Unknown),
        case("aws_cloudcontrolapi_resource", UPDATE, (json!({}), json!({})), Unknown),
        case(
            "aws_servicecatalog_provisioned_product",
            UPDATE,
            (json!({}), json!({})),
            Unknown,
        ),
        case(
            "aws_vpc_endpoint",
            CREATE,
            (Value::Null, json!({"vpc_id": "vpc-0a1b2c3d"})),
            None,
        ),
        case("aws_s3_bucket", DELETE, (json!({"bucket": "b"}), Value::Null), None),
    ]
}

#[test]
fn each_resource_type_is_judged_with_each_action() {
    for case in groups()
        .into_iter()
        .chain(inline_rules())
        .chain(computers())
        .chain(network())
    {
        let address = format!("{}.x", case.kind);
        let change = json!({
            "address": address, "mode": "managed", "type": case.kind, "name": "x",
            "change": {
                "actions": case.actions, "before": case.before, "after": case.after, "after_unknown": case.unknown,
            },
        });
        let made = json!({"format_version": "1.2", "resource_changes": [change]});
        let all = judged(&shop(), &plan(&made));
        let found = checkout(&all);
        assert_eq!(found.effect, case.effect, "{made:#}: {found:#?}");
        if found.effect != Effect::None {
            assert_eq!(found.by, [address], "{made:#}");
            assert!(!found.why.is_empty(), "{made:#}");
        }
    }
}

/// A change of one resource of which something is known only after apply.
fn later(kind: &str, actions: &[&str], (before, after): (Value, Value), unknown: &Value) {
    let change = json!({
        "address": "it", "type": kind, "name": "x",
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown},
    });
    let made = json!({"format_version": "1.2", "resource_changes": [change]});
    let all = judged(&shop(), &plan(&made));
    let found = checkout(&all);
    assert_eq!(found.effect, Effect::Unknown, "{made:#}: {found:#?}");
}

/// The shop with a connection of an instance and one through a proxy; with the default group of its VPC, or without.
fn with_more(has_default: bool) -> AccountDocument {
    let mut document = shop();
    let group = document
        .security_groups
        .iter_mut()
        .find(|group| group.group_id == "sg-0f02");
    let to =
        json!([{"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "UserIdGroupPairs": [{"GroupId": "sg-0d02"}]}]);
    group.unwrap().ip_permissions_egress = serde_json::from_value(to).unwrap();
    if has_default {
        let default = json!({"GroupId": "sg-default", "GroupName": "default", "VpcId": "vpc-0a1b2c3d"});
        document.security_groups.push(serde_json::from_value(default).unwrap());
    }
    document
}

const LEDGER: &str = "instance/ledger:function/invoices";
const CHECKOUT: &str = "cluster/orders:function/checkout";

fn ledger() -> Value {
    json!({
        "identifier": "ledger", "engine": "mysql", "port": 3306, "db_subnet_group_name": "shop",
        "vpc_security_group_ids": ["sg-0d00", "sg-0d02"],
    })
}

/// What is created anew, and about which nothing is said, is as if it had never been there.
#[test]
fn what_is_created_anew_gets_the_defaults() {
    let orders = || cluster(&json!({}));
    for (kind, connection, before, gone, effects) in [
        (
            "aws_rds_cluster",
            CHECKOUT,
            orders(),
            "vpc_security_group_ids",
            [Effect::Unknown, Effect::Breaks],
        ),
        (
            "aws_db_instance",
            LEDGER,
            ledger(),
            "vpc_security_group_ids",
            [Effect::Unknown, Effect::Breaks],
        ),
        ("aws_rds_cluster", CHECKOUT, orders(), "port", [Effect::None; 2]),
        ("aws_db_instance", LEDGER, ledger(), "port", [Effect::None; 2]),
        // The default DB subnet group is not in the file.
        (
            "aws_rds_cluster",
            CHECKOUT,
            orders(),
            "db_subnet_group_name",
            [Effect::Unknown; 2],
        ),
        (
            "aws_db_instance",
            LEDGER,
            ledger(),
            "db_subnet_group_name",
            [Effect::Unknown; 2],
        ),
    ] {
        let mut after = before.clone();
        after.as_object_mut().unwrap().remove(gone);
        let mut null = before.clone();
        null[gone] = Value::Null;
        let configured = json!({"mode": "managed", "type": kind, "name": "x", "expressions": {"engine": {}}});
        for (after, unknown) in [(after, json!({gone: true})), (null, json!({}))] {
            let change = json!({
                "address": "it", "type": kind, "name": "x",
                "change": {"actions": REPLACE, "before": before, "after": after, "after_unknown": unknown},
            });
            let made = json!({
                "format_version": "1.2", "resource_changes": [change],
                "configuration": {"root_module": {"resources": [configured]}},
            });
            for (has_default, effect) in [false, true].into_iter().zip(effects) {
                let all = judged(&with_more(has_default), &plan(&made));
                let found = one(&all, connection);
                assert_eq!(found.effect, effect, "{has_default} {made:#}: {found:#?}");
            }
        }
    }
    // A database that is made of another has its port.
    let mut after = orders();
    after.as_object_mut().unwrap().remove("port");
    let mut restored = after.clone();
    restored["snapshot_identifier"] = json!("s");
    for (after, effect) in [(restored, Effect::Unknown), (after, Effect::None)] {
        let change = json!({
            "address": "it", "type": "aws_rds_cluster", "name": "x",
            "change": {"actions": REPLACE, "before": orders(), "after": after, "after_unknown": {}},
        });
        let made = json!({"format_version": "1.2", "resource_changes": [change]});
        let all = judged(&with_more(true), &plan(&made));
        assert_eq!(checkout(&all).effect, effect, "{made:#}: {all:#?}");
    }
}

/// What gets another name is gone under the old one.
#[test]
fn what_is_renamed_breaks_the_connections_of_its_name() {
    let of = |key: &str, name: &str, rest: Value| {
        let mut all = rest;
        all[key] = json!(name);
        all
    };
    let checkout_of = || function(&attached(&["sg-0f00", "sg-0f01"]));
    let member = || json!({"cluster_identifier": "orders", "engine": "aurora-postgresql"});
    for (kind, key, names, rest, connection, effect) in [
        (
            "aws_db_instance",
            "identifier",
            ["ledger", "ledger2"],
            ledger(),
            LEDGER,
            Effect::Breaks,
        ),
        (
            "aws_db_instance",
            "identifier",
            ["ledger", "Ledger"],
            ledger(),
            LEDGER,
            Effect::None,
        ),
        (
            "aws_rds_cluster",
            "cluster_identifier",
            ["orders", "orders2"],
            cluster(&json!({})),
            CHECKOUT,
            Effect::Breaks,
        ),
        (
            "aws_lambda_function",
            "function_name",
            ["checkout", "checkout2"],
            checkout_of(),
            CHECKOUT,
            Effect::Breaks,
        ),
        (
            "aws_rds_cluster_instance",
            "identifier",
            ["orders-1", "orders-9"],
            member(),
            CHECKOUT,
            Effect::None,
        ),
        (
            "aws_rds_cluster_instance",
            "identifier",
            ["nobody", "orders-1"],
            member(),
            CHECKOUT,
            Effect::Unknown,
        ),
    ] {
        let [before, after] = names.map(|name| of(key, name, rest.clone()));
        let change = json!({
            "address": "it", "type": kind, "name": "x",
            "change": {"actions": UPDATE, "before": before, "after": after, "after_unknown": {}},
        });
        let made = json!({"format_version": "1.2", "resource_changes": [change]});
        let all = judged(&with_more(true), &plan(&made));
        let found = one(&all, connection);
        assert_eq!(found.effect, effect, "{made:#}: {found:#?}");
        if effect == Effect::Breaks {
            let renamed = connection.replacen(names[0], names[1], 1);
            assert_eq!(one(&all, &renamed).effect, Effect::Repaired, "{all:#?}");
        }
    }
}

/// Each attribute that a connection depends on.
#[test]
fn what_is_known_only_after_apply_is_unknown() {
    const CLUSTER: &str = "aws_rds_cluster";
    const FUNCTION: &str = "aws_lambda_function";
    const INGRESS: &str = "aws_vpc_security_group_ingress_rule";
    let whole = || (cluster(&json!({})), cluster(&json!({})));
    later(CLUSTER, UPDATE, whole(), &json!({"vpc_security_group_ids": true}));
    later(
        CLUSTER,
        UPDATE,
        whole(),
        &json!({"vpc_security_group_ids": [false, true]}),
    );
    later(CLUSTER, UPDATE, whole(), &json!({"port": true}));
    later(CLUSTER, UPDATE, whole(), &json!({"db_subnet_group_name": true}));
    later(CLUSTER, REPLACE, whole(), &json!({"cluster_identifier": true}));

    let attached = || function(&attached(&["sg-0f00", "sg-0f01"]));
    let detached = function(&Value::Null);
    later(FUNCTION, UPDATE, (attached(), detached), &json!({"vpc_config": true}));
    let subnets = json!({"vpc_config": [{"subnet_ids": true}]});
    later(FUNCTION, UPDATE, (attached(), attached()), &subnets);

    let peer = "referenced_security_group_id";
    let before = || rule("sg-0d01", peer, "sg-0f01");
    let without = |key: &str| {
        let mut rule = before();
        rule.as_object_mut().unwrap().remove(key);
        rule
    };
    later(INGRESS, UPDATE, (before(), without(peer)), &json!({peer: true}));
    later(
        INGRESS,
        UPDATE,
        (before(), without("from_port")),
        &json!({"from_port": true}),
    );
    let group = json!({"security_group_id": true});
    later(INGRESS, REPLACE, (before(), without("security_group_id")), &group);
    later(
        INGRESS,
        CREATE,
        (Value::Null, without(peer)),
        &json!({"cidr_ipv4": true}),
    );

    let deny = || (Value::Null, acl_rule(50, "deny", false));
    later("aws_network_acl_rule", CREATE, deny(), &json!({"cidr_block": true}));
    later("aws_network_acl_rule", CREATE, deny(), &json!({"network_acl_id": true}));
    let route = (Value::Null, json!({"destination_cidr_block": "10.0.0.0/24"}));
    later(
        "aws_route",
        CREATE,
        route,
        &json!({"route_table_id": true, "gateway_id": true}),
    );
}

/// A resource with the name of one here, in another Region or account.
#[test]
fn what_is_elsewhere_does_not_count() {
    let checkout_of = |arn: &str| {
        let mut function = function(&attached(&["sg-0f01"]));
        function["arn"] = json!(arn);
        function
    };
    let arn = |place: &str| format!("arn:aws:lambda:{place}:function:checkout");
    let here = "eu-central-1:123456789012";
    let provider =
        |region: Value| json!({"aws.other": {"name": "aws", "alias": "other", "expressions": {"region": region}}});
    let variable = json!({"references": ["var.region"]});
    for (arn, provider, effect) in [
        (Some(arn(here)), json!({}), Effect::Breaks),
        (Some(arn("us-east-1:123456789012")), json!({}), Effect::None),
        (Some(arn("eu-central-1:210987654321")), json!({}), Effect::None),
        (None, json!({}), Effect::Breaks),
        (
            None,
            provider(json!({"constant_value": "eu-central-1"})),
            Effect::Breaks,
        ),
        (None, provider(json!({"constant_value": "us-east-1"})), Effect::None),
        (None, provider(variable), Effect::None),
    ] {
        let before = arn.map_or_else(|| function(&attached(&["sg-0f01"])), |arn| checkout_of(&arn));
        let resource = json!({
            "address": "module.a.aws_lambda_function.x", "module_address": "module.a", "mode": "managed",
            "type": "aws_lambda_function", "name": "x",
            "change": {"actions": ["delete"], "before": before, "after": null, "after_unknown": {}},
        });
        let configured = json!({
            "address": "aws_lambda_function.x", "mode": "managed", "type": "aws_lambda_function", "name": "x",
            "provider_config_key": "aws.other", "expressions": {},
        });
        let module = json!({"a": {"module": {"resources": [configured]}}});
        let made = json!({
            "format_version": "1.2", "resource_changes": [resource],
            "variables": {"region": {"value": "us-east-1"}},
            "configuration": {"provider_config": provider, "root_module": {"module_calls": module}},
        });
        let all = judged(&shop(), &plan(&made));
        assert_eq!(checkout(&all).effect, effect, "{made:#}");
    }
}

/// Of a list that a provider shows as it was, although its expression is known only after apply.
#[test]
fn a_list_that_is_shown_as_it_was_is_unknown() {
    for (reference, is_read, has_group, effect) in [
        ("data.aws_security_group.x.id", true, false, Effect::Unknown),
        ("data.aws_security_group.x.id", false, false, Effect::None),
        ("local.groups", false, false, Effect::None),
        ("local.groups", false, true, Effect::Unknown),
        ("var.groups", false, true, Effect::None),
        ("aws_security_group.new.id", false, true, Effect::Unknown),
        ("aws_security_group.new.name", false, true, Effect::None),
    ] {
        let entry = |mode: &str, kind: &str, name: &str, actions: &[&str], values: [Value; 3]| {
            let [before, after, unknown] = values;
            json!({
                "address": format!("{kind}.{name}"), "mode": mode, "type": kind, "name": name,
                "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown},
            })
        };
        let whole = cluster(&json!({}));
        let mut changes = vec![entry(
            "managed",
            "aws_rds_cluster",
            "x",
            &["no-op"],
            [whole.clone(), whole, json!({})],
        )];
        if is_read {
            let values = [Value::Null, json!({}), json!({"id": true})];
            changes.push(entry("data", "aws_security_group", "x", &["read"], values));
        }
        if has_group {
            let values = [
                Value::Null,
                json!({"name": "new", "vpc_id": "vpc-0a1b2c3d"}),
                json!({"id": true}),
            ];
            changes.push(entry("managed", "aws_security_group", "new", CREATE, values));
        }
        let configured = json!({
            "mode": "managed", "type": "aws_rds_cluster", "name": "x",
            "expressions": {"vpc_security_group_ids": {"references": [reference]}},
        });
        let made = json!({
            "format_version": "1.2", "resource_changes": changes, "variables": {"groups": {"value": ["sg-0d00"]}},
            "configuration": {"root_module": {"resources": [configured]}},
        });
        let all = judged(&shop(), &plan(&made));
        assert_eq!(checkout(&all).effect, effect, "{made:#}");
    }
}

/// A connection through a proxy.
#[test]
fn proxies_and_their_targets_are_judged() {
    const NAME: &str = "cluster/orders:proxy/orders-proxy:function/checkout";
    let mut document = shop();
    let group = |id: &str, name: &str, ingress: Value, egress: Value| {
        let group = json!({"GroupId": id, "GroupName": name, "VpcId": "vpc-0a1b2c3d", "IpPermissions": ingress, "IpPermissionsEgress": egress});
        serde_json::from_value(group).unwrap()
    };
    let by = |id: &str| json!([{"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [{"GroupId": id}]}]);
    document
        .security_groups
        .push(group("sg-0b01", "rds-rdsproxy-3", by("sg-0b02"), json!([])));
    document
        .security_groups
        .push(group("sg-0b02", "rdsproxy-lambda-3", by("sg-0b03"), by("sg-0b01")));
    document
        .security_groups
        .push(group("sg-0b03", "lambda-rdsproxy-3", json!([]), by("sg-0b02")));
    let membership = json!({"VpcSecurityGroupId": "sg-0b01"});
    document.db_clusters[0]
        .vpc_security_groups
        .push(serde_json::from_value(membership).unwrap());
    document.db_proxies[0].vpc_security_group_ids = vec!["sg-0b02".to_owned()];
    let config = document.functions[0].vpc_config.as_mut().unwrap();
    config.security_group_ids.push("sg-0b03".to_owned());
    let proxy = |groups: &[&str]| {
        json!({"name": "orders-proxy", "engine_family": "POSTGRESQL", "vpc_security_group_ids": groups,
               "vpc_subnet_ids": ["subnet-0a1a", "subnet-0a1b"]})
    };
    let mut renamed = proxy(&["sg-0b02"]);
    renamed["name"] = json!("other-proxy");
    let target =
        json!({"db_proxy_name": "orders-proxy", "db_cluster_identifier": "orders", "target_group_name": "default"});
    for (kind, actions, before, after, effect) in [
        (
            "aws_db_proxy",
            UPDATE,
            proxy(&["sg-0b02"]),
            proxy(&["sg-0b02"]),
            Effect::None,
        ),
        (
            "aws_db_proxy",
            UPDATE,
            proxy(&["sg-0b02"]),
            proxy(&["sg-0f00"]),
            Effect::Breaks,
        ),
        ("aws_db_proxy", DELETE, proxy(&["sg-0b02"]), Value::Null, Effect::Breaks),
        ("aws_db_proxy", UPDATE, proxy(&["sg-0b02"]), renamed, Effect::Breaks),
        // The default group is not in the file.
        (
            "aws_db_proxy",
            REPLACE,
            proxy(&["sg-0b02"]),
            proxy(&[]),
            Effect::Unknown,
        ),
        (
            "aws_db_proxy_target",
            DELETE,
            target.clone(),
            Value::Null,
            Effect::Breaks,
        ),
        ("aws_db_proxy_target", REPLACE, target.clone(), target, Effect::None),
        (
            "aws_db_proxy_default_target_group",
            UPDATE,
            json!({}),
            json!({}),
            Effect::None,
        ),
        (
            "aws_vpc_security_group_ingress_rule",
            CREATE,
            Value::Null,
            rule("sg-0b02", "cidr_ipv4", "0.0.0.0/0"),
            Effect::Opened,
        ),
    ] {
        let change = json!({
            "address": "it", "type": kind, "name": "x",
            "change": {"actions": actions, "before": before, "after": after, "after_unknown": {}},
        });
        let made = json!({"format_version": "1.2", "resource_changes": [change]});
        let all = judged(&document, &plan(&made));
        let found = all.iter().find(|judged| judged.name == NAME);
        let found = found.unwrap_or_else(|| panic!("{all:#?}"));
        assert_eq!(found.effect, effect, "{made:#}: {found:#?}");
    }
}

/// A change of an address, for a plan of several.
fn change(address: &str, kind: &str, actions: &[&str], (before, after): (Value, Value), unknown: &Value) -> Value {
    json!({
        "address": address, "type": kind, "name": address,
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown},
    })
}

/// A rule whose source is not known hides a break only if it can let through what no longer passes.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_rule_that_cannot_help_hides_no_break() {
    const INGRESS: &str = "aws_vpc_security_group_ingress_rule";
    const EGRESS: &str = "aws_vpc_security_group_egress_rule";
    const RULE: &str = "aws_security_group_rule";
    const PEER: &str = "referenced_security_group_id";
    let function_cut = || {
        let (before, after) = (attached(&["sg-0f00", "sg-0f01"]), attached(&["sg-0f00"]));
        change(
            "cut",
            "aws_lambda_function",
            UPDATE,
            (function(&before), function(&after)),
            &json!({}),
        )
    };
    let deleted = |kind: &str, rule: Value| change("cut", kind, DELETE, (rule, Value::Null), &json!({}));
    let (in_cut, out_cut) = (
        || deleted(INGRESS, rule("sg-0d01", PEER, "sg-0f01")),
        || deleted(EGRESS, rule("sg-0f01", PEER, "sg-0d01")),
    );
    let source = |kind: &str, group: Option<&str>, (protocol, from, to): (&str, u16, u16)| {
        let mut rule = json!({"ip_protocol": protocol, "from_port": from, "to_port": to});
        let mut unknown = json!({PEER: true});
        match group {
            Some(group) => rule["security_group_id"] = json!(group),
            None => unknown["security_group_id"] = json!(true),
        }
        change("doubt", kind, CREATE, (Value::Null, rule), &unknown)
    };
    let port = ("tcp", 5432, 5432);
    let (db, other_db, of_function) = (Some("sg-0d01"), Some("sg-0d00"), Some("sg-0f01"));
    let inline = |key: &str, port: u16| {
        let block = json!([{"protocol": "tcp", "from_port": port, "to_port": port}]);
        let mut group = json!({"id": "sg-0d01", "name": "rds-lambda-1", "vpc_id": "vpc-0a1b2c3d"});
        let before = group.clone();
        group[key] = block;
        let unknown = json!({key: [{"cidr_blocks": true}]});
        change("doubt", "aws_security_group", UPDATE, (before, group), &unknown)
    };
    let old = |kind: Option<&str>, port: u16| {
        let mut rule = json!({"security_group_id": "sg-0d01", "protocol": "tcp", "from_port": port, "to_port": port});
        let mut unknown = json!({"source_security_group_id": true});
        match kind {
            Some(kind) => rule["type"] = json!(kind),
            None => unknown["type"] = json!(true),
        }
        change("doubt", RULE, CREATE, (Value::Null, rule), &unknown)
    };
    let (breaks, unknown) = (Effect::Breaks, Effect::Unknown);
    for (what, cut, doubts, effect) in [
        ("no doubt", function_cut(), vec![], breaks),
        (
            "inbound for outbound",
            function_cut(),
            vec![source(INGRESS, db, port)],
            breaks,
        ),
        (
            "inbound, another group",
            function_cut(),
            vec![source(INGRESS, other_db, port)],
            breaks,
        ),
        (
            "inbound, any group",
            function_cut(),
            vec![source(INGRESS, None, port)],
            breaks,
        ),
        (
            "outbound for inbound",
            in_cut(),
            vec![source(EGRESS, of_function, port)],
            breaks,
        ),
        (
            "inbound for inbound",
            in_cut(),
            vec![source(INGRESS, db, port)],
            unknown,
        ),
        (
            "of the other group",
            in_cut(),
            vec![source(INGRESS, other_db, port)],
            unknown,
        ),
        ("of any group", in_cut(), vec![source(INGRESS, None, port)], unknown),
        (
            "of the function's group",
            in_cut(),
            vec![source(INGRESS, of_function, port)],
            breaks,
        ),
        (
            "another port",
            in_cut(),
            vec![source(INGRESS, db, ("tcp", 443, 443))],
            breaks,
        ),
        (
            "a range of ports",
            in_cut(),
            vec![source(INGRESS, db, ("tcp", 5000, 6000))],
            unknown,
        ),
        (
            "another protocol",
            in_cut(),
            vec![source(INGRESS, db, ("udp", 5432, 5432))],
            breaks,
        ),
        (
            "all protocols",
            in_cut(),
            vec![source(INGRESS, db, ("-1", 0, 0))],
            unknown,
        ),
        (
            "outbound for outbound",
            out_cut(),
            vec![source(EGRESS, of_function, port)],
            unknown,
        ),
        (
            "one of two",
            function_cut(),
            vec![source(EGRESS, Some("sg-0f00"), port)],
            breaks,
        ),
        (
            "both",
            function_cut(),
            vec![source(EGRESS, Some("sg-0f00"), port), source(INGRESS, db, port)],
            unknown,
        ),
        (
            "in the group, inbound",
            in_cut(),
            vec![inline("ingress", 5432)],
            unknown,
        ),
        (
            "in the group, another port",
            in_cut(),
            vec![inline("ingress", 443)],
            breaks,
        ),
        ("in the group, outbound", in_cut(), vec![inline("egress", 5432)], breaks),
        ("an old rule", in_cut(), vec![old(Some("ingress"), 5432)], unknown),
        (
            "an old rule, outbound",
            in_cut(),
            vec![old(Some("egress"), 5432)],
            breaks,
        ),
        (
            "an old rule, another port",
            in_cut(),
            vec![old(Some("ingress"), 80)],
            breaks,
        ),
        ("an old rule, either way", in_cut(), vec![old(None, 5432)], unknown),
        (
            "a list of groups, too",
            in_cut(),
            vec![
                source(INGRESS, db, ("tcp", 443, 443)),
                change(
                    "list",
                    "aws_rds_cluster",
                    UPDATE,
                    (cluster(&json!({})), cluster(&json!({}))),
                    &json!({"vpc_security_group_ids": true}),
                ),
            ],
            unknown,
        ),
    ] {
        let changes: Vec<Value> = std::iter::once(cut).chain(doubts).collect();
        let made = json!({"format_version": "1.2", "resource_changes": changes});
        let all = judged(&shop(), &plan(&made));
        let found = checkout(&all);
        assert_eq!(found.effect, effect, "{what}: {found:#?}");
        if effect == breaks {
            // Rules that may open the database are reported as well.
            let is_told = found.also.contains(&unknown);
            assert_eq!(found.by.contains(&"doubt".to_owned()), is_told, "{what}: {found:#?}");
            assert!(found.by.contains(&"cut".to_owned()), "{what}: {found:#?}");
            continue;
        }
        let by = "doubt";
        assert!(
            found.by.iter().any(|found| found == by || found == "list"),
            "{what}: {found:#?}"
        );
    }
}

/// What a list that is known only after apply names may be in it, or not: only what cannot be otherwise is certain.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_a_list_names_may_be_in_it() {
    const GROUP: &str = "aws_security_group";
    let group = |name: &str, id: &str| {
        let group = json!({"id": id, "name": name, "vpc_id": "vpc-0a1b2c3d", "ingress": [], "egress": []});
        let mut kept = change(
            &format!("{GROUP}.{name}"),
            GROUP,
            &["no-op"],
            (group.clone(), group),
            &json!({}),
        );
        kept["name"] = json!(name);
        kept
    };
    let new = |name: &str, before: Value, has_rule: bool| {
        let block = json!([{"protocol": "tcp", "from_port": 5432, "to_port": 5432, "security_groups": ["sg-0f01"]}]);
        let ingress = if has_rule { block } else { json!([]) };
        let after = json!({"name": name, "vpc_id": "vpc-0a1b2c3d", "ingress": ingress, "egress": []});
        let actions: &[&str] = if before.is_null() {
            CREATE
        } else {
            &["create", "delete"]
        };
        let mut new = change(
            &format!("{GROUP}.{name}"),
            GROUP,
            actions,
            (before, after),
            &json!({"id": true}),
        );
        new["name"] = json!(name);
        new
    };
    let out = || {
        let rule = json!({"security_group_id": "sg-0f01", "cidr_ipv4": "10.0.0.0/8", "ip_protocol": "tcp", "from_port": 5432, "to_port": 5432});
        change(
            "out",
            "aws_vpc_security_group_egress_rule",
            CREATE,
            (Value::Null, rule),
            &json!({}),
        )
    };
    let out_gone = || {
        let rule = rule("sg-0f01", "referenced_security_group_id", "sg-0d01");
        change(
            "gone",
            "aws_vpc_security_group_egress_rule",
            DELETE,
            (rule, Value::Null),
            &json!({}),
        )
    };
    // `db` is the group by which the function comes in, `admin` the other one of the cluster.
    let kept = || {
        vec![
            group("db", "sg-0d01"),
            group("admin", "sg-0d00"),
            new("new", Value::Null, false),
        ]
    };
    let of = |name: &str| [format!("{GROUP}.{name}.id"), format!("{GROUP}.{name}")];
    let references = |names: &[&str]| -> Vec<String> {
        let each = names.iter().map(|name| match *name {
            variable if variable.contains("var.") || variable.contains("local.") => vec![variable.to_owned()],
            name => of(name).to_vec(),
        });
        each.flatten().collect()
    };
    let (whole, last) = (json!(true), json!([false, true]));
    let old = || json!({"id": "sg-0d01", "name": "db", "vpc_id": "vpc-0a1b2c3d", "ingress": [], "egress": []});
    for (what, names, changes, (values, unknown), effect) in [
        (
            "a conditional",
            vec!["var.c", "db", "new"],
            kept(),
            (Value::Null, &whole),
            Effect::Unknown,
        ),
        (
            "a conditional of variables",
            vec!["var.c", "var.db", "new"],
            kept(),
            (Value::Null, &whole),
            Effect::Unknown,
        ),
        (
            "a list, or a conditional of constants",
            vec!["db", "new"],
            kept(),
            (Value::Null, &whole),
            Effect::Unknown,
        ),
        (
            "the new one",
            vec!["new"],
            kept(),
            (Value::Null, &whole),
            Effect::Unknown,
        ),
        (
            "all that were, or some",
            vec!["db", "admin", "new"],
            kept(),
            (Value::Null, &whole),
            Effect::Unknown,
        ),
        (
            "a local value",
            vec!["local.ids", "db", "new"],
            kept(),
            (Value::Null, &whole),
            Effect::Unknown,
        ),
        (
            "elements that are known",
            vec!["var.c", "db", "new"],
            kept(),
            (json!(["sg-0d01", null]), &last),
            Effect::None,
        ),
        (
            "elements that lack it",
            vec!["var.c", "db", "new"],
            kept(),
            (json!(["sg-0d00", null]), &last),
            Effect::Breaks,
        ),
        (
            "an element that may be it",
            vec!["local.ids", "db"],
            kept(),
            (json!(["sg-0d00", null]), &last),
            Effect::Unknown,
        ),
        (
            "the one that is created anew without rules, with all that were",
            vec!["db", "admin"],
            vec![new("db", old(), false), group("admin", "sg-0d00"), out(), out_gone()],
            (Value::Null, &whole),
            Effect::Breaks,
        ),
        (
            "the one that is created anew, and literal ones",
            vec!["db"],
            vec![new("db", old(), false)],
            (Value::Null, &whole),
            Effect::Unknown,
        ),
        (
            "a new one that lets it in, and others",
            vec!["var.c", "admin", "new"],
            vec![new("new", Value::Null, true), group("admin", "sg-0d00"), out()],
            (Value::Null, &whole),
            Effect::None,
        ),
        (
            "one of two new ones that lets it in",
            vec!["new", "other"],
            vec![new("new", Value::Null, true), new("other", Value::Null, false), out()],
            (Value::Null, &whole),
            Effect::Unknown,
        ),
    ] {
        let mut after = cluster(&json!({"vpc_security_group_ids": values}));
        if values.is_null() {
            after.as_object_mut().unwrap().remove("vpc_security_group_ids");
        }
        let unknown = json!({"vpc_security_group_ids": unknown});
        let of_cluster = change(
            "aws_rds_cluster.c",
            "aws_rds_cluster",
            UPDATE,
            (cluster(&json!({})), after),
            &unknown,
        );
        let mut changes = changes;
        changes.push(of_cluster);
        changes.last_mut().unwrap()["name"] = json!("c");
        let made = json!({
            "format_version": "1.2", "resource_changes": changes,
            "variables": {"c": {"value": false}, "db": {"value": "sg-0d01"}},
            "configuration": {"root_module": {"resources": [{
                "mode": "managed", "type": "aws_rds_cluster", "name": "c",
                "expressions": {"vpc_security_group_ids": {"references": references(&names)}},
            }]}},
        });
        let all = judged(&shop(), &plan(&made));
        let found = checkout(&all);
        assert_eq!(found.effect, effect, "{what}: {made:#} {found:#?}");
    }
}
