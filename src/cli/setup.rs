//! `autoconnect setup`: connects a function with a database.

use std::error::Error as _;
use std::sync::Arc;

use clap::error::ContextKind;
use clap::{Args, Parser, ValueEnum};

use super::Ending;
use super::arguments::{
    FunctionName, ProxyChoice, RUNTIME, Tag, add_default_tags, check_tags, parse_role, parse_runtime, parse_secret,
    parse_terraform_state, parse_user,
};
use super::global::Global;
use super::session::{DatabaseArgs, Work, WriteArgs, on_account, print_result};
use crate::cloud::Cloud;
use crate::escape::word;
use crate::fix::Scope;
use crate::interrupt::Interrupt;
use crate::manifest::{IamAuth, ProxyAuth};
use crate::model::{CredentialsWish, DatabaseKind, EnvironmentWish, NewFunction};
use crate::observe::{NewProxyWish, ProxyWish, Target};
use crate::owner::TerraformState;
use crate::reconcile::{Connect, Converged, Ending as RunEnding, Fix, Options, OwnersWish, Situation};
use crate::report::{
    Report, RunDocument, connected, draft_text, incomplete, is_incomplete_across, path_across, text_across, unchanged,
    unfinished,
};

const EXAMPLES: &str = "\
Show the plan, and change nothing:
  autoconnect setup --cluster orders --function checkout --dry-run
Connect directly, or through a new RDS Proxy:
  autoconnect setup --cluster orders --function checkout
  autoconnect setup --cluster orders --function checkout --proxy new
Save the plan of a whole file, for a review and `apply`:
  autoconnect setup --manifest connections.toml --out plan.json";

/// Options of `setup`.
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Setup {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The Lambda function: a name, a partial or a full ARN; new:NAME creates one
    #[arg(long, value_name = "F|new:NAME")]
    function: FunctionName,
    /// An RDS Proxy between them; new creates one
    #[arg(long, value_name = "none|NAME|new[:NAME]", default_value = "none")]
    proxy: ProxyChoice,
    /// The secret with which a new proxy logs in: its name or ARN (default: the managed master secret)
    #[arg(long, value_name = "SECRET", value_parser = parse_secret,
          conflicts_with = "db_password_stdin", help_heading = "New proxies and functions")]
    secret: Option<String>,
    /// The user of the database; with a new proxy, a secret is created with it and its password
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
    /// Whether clients of the proxy must use IAM; if required, allows the function's role to connect
    #[arg(long, value_enum, value_name = "WHETHER", help_heading = "New proxies and functions")]
    iam_auth: Option<IamAuth>,
    /// The runtime of a new function (default: nodejs24.x)
    #[arg(long, value_name = "RUNTIME", value_parser = parse_runtime, help_heading = "New proxies and functions")]
    runtime: Option<String>,
    /// Set environment variables with the connection's settings on the function: `DB_HOST`, `DB_PORT`, `DB_NAME`, `DB_SECRET_ARN` or `DB_USER`
    #[arg(long)]
    set_env: bool,
    /// With --set-env: replace existing values of these variables
    #[arg(long, requires = "set_env")]
    overwrite_env: bool,
    /// Attach a function that is in no VPC to the private subnets of the database's VPC
    #[arg(long)]
    attach_vpc: bool,
    /// Connect across two peered VPCs, with rules for the CIDR ranges of the other side's subnets
    #[arg(long, conflicts_with_all = ["attach_vpc", "set_env", "db_user", "secret", "proxy_auth", "iam_auth", "runtime"])]
    cross_vpc: bool,
    /// Restore the rules of this connection's own groups if they were changed, instead of creating new groups
    #[arg(long, conflicts_with = "cross_vpc")]
    repair: bool,
    /// What is done where the plan changes a resource that a stack or another tool deploys (default: warn)
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        conflicts_with = "cross_vpc",
        help_heading = "Stacks and Terraform"
    )]
    owned: Option<OwnedChoice>,
    /// A Terraform state file, or the output of `terraform show -json`: names the resources that Terraform owns
    #[arg(long, value_name = "FILE", value_parser = parse_terraform_state, conflicts_with = "cross_vpc",
          help_heading = "Stacks and Terraform")]
    terraform_state: Option<Arc<TerraformState>>,
    /// Skip the checks of `diagnose` before the plan is shown and at the end
    #[arg(long)]
    no_diagnose: bool,
    #[command(flatten)]
    write: WriteArgs,
}

/// What is done where a plan changes what a stack or another tool deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OwnedChoice {
    /// Say so, with the lines for its template or code
    Warn,
    /// Refuse the plan
    Refuse,
}

/// A command line of `setup` alone.
#[derive(Debug, Parser)]
#[command(name = "setup")]
struct Alone {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    setup: Setup,
}

impl Setup {
    /// Reads a command line that is not the program's own, as that of a connection in a manifest. What is wrong is said in
    /// one line.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let alone = Alone::try_parse_from(arguments).map_err(|error| in_one_line(&error))?;
        alone.setup.check_usage().map_err(|report| report.body.message)?;
        Ok(alone.setup)
    }

    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
        on_account(self, global)
    }

    /// After an applied run the plan was shown already.
    fn text(&self, ended: &Converged<Situation>) -> String {
        match ended.ending {
            RunEnding::Unfinished => unfinished(ended),
            RunEnding::Planned => draft_text(&ended.draft, &ended.origin),
            RunEnding::Incomplete if ended.draft.decision != "no-op" => incomplete(ended),
            RunEnding::Unchanged | RunEnding::Incomplete => unchanged(ended),
            RunEnding::Reached if self.write.run.no_wait => {
                let found = &ended.found.observation;
                let look = match found.database.kind {
                    DatabaseKind::Cluster => "aws rds describe-db-clusters --db-cluster-identifier",
                    DatabaseKind::Instance => "aws rds describe-db-instances --db-instance-identifier",
                };
                format!(
                    "{}The changes were accepted and may still be taking effect: see `{look} {}` and `aws lambda get-function-configuration --function-name {}`, or run again.\n",
                    connected(ended),
                    word(&found.database.id),
                    word(&found.function.name)
                )
            }
            RunEnding::Reached => connected(ended),
        }
    }

    /// How the run is to go.
    pub fn options(&self) -> Options {
        let mut options = self.write.options();
        options.request.repair = self.repair;
        options.diagnose = !self.no_diagnose;
        options.owners = OwnersWish {
            refuse: self.owned == Some(OwnedChoice::Refuse),
            terraform: self.terraform_state.clone(),
            known: None,
        };
        options
    }

    /// What the user named.
    pub fn target(&self) -> Target {
        let (kind, database) = self.database.named();
        let credentials = match (&self.proxy_auth, &self.secret, &self.db_user) {
            (Some(ProxyAuth::Iam), ..) => CredentialsWish::Iam,
            (_, Some(secret), _) => CredentialsWish::Secret(secret.clone()),
            (_, None, Some(_)) => CredentialsWish::Password,
            (_, None, None) => CredentialsWish::MasterSecret,
        };
        let is_iam = credentials == CredentialsWish::Iam || self.iam_auth == Some(IamAuth::Required);
        Target {
            kind,
            database: database.to_owned(),
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
                    without_iam: self.iam_auth == Some(IamAuth::Disabled),
                    only_looks: false,
                }),
            },
            user: self.db_user.clone(),
            secret: self.secret.clone(),
            iam_required: is_iam,
            environment: self.set_env.then_some(EnvironmentWish {
                overwrite: self.overwrite_env,
            }),
            attach: self.attach_vpc,
        }
    }

    /// Adds the default tags to what is created.
    pub fn add_tags(&mut self, defaults: &[Tag]) {
        add_default_tags(&mut self.write.tags, defaults);
    }

    /// Refuses options that have no effect, before anything is read.
    pub fn check_usage(&self) -> Result<(), Box<Report>> {
        check_tags(&self.write.tags)?;
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
                "--db-user has no effect here: with --secret, it needs --iam-auth required".to_owned()
            }
            None if self.secret.is_some() && is_iam => "--proxy-auth iam needs no --secret".to_owned(),
            None if self.iam_auth == Some(IamAuth::Required) && is_direct => {
                "--iam-auth is for the clients of a proxy: add --proxy".to_owned()
            }
            None if self.iam_auth == Some(IamAuth::Disabled) && is_iam => {
                "--proxy-auth iam uses IAM from end to end, so its clients must use IAM".to_owned()
            }
            None if self.iam_auth == Some(IamAuth::Disabled) && !is_new => {
                "--iam-auth disabled is for a proxy that is created: add --proxy new".to_owned()
            }
            None if self.db_user.is_some() && !is_new && !self.set_env && self.iam_auth.is_none() => {
                "--db-user has no effect here: it needs --proxy new, --iam-auth or --set-env".to_owned()
            }
            None if self.runtime.is_some() && !self.function.is_new => {
                "--runtime is for a function that is created: --function new:NAME".to_owned()
            }
            None if self.attach_vpc && self.function.is_new => {
                "--attach-vpc is for a function that exists: a new one is created in the database's VPC".to_owned()
            }
            None if self.cross_vpc && (is_new || self.function.is_new) => {
                "--cross-vpc connects a function, and a proxy, that exist".to_owned()
            }
            None => return Ok(()),
        };
        Err(Report::usage(&wrong, "see `autoconnect setup --help`"))
    }
}

/// A usage error without the usage.
fn in_one_line(error: &clap::Error) -> String {
    if let (Some(why), Some(argument)) = (error.source(), error.get(ContextKind::InvalidArg)) {
        let argument = argument.to_string();
        let option = argument.split_whitespace().next().unwrap_or_default();
        return format!("{option}: {why}");
    }
    let rendered = error.render().to_string();
    let paragraph = rendered.lines().take_while(|line| !line.is_empty()).map(str::trim);
    let message = paragraph.collect::<Vec<_>>().join(" ");
    message.trim_start_matches("error: ").replace("the argument '", "'")
}

impl Setup {
    /// What `--cross-vpc` brings about; none within one VPC.
    pub fn goal(&self) -> Option<Fix> {
        self.cross_vpc.then(|| Fix {
            target: self.target(),
            endpoint: None,
            scope: Scope::GroupsAcrossVpcs,
            request: self.write.options().request,
        })
    }

    /// Connects across two VPCs.
    async fn across_vpcs(&self, cloud: &dyn Cloud, goal: &Fix, global: &Global, interrupt: Interrupt) -> Ending {
        let front = self.write.run.terminal(false, global);
        let options = self.write.options();
        let converged = front.converge(cloud, goal, &options, interrupt).await?;
        let path = (!self.no_diagnose).then(|| path_across(&converged));
        let path = path.as_ref();
        let document = || RunDocument::across_vpcs(&converged, path, cloud.calls());
        let text = || text_across(&converged, path);
        print_result(global, document, text, &converged.applied)?;
        if is_incomplete_across(&converged, path) {
            return Ok(1);
        }
        Ok(self.write.run.status(converged.ending == RunEnding::Planned))
    }
}

impl Work for Setup {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        if let Some(goal) = self.goal() {
            return self.across_vpcs(cloud, &goal, global, interrupt).await;
        }
        let front = self.write.run.terminal(self.db_password_stdin, global);
        let (target, options) = (self.target(), self.options());
        let goal = Connect {
            target: &target,
            options: &options,
        };
        let ended = front.converge(cloud, &goal, &options, interrupt).await?;
        let document = || RunDocument::setup(&ended, cloud.calls());
        print_result(global, document, || self.text(&ended), &ended.applied)?;
        if matches!(ended.ending, RunEnding::Incomplete | RunEnding::Unfinished) {
            return Ok(1);
        }
        Ok(self.write.run.status(ended.ending == RunEnding::Planned))
    }
}
