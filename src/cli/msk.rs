//! `autoconnect msk`: checks whether Lambda can poll an MSK cluster for a function, and builds what is missing.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};

use super::Ending;
use super::arguments::{FunctionName, Tag, add_default_tags, check_tags, parse_cluster_arn, parse_function};
use super::diagnose::read;
use super::global::Global;
use super::session::{RunArgs, Work, on_account, print_checks};
use crate::cloud::{Checked, Cloud};
use crate::interrupt::Interrupt;
use crate::model::{Authentication, MappingMode, Origin};
use crate::msk::{self, EndpointsWish};
use crate::observe::{MskTarget, ObserveError, Which, msk_scene};
use crate::reconcile::{MskSetup, MskVia};
use crate::report::{Checks, Report, RunDocument};

const EXAMPLES: &str = "\
Say whether Lambda can poll the cluster of an event source mapping:
  autoconnect msk check --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2
Show what would be built:
  autoconnect msk setup --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2 \\
      --via nat --dry-run";

/// MSK clusters as event sources.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Msk {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Debug, Subcommand)]
enum Verb {
    /// Check rules, NAT gateways, endpoints and the execution role; changes nothing
    Check(Check),
    /// Build what is missing on the path from the cluster's subnets to Lambda and STS
    Setup(Box<Setup>),
}

impl Msk {
    pub fn run(&self, global: &Global) -> Ending {
        match &self.verb {
            Verb::Check(check) => on_account(check, global),
            Verb::Setup(setup) => {
                setup.check_usage()?;
                on_account(setup.as_ref(), global)
            }
        }
    }

    /// Adds the default tags to what is created. `msk check` creates nothing.
    pub fn add_tags(&mut self, defaults: &[Tag]) {
        if let Verb::Setup(setup) = &mut self.verb {
            add_default_tags(&mut setup.tags, defaults);
        }
    }

    pub fn check_usage(&self) -> Result<(), Box<Report>> {
        match &self.verb {
            Verb::Check(_) => Ok(()),
            Verb::Setup(setup) => setup.check_usage(),
        }
    }

    /// What `msk setup` does; none for `msk check`.
    pub fn goal(&self) -> Option<MskSetup> {
        match &self.verb {
            Verb::Check(_) => None,
            Verb::Setup(setup) => Some(setup.goal()),
        }
    }
}

/// The cluster, and what polls it.
#[derive(Clone, Debug, Args)]
struct Subject {
    /// The MSK cluster, provisioned or serverless
    #[arg(long, value_name = "ARN", value_parser = parse_cluster_arn, required_unless_present = "mapping")]
    cluster_arn: Option<String>,
    /// Only the event source mappings of this function; its execution role is checked even if it has none yet
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: Option<FunctionName>,
    /// Only this event source mapping; without --cluster-arn, of the cluster that it polls
    #[arg(long, value_name = "UUID", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "function")]
    mapping: Option<String>,
    /// Check this mode, instead of that of the event source mapping (without a mapping: on-demand)
    #[arg(long, value_enum, value_name = "MODE")]
    mode: Option<Mode>,
    /// Check this authentication, instead of that of the mapping (without a mapping: each one that is enabled)
    #[arg(long, value_enum, value_name = "HOW")]
    authentication: Option<How>,
}

/// The mode of an event source mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Lambda's default
    OnDemand,
    /// With dedicated pollers
    Provisioned,
}

/// A way to authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    /// Not at all, in plaintext
    Plaintext,
    /// Not at all, but encrypted
    Tls,
    /// By a client certificate
    MutualTls,
    /// By user and password
    Scram,
    /// By IAM
    Iam,
}

impl Subject {
    fn target(&self) -> MskTarget {
        MskTarget {
            cluster: self.cluster_arn.clone(),
            which: match (&self.mapping, &self.function) {
                (Some(uuid), _) => Which::One(uuid.clone()),
                (None, Some(function)) => Which::OfFunction(function.name.clone()),
                (None, None) => Which::All,
            },
            mode: self.mode.map(|mode| match mode {
                Mode::OnDemand => MappingMode::OnDemand,
                Mode::Provisioned => MappingMode::Provisioned,
            }),
            authentication: self.authentication.map(|how| match how {
                How::Plaintext => Authentication::Plaintext,
                How::Tls => Authentication::Tls,
                How::MutualTls => Authentication::MutualTls,
                How::Scram => Authentication::Scram,
                How::Iam => Authentication::Iam,
            }),
        }
    }
}

const CHECK_EXAMPLES: &str = "\
Check a cluster with all of its event source mappings:
  autoconnect msk check \\
      --cluster-arn arn:aws:kafka:eu-west-1:123456789012:cluster/orders/1f2e-1
Check one event source mapping:
  autoconnect msk check --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2";

/// Options of `msk check`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = CHECK_EXAMPLES)]
struct Check {
    #[command(flatten)]
    subject: Subject,
}

impl Work for Check {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let target = self.subject.target();
        let checked = Checked::new(cloud);
        let reading = async {
            match msk_scene(&checked, &target).await {
                Err(ObserveError::NotChecked(other)) => Ok(Err(other)),
                scene => scene.map(Ok),
            }
        };
        let (arn, report) = match read(cloud, reading, interrupt).await? {
            Ok(scene) => (scene.cluster.arn.clone(), msk::check(&scene)),
            Err(other) => (other.arn.clone(), msk::not_checked(&other.to_string())),
        };
        let checks = Checks::new(report.headline, report.checks);
        print_checks("msk check", Origin::of_arn(&arn), checks, cloud, global)
    }
}

const SETUP_EXAMPLES: &str = "\
Show what would be built: endpoints in the cluster's VPC:
  autoconnect msk setup --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2 \\
      --via endpoints --dry-run
Build NAT gateways instead:
  autoconnect msk setup --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2 \\
      --via nat";

/// Options of `msk setup`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = SETUP_EXAMPLES)]
struct Setup {
    #[command(flatten)]
    subject: Subject,
    /// How the poller reaches Lambda and STS
    #[arg(long, value_enum, value_name = "WAY")]
    via: Via,
    /// With --via endpoints: policies that allow only what the poller needs, and a group that allows only the brokers'
    /// group
    #[arg(long)]
    restrict: bool,
    /// A further tag for everything that is created; may be repeated
    #[arg(long = "tag", value_name = "K=V")]
    tags: Vec<Tag>,
    #[command(flatten)]
    run: RunArgs,
}

/// The way from the cluster's subnets to Lambda and STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Via {
    /// Interface endpoints, for private and public subnets
    Endpoints,
    /// A NAT gateway in each zone, for private subnets
    Nat,
}

impl Setup {
    fn check_usage(&self) -> Result<(), Box<Report>> {
        check_tags(&self.tags)?;
        if self.restrict && self.via == Via::Nat {
            return Err(Report::usage(
                "--restrict narrows the policies of endpoints, and NAT gateways have none",
                "see `autoconnect msk setup --help`",
            ));
        }
        Ok(())
    }

    fn goal(&self) -> MskSetup {
        let tags = self.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone()));
        MskSetup {
            target: self.subject.target(),
            via: match self.via {
                Via::Endpoints => MskVia::Endpoints,
                Via::Nat => MskVia::Nat,
            },
            wish: EndpointsWish {
                restrict: self.restrict,
                tags: tags.collect(),
            },
        }
    }
}

impl Work for Setup {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        self.run
            .bring_about(cloud, &self.goal(), RunDocument::msk, global, interrupt)
            .await
    }
}
