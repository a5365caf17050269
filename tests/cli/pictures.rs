//! Pictures of connections: what each fault looks like, and that every format can be read by what draws it.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::generated::assert_current;
use crate::{Run, Shell};

const EXPORT: &str = "export --offline account.json";
const FORMATS: [&str; 3] = ["mermaid", "dot", "svg"];

fn group<'a>(account: &'a mut Value, id: &str) -> &'a mut Value {
    let groups = account["SecurityGroups"].as_array_mut().unwrap();
    groups.iter_mut().find(|group| group["GroupId"] == id).unwrap()
}

fn function<'a>(account: &'a mut Value, name: &str) -> &'a mut Value {
    let functions = account["Functions"].as_array_mut().unwrap();
    functions
        .iter_mut()
        .find(|function| function["FunctionName"] == name)
        .unwrap()
}

fn drawn(shell: &Shell, arguments: &str) -> Run {
    let run = shell.run(&format!("{EXPORT} {arguments}"));
    assert_eq!((run.status, run.stderr.as_str()), (Some(0), ""), "{arguments}");
    run
}

/// Each of these changes one thing in a connection that works.
#[test]
fn each_fault_is_marked() {
    type Change = fn(&mut Value);
    let faults: [(&str, Change); 9] = [
        ("nothing", |_| ()),
        ("another port", |account| {
            let permission = &mut group(account, "sg-0d01")["IpPermissions"][0];
            permission["FromPort"] = json!(3306);
            permission["ToPort"] = json!(3306);
        }),
        ("no inbound rule", |account| {
            group(account, "sg-0d01")["IpPermissions"] = json!([]);
        }),
        ("no outbound rule", |account| {
            group(account, "sg-0f01")["IpPermissionsEgress"] = json!([]);
        }),
        ("a wider outbound rule", |account| {
            group(account, "sg-0f01")["IpPermissionsEgress"] =
                json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
        }),
        ("the function's group is off", |account| {
            function(account, "checkout")["VpcConfig"]["SecurityGroupIds"] = json!(["sg-0f00"]);
        }),
        ("the database's group is off", |account| {
            account["DBClusters"][0]["VpcSecurityGroups"] = json!([{"VpcSecurityGroupId": "sg-0d00"}]);
        }),
        ("no VPC", |account| {
            function(account, "checkout")
                .as_object_mut()
                .unwrap()
                .remove("VpcConfig");
        }),
        ("other groups let it pass", |account| {
            function(account, "checkout")["VpcConfig"]["SecurityGroupIds"] = json!(["sg-0f00"]);
            group(account, "sg-0f00")["IpPermissionsEgress"] =
                json!([{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]);
            group(account, "sg-0d00")["IpPermissions"][0]["IpRanges"][0]["CidrIp"] = json!("0.0.0.0/0");
        }),
    ];
    let picture = |(name, change): (&str, Change)| {
        let shell = Shell::new();
        shell.edit(change);
        let run = drawn(&shell, "--cluster orders --function checkout --format mermaid");
        format!("# {name}\n{}\n", run.stdout)
    };
    let pictures: String = faults.into_iter().map(picture).collect();
    assert_snapshot!("pictures_of_faults", pictures);
}

/// Through a proxy, whose target may not be reached.
#[test]
fn a_proxy_has_groups_on_both_sides() {
    let shell = Shell::new();
    let setup = "setup --offline account.json --cluster orders --function refunds --proxy orders-proxy --yes";
    shell.run(setup);
    let through = "--cluster orders --function refunds --proxy orders-proxy --format mermaid";
    let works = drawn(&shell, through).stdout;
    shell.edit(|account| account["DBProxies"][0]["Target"] = Value::Null);
    let fails = drawn(&shell, through).stdout;
    assert_snapshot!("pictures_of_a_proxy", format!("{works}\n{fails}"));
}

#[test]
fn the_same_picture_in_each_format() {
    let shell = Shell::new();
    for format in FORMATS {
        let run = drawn(&shell, &format!("--cluster orders --format {format}"));
        assert_snapshot!(format!("picture_{format}"), run.stdout);
    }
    for (name, function) in [
        ("picture_of_a_path_svg", "reports"),
        ("picture_without_a_path_svg", "legacy"),
    ] {
        let run = shell.run(&format!(
            "diagnose --offline network.json --cluster orders --function {function} --format svg"
        ));
        assert_eq!(run.status, Some(2), "{}", run.stderr);
        assert_snapshot!(name, run.stdout);
    }
}

/// What blocks all of a path is not said to block some of it, also where the function has moved to another VPC.
#[test]
fn a_path_that_is_blocked_as_a_whole_is_not_said_to_be_blocked_in_part() {
    let shell = Shell::new();
    shell.edit_file("network.json", |account| account["VpcPeeringConnections"] = json!([]));
    let arguments = "export --offline network.json --instance ledger --function ledger-sync --format mermaid";
    let run = shell.run(arguments);
    assert_eq!(run.status, Some(0), "{}", run.stderr);
    assert!(
        run.stdout.contains("vpc-0a02") || run.stdout.contains("peering"),
        "{}",
        run.stdout
    );
    assert!(!run.stdout.contains("between some subnets"), "{}", run.stdout);
}

/// A database, a manifest, an account, and what `setup` would make.
#[test]
fn many_connections_are_one_picture() {
    let shell = Shell::new();
    let manifest = "[[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n\n[[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\n\n[[connection]]\ninstance = \"ledger\"\nfunction = \"gone\"\n";
    std::fs::write(shell.folder.path().join("connections.toml"), manifest).unwrap();
    let selections = [
        "--cluster orders",
        "--instance ledger",
        "--manifest connections.toml",
        "--all",
        "--instance inventory --function stock-sync --planned",
        "--cluster orders --function refunds --proxy new --db-user app --planned",
    ];
    let pictures: Vec<String> = selections
        .iter()
        .map(|selection| {
            format!(
                "# {selection}\n{}",
                drawn(&shell, &format!("{selection} --format mermaid")).stdout
            )
        })
        .collect();
    assert_snapshot!("pictures_of_many", pictures.join("\n"));
}

#[test]
fn what_cannot_be_drawn_is_an_error() {
    let shell = Shell::new();
    let sessions: Vec<String> = [
        "--cluster archive --format svg",
        "--cluster nothing --format svg",
        "--cluster orders --function nobody --format svg",
        "--cluster orders --function checkout --format svg --out pictures",
        "--cluster orders --format svg --output json",
    ]
    .iter()
    .map(|arguments| shell.session(&format!("{EXPORT} {arguments}")))
    .collect();
    assert_snapshot!("pictures_errors", sessions.join("\n\n"));
}

/// Names that would end a label, an attribute or the element, in each format.
#[test]
fn hostile_names_stay_text() {
    let shell = Shell::new();
    let hostile = "\"</title><script>alert(1)</script>&amp;\\n`;]\u{202e}\u{1b}\u{fffe}";
    shell.edit(|account| group(account, "sg-0f01")["GroupName"] = json!(format!("lambda-rds-1{hostile}")));
    for format in FORMATS {
        let run = drawn(
            &shell,
            &format!("--cluster orders --function checkout --format {format}"),
        );
        // In Graphviz it stands within a string.
        let is_markup = format != "dot" && run.stdout.contains("<script>");
        assert!(!is_markup, "{}", run.stdout);
        assert!(
            !run.stdout.contains(['\u{202e}', '\u{1b}', '\u{fffe}']),
            "{}",
            run.stdout
        );
        assert!(run.stdout.contains("lambda-rds-1"), "{}", run.stdout);
        if format == "svg" {
            let mut reader = quick_xml::Reader::from_str(&run.stdout);
            loop {
                match reader.read_event() {
                    Ok(quick_xml::events::Event::Eof) => break,
                    Ok(_) => {}
                    Err(error) => panic!("{error}: {}", run.stdout),
                }
            }
        }
    }
}

/// The picture in docs/pictures.md is what the program draws.
#[test]
fn the_picture_in_the_documentation_is_current() {
    let shell = Shell::new();
    let run = shell.run("export --offline network.json --cluster orders --format svg");
    assert_current("docs/pictures/network.svg", &run.stdout);
}
