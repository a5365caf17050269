//! `autoconnect adopt`: records which tool manages the security groups of connections.

use clap::{ArgGroup, Args, ValueEnum};

use super::Ending;
use super::arguments::{FunctionName, parse_cluster, parse_function, parse_instance};
use super::global::Global;
use super::session::{RunArgs, Work, on_account};
use crate::cloud::Cloud;
use crate::handover::{Choice, Manager};
use crate::interrupt::Interrupt;
use crate::model::DatabaseKind;
use crate::reconcile::Handover;
use crate::report::RunDocument;

/// Options of `adopt`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("which").args(["cluster", "instance", "all"]).required(true))]
pub struct Adopt {
    /// The tool that manages the groups from now on; autoconnect takes them back
    #[arg(long, value_enum, value_name = "TOOL")]
    to: To,
    /// Connections to this DB cluster: its identifier or ARN
    #[arg(long, value_name = "CLUSTER", value_parser = parse_cluster)]
    cluster: Option<String>,
    /// Connections to this DB instance: its identifier or ARN
    #[arg(long, value_name = "INSTANCE", value_parser = parse_instance)]
    instance: Option<String>,
    /// All connections in the account and Region
    #[arg(long, conflicts_with_all = ["function", "proxy"])]
    all: bool,
    /// Only connections of this function: a name, a partial or a full ARN
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: Option<FunctionName>,
    /// Only connections through this RDS Proxy
    #[arg(long, value_name = "NAME")]
    proxy: Option<String>,
    #[command(flatten)]
    run: RunArgs,
}

/// Who manages the groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
enum To {
    /// Terraform, also by `tofu`
    Terraform,
    /// AWS CloudFormation, also by SAM, the CDK or Serverless
    CloudFormation,
    /// autoconnect, as before
    Autoconnect,
}

impl Adopt {
    pub fn run(&self, global: &Global) -> Ending {
        on_account(self, global)
    }

    pub fn goal(&self) -> Handover {
        let cluster = self.cluster.iter().map(|id| (DatabaseKind::Cluster, id.clone()));
        let instance = self.instance.iter().map(|id| (DatabaseKind::Instance, id.clone()));
        Handover {
            choice: Choice {
                database: cluster.chain(instance).next(),
                function: self.function.as_ref().map(|function| function.name.clone()),
                proxy: self.proxy.clone(),
            },
            to: match self.to {
                To::Terraform => Some(Manager::Terraform),
                To::CloudFormation => Some(Manager::CloudFormation),
                To::Autoconnect => None,
            },
        }
    }
}

impl Work for Adopt {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        self.run
            .bring_about(cloud, &self.goal(), RunDocument::adopt, global, interrupt)
            .await
    }
}
