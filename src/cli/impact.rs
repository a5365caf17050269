//! `autoconnect impact`: which connections a reviewed change would break or open.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueEnum};

use super::Ending;
use super::arguments::parse_parameter;
use super::diagnose::read;
use super::global::Global;
use super::session::{Work, file_report, on_account, print_result};
use crate::account::{AccountDocument, OfflineAccount};
use crate::cloud::Cloud;
use crate::impact::{Change, Effect, Named, judge};
use crate::interrupt::Interrupt;
use crate::manifest;
use crate::model::Origin;
use crate::monitor::elsewhere;
use crate::report::{ImpactDocument, ImpactSource, ImpactSourceKind, NotUnderstood, Report};
use crate::snapshot::snapshot;
use crate::template::Inputs;

const EXAMPLES: &str = "\
Judge a plan of Terraform (`terraform show -json` prints it):
  autoconnect impact --terraform-plan plan.json
Judge a template of CloudFormation for its stack:
  autoconnect impact --template template.yaml --stack shop \\
      --parameter Stage=live
Also fail if a change opens a database to the internet:
  autoconnect impact --terraform-plan plan.json --fail-on opened";

/// Options of `impact`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES, group = ArgGroup::new("change").args(["terraform_plan", "template"]).required(true))]
pub struct Impact {
    /// The plan of Terraform, as `terraform show -json PLAN` prints it
    #[arg(long, value_name = "FILE")]
    terraform_plan: Option<PathBuf>,
    /// The template of CloudFormation or SAM, or a change set as `describe-change-set --include-property-values` of the AWS CLI
    /// prints it
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// The value of a parameter of the template; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", conflicts_with = "terraform_plan", value_parser = parse_parameter)]
    parameters: Vec<(String, String)>,
    /// The stack that the template is for, by whose tags its resources are found: its name or ARN
    #[arg(long, value_name = "NAME", conflicts_with = "terraform_plan")]
    stack: Option<String>,
    /// Judge these connections, in TOML, YAML or JSON (see docs/manifest.md), instead of all that are found
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// End with status 2 for this effect, too; may be repeated
    #[arg(long, value_enum, value_name = "EFFECT", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
}

/// An effect for which the command can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FailOn {
    /// The internet, or a wide range of it, is let in
    Opened,
    /// It depends on what is not known
    Unknown,
}

impl Impact {
    pub fn run(&self, global: &Global) -> Ending {
        // Nothing is read of an account for a file that is none.
        self.load(&Origin::default())?;
        on_account(self, global)
    }

    /// The values of parameters.
    fn parameters(&self) -> Result<BTreeMap<String, String>, Box<Report>> {
        let mut parameters = BTreeMap::new();
        for (name, value) in &self.parameters {
            if parameters.insert(name.clone(), value.clone()).is_some() {
                // The values may be secrets.
                let error = std::io::Error::other(format!("parameter {name} is given twice"));
                let hint = "give --parameter once for each parameter".to_owned();
                return Err(Box::new(Report::new("template", &error, Some(hint))));
            }
        }
        Ok(parameters)
    }

    /// Reads the change.
    fn load(&self, origin: &Origin) -> Result<Change, Box<Report>> {
        let change = match (&self.terraform_plan, &self.template) {
            (Some(plan), _) => Change::of_terraform(plan),
            (None, Some(template)) => {
                let inputs = Inputs {
                    parameters: self.parameters()?,
                    account: origin.account.clone(),
                    region: origin.region.clone(),
                    stack: self.stack.clone(),
                };
                Change::of_cloudformation(template, &inputs)
            }
            (None, None) => unreachable!("the argument parser requires one of them"),
        };
        change.map_err(|error| Box::new(Report::new(error.code(), &error, Some(error.hint()))))
    }

    /// The connections of the manifest that are in this account and Region, and how many are not.
    fn wanted(&self, global: &Global, origin: &Origin) -> Result<(Option<Vec<Named>>, usize), Box<Report>> {
        let Some(path) = &self.manifest else {
            return Ok((None, 0));
        };
        let entries =
            manifest::load(path, origin.region.as_deref(), true).map_err(|error| Box::new(Report::from(&error)))?;
        let all = entries.len();
        let (account, region) = (
            origin.account.as_deref().unwrap_or_default(),
            origin.region.as_deref().unwrap_or_default(),
        );
        let here = entries.into_iter().filter(|entry| {
            let is_other_profile = entry.place.profile.is_some() && entry.place.profile != global.profile;
            elsewhere(&entry.place, account, region).is_none()
                && entry.connection.check(origin).is_ok()
                && (global.offline.is_some() || !is_other_profile)
        });
        let named = here.map(|entry| Named {
            name: entry.name.unwrap_or_else(|| entry.connection.to_string()),
            connection: entry.connection,
        });
        let named: Vec<Named> = named.collect();
        let elsewhere = all - named.len();
        Ok((Some(named), elsewhere))
    }

    /// The account as it is.
    async fn account(
        &self,
        cloud: &dyn Cloud,
        global: &Global,
        interrupt: Interrupt,
    ) -> Result<AccountDocument, Box<Report>> {
        if let Some(path) = &global.offline {
            let account = OfflineAccount::open(path).map_err(|error| Box::new(file_report(&error)))?;
            return Ok(account.document());
        }
        let taken = Box::pin(read(cloud, snapshot(cloud, None), interrupt)).await?;
        for gap in &taken.gaps {
            tracing::warn!("judged without what could not be read: {gap}");
        }
        Ok(taken.document)
    }

    fn source(&self, change: &Change) -> ImpactSource {
        let file = self.terraform_plan.as_ref().or(self.template.as_ref());
        ImpactSource {
            kind: match change {
                Change::Terraform(_) => ImpactSourceKind::TerraformPlan,
                Change::Template(..) => ImpactSourceKind::Template,
                Change::ChangeSet(_) => ImpactSourceKind::ChangeSet,
            },
            file: file.map(|file| file.display().to_string()).unwrap_or_default(),
        }
    }
}

impl Work for Impact {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let before = self.account(cloud, global, interrupt).await?;
        let origin = Origin {
            account: Some(before.account_id.clone()),
            region: Some(before.region.clone()),
        };
        let change = self.load(&origin)?;
        let (wanted, elsewhere) = self.wanted(global, &origin)?;
        let (future, names) = change.applied(before.clone());
        let judged = Box::pin(judge(before, future, wanted.as_deref(), &names)).await;
        let (judged, future) = judged.map_err(|mistakes| {
            let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            let error = std::io::Error::other(format!(
                "what was read of the account is not consistent: {}",
                mistakes.join("; ")
            ));
            let hint = "run it again: something may have changed while it was read".to_owned();
            Box::new(Report::new("account-inconsistent", &error, Some(hint)))
        })?;
        let not_understood = future.not_understood.into_iter();
        let not_understood = not_understood.map(|(address, why)| NotUnderstood { address, why });
        let source = self.source(&change);
        let document = ImpactDocument::new(
            (origin, source),
            judged,
            not_understood.collect(),
            (elsewhere, cloud.calls()),
        );
        print_result(global, || document.clone(), || document.text(), &[])?;
        let fails = self.fail_on.iter().any(|effect| {
            document.has(match effect {
                FailOn::Opened => Effect::Opened,
                FailOn::Unknown => Effect::Unknown,
            })
        });
        Ok(if fails || document.has(Effect::Breaks) { 2 } else { 0 })
    }
}
