//! `autoconnect internet`: checks whether a function in a VPC reaches the internet, and builds what is missing.

use clap::{Args, ValueEnum};

use super::Ending;
use super::arguments::{FunctionName, Tag, add_default_tags, check_tags, parse_function, parse_service};
use super::diagnose::read_in;
use super::global::Global;
use super::session::{RunArgs, Work, on_account, print_checks};
use crate::cloud::{Checked, Cloud};
use crate::internet::{Wish, check};
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::observe::way_out;
use crate::reconcile;
use crate::report::{Checks, Report, RunDocument};

const EXAMPLES: &str = "\
Say whether a function reaches the internet, and if not, why:
  autoconnect internet --function mailer
Check AWS services, through endpoints or the internet:
  autoconnect internet check --function mailer --service secretsmanager,s3
Show what would be built:
  autoconnect internet setup --function mailer --dry-run";

/// Options of `internet`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Internet {
    /// Check only, or build what is missing
    #[arg(value_enum, default_value = "check")]
    action: Action,
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: FunctionName,
    /// The TCP port to reach
    #[arg(long, value_name = "N", default_value = "443", value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The AWS services to reach instead, such as secretsmanager,s3: through endpoints or the internet
    #[arg(long = "service", value_name = "S", value_delimiter = ',', value_parser = parse_service)]
    services: Vec<String>,
    /// setup: a NAT gateway in each of the function's Availability Zones
    #[arg(long)]
    nat_per_zone: bool,
    /// setup: a further tag for everything that is created; may be repeated
    #[arg(long = "tag", value_name = "K=V")]
    tags: Vec<Tag>,
    #[command(flatten)]
    run: RunArgs,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Check whether it works, and if not, why
    Check,
    /// Build what is missing
    Setup,
}

impl Internet {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage()?;
        on_account(self, global)
    }

    /// Adds the default tags to what is created. `internet check` creates nothing.
    pub fn add_tags(&mut self, defaults: &[Tag]) {
        if self.action == Action::Setup {
            add_default_tags(&mut self.tags, defaults);
        }
    }

    pub fn check_usage(&self) -> Result<(), Box<Report>> {
        check_tags(&self.tags)?;
        let RunArgs {
            dry_run,
            detailed_exitcode,
            yes,
            no_wait,
            ref out,
            ..
        } = self.run;
        let is_for_setup = dry_run
            || out.is_some()
            || detailed_exitcode
            || yes
            || no_wait
            || self.nat_per_zone
            || !self.tags.is_empty();
        if self.action == Action::Check && is_for_setup {
            return Err(Report::usage(
                "`internet check` writes nothing, and takes no options of `internet setup`",
                "see `autoconnect internet --help`",
            ));
        }
        Ok(())
    }

    /// What `internet setup` does; none for `internet check`.
    pub fn goal(&self) -> Option<reconcile::Internet> {
        (self.action == Action::Setup).then(|| reconcile::Internet(self.wish()))
    }

    fn wish(&self) -> Wish {
        let tags = self.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone()));
        let mut services: Vec<String> = Vec::new();
        for service in &self.services {
            if !services.contains(service) {
                services.push(service.clone());
            }
        }
        Wish {
            function: self.function.name.clone(),
            port: self.port,
            services,
            per_zone: self.nat_per_zone,
            tags: tags.collect(),
        }
    }
}

impl Work for Internet {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let wish = self.wish();
        match self.goal() {
            None => {
                let checked = Checked::new(cloud);
                let reading = way_out(&checked, &wish.function, &wish.services);
                let scene = Box::pin(read_in(self.run.timeout, cloud, reading, interrupt)).await?;
                let answer = check(&scene, &wish);
                let checks = Checks::new(answer.headline, answer.checks);
                let origin = Origin::of_arn(&scene.function.arn);
                print_checks("internet check", origin, checks, cloud, global)
            }
            Some(goal) => {
                let document = |ended: &_, calls| RunDocument::internet(ended, &wish, calls);
                self.run.bring_about(cloud, &goal, document, global, interrupt).await
            }
        }
    }
}
