//! `autoconnect attach` and `autoconnect detach`: attaches a function to a VPC, and detaches it.

use clap::Args;

use super::Ending;
use super::arguments::{FunctionName, parse_database, parse_function, parse_id, parse_instance};
use super::global::Global;
use super::session::{RunArgs, UNTIL_DELETED, Work, on_account};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::model::{DatabaseKind, SubnetId};
use crate::observe::Location;
use crate::reachability::leg::distinct;
use crate::reconcile;
use crate::report::RunDocument;

const ATTACH_EXAMPLES: &str = "\
Use the private subnets and the security groups of a database:
  autoconnect attach --function mailer --like-database orders
Name the subnets and the group:
  autoconnect attach --function mailer --subnet subnet-0a1b2c3d \\
      --security-group sg-0a1b2c3d
Show the plan, and change nothing:
  autoconnect attach --function mailer --like-instance ledger --dry-run";

/// Options of `attach`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = ATTACH_EXAMPLES)]
pub struct Attach {
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: FunctionName,
    /// A subnet, preferably a private one; may be repeated, up to 16 times
    #[arg(long = "subnet", value_name = "SUBNET", value_parser = |text: &str| parse_id(text, "subnet"),
          required_unless_present_any = ["like_database", "like_instance"], requires = "groups",
          conflicts_with_all = ["like_database", "like_instance"])]
    subnets: Vec<String>,
    /// A security group; may be repeated, up to 5 times
    #[arg(long = "security-group", value_name = "GROUP", value_parser = |text: &str| parse_id(text, "sg"))]
    groups: Vec<String>,
    /// Use the private subnets of this DB cluster (or DB instance), and its security groups unless others are named
    #[arg(long, value_name = "CLUSTER", value_parser = parse_database,
          conflicts_with = "like_instance")]
    like_database: Option<String>,
    /// The same, for a DB instance
    #[arg(long, value_name = "INSTANCE", value_parser = parse_instance)]
    like_instance: Option<String>,
    /// Use IPv6 too; every subnet must be dual-stack
    #[arg(long)]
    ipv6: bool,
    /// Stop using IPv6
    #[arg(long, conflicts_with = "ipv6")]
    no_ipv6: bool,
    /// Attach `AWSLambdaVPCAccessExecutionRole` to the execution role, if the role lacks what Lambda needs
    #[arg(long)]
    grant: bool,
    #[command(flatten)]
    run: RunArgs,
}

const DETACH_EXAMPLES: &str = "\
Show the plan, and change nothing:
  autoconnect detach --function mailer --dry-run
Do not wait until Lambda has deleted the network interface:
  autoconnect detach --function mailer --no-wait";

/// Options of `detach`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = DETACH_EXAMPLES, mut_arg("timeout", |timeout| timeout.default_value(UNTIL_DELETED)))]
pub struct Detach {
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: FunctionName,
    #[command(flatten)]
    run: RunArgs,
}

impl Attach {
    pub fn run(&self, global: &Global) -> Ending {
        on_account(self, global)
    }

    pub fn goal(&self) -> reconcile::Attach {
        let like = |kind, id: &String| Location::Like { kind, id: id.clone() };
        reconcile::Attach {
            function: self.function.name.clone(),
            location: match (&self.like_database, &self.like_instance) {
                (Some(id), _) => like(None, id),
                (None, Some(id)) => like(Some(DatabaseKind::Instance), id),
                (None, None) => {
                    let subnets: Vec<SubnetId> = self.subnets.iter().map(|id| id.as_str().into()).collect();
                    Location::Subnets(distinct(&subnets).into_iter().cloned().collect())
                }
            },
            groups: self.groups.iter().map(|id| id.as_str().into()).collect(),
            ipv6: match (self.ipv6, self.no_ipv6) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            },
            grant: self.grant,
        }
    }
}

impl Detach {
    pub fn run(&self, global: &Global) -> Ending {
        on_account(self, global)
    }

    pub fn goal(&self) -> reconcile::Detach {
        reconcile::Detach {
            function: self.function.name.clone(),
        }
    }
}

impl Work for Attach {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        self.run
            .bring_about(cloud, &self.goal(), RunDocument::attach, global, interrupt)
            .await
    }
}

impl Work for Detach {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        self.run
            .bring_about(cloud, &self.goal(), RunDocument::detach, global, interrupt)
            .await
    }
}
