//! `autoconnect setup`: connects a function with a database.

mod arguments;
mod front;
mod password;

use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::runtime;

use super::global::{Global, Output};
use super::signals::listen;
use super::{Ending, for_people, print, print_json};
use crate::account::{AccountFileError, OfflineAccount};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::model::{CredentialsWish, DatabaseKind, EnvironmentWish, NewFunction};
use crate::observe::{NewProxyWish, ProxyWish, Target};
use crate::plan::Request;
use crate::reconcile::{Options, Outcome, RunResult, run};
use crate::report::{Report, SetupDocument, connected, plan_text, unfinished};
use arguments::{FunctionName, ProxyChoice, RUNTIME, Tag, parse_role, parse_runtime, parse_timeout, parse_user};
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
    /// The Lambda function: a name, a partial or a full ARN; new:NAME creates one
    #[arg(long, value_name = "F|new:NAME")]
    function: FunctionName,
    /// An RDS Proxy between them; new creates one
    #[arg(long, value_name = "none|NAME|new[:NAME]", default_value = "none")]
    proxy: ProxyChoice,
    /// The secret with which a new proxy logs in: its name or ARN (default: the managed master secret)
    #[arg(long, value_name = "SECRET", value_parser = clap::builder::NonEmptyStringValueParser::new(),
          conflicts_with = "db_password_stdin", help_heading = "New proxies and functions")]
    secret: Option<String>,
    /// The user of the database; with a new proxy, a secret is made of it and its password
    #[arg(long, value_name = "USER", value_parser = parse_user, help_heading = "New proxies and functions")]
    db_user: Option<String>,
    /// Read the user's password from standard input, instead of asking for it
    #[arg(long, requires = "db_user", help_heading = "New proxies and functions")]
    db_password_stdin: bool,
    /// How a new proxy logs in to the database
    #[arg(long, value_enum, value_name = "AUTH", help_heading = "New proxies and functions")]
    proxy_auth: Option<ProxyAuth>,
    /// The role of a new proxy (default: one is created)
    #[arg(long, value_name = "ARN", value_parser = parse_role, help_heading = "New proxies and functions")]
    proxy_role: Option<String>,
    /// Whether clients of the proxy must use IAM; if so, the function's role is allowed to connect
    #[arg(long, value_enum, value_name = "WHETHER", help_heading = "New proxies and functions")]
    iam_auth: Option<IamAuth>,
    /// The runtime of a new function (default: nodejs24.x)
    #[arg(long, value_name = "RUNTIME", value_parser = parse_runtime, help_heading = "New proxies and functions")]
    runtime: Option<String>,
    /// Tell the function how to connect: `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_SECRET_ARN` or `DB_USER`
    #[arg(long)]
    set_env: bool,
    /// With --set-env: replace other values of these variables
    #[arg(long, requires = "set_env")]
    overwrite_env: bool,
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

/// How a new proxy logs in to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ProxyAuth {
    /// With a secret
    Secret,
    /// With IAM from end to end, without a secret
    Iam,
}

/// Whether clients of a proxy must use IAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum IamAuth {
    /// They must
    Required,
    /// They must not
    Disabled,
}

impl Setup {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
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
        let front = Terminal::new(self.yes, self.db_password_stdin, global);
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
            RunResult::Planned if !outcome.dry_run => unfinished(outcome),
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
        let credentials = match (&self.proxy_auth, &self.secret, &self.db_user) {
            (Some(ProxyAuth::Iam), ..) => CredentialsWish::Iam,
            (_, Some(secret), _) => CredentialsWish::Secret(secret.clone()),
            (_, None, Some(_)) => CredentialsWish::Password,
            (_, None, None) => CredentialsWish::MasterSecret,
        };
        let is_iam = credentials == CredentialsWish::Iam || self.iam_auth == Some(IamAuth::Required);
        Target {
            kind,
            database: database.clone(),
            function: self.function.name.clone(),
            new_function: self.function.is_new.then(|| NewFunction {
                runtime: self.runtime.clone().unwrap_or_else(|| RUNTIME.to_owned()),
            }),
            proxy: match &self.proxy {
                ProxyChoice::None => ProxyWish::None,
                ProxyChoice::Existing(name) => ProxyWish::Existing(name.clone()),
                ProxyChoice::New(name) => ProxyWish::New(NewProxyWish {
                    name: name.clone(),
                    credentials,
                    role: self.proxy_role.clone(),
                }),
            },
            user: self.db_user.clone(),
            secret: self.secret.clone(),
            iam_required: is_iam,
            environment: self.set_env.then_some(EnvironmentWish {
                overwrite: self.overwrite_env,
            }),
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

    /// Options that have nothing to act on are mistakes, and are told before anything is read.
    fn check_usage(&self) -> Result<(), Box<Report>> {
        let is_new = matches!(self.proxy, ProxyChoice::New(_));
        let is_direct = self.proxy == ProxyChoice::None;
        let is_iam = self.proxy_auth == Some(ProxyAuth::Iam);
        let of_new_proxy = [
            (self.proxy_auth.is_some(), "--proxy-auth"),
            (self.proxy_role.is_some(), "--proxy-role"),
            (self.db_password_stdin, "--db-password-stdin"),
        ];
        let option = of_new_proxy.iter().find(|(is_given, _)| *is_given && !is_new);
        let wrong = match option {
            Some((_, option)) => format!("{option} is for a proxy that is created: add --proxy new"),
            None if self.secret.is_some() && !is_new && !(is_direct && self.set_env) => {
                "--secret is for a proxy that is created (--proxy new), or for --set-env without a proxy".to_owned()
            }
            None if is_iam && self.db_password_stdin => "--proxy-auth iam needs no password".to_owned(),
            None if is_new
                && self.secret.is_some()
                && self.db_user.is_some()
                && self.iam_auth != Some(IamAuth::Required) =>
            {
                "--db-user has nothing to act on: with --secret it goes with --iam-auth required".to_owned()
            }
            None if self.secret.is_some() && is_iam => "--proxy-auth iam needs no --secret".to_owned(),
            None if self.iam_auth == Some(IamAuth::Required) && is_direct => {
                "--iam-auth is for the clients of a proxy: add --proxy".to_owned()
            }
            None if self.iam_auth == Some(IamAuth::Disabled) && is_iam => {
                "--proxy-auth iam is IAM from end to end: its clients cannot do without".to_owned()
            }
            None if self.iam_auth == Some(IamAuth::Disabled) && !is_new => {
                "--iam-auth disabled is for a proxy that is created: add --proxy new".to_owned()
            }
            None if self.db_user.is_some() && !is_new && !self.set_env && self.iam_auth.is_none() => {
                "--db-user has nothing to act on: it goes with --proxy new, --iam-auth or --set-env".to_owned()
            }
            None if self.runtime.is_some() && !self.function.is_new => {
                "--runtime is for a function that is created: --function new:NAME".to_owned()
            }
            None if self.attach_vpc => {
                return Err(Box::new(missing(
                    "this version does not attach functions to a VPC",
                    "attach it with `aws lambda update-function-configuration --vpc-config …`, then run without --attach-vpc",
                )));
            }
            None => return Ok(()),
        };
        let hint = Some("see `autoconnect setup --help`".to_owned());
        Err(Box::new(Report::new("usage", &std::io::Error::other(wrong), hint)))
    }
}

fn missing(what: &str, hint: &str) -> Report {
    let error = std::io::Error::other(what.to_owned());
    Report::new("not-in-this-version", &error, Some(hint.to_owned()))
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
