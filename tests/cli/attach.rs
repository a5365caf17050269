//! `attach` and `detach`, and `setup --attach-vpc`.

use insta::assert_snapshot;

use super::Shell;

const ATTACH: &str = "attach --offline account.json --function newsletter";
const PLACE: &str = "--subnet subnet-0a1a --subnet subnet-0a1b --security-group sg-0f00";

#[test]
fn a_function_goes_into_a_vpc_and_out_of_it() {
    let shell = Shell::new();
    let attach = format!("{ATTACH} {PLACE}");
    assert_snapshot!(
        "attach_plan",
        shell.session(&format!("{attach} --dry-run --detailed-exitcode"))
    );
    assert_snapshot!("attach", shell.session(&format!("{attach} --yes")));
    assert_snapshot!("attach_again", shell.session(&format!("{attach} --yes --output json")));
    let detach = "detach --offline account.json --function newsletter";
    assert_snapshot!("detach_without_consent", shell.session(detach));
    assert_snapshot!("detach", shell.session(&format!("{detach} --yes --output json")));
    let checkout = "detach --offline account.json --function checkout --dry-run";
    assert_snapshot!("detach_plan", shell.session(checkout));
}

#[test]
fn setup_attaches_what_is_in_no_vpc() {
    let shell = Shell::new();
    let setup = "setup --offline account.json --cluster orders --function newsletter --attach-vpc";
    assert_snapshot!("setup_attach_vpc", shell.session(&format!("{setup} --dry-run")));
    assert_eq!(shell.run(&format!("{setup} --yes")).status, Some(0));
    let again = shell.run(&format!("{setup} --yes --output json"));
    assert_eq!(again.json()["result"], "unchanged");
}

#[test]
fn errors() {
    let shell = Shell::new();
    let session = |arguments: &str| shell.session(&format!("{ATTACH} --dry-run {arguments}"));
    assert_snapshot!(
        "several_vpcs",
        session("--subnet subnet-0a1a --subnet subnet-0e5a --security-group sg-0f00")
    );
    assert_snapshot!("not_dual_stack", session(&format!("{PLACE} --ipv6")));
    shell.edit(|account| account["Vpcs"][0]["InstanceTenancy"] = "dedicated".into());
    assert_snapshot!("dedicated_tenancy", session(PLACE));
    for wrong in [
        "attach --function f",
        "attach --function f --subnet subnet-0a1a",
        "attach --function f --security-group sg-0f00",
        "attach --function f --like-database a --like-instance b",
        "attach --function f --like-database a --subnet subnet-0a1a --security-group sg-0f00",
        "attach --function new:f --like-database a",
        "attach --function f --subnet vpc-1 --security-group sg-0f00",
        "detach",
        "detach --function f --tag a=b",
    ] {
        let run = shell.run(wrong);
        assert_eq!((run.status, run.stdout.as_str()), (Some(1), ""), "{wrong}");
    }
}
