//! `autoconnect adopt`: records which tool manages the security groups of connections.

use clap::{Args, ValueEnum};

use super::Ending;
use super::arguments::{ConnectedProxy, ProxyChoice};
use super::connections::ConnectionsArgs;
use super::global::Global;
use super::session::{RunArgs, Work, on_account};
use crate::cloud::Cloud;
use crate::handover::Manager;
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::reconcile::Handover;
use crate::report::{Report, RunDocument};

const EXAMPLES: &str = "\
Show what changes when Terraform takes over the groups:
  autoconnect adopt --to terraform --cluster orders --dry-run
Give all groups back to autoconnect:
  autoconnect adopt --to autoconnect --all";

/// Options of `adopt`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Adopt {
    /// The tool that manages the groups from now on; autoconnect takes them back
    #[arg(long, value_enum, value_name = "TOOL")]
    to: To,
    #[command(flatten)]
    of: ConnectionsArgs,
    /// The RDS Proxy between them (default: directly and through any proxy)
    #[arg(long, value_name = "none|NAME", requires = "function")]
    proxy: Option<ConnectedProxy>,
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
        self.check_usage()?;
        on_account(self, global)
    }

    pub fn check_usage(&self) -> Result<(), Box<Report>> {
        if self.of.function.as_ref().is_some_and(|function| function.is_new) {
            return Err(Report::usage(
                "adopt is for connections that exist: --function NAME",
                "see `autoconnect adopt --help`",
            ));
        }
        Ok(())
    }

    pub fn goal(&self, global: &Global, home: &Origin) -> Result<Handover, Box<Report>> {
        let proxy = self.proxy.as_ref().map(|proxy| match &proxy.0 {
            Some(name) => ProxyChoice::Existing(name.clone()),
            None => ProxyChoice::None,
        });
        Ok(Handover {
            wanted: self.of.wanted(proxy.as_ref(), global, home)?,
            to: match self.to {
                To::Terraform => Some(Manager::Terraform),
                To::CloudFormation => Some(Manager::CloudFormation),
                To::Autoconnect => None,
            },
        })
    }
}

impl Work for Adopt {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let goal = self.goal(global, &cloud.home())?;
        self.run
            .bring_about(cloud, &goal, RunDocument::adopt, global, interrupt)
            .await
    }
}
