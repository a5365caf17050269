//! `autoconnect policy`: prints IAM policy documents.

mod operator;

use clap::{Args, Subcommand};

use self::operator::Operator;
use super::arguments::{FunctionName, parse_function, parse_id, parse_role};
use super::global::Global;
use super::session::{Work, on_account};
use super::{Ending, print_json};
use crate::cloud::{Checked, Cloud};
use crate::interrupt::Interrupt;
use crate::model::Place;
use crate::monitor::{AllowedKind, Notify};
use crate::observe::{ObserveError, reads_of_drift, reads_of_export, the_function};
use crate::operation::Operation;
use crate::plan::RepairKind;
use crate::policy::{self, Guardrail};
use crate::report::Report;

const EXAMPLES: &str = "\
What a run of `setup` needs:
  autoconnect policy operator --cluster orders --function checkout
What the scheduled check needs:
  autoconnect policy drift
What a function's execution role needs:
  autoconnect policy execution-role";

/// Options of `policy`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Policy {
    #[command(subcommand)]
    document: Document,
}

#[derive(Clone, Debug, Subcommand)]
enum Document {
    /// The permissions that the caller of a command that writes needs for exactly this run
    Operator(Box<Operator>),
    /// The permissions that `drift` and `list` need: to read, and with --repair to repair
    Drift(Drift),
    /// The permissions that `setup --manifest` needs for connections by groups within a VPC, whichever these are
    Manifest(Manifest),
    /// The permissions that `export` needs for what exists
    Export(ExportReads),
    /// What a function's execution role needs for a VPC
    ExecutionRole(ExecutionRole),
    /// Deny the function's own code the network interface actions that Lambda performs with its role
    DenyEni(DenyEni),
    /// Limits for principals that create and update functions
    Guardrail(GuardrailArgs),
}

const DRIFT_EXAMPLES: &str = "\
To read, in one Region of one account:
  autoconnect policy drift --account 123456789012 --region eu-central-1
To repair rules, too:
  autoconnect policy drift --repair --only added-rules,missing-rules";

/// With `--region`, only there.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = DRIFT_EXAMPLES)]
struct Drift {
    /// Only in this account
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account)]
    account: Option<String>,
    /// A role of another account that a manifest names; may be repeated
    #[arg(long = "role", value_name = "ROLE_ARN", value_parser = parse_role)]
    roles: Vec<String>,
    /// A recipient that `drift` notifies; may be repeated
    #[arg(long, value_name = "sns:ARN|eventbridge:BUS")]
    notify: Vec<Notify>,
    /// Add what `drift --repair` needs to write
    #[arg(long)]
    repair: bool,
    /// Only for these kinds of changes, as `drift --repair --only`
    #[arg(long, value_name = "KINDS", value_delimiter = ',', requires = "repair")]
    only: Vec<AllowedKind>,
}

const MANIFEST_EXAMPLES: &str = "\
For connections of any names in one account:
  autoconnect policy manifest --account 123456789012 --region eu-central-1
With what --prune needs:
  autoconnect policy manifest --prune";

/// Without creating proxies, functions, secrets and roles. With `--region`, only there.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = MANIFEST_EXAMPLES)]
struct Manifest {
    /// Only in this account
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account)]
    account: Option<String>,
    /// Add what `--prune` needs
    #[arg(long)]
    prune: bool,
}

const EXPORT_EXAMPLES: &str = "\
In one Region of one account:
  autoconnect policy export --account 123456789012 --region eu-central-1";

/// With `--region`, only there.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXPORT_EXAMPLES)]
struct ExportReads {
    /// Only in this account
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account)]
    account: Option<String>,
}

const EXECUTION_ROLE_EXAMPLES: &str = "\
For a function in a VPC:
  autoconnect policy execution-role
For a function that an MSK cluster calls:
  autoconnect policy execution-role --msk";

#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXECUTION_ROLE_EXAMPLES)]
struct ExecutionRole {
    /// Include what is needed to read an MSK cluster
    #[arg(long)]
    msk: bool,
}

const DENY_ENI_EXAMPLES: &str = "\
Look the function up:
  autoconnect policy deny-eni --function checkout
Look nothing up:
  autoconnect policy deny-eni --function checkout --account 123456789012 \\
      --region eu-central-1";

#[derive(Clone, Debug, Args)]
#[command(after_long_help = DENY_ENI_EXAMPLES)]
struct DenyEni {
    /// The function: an ARN; a name or a partial ARN is looked up, unless --account and --region are given
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: FunctionName,
    /// The account of a function that is not looked up
    #[arg(long, value_name = "ACCOUNT", value_parser = parse_account)]
    account: Option<String>,
}

const GUARDRAIL_EXAMPLES: &str = "\
Deny functions outside a VPC:
  autoconnect policy guardrail --require-vpc
Allow only two subnets:
  autoconnect policy guardrail --subnet subnet-0a1b2c3d \\
      --subnet subnet-0e4f5a6b";

#[derive(Clone, Debug, Args)]
#[command(after_long_help = GUARDRAIL_EXAMPLES)]
struct GuardrailArgs {
    /// Deny functions outside a VPC
    #[arg(long, required_unless_present_any = ["vpcs", "subnets", "groups"])]
    require_vpc: bool,
    /// A VPC; may be repeated
    #[arg(long = "vpc", value_name = "VPC", value_parser = |text: &str| parse_id(text, "vpc"))]
    vpcs: Vec<String>,
    /// A subnet; may be repeated
    #[arg(long = "subnet", value_name = "SUBNET", value_parser = |text: &str| parse_id(text, "subnet"))]
    subnets: Vec<String>,
    /// A security group; may be repeated
    #[arg(long = "security-group", value_name = "GROUP", value_parser = |text: &str| parse_id(text, "sg"))]
    groups: Vec<String>,
    /// Deny what is listed, instead of allowing only that
    #[arg(long)]
    deny: bool,
}

impl Policy {
    pub fn run(&self, global: &Global) -> Ending {
        match &self.document {
            Document::Operator(operator) => operator.run(global),
            Document::Drift(drift) => drift.run(global),
            Document::Manifest(manifest) => manifest.run(global),
            Document::Export(export) => export.run(global),
            Document::ExecutionRole(ExecutionRole { msk }) => print_document(&policy::execution_role(*msk)),
            Document::DenyEni(deny) => deny.run(global),
            Document::Guardrail(arguments) => arguments.run(),
        }
    }
}

impl Drift {
    /// IAM would read these as patterns and variables, and allow more than what is named.
    fn check_usage(&self) -> Result<(), Box<Report>> {
        let notified = self.notify.iter().map(|told| match told {
            Notify::Sns(name) | Notify::EventBridge(name) => name,
        });
        let mut named = self.roles.iter().chain(notified);
        let Some(wild) = named.find(|name| name.contains(['*', '?', '$'])) else {
            return Ok(());
        };
        Err(Report::usage(
            &format!("{wild} is not a single role, topic or bus"),
            "name each one: --role and --notify may be repeated",
        ))
    }

    fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
        let any = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        let (region, account) = (any(&global.region), any(&self.account));
        let place = Place::in_region(&region, &account);
        let mut permissions = policy::read_only(reads_of_drift(), place);
        permissions.add("sts:AssumeRole", self.roles.iter().cloned());
        for told in &self.notify {
            match told {
                Notify::Sns(topic) => permissions.add(Operation::Publish.iam_action(), [topic.clone()]),
                Notify::EventBridge(bus) => {
                    let arn = if bus.starts_with("arn:") {
                        bus.clone()
                    } else {
                        place.arn("events", &format!("event-bus/{bus}"))
                    };
                    permissions.add(Operation::PutEvents.iam_action(), [arn]);
                }
            }
        }
        if self.repair {
            let named: Vec<RepairKind> = self.only.iter().map(|kind| kind.0).collect();
            let kinds = if named.is_empty() {
                RepairKind::ALLOWED.to_vec()
            } else {
                named
            };
            policy::repairs(&mut permissions, kinds, place);
        }
        print_permissions(permissions.document(), global)
    }
}

impl Manifest {
    fn run(&self, global: &Global) -> Ending {
        let any = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        let (region, account) = (any(&global.region), any(&self.account));
        let place = Place::in_region(&region, &account);
        let mut permissions = policy::read_only(reads_of_drift(), place);
        policy::sets_up(&mut permissions, self.prune, place);
        print_permissions(permissions.document(), global)
    }
}

impl ExportReads {
    fn run(&self, global: &Global) -> Ending {
        let any = |part: &Option<String>| part.clone().unwrap_or_else(|| "*".to_owned());
        let (region, account) = (any(&global.region), any(&self.account));
        let place = Place::in_region(&region, &account);
        print_permissions(policy::read_only(reads_of_export(), place).document(), global)
    }
}

impl DenyEni {
    fn run(&self, global: &Global) -> Ending {
        let name = &self.function.name;
        if self.account.is_some() && global.region.is_none() {
            return Err(Report::usage(
                "--account is for a function that is not looked up: it needs --region",
                "see `autoconnect policy deny-eni --help`",
            ));
        }
        let given = match (&self.account, &global.region) {
            _ if name.starts_with("arn:") => Some(name.clone()),
            (Some(account), Some(region)) => {
                let name = name.rsplit(':').next().unwrap_or(name);
                let place = Place::in_region(region, account);
                Some(place.arn("lambda", &format!("function:{name}")))
            }
            _ => None,
        };
        match given {
            Some(arn) => print_document(&policy::deny_interfaces(&arn)),
            None => on_account(self, global),
        }
    }
}

impl Work for DenyEni {
    async fn on(&self, cloud: &dyn Cloud, _: &Global, _: Interrupt) -> Ending {
        let report = |error: ObserveError| Box::new(Report::new(error.code(), &error, error.hint()));
        let function = the_function(&Checked::new(cloud), &self.function.name)
            .await
            .map_err(report)?;
        print_document(&policy::deny_interfaces(&function.arn))
    }
}

impl GuardrailArgs {
    fn run(&self) -> Ending {
        let guardrail = Guardrail {
            require_vpc: self.require_vpc,
            denies: self.deny,
            vpcs: self.vpcs.clone(),
            subnets: self.subnets.clone(),
            groups: self.groups.clone(),
        };
        if self.deny && self.vpcs.is_empty() && self.subnets.is_empty() && self.groups.is_empty() {
            return Err(Report::usage(
                "--deny has nothing to act on: add --vpc, --subnet or --security-group",
                "see `autoconnect policy guardrail --help`",
            ));
        }
        if guardrail.allows_no_vpc() {
            tracing::warn!("these lists also allow a function that is in no VPC: add --require-vpc to deny that");
        }
        print_document(&guardrail.document())
    }
}

/// What a run needs, and with `--decode-authorization` what decoding AWS's messages needs, too.
fn print_permissions(document: policy::PolicyDocument, global: &Global) -> Ending {
    let document = if global.decode_authorization {
        document.allowing("sts:DecodeAuthorizationMessage")
    } else {
        document
    };
    print_document(&document)
}

/// The document alone, whatever form of output was asked for.
fn print_document(document: &policy::PolicyDocument) -> Ending {
    print_json(document)?;
    Ok(0)
}

fn parse_account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("expected twelve digits".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_read_strictly() {
        assert!(parse_account("123456789012").is_ok());
        for text in ["", "12345678901", "12345678901a", "1234567890123"] {
            assert!(parse_account(text).is_err(), "{text}");
        }
    }
}
