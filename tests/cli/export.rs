//! `export --format terraform`. Terraform itself judges what is written in `tests/aws/terraform.rs`.

use std::collections::BTreeMap;
use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use crate::Shell;

/// The files of an export by their names, and the ids of `import` blocks apart.
fn exported(shell: &Shell, account: &str, arguments: &str) -> (BTreeMap<String, String>, String) {
    let out = tempfile::tempdir_in(&shell.folder).unwrap();
    let folder = out.path().file_name().unwrap().to_str().unwrap();
    let command = format!("export --offline {account} {arguments} --format terraform --out {folder}");
    let run = shell.run(&command);
    assert_eq!(run.status, Some(0), "{command}: {}", run.stderr);
    let mut files: BTreeMap<String, String> = fs::read_dir(out.path())
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    let imports = files.remove("imports.tf").unwrap_or_default();
    (files, imports)
}

/// Without the block that says how RDS made the connection pool: before it has, nothing is said of that.
fn without_pool(files: &mut BTreeMap<String, String>) {
    let Some(proxies) = files.get_mut("proxies.tf") else {
        return;
    };
    while let Some(start) = proxies.find("\n\n  connection_pool_config {") {
        let length = proxies[start..].find("\n  }").unwrap() + "\n  }".len();
        proxies.replace_range(start..start + length, "");
    }
}

#[test]
fn connections_that_exist() {
    let shell = Shell::new();
    let whole = "export --offline account.json --all --format terraform";
    assert_snapshot!("all", shell.session(whole));
    let pair = "export --offline account.json --cluster orders --function checkout --format terraform";
    let cluster = "export --offline account.json --cluster orders --format terraform";
    assert_eq!(shell.run(pair).stdout, shell.run(cluster).stdout);
    let run = shell.run(&format!("{cluster} --out code"));
    assert_eq!(run.stdout.lines().count(), 5, "{}", run.stdout);
    let written: String = run
        .stdout
        .lines()
        .map(|path| fs::read_to_string(shell.folder.path().join(path)).unwrap())
        .collect();
    // The document is the files one after the other, with an empty line between each two.
    assert_eq!(written.replace('\n', ""), shell.run(cluster).stdout.replace('\n', ""));
}

#[test]
fn planned_connections() {
    let shell = Shell::new();
    let proxied = "--cluster orders --function refunds --proxy new --db-user app --iam-auth required --planned --format terraform";
    assert_snapshot!(
        "planned_through_a_new_proxy",
        shell.session(&format!("export --offline account.json {proxied}"))
    );
    let before = fs::read(shell.folder.path().join("account.json")).unwrap();
    assert_eq!(
        before,
        fs::read(shell.folder.path().join("account.json")).unwrap(),
        "nothing is written"
    );
    // The group of the database exists and is chosen: it alone is imported.
    let chosen = "export --offline account.json --cluster orders --function refunds --planned --format terraform";
    assert_snapshot!("planned_with_groups_that_exist", shell.session(chosen));
}

#[test]
fn what_is_not_exported_is_an_error() {
    let shell = Shell::new();
    let commands = [
        "--cluster orders --function refunds",
        "--cluster archive",
        "--cluster nothing",
        "--cluster orders --function nobody",
        "--cluster orders --function checkout --proxy orders-proxy",
        "--cluster orders --function checkout --proxy new",
        "--cluster orders --planned",
        "--all --function checkout",
        "--function checkout",
        "--all --tag a=b",
        "--cluster orders --function refunds --planned --proxy-auth iam",
    ];
    let session =
        |command: &&str| shell.session(&format!("export --offline account.json {command} --format terraform"));
    let sessions: Vec<String> = commands.iter().map(session).collect();
    assert_snapshot!("errors", sessions.join("\n\n"));
}

/// A plan as code, and the code of what its run has made, are the same: one builder makes both.
#[test]
fn a_plan_is_exported_as_what_its_run_makes() {
    let connections = [
        "--instance inventory --function stock-sync",
        "--instance inventory --function stock-sync --tag Größe=b/c",
        "--cluster orders --function refunds",
        "--cluster orders --function refunds --proxy orders-proxy",
        "--cluster orders --function refunds --proxy new",
        "--cluster orders --function refunds --proxy new --db-user app",
        "--cluster orders --function refunds --proxy new:p2 --db-user app --iam-auth required",
        "--cluster orders --function refunds --proxy new --proxy-auth iam --db-user app",
        "--cluster orders --function new:report --proxy new --db-user app --iam-auth required",
        "--cluster orders --function new:report",
        "--instance ledger --function invoices",
    ];
    for connection in connections {
        let shell = Shell::new();
        let (planned, _) = exported(&shell, "account.json", &format!("{connection} --planned"));
        let password = if connection.contains("--db-user") && !connection.contains("--proxy-auth") {
            "--db-password-stdin"
        } else {
            ""
        };
        let setup = format!("setup --offline account.json {connection} --yes {password}");
        let mut command = shell.command(&setup);
        let secret = shell.folder.path().join("secret");
        fs::write(&secret, "of-the-test\n").unwrap();
        command.stdin(fs::File::open(secret).unwrap());
        let run = Shell::run_command(&mut command);
        assert_eq!(run.status, Some(0), "{setup}: {}", run.stderr);
        // What exists is named by its names.
        let named: Vec<&str> = connection.split(" --").take(2).collect();
        let named = named.join(" --").replace("new:", "");
        let proxy = match connection.split_once("--proxy new") {
            Some((_, rest)) if rest.starts_with(":p2") => " --proxy p2",
            Some(_) => " --proxy autoconnect-orders",
            None if connection.contains("orders-proxy") => " --proxy orders-proxy",
            None => " --proxy none",
        };
        let (mut made, imports) = exported(&shell, "account.json", &format!("{named}{proxy}"));
        assert!(imports.contains("id = \"sg-"), "{connection}: {imports}");
        without_pool(&mut made);
        assert_eq!(planned, made, "{connection}");
        // A snapshot has all that an export needs.
        let taken = shell.run("snapshot --offline account.json --out copy.json");
        assert_eq!(taken.status, Some(0), "{}", taken.stderr);
        let of_copy = exported(&shell, "copy.json", &format!("{named}{proxy}"));
        let of_account = exported(&shell, "account.json", &format!("{named}{proxy}"));
        assert_eq!(of_copy, of_account, "{connection}");
    }
}

/// The groups of a cluster's member are the cluster's, and so is the code.
#[test]
fn a_member_of_a_cluster_is_refused() {
    let shell = Shell::new();
    let manifest = "[[connection]]\ninstance = \"orders-1\"\nfunction = \"checkout\"\n";
    fs::write(shell.folder.path().join("connections.toml"), manifest).unwrap();
    for of in [
        "--instance orders-1",
        "--instance orders-1 --function checkout",
        "--manifest connections.toml",
    ] {
        let run = shell.run(&format!("export --offline account.json {of} --format terraform"));
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{of}");
        assert!(run.stderr.contains("error[member-of-cluster]"), "{of}: {}", run.stderr);
        assert!(run.stderr.contains("use --cluster orders"), "{of}: {}", run.stderr);
    }
}

#[test]
fn a_dash_is_standard_output() {
    let shell = Shell::new();
    let export = "export --offline account.json --cluster orders --function checkout --format terraform";
    let (printed, dashed) = (shell.run(export), shell.run(&format!("{export} --out -")));
    assert_eq!((dashed.status, dashed.stdout), (Some(0), printed.stdout));
    assert!(!shell.folder.path().join("-").exists());
}

#[test]
fn a_manifest_is_exported() {
    let shell = Shell::new();
    let manifest = "[[connection]]\ncluster = \"orders\"\nfunction = \"checkout\"\n\n[[connection]]\ncluster = \"orders\"\nfunction = \"refunds\"\n";
    fs::write(shell.folder.path().join("connections.toml"), manifest).unwrap();
    let export = "export --offline account.json --manifest connections.toml --format terraform";
    let run = shell.run(export);
    assert!(run.stderr.contains("not-connected"), "{}", run.stderr);
    let planned = shell.run(&format!("{export} --planned"));
    assert_eq!(planned.status, Some(0), "{}", planned.stderr);
    // Both functions share one pair of groups.
    assert_eq!(planned.stdout.matches("resource \"aws_security_group\"").count(), 2);
    assert_eq!(planned.stdout.matches("# aws_lambda_function, function").count(), 2);
    fs::write(
        shell.folder.path().join("connections.toml"),
        format!("{manifest}region = \"us-east-1\"\n"),
    )
    .unwrap();
    let run = shell.run(export);
    assert!(run.stderr.contains("one account and Region"), "{}", run.stderr);
}

/// Rules that name others: a group that is not exported, one of another account, a range, a list; and rules whose ids were not read.
#[test]
fn rules_of_every_kind() {
    let shell = Shell::new();
    shell.edit(|account| {
        account["PrefixLists"] = json!([{"PrefixListId": "pl-0a", "Entries": [{"Cidr": "10.9.0.0/16"}]}]);
        let groups = account["SecurityGroups"].as_array_mut().unwrap();
        let group = groups.iter_mut().find(|group| group["GroupName"] == "rds-lambda-1").unwrap();
        let id = group["GroupId"].clone();
        let rules = group["IpPermissions"].as_array_mut().unwrap();
        rules.extend([
            json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "UserIdGroupPairs": [
                {"GroupId": "sg-0f00", "Description": "all functions"},
                {"GroupId": "sg-0far", "UserId": "210987654321"}]}),
            json!({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5433, "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
                   "Ipv6Ranges": [{"CidrIpv6": "2001:db8::/56"}], "PrefixListIds": [{"PrefixListId": "pl-0a"}]}),
            json!({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}),
            json!({"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}),
        ]);
        account["SecurityGroupRules"] = json!([
            {"SecurityGroupRuleId": "sgr-0a", "GroupId": id, "IsEgress": false, "IpProtocol": "tcp", "FromPort": 5432,
             "ToPort": 5432, "ReferencedGroupInfo": {"GroupId": "sg-0f00"}, "Tags": [{"Key": "why", "Value": "since 2024"}]},
            {"SecurityGroupRuleId": "sgr-0b", "GroupId": id, "IsEgress": false, "IpProtocol": "tcp", "FromPort": 5432,
             "ToPort": 5432, "ReferencedGroupInfo": {"GroupId": "sg-0far", "UserId": "210987654321"}},
        ]);
    });
    let export = "export --offline account.json --cluster orders --function checkout --format terraform";
    let run = shell.run(export);
    assert_snapshot!("rules_of_every_kind", run.stdout);
    assert_eq!(run.stderr.matches("were not read").count(), 2, "{}", run.stderr);
}
