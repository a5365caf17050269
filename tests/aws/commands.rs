//! Each `aws …` command that the program prints is one that the AWS CLI would send: its own parser reads them, as a shell
//! passes them on. A command stands in backticks, or it begins a line or follows a colon and goes on to the end of the line.
//!
//! `situations` has to reach each place in the sources that makes such a command, and each of them is looked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use autoconnect::cloud::{CloudError, Fault, Operation};
use autoconnect::endpoint::NameTaken;
use autoconnect::observe::ObserveError;
use autoconnect::preconditions::{ExtrasUnmet, InternetUnmet, MskUnmet, Unmet};
use regex::Regex;
use serde_json::{Value, json};

use crate::python;
use crate::world::program;

/// What the reader has to choose, with something that could be chosen.
const CHOSEN: [(&str, &str); 11] = [
    ("ALLOCATION", "eipalloc-0a1b"),
    (
        "ARN",
        "arn:aws:kafka:eu-central-1:123456789012:cluster/orders/0e010000-0000-4000-8000-000000000001-1",
    ),
    (
        "CA_ARN",
        "arn:aws:acm-pca:eu-central-1:123456789012:certificate-authority/0a1b",
    ),
    ("CIDR", "10.9.0.0/16"),
    ("GATEWAY", "igw-0a1b"),
    ("GROUP", "sg-0a1b"),
    ("INSTANCE", "i-0a1b"),
    ("NAT_GATEWAY", "nat-0a1b"),
    (
        "SECRET_ARN",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-Ac1De2",
    ),
    ("USER", "app"),
    ("VERSION", "K3AEGXETSR30VB"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// The commands in a text that the program printed, or that a document has.
fn commands(text: &str) -> Vec<String> {
    let begins = Regex::new(r"\baws (?:[a-z0-9-]+ [a-z]|login\b)").unwrap();
    let mut found = Vec::new();
    for line in text.lines() {
        for start in begins.find_iter(line) {
            let (before, rest) = line.split_at(start.start());
            let is_quoted = before.matches('`').count() % 2 == 1;
            let command = if is_quoted {
                rest.split('`').next().unwrap()
            } else if before.trim().is_empty() || before.ends_with(": ") {
                rest
            } else {
                // Refused by the shell's reading, with all that is around it.
                line
            };
            found.push(command.trim_end().to_owned());
        }
    }
    found
}

/// A command with something in each place that the reader has to fill.
fn chosen(command: &str) -> String {
    let mut command = command.to_owned();
    for (name, value) in CHOSEN {
        let word = Regex::new(&format!(r"(?P<before>[ \[=/]){name}(?P<after>[ \],']|$)")).unwrap();
        command = word
            .replace_all(&command, format!("${{before}}{value}${{after}}"))
            .into_owned();
    }
    command
}

/// Those that the AWS CLI would not send, and why.
fn refused(commands: &BTreeSet<String>) -> BTreeMap<String, String> {
    let folder = root().join("tests/peer");
    let mut cli = Command::new(python::environment("awscli", &folder.join("awscli-requirements.txt")))
        .args(["-W", "ignore"])
        .arg(folder.join("aws_commands.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: BTreeSet<String> = commands.iter().map(|command| chosen(command)).collect();
    let mut stdin = cli.stdin.take().unwrap();
    stdin
        .write_all(serde_json::to_string(&lines).unwrap().as_bytes())
        .unwrap();
    drop(stdin);
    let output = cli.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_aws_cli_refuses_what_is_wrong() {
    let wrong = [
        (
            "aws ec2 create-route --destination-cidr-block 10.0.0.0/8",
            "--route-table-id",
        ),
        ("aws ec2 create-route --route-table-id rtb-1 --to igw-1", "--to"),
        ("aws ec2 create-route --route-table-id <table>", "shell"),
        ("aws ec2 describe-vpcs; aws ec2 describe-subnets", "plain command"),
        ("aws ec2 describe-vpcs --filters $FILTERS", "shell"),
        ("aws ec2 describe-vpc", "describe-vpc"),
        (
            "aws ec2 create-network-acl-entry --network-acl-id acl-1 --ingress --rule-number 1 --protocol tcp --rule-action alow",
            "alow",
        ),
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions IpProtocol=tcp,Port=1",
            "Port",
        ),
        (
            "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions IpProtocol=tcp,UserIdGroupPairs=[{GroupId=sg-1,UserId=1}]",
            "Invalid type",
        ),
        (
            "aws iam put-role-policy --role-name r --policy-name 'a b' --policy-document '{}'",
            "does not match",
        ),
        ("aws lambda get-function-configuration", "--function-name"),
        ("aws configure --profil shop", "--profil"),
        ("aws frobnicate list-all", "nvalid choice"),
    ];
    let right = "aws ec2 authorize-security-group-ingress --group-id sg-1 --ip-permissions 'IpProtocol=tcp,UserIdGroupPairs=[{GroupId=sg-1,UserId=1}]'";
    let mut lines: BTreeSet<String> = wrong.iter().map(|(line, _)| (*line).to_owned()).collect();
    lines.insert(right.to_owned());
    let refused = refused(&lines);
    for (line, why) in wrong {
        assert!(
            refused.get(line).is_some_and(|said| said.contains(why)),
            "{line}: {refused:#?}"
        );
    }
    assert_eq!(refused.len(), wrong.len(), "{refused:#?}");
}

/// A file of an account, what is changed in it, and the arguments of the run.
struct Situation {
    file: &'static str,
    change: fn(&mut Value),
    arguments: &'static str,
}

const fn of(file: &'static str, arguments: &'static str, change: fn(&mut Value)) -> Situation {
    Situation {
        file,
        change,
        arguments,
    }
}

const CHECKOUT: &str = "diagnose --cluster orders --function checkout";

#[expect(clippy::too_many_lines, reason = "a table")]
fn situations() -> Vec<Situation> {
    const LEDGER: &str = "diagnose --instance ledger --function ledger-sync";
    const PROXY: &str = "diagnose --cluster orders --function refunds --proxy orders-proxy";
    const AUDIT: &str = "msk check --cluster-arn arn:aws:kafka:eu-central-1:123456789012:cluster/audit/0e020000-0000-4000-8000-000000000002-1";
    const PAYMENTS: &str = "msk check --cluster-arn arn:aws:kafka:eu-central-1:123456789012:cluster/payments/0e040000-0000-4000-8000-000000000004-1";
    const MAILER: &str = "internet check --function mailer";
    const BUILD: &str = "internet setup --function mailer --dry-run";
    vec![
        // diagnose
        of("network.json", "diagnose --cluster orders --function legacy", |_| {}),
        of(
            "account.json",
            "diagnose --cluster orders --function newsletter",
            |account| {
                account["DBClusters"][0]["HttpEndpointEnabled"] = json!(true);
            },
        ),
        of("network.json", CHECKOUT, |account| {
            account["Functions"][0]["CapacityProviderConfig"] = json!({"LambdaManagedInstancesCapacityProviderConfig":
                {"CapacityProviderArn": "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:pool"}});
        }),
        of("network.json", CHECKOUT, |account| {
            account["Functions"][0]["State"] = json!("Failed");
        }),
        of("network.json", CHECKOUT, |account| {
            account["DBClusters"][0]["Status"] = json!("stopped");
        }),
        of("network.json", LEDGER, |account| {
            account["DBInstances"][1]["DBInstanceStatus"] = json!("stopped");
        }),
        of("network.json", CHECKOUT, |account| {
            account["Roles"][0]["AttachedPolicies"] = json!([]);
        }),
        of("network.json", CHECKOUT, |account| {
            account["Vpcs"][0]["EnableDnsSupport"] = json!(false);
        }),
        of("network.json", CHECKOUT, |account| {
            account["Vpcs"][0]["EnableDnsHostnames"] = json!(false);
            account["DBInstances"][0]["PubliclyAccessible"] = json!(true);
        }),
        of("network.json", CHECKOUT, |account| {
            account["Functions"][0]["Timeout"] = json!(3);
            account["DBClusters"][0]["ServerlessV2ScalingConfiguration"] = json!({"MinCapacity": 0, "MaxCapacity": 4});
        }),
        of("network.json", LEDGER, |_| {}),
        // routes
        of("network.json", CHECKOUT, |account| {
            route(
                account,
                &json!({"DestinationCidrBlock": "10.0.11.0/24", "NatGatewayId": "nat-0a01"}),
            );
        }),
        of("network.json", CHECKOUT, |account| {
            account["Vpcs"][0]["Ipv6CidrBlockAssociationSet"] = json!([{"Ipv6CidrBlock": "2001:db8::/56"}]);
            route(
                account,
                &json!({"DestinationCidrBlock": "10.0.0.0/16", "NatGatewayId": "nat-0a01"}),
            );
        }),
        of("network.json", LEDGER, |account| {
            account["VpcPeeringConnections"][0]["Status"]["Code"] = json!("pending-acceptance");
        }),
        of("network.json", LEDGER, |account| {
            account["VpcPeeringConnections"] = json!([]);
        }),
        of("network.json", LEDGER, |account| {
            account["RouteTables"][0]["Routes"][0] =
                json!({"DestinationCidrBlock": "10.1.0.0/16", "NatGatewayId": "nat-0a01", "State": "blackhole"});
        }),
        // the proxy, its role, and IAM
        of(
            "network.json",
            "diagnose --cluster orders --function checkout --proxy orders-proxy",
            |account| {
                account["DBProxies"][0].as_object_mut().unwrap().remove("Target");
            },
        ),
        of("account.json", PROXY, |account| {
            account["Roles"][1]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"] =
                json!("lambda.amazonaws.com");
        }),
        of(
            "account.json",
            "diagnose --instance inventory --function stock-sync",
            |account| {
                account["DBInstances"][2]["IAMDatabaseAuthenticationEnabled"] = json!(true);
                account["Functions"][3]["Environment"] = json!({"DB_USER": "it's me"});
            },
        ),
        // secrets
        of("msk.json", PAYMENTS, |account| {
            account["Secrets"][0]["DeletedDate"] = json!("2026-01-01T00:00:00Z");
        }),
        of("msk.json", PAYMENTS, |account| {
            account["Roles"][0]["Policies"] = json!([]);
        }),
        // MSK
        of("msk.json", PAYMENTS, |account| {
            account["EventSourceMappings"][2]["State"] = json!("Disabled");
            let provisioned = &mut account["MskClusters"][3]["Provisioned"];
            provisioned["ClientAuthentication"] = json!({"Unauthenticated": {"Enabled": true}});
            provisioned["EncryptionInfo"]["EncryptionInTransit"]["ClientBroker"] = json!("PLAINTEXT");
        }),
        of("msk.json", PAYMENTS, |account| {
            account["EventSourceMappings"][2]["SourceAccessConfigurations"][0]["Type"] =
                json!("CLIENT_CERTIFICATE_TLS_AUTH");
        }),
        of("msk.json", PAYMENTS, |account| {
            account["VpcEndpoints"][0]["PrivateDnsEnabled"] = json!(false);
            account["VpcEndpoints"][1]["DnsOptions"] = json!({"PrivateDnsOnlyForInboundResolverEndpoint": true});
        }),
        of("msk.json", AUDIT, |account| {
            account["Roles"][0]["Policies"] = json!([]);
        }),
        of("msk.json", PAYMENTS, |account| {
            account["EventSourceMappings"][2]["SourceAccessConfigurations"] = json!([]);
        }),
        of("msk.json", AUDIT, |account| {
            account["SecurityGroups"][1]["IpPermissions"] = json!([]);
            account["SecurityGroups"][1]["IpPermissionsEgress"] = json!([]);
        }),
        // the internet
        of("network.json", MAILER, |account| {
            account["NatGateways"][0]["ConnectivityType"] = json!("private");
        }),
        of("network.json", BUILD, |account| {
            account["NatGateways"][0]["ConnectivityType"] = json!("private");
        }),
        of("network.json", MAILER, |account| {
            account["RouteTables"][1]["Routes"] = json!([]);
        }),
        of("network.json", MAILER, |account| {
            account["RouteTables"][1]["Routes"][0] =
                json!({"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"});
        }),
        of("network.json", BUILD, |account| {
            account["RouteTables"][1]["Routes"][0] =
                json!({"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"});
        }),
        of("network.json", MAILER, |account| {
            account["InternetGateways"] = json!([]);
        }),
        of("network.json", MAILER, |account| {
            instance(account, &json!({"SourceDestCheck": true, "PublicIp": "203.0.113.9"}));
        }),
        of("network.json", MAILER, |account| {
            instance(account, &json!({"SourceDestCheck": false}));
        }),
        of("network.json", MAILER, |account| {
            instance(
                account,
                &json!({"SourceDestCheck": false, "PublicIp": "203.0.113.9", "Status": "available"}),
            );
        }),
        of("network.json", BUILD, |account| {
            no_way_out(account);
            route(
                account,
                &json!({"DestinationCidrBlock": "0.0.0.0/1", "NatGatewayId": "nat-0a01"}),
            );
            route(
                account,
                &json!({"DestinationCidrBlock": "128.0.0.0/1", "TransitGatewayId": "tgw-1"}),
            );
        }),
        of(
            "network.json",
            "internet check --function mailer --service s3",
            |account| {
                account["VpcEndpoints"] = json!([]);
                route(
                    account,
                    &json!({"DestinationPrefixListId": "pl-0a01", "GatewayId": "vpce-0a09", "State": "blackhole"}),
                );
            },
        ),
        of("network.json", MAILER, |account| {
            account["Functions"][4]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true);
        }),
        of("network.json", MAILER, dual_stack),
        of("network.json", MAILER, |account| {
            dual_stack(account);
            account["EgressOnlyInternetGateways"] =
                json!([{"EgressOnlyInternetGatewayId": "eigw-0a01", "Attachments": [{"VpcId": "vpc-0a01"}]}]);
            route(
                account,
                &json!({"DestinationIpv6CidrBlock": "::/0", "NatGatewayId": "nat-0a01"}),
            );
        }),
        of("network.json", MAILER, |account| {
            account["SecurityGroups"][0]["IpPermissionsEgress"] = json!([]);
        }),
        of("network.json", MAILER, |account| {
            account["NetworkAcls"][0]["IsDefault"] = json!(true);
            account["NetworkAcls"][0]["Associations"] = json!([]);
            account["NetworkAcls"][0]["Entries"] = json!([]);
        }),
        of("network.json", MAILER, closed_to_the_internet),
        of("network.json", BUILD, closed_to_the_internet),
        of("network.json", BUILD, |account| {
            route(
                account,
                &json!({"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1"}),
            );
            account["RouteTables"][0]["Routes"].as_array_mut().unwrap().remove(1);
        }),
        of("network.json", "internet setup --function crawler --dry-run", |_| {}),
        // endpoints
        of(
            "network.json",
            "internet check --function mailer --service sqs",
            |account| {
                endpoint(account, &json!({"PrivateDnsEnabled": false}));
            },
        ),
        of(
            "network.json",
            "internet setup --function mailer --service sqs --dry-run",
            |account| {
                endpoint(account, &json!({"PrivateDnsEnabled": false}));
            },
        ),
        of(
            "network.json",
            "internet check --function mailer --service sqs",
            |account| {
                let denied = json!({"Version": "2012-10-17", "Statement": [
                {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}]});
                endpoint(
                    account,
                    &json!({"PrivateDnsEnabled": true, "PolicyDocument": denied.to_string()}),
                );
            },
        ),
        of(
            "network.json",
            "internet setup --function mailer --service sqs --dry-run",
            |account| {
                no_way_out(account);
                account["Vpcs"][0]["EnableDnsSupport"] = json!(false);
            },
        ),
        of(
            "network.json",
            "internet setup --function mailer --service sqs --dry-run",
            |account| {
                no_way_out(account);
                account["VpcEndpointServices"] = json!([{"ServiceName": "com.amazonaws.eu-central-1.sqs",
                "ServiceType": [{"ServiceType": "Interface"}], "AvailabilityZones": ["eu-central-1c"]}]);
            },
        ),
        // setup and attach
        of(
            "account.json",
            "setup --cluster orders --function checkout --no-wait --yes",
            |_| {},
        ),
        of(
            "account.json",
            "setup --cluster orders --function refunds --no-wait --yes",
            |_| {},
        ),
        of(
            "account.json",
            "setup --instance inventory --function stock-sync --no-wait --yes",
            |_| {},
        ),
        of(
            "account.json",
            "setup --instance inventory --function stock-sync --proxy new --db-user app --no-wait --yes",
            |_| {},
        ),
        of(
            "account.json",
            "setup --instance inventory --function stock-sync --dry-run",
            |account| {
                account["Roles"][0]["AttachedPolicies"] = json!([]);
            },
        ),
        of(
            "account.json",
            "attach --function newsletter --subnet subnet-0a1a --security-group sg-0f00 --dry-run",
            |account| {
                account["Functions"][4]["Role"] = json!("arn:aws:iam::123456789012:role/shop-functions");
                account["Roles"][0]["AttachedPolicies"] = json!([]);
            },
        ),
        of("account.json", "detach --function stock-sync --dry-run", |account| {
            account["Roles"][0]["AttachedPolicies"] = json!([]);
        }),
    ]
}

fn route(account: &mut Value, route: &Value) {
    account["RouteTables"][0]["Routes"]
        .as_array_mut()
        .unwrap()
        .push(route.clone());
}

fn no_way_out(account: &mut Value) {
    account["RouteTables"][0]["Routes"].as_array_mut().unwrap().remove(1);
}

/// A NAT instance in place of the gateway.
fn instance(account: &mut Value, interface: &Value) {
    no_way_out(account);
    route(
        account,
        &json!({"DestinationCidrBlock": "0.0.0.0/0", "NetworkInterfaceId": "eni-0a01"}),
    );
    let mut found = json!({"NetworkInterfaceId": "eni-0a01", "VpcId": "vpc-0a01", "SubnetId": "subnet-0a0f1"});
    found
        .as_object_mut()
        .unwrap()
        .extend(interface.as_object().unwrap().clone());
    account["NetworkInterfaces"] = json!([found]);
}

/// IPv6 in the subnets of the functions, and for mailer, without a way out.
fn dual_stack(account: &mut Value) {
    account["Vpcs"][0]["Ipv6CidrBlock"] = json!("2001:db8::/56");
    for (index, range) in ["2001:db8:0:1::/64", "2001:db8:0:2::/64"].iter().enumerate() {
        account["Subnets"][index]["Ipv6CidrBlockAssociationSet"] = json!([{"Ipv6CidrBlock": range}]);
    }
    account["Functions"][4]["VpcConfig"]["Ipv6AllowedForDualStack"] = json!(true);
}

/// VPC Block Public Access stops everything, and exclusions are allowed.
fn closed_to_the_internet(account: &mut Value) {
    account["VpcBlockPublicAccessOptions"] = json!({"InternetGatewayBlockMode": "block-bidirectional", "ExclusionsAllowed": "allowed", "State": "update-complete"});
}

/// An interface endpoint of SQS where mailer has no other way.
fn endpoint(account: &mut Value, settings: &Value) {
    no_way_out(account);
    let mut found = json!({
        "VpcEndpointId": "vpce-0a02", "VpcEndpointType": "Interface", "VpcId": "vpc-0a01", "State": "available",
        "ServiceName": "com.amazonaws.eu-central-1.sqs", "SubnetIds": ["subnet-0a01a", "subnet-0a01b"],
        "Groups": [{"GroupId": "sg-0a02"}],
    });
    found
        .as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    account["VpcEndpoints"].as_array_mut().unwrap().push(found);
}

/// What one run prints, on both streams.
fn printed(situation: &Situation, folder: &Path) -> String {
    let mut account: Value =
        serde_json::from_slice(&fs::read(root().join("docs/examples").join(situation.file)).unwrap()).unwrap();
    (situation.change)(&mut account);
    fs::write(folder.join("account.json"), account.to_string()).unwrap();
    let output = Command::new(program())
        .args(situation.arguments.split_whitespace())
        .args(["--offline", "account.json"])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].map(|stream| String::from_utf8(stream).unwrap());
    let text = text.concat();
    let is_mistake = ["account-file", "usage"]
        .iter()
        .any(|code| text.contains(&format!("error[{code}]")));
    assert!(!is_mistake, "{}: {text}", situation.arguments);
    text
}

/// Hints of errors that the example accounts do not lead to.
fn hints() -> Vec<String> {
    let table = || "rtb-0a01".into();
    let cloud = |fault| CloudError {
        operation: Operation::ALL[0],
        fault,
        request_id: None,
        authorization: Some("ImdCbxH-aFQoD_3y".into()),
    };
    let denied = Fault::AccessDenied {
        action: "rds:ModifyDBCluster".into(),
        resource: None,
        message: String::new(),
    };
    let profile = Fault::UnknownProfile {
        name: "my shop".into(),
        by: String::new(),
        similar: None,
        known: Vec::new(),
    };
    let observed = [
        ObserveError::NoSuchProxyEndpoint {
            name: "e".into(),
            proxy: "orders-proxy".into(),
            similar: Vec::new(),
        },
        ObserveError::NoSuchService {
            service: "squs".into(),
            region: "eu-central-1".into(),
            similar: Vec::new(),
        },
        ObserveError::NoSuchMskCluster { arn: String::new() },
        ObserveError::NoSuchMapping { uuid: String::new() },
    ];
    let taken = NameTaken {
        name: String::new(),
        group: "sg-0a01".into(),
        why: Vec::new(),
    };
    let internet = [
        InternetUnmet::LeadsElsewhere {
            subnet: "subnet-0a01a".into(),
            table: table(),
            target: "tgw-1".into(),
        },
        InternetUnmet::NameTaken(taken.clone()),
        InternetUnmet::RoutesNotCopied {
            table: table(),
            routes: Vec::new(),
        },
        InternetUnmet::NoRoom {
            vpc: "vpc-0a01".into(),
            prefix: 26,
        },
    ];
    let msk = MskUnmet::GroupName(taken);
    let secret = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app-Ac1De2";
    let extras = [
        ExtrasUnmet::SecretDeleted { secret: secret.into() },
        ExtrasUnmet::ProxyWithoutIam {
            proxy: "orders-proxy".into(),
            secrets: vec![secret.into(), secret.into()],
        },
    ];
    let managed = Unmet::ManagedInstances {
        function: String::new(),
        provider: "pool".into(),
    };
    let mut hints: Vec<Option<String>> = [denied, profile, Fault::NoCredentials(None), Fault::ExpiredCredentials]
        .into_iter()
        .map(|fault| cloud(fault).hint())
        .collect();
    hints.extend(observed.iter().map(ObserveError::hint));
    let hints = hints.into_iter().map(|hint| hint.expect("there is a hint"));
    hints
        .chain(internet.iter().map(InternetUnmet::hint))
        .chain([msk.hint(), managed.hint()])
        .chain(extras.iter().map(ExtrasUnmet::hint))
        // An account file always has a reason for which a target is not available; AWS may give none.
        .chain(["aws rds describe-db-proxy-targets --db-proxy-name orders-proxy".to_owned()])
        .collect()
}

/// Each place in the sources that makes a command, as a pattern of what it makes.
fn places() -> Vec<(String, Regex)> {
    let literal = Regex::new(r#""((?:[^"\\]|\\.)*)""#).unwrap();
    let begins = Regex::new(r"\baws (?:[a-z0-9-]+ [a-z]|login\b)").unwrap();
    let slot = Regex::new(r"\\\{[^{}]*\\\}").unwrap();
    let mut places = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            for (index, line) in code
                .lines()
                .enumerate()
                .filter(|(_, line)| !line.trim_start().starts_with("//"))
            {
                for text in literal.captures_iter(line).map(|found| found[1].to_owned()) {
                    for start in begins.find_iter(&text) {
                        let template = text[start.start()..].split('`').next().unwrap();
                        let pattern = slot.replace_all(&regex::escape(template), ".+").into_owned();
                        let place = format!("{}:{}: {template}", path.display(), index + 1);
                        places.push((place, Regex::new(&format!("^{pattern}")).unwrap()));
                    }
                }
            }
        }
    }
    places
}

#[test]
fn each_command_that_is_printed_is_one_of_the_aws_cli() {
    let folder = tempfile::tempdir().unwrap();
    let mut found = BTreeSet::new();
    for situation in situations() {
        found.extend(commands(&printed(&situation, folder.path())));
    }
    found.extend(hints().iter().flat_map(|hint| commands(hint)));
    let snapshots = fs::read_dir(root().join("tests/cli/snapshots")).unwrap();
    let snapshots = snapshots.map(|file| fs::read_to_string(file.unwrap().path()).unwrap());
    // In JSON documents, quotes and ends of lines are escaped; they tell nothing that the texts do not.
    let texts = snapshots.filter(|text| !text.contains("--output json"));
    found.extend(texts.flat_map(|text| commands(&text)));
    let mut documents = vec![root().join("README.md")];
    for folder in ["docs", "docs/how-to"] {
        let files = fs::read_dir(root().join(folder)).unwrap();
        documents.extend(files.map(|file| file.unwrap().path()));
    }
    documents.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    for path in documents {
        let text = fs::read_to_string(path).unwrap().replace("\\\n", " ");
        // Without options it is the name of an operation, and what is cut is an example of an answer.
        let whole = |command: &String| command.contains(" --") && !command.contains('…');
        found.extend(commands(&text).into_iter().filter(whole));
    }
    let unreached: Vec<String> = places()
        .into_iter()
        .filter(|(_, pattern)| !found.iter().any(|command| pattern.is_match(command)))
        .map(|(place, _)| place)
        .collect();
    let refused = refused(&found);
    assert!(
        refused.is_empty() && unreached.is_empty(),
        "the AWS CLI refuses {refused:#?}, and no situation leads to {unreached:#?}"
    );
}
