//! `--repair`: asks for consent, carries the repairs out, and looks again.

use std::time::Duration;

use clap::Args;

use super::Drift;
use crate::cli::front::approve;
use crate::cli::global::Global;
use crate::cli::session::interrupted_reading;
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::monitor::{Accounts, AllowedKind, Bounds, Known, Repairs, Round, Wanted, Ways, patrol};
use crate::plan::RepairKind;
use crate::reconcile::{Failure, RunError};
use crate::report::{ProgressLine, Report, repairs_text};

/// How long one repair may wait.
const TIMEOUT: Duration = Duration::from_mins(20);

/// Options of `--repair`.
#[derive(Clone, Debug, Args)]
pub struct RepairArgs {
    /// Repair what has drifted, within the bounds of --only and --max; asks before the first change
    #[arg(long, help_heading = "Repairs")]
    pub repair: bool,
    /// Allow only these kinds of changes (default: all of them): added-rules, missing-rules, missing-groups, detached-groups, proxy-targets, permissions
    #[arg(
        long,
        value_name = "KINDS",
        value_delimiter = ',',
        requires = "repair",
        help_heading = "Repairs"
    )]
    only: Vec<AllowedKind>,
    /// Repair at most this many connections in a run
    #[arg(long, value_name = "N", default_value_t = crate::monitor::MOST, requires = "repair", help_heading = "Repairs")]
    max: usize,
    /// Only show what would be repaired
    #[arg(long, requires = "repair", help_heading = "Repairs")]
    pub dry_run: bool,
    /// Repair without asking
    #[arg(long, short, requires = "repair", help_heading = "Repairs")]
    pub yes: bool,
}

impl RepairArgs {
    fn bounds(&self) -> Bounds {
        let only = if self.only.is_empty() {
            RepairKind::ALLOWED.map(AllowedKind).into()
        } else {
            self.only.iter().copied().collect()
        };
        Bounds { only, max: self.max }
    }

    /// The report of a run that was interrupted after it had read.
    pub(super) fn interrupted(&self) -> Report {
        if !self.repair {
            return interrupted_reading();
        }
        let at = "after it had begun to repair; the report tells what was carried out";
        Report::of_run(&Failure {
            error: RunError::Interrupted { at: at.to_owned() },
            applied: Vec::new(),
            origin: Origin::default(),
        })
    }
}

impl Drift {
    /// Repairs what a look has found, looks again, and returns what it finds then. It returns an error only if nothing was
    /// written. If the second look fails, `fails` gets its error.
    pub(super) async fn repaired(
        &self,
        accounts: &impl Accounts,
        mut found: Round,
        wanted: (&Wanted, &[Known]),
        global: &Global,
        interrupt: &Interrupt,
        fails: impl FnOnce(Box<Report>),
    ) -> Result<Round, Box<Report>> {
        let bounds = self.repairs.bounds();
        let ways = Ways {
            bounds: &bounds,
            timeout: TIMEOUT,
            interrupt,
        };
        let mut repairs = Repairs::plan(accounts, &found, ways).await;
        if repairs.is_interrupted {
            return Err(Box::new(interrupted_reading()));
        }
        if self.repairs.dry_run || repairs.planned().next().is_none() {
            repairs.tell_in(&mut found);
            return Ok(found);
        }
        self.agree(&found, &repairs, interrupt).await?;
        let progress = ProgressLine::new(!global.quiet);
        let show = |now: crate::reconcile::Progress<'_>| progress.show(now);
        repairs.carry_out(accounts, &found, ways, &show).await;
        progress.clear();
        if repairs.is_interrupted {
            repairs.tell_in(&mut found);
            return Ok(found);
        }
        let (wanted, known) = wanted;
        match patrol(accounts, wanted, self.shard, known).await {
            Ok(mut after) => {
                repairs.tell(&found, &mut after);
                Ok(after)
            }
            Err(error) => {
                repairs.tell_in(&mut found);
                fails(Box::new(Report::from(&error)));
                Ok(found)
            }
        }
    }

    /// Asks once for all repairs.
    async fn agree(&self, found: &Round, repairs: &Repairs, interrupt: &Interrupt) -> Result<(), Box<Report>> {
        let text = repairs_text(found, repairs);
        let question = match repairs.planned().count() {
            1 => "Apply this repair?".to_owned(),
            count => format!("Apply these {count} repairs?"),
        };
        let agreed = tokio::select! {
            agreed = approve(self.repairs.yes, &text, &question) => agreed,
            () = interrupt.raised() => return Err(Box::new(interrupted_reading())),
        };
        agreed.map_err(|error| {
            let mut report = Report::of_run(&Failure {
                error,
                applied: Vec::new(),
                origin: found.origin(),
            });
            if report.body.code == RunError::ConsentRequired.code() {
                report.body.hint =
                    Some("add --yes to carry the repairs out, or --dry-run to only show them".to_owned());
            }
            Box::new(report)
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::setup::Setup;
    use crate::drift::command;
    use crate::estate::Connection;
    use crate::model::DatabaseKind;
    use crate::monitor::Mending;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        setup: Setup,
    }

    /// A repair does exactly what its remedies, typed, would do.
    #[test]
    fn a_repair_is_the_run_of_its_remedies() {
        let connection = |proxy: Option<&str>| Connection {
            kind: DatabaseKind::Cluster,
            database: "orders".to_owned(),
            proxy: proxy.map(str::to_owned),
            function: "checkout".to_owned(),
        };
        let table: [(Option<&str>, &[&[&str]]); 5] = [
            (None, &[&[]]),
            (None, &[&["--repair"]]),
            (Some("p"), &[&[]]),
            (Some("p"), &[&["--iam-auth", "required", "--db-user=app"]]),
            (
                Some("p"),
                &[&["--repair"], &["--iam-auth", "required", "--db-user=app"]],
            ),
        ];
        for (proxy, options) in table {
            let connection = connection(proxy);
            let start = command("setup", &connection, None);
            let remedy = |options: &&[&str]| -> Vec<String> {
                let options = options.iter().map(|option| (*option).to_owned());
                start.iter().cloned().chain(options).collect()
            };
            let remedies: Vec<Vec<String>> = options.iter().map(remedy).collect();
            let mending = Mending::of(&connection, remedies.iter().map(Vec::as_slice)).unwrap();
            let typed = start
                .iter()
                .cloned()
                .chain(options.concat().into_iter().map(str::to_owned));
            let Line { setup } = Line::try_parse_from(typed).unwrap();
            assert!(setup.check_usage().is_ok());
            assert_eq!(mending.target, setup.target(), "{options:?}");
            assert_eq!(mending.repair, setup.options().request.repair, "{options:?}");
        }
        for option in ["--attach-vpc", "--cross-vpc", "--set-env", "--db-user="] {
            let connection = connection(None);
            let remedy = command("setup", &connection, Some(option));
            assert_eq!(Mending::of(&connection, [remedy.as_slice()]), None, "{option}");
        }
    }
}
