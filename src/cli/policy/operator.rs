//! `autoconnect policy operator`: what the caller of a command that writes needs.

use clap::{Args, Subcommand};

use super::print_document;
use crate::cli::attach::{Attach, Detach};
use crate::cli::diagnose::Diagnose;
use crate::cli::front::Terminal;
use crate::cli::internet::Internet;
use crate::cli::msk::Msk;
use crate::cli::remove::Remove;
use crate::cli::session::{Work, on_account};
use crate::cli::setup::Setup;
use crate::cli::{Ending, global::Global};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::reconcile::{Goal, Options, converge, run};
use crate::report::Report;

/// Before the command line of the run; without a command that of `setup`. Nothing is written.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Operator {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    setup: Option<Setup>,
}

/// The commands that write, with exactly their own options.
#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// For `setup`
    Setup(Setup),
    /// For `remove`
    Remove(Remove),
    /// For `attach`
    Attach(Attach),
    /// For `detach`
    Detach(Detach),
    /// For `internet setup`
    Internet(Internet),
    /// For `msk setup`
    Msk(Msk),
    /// For `diagnose --fix`
    Diagnose(Diagnose),
}

impl Operator {
    pub fn run(&self, global: &Global) -> Ending {
        match (&self.command, &self.setup) {
            (Some(Command::Setup(setup)), _) | (None, Some(setup)) => of_setup(setup, global),
            (Some(Command::Remove(remove)), _) => {
                remove.check_usage()?;
                of_goal(Some(remove.goal()), global)
            }
            (Some(Command::Attach(attach)), _) => of_goal(Some(attach.goal()), global),
            (Some(Command::Detach(detach)), _) => of_goal(Some(detach.goal()), global),
            (Some(Command::Internet(internet)), _) => {
                internet.check_usage()?;
                of_goal(internet.goal(), global)
            }
            (Some(Command::Msk(msk)), _) => {
                msk.check_usage()?;
                of_goal(msk.goal(), global)
            }
            (Some(Command::Diagnose(diagnose)), _) => {
                diagnose.check_usage(global)?;
                of_goal(diagnose.goal(), global)
            }
            (None, None) => unreachable!("the argument parser requires the options of setup"),
        }
    }
}

fn of_setup(setup: &Setup, global: &Global) -> Ending {
    setup.check_usage()?;
    match setup.goal() {
        Some(goal) => of_goal(Some(goal), global),
        None => on_account(&OfSetup(setup), global),
    }
}

fn of_goal<G: Goal>(goal: Option<G>, global: &Global) -> Ending {
    if let Some(goal) = goal {
        return on_account(&OfGoal(goal), global);
    }
    let error = std::io::Error::other("this command line writes nothing: its reads are those of `policy drift`'s kind");
    let hint = "name a run that writes: internet setup, msk setup, diagnose --fix".to_owned();
    Err(Box::new(Report::new("usage", &error, Some(hint))))
}

struct OfSetup<'a>(&'a Setup);

impl Work for OfSetup<'_> {
    async fn on<C: Cloud>(&self, cloud: &C, global: &Global, interrupt: Interrupt) -> Ending {
        let target = self.0.target();
        let options = Options {
            dry_run: true,
            ..self.0.options()
        };
        let front = Terminal::new(false, false, global);
        let outcome = run(cloud, &target, &options, &front, interrupt).await;
        front.clear();
        let outcome = outcome.map_err(|failure| Box::new(Report::of_run(&failure)))?;
        print_document(&outcome.proposal.policy(&target))
    }
}

struct OfGoal<G>(G);

impl<G: Goal> Work for OfGoal<G> {
    async fn on<C: Cloud>(&self, cloud: &C, global: &Global, interrupt: Interrupt) -> Ending {
        let options = Options {
            dry_run: true,
            ..Options::default()
        };
        let front = Terminal::new(false, false, global);
        let converged = converge(cloud, &self.0, &options, &front, interrupt).await;
        front.clear();
        let converged = converged.map_err(|failure| Box::new(Report::of_run(&failure)))?;
        print_document(&self.0.policy(&converged.found, &converged.draft.plan))
    }
}
