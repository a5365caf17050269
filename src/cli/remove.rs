//! `autoconnect remove`: disconnects a function from a database.

use clap::Args;

use super::Ending;
use super::arguments::{ConnectedProxy, FunctionName, parse_function, parse_user};
use super::global::Global;
use super::session::{DatabaseArgs, RunArgs, UNTIL_DELETED, Work, on_account, print_result};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::observe::{ProxyWish, Target};
use crate::reconcile::{Disconnect, Ending as RunEnding};
use crate::removal::RemovalWish;
use crate::report::{Report, RunDocument, is_incomplete, removal_text};

const EXAMPLES: &str = "\
Show what would be removed and what is kept:
  autoconnect remove --cluster orders --function checkout --dry-run
Disconnect, also where the console made the groups:
  autoconnect remove --cluster orders --function checkout --console-made
Also delete the proxy that setup made for it:
  autoconnect remove --cluster orders --function checkout \\
      --proxy orders-proxy --with-proxy";

/// Options of `remove`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES, mut_arg("timeout", |timeout| timeout.default_value(UNTIL_DELETED)))]
pub struct Remove {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: FunctionName,
    /// The RDS Proxy between them
    #[arg(long, value_name = "none|NAME", default_value = "none")]
    proxy: ConnectedProxy,
    /// Also remove unchanged groups that the console created; groups in use elsewhere are only taken off this function
    #[arg(long)]
    console_made: bool,
    /// Also delete the proxy, with its role and secrets, if autoconnect created them and nothing else uses them
    #[arg(long)]
    with_proxy: bool,
    /// Also delete the function and its role, if autoconnect created them and they are unchanged
    #[arg(long, conflicts_with = "unset_env")]
    with_function: bool,
    /// Also remove the variables `DB_*` of the function that still have the values that setup set
    #[arg(long)]
    unset_env: bool,
    /// The database user that setup set for the function, for --unset-env
    #[arg(long, value_name = "USER", value_parser = parse_user, requires = "unset_env")]
    db_user: Option<String>,
    /// The secret (name or ARN) that setup set for the function, for --unset-env
    #[arg(long, value_name = "SECRET", requires = "unset_env")]
    secret: Option<String>,
    /// Wait for a database that is not available, instead of refusing
    #[arg(long, conflicts_with = "no_wait")]
    wait: bool,
    #[command(flatten)]
    run: RunArgs,
}

impl Remove {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
        on_account(self, global)
    }

    pub fn check_usage(&self) -> Result<(), Box<Report>> {
        if self.with_proxy && self.proxy.0.is_none() {
            return Err(Report::usage(
                "--with-proxy needs the proxy's name: add --proxy NAME",
                "see `autoconnect remove --help`",
            ));
        }
        Ok(())
    }

    pub fn goal(&self) -> Disconnect {
        let (kind, database) = self.database.named();
        let proxy = self.proxy.0.as_ref();
        Disconnect {
            target: Target {
                user: self.db_user.clone(),
                secret: self.secret.clone(),
                proxy: proxy.map_or(ProxyWish::None, |name| ProxyWish::Existing(name.clone())),
                ..Target::direct(kind, database, &self.function.name)
            },
            wish: RemovalWish {
                console_made: self.console_made,
                with_proxy: self.with_proxy,
                with_function: self.with_function,
                unset_env: self.unset_env,
            },
            wait_for_database: self.wait,
        }
    }
}

impl Work for Remove {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let front = self.run.terminal(false, global);
        let options = self.run.options();
        let converged = front.converge(cloud, &self.goal(), &options, interrupt).await?;
        // Where there is nothing to write, nobody was asked, and the plan was not compared.
        if let Some(plan) = &global.applies
            && is_incomplete(&converged)
            && converged.applied.is_empty()
        {
            plan.check_decision(&converged.draft).map_err(|error| {
                Box::new(Report {
                    origin: converged.origin.clone(),
                    ..Report::from(&error)
                })
            })?;
        }
        let document = || RunDocument::remove(&converged, cloud.calls());
        print_result(global, document, || removal_text(&converged), &converged.applied)?;
        Ok(match self.run.status(converged.ending == RunEnding::Planned) {
            0 if is_incomplete(&converged) => 1,
            status => status,
        })
    }
}
