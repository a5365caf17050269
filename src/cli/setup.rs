//! `autoconnect setup`: connects a function with a database.

mod arguments;
mod front;

use std::time::Duration;

use clap::Args;
use tokio::runtime;

use super::global::{Global, Output};
use super::signals::listen;
use super::{Ending, for_people, print, print_json};
use crate::account::{AccountFileError, OfflineAccount};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::model::DatabaseKind;
use crate::observe::Target;
use crate::plan::Request;
use crate::reconcile::{Options, Outcome, RunResult, run};
use crate::report::{Report, SetupDocument, connected, plan_text};
use arguments::{FunctionName, ProxyChoice, Tag, parse_timeout};
use front::Terminal;

/// Options of `setup`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Clone, Debug, Args)]
pub struct Setup {
    /// The Aurora or Multi-AZ DB cluster
    #[arg(long, value_name = "CLUSTER", required_unless_present = "instance", conflicts_with = "instance",
          value_parser = clap::builder::NonEmptyStringValueParser::new())]
    cluster: Option<String>,
    /// The DB instance (not a cluster's member)
    #[arg(long, value_name = "INSTANCE", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    instance: Option<String>,
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "FUNCTION")]
    function: FunctionName,
    /// An RDS Proxy between them (new is not in this version)
    #[arg(long, value_name = "none|NAME|new[:NAME]", default_value = "none")]
    proxy: ProxyChoice,
    /// Only show the plan
    #[arg(long)]
    dry_run: bool,
    /// With --dry-run: status 2 if changes are pending
    #[arg(long, requires = "dry_run")]
    detailed_exitcode: bool,
    /// Apply without asking
    #[arg(long, short)]
    yes: bool,
    /// Attach a function that is in no VPC to the database's (not in this version)
    #[arg(long)]
    attach_vpc: bool,
    /// A further tag for all that is created; may be repeated
    #[arg(long = "tag", value_name = "K=V")]
    tags: Vec<Tag>,
    /// For how long to wait in all
    #[arg(long, value_name = "DURATION", default_value = "20m", value_parser = parse_timeout)]
    timeout: Duration,
    /// Wait for a database that is not available, instead of refusing
    #[arg(long)]
    wait: bool,
    /// Do not wait until the changes have taken effect (what must end before a write is still waited for)
    #[arg(long)]
    no_wait: bool,
}

impl Setup {
    pub fn run(&self, global: &Global) -> Ending {
        self.refuse_what_is_missing()?;
        let target = self.target();
        let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Err(Box::new(Report::new("runtime", &error, None))),
        };
        let ending = runtime.block_on(async {
            let interrupt = listen();
            match &global.offline {
                Some(path) => {
                    let account = OfflineAccount::open(path).map_err(|error| Box::new(file_report(&error)))?;
                    self.connect(&account, &target, global, interrupt).await
                }
                // The SDK's futures are large, and are kept off the stack.
                None => Box::pin(self.connect_on_aws(&target, global, interrupt)).await,
            }
        });
        // A prompt that was interrupted still holds a thread.
        runtime.shutdown_background();
        ending
    }

    #[cfg(feature = "aws")]
    async fn connect_on_aws(&self, target: &Target, global: &Global, interrupt: Interrupt) -> Ending {
        let configuration = crate::aws::Configuration {
            region: global.region.clone(),
            profile: global.profile.clone(),
            endpoint_url: global.endpoint_url.clone(),
        };
        let aws = crate::aws::Aws::connect(&configuration)
            .await
            .map_err(|fault| Box::new(Report::new(fault.code(), &fault, fault.hint())))?;
        Box::pin(self.connect(&aws, target, global, interrupt)).await
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
    async fn connect_on_aws(&self, _: &Target, _: &Global, _: Interrupt) -> Ending {
        let error = std::io::Error::other("this build has no adapter to AWS");
        let hint = "name an account's file with --offline FILE, or build with the default features";
        Err(Box::new(Report::new("no-aws", &error, Some(hint.to_owned()))))
    }

    async fn connect(&self, cloud: &impl Cloud, target: &Target, global: &Global, interrupt: Interrupt) -> Ending {
        let front = Terminal::new(self.yes, global);
        let outcome = run(cloud, target, &self.options(), &front, interrupt).await;
        front.clear();
        let outcome = outcome.map_err(|failure| Box::new(Report::of_run(&failure)))?;
        let printed = match global.output {
            Output::Json => print_json(&SetupDocument::new(&outcome, cloud.calls())),
            Output::Text => print(&for_people(self.text(&outcome), &std::io::stdout())),
        };
        // Where the result cannot be printed, what was written is told all the same.
        printed.map_err(|mut report| {
            report.body.applied.clone_from(&outcome.applied);
            report
        })?;
        let pending = outcome.result == RunResult::Planned;
        Ok(if self.detailed_exitcode && pending { 2 } else { 0 })
    }

    /// After an applied run the plan was shown already.
    fn text(&self, outcome: &Outcome) -> String {
        match outcome.result {
            RunResult::Planned | RunResult::Unchanged => plan_text(&outcome.proposal),
            RunResult::Connected if self.no_wait => {
                let look = match outcome.found.database.kind {
                    DatabaseKind::Cluster => "aws rds describe-db-clusters",
                    DatabaseKind::Instance => "aws rds describe-db-instances",
                };
                format!(
                    "{}The changes were accepted and may still be taking effect: see `{look}` and `aws lambda get-function-configuration`, or run again.\n",
                    connected(outcome)
                )
            }
            RunResult::Connected => connected(outcome),
        }
    }

    fn target(&self) -> Target {
        let (kind, database) = match (&self.cluster, &self.instance) {
            (Some(cluster), _) => (DatabaseKind::Cluster, cluster),
            (None, Some(instance)) => (DatabaseKind::Instance, instance),
            // The argument parser requires one of them.
            (None, None) => (DatabaseKind::Cluster, &self.function.name),
        };
        Target {
            kind,
            database: database.clone(),
            function: self.function.name.clone(),
            proxy: match &self.proxy {
                ProxyChoice::Existing(name) => Some(name.clone()),
                ProxyChoice::None | ProxyChoice::New => None,
            },
        }
    }

    fn options(&self) -> Options {
        Options {
            dry_run: self.dry_run,
            wait_for_database: self.wait,
            wait_for_effect: !self.no_wait,
            timeout: self.timeout,
            request: Request {
                tags: self
                    .tags
                    .iter()
                    .map(|tag| (tag.key.clone(), tag.value.clone()))
                    .collect(),
            },
        }
    }

    /// What the command line promises and this version does not do yet is said before anything is read.
    fn refuse_what_is_missing(&self) -> Result<(), Box<Report>> {
        let (what, hint) = match (&self.proxy, self.function.is_new, self.attach_vpc) {
            (ProxyChoice::New, _, _) => (
                "this version does not create proxies",
                "create the proxy, then name it with --proxy; or connect directly",
            ),
            (_, true, _) => (
                "this version does not create functions",
                "create the function in the database's VPC, then name it with --function",
            ),
            (_, _, true) => (
                "this version does not attach functions to a VPC",
                "attach it with `aws lambda update-function-configuration --vpc-config …`, then run without --attach-vpc",
            ),
            _ => return Ok(()),
        };
        Err(Box::new(Report::new(
            "not-in-this-version",
            &std::io::Error::other(what),
            Some(hint.to_owned()),
        )))
    }
}

fn file_report(error: &AccountFileError) -> Report {
    let hint = match error {
        AccountFileError::Unreadable { .. } => "name an account's file, such as docs/examples/account.json",
        AccountFileError::Malformed { .. } | AccountFileError::Inconsistent { .. } => {
            "mend the file; `autoconnect schema account` prints its JSON Schema"
        }
    };
    Report::new("account-file", error, Some(hint.to_owned()))
}
