//! `autoconnect policy operator`: what the caller of a command that writes needs.

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};

use super::print_permissions;
use crate::cli::adopt::Adopt;
use crate::cli::attach::{Attach, Detach};
use crate::cli::cleanup::Cleanup;
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
use crate::reconcile::{self, Connect, Goal, Options};
use crate::report::Report;

const EXAMPLES: &str = "\
Put `policy operator` before the command line of the run:
  autoconnect policy operator setup --cluster orders --function checkout \\
      --proxy new
  autoconnect policy operator remove --cluster orders --function checkout";

const MSK_EXAMPLES: &str = "\
For this run:
  autoconnect policy operator msk setup \\
      --mapping 14e0db71-5d35-4eb5-b481-8945cf9d10c2 --via nat";

/// Before the command line of the run; without a command, before the options of `setup`. Nothing is written.
#[derive(Clone, Debug)]
pub struct Operator(Command);

// Derived, optional arguments beside an optional subcommand would have to be distinguished by a group, which clap
// leaves empty where it holds others.
impl Args for Operator {
    fn augment_args(command: clap::Command) -> clap::Command {
        Command::augment_subcommands(Setup::augment_args(command))
            .subcommand_required(false)
            .arg_required_else_help(false)
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
            .after_long_help(EXAMPLES)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Operator {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand_name() {
            Some(_) => Command::from_arg_matches(matches),
            None => Setup::from_arg_matches(matches).map(Command::Setup),
        }
        .map(Self)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The commands that write, with exactly their own options.
#[derive(Clone, Debug, Subcommand)]
enum Command {
    /// For `setup`
    #[command(
        after_long_help = "For this run:\n  autoconnect policy operator setup --cluster orders --function checkout \\\n      --proxy new"
    )]
    Setup(Setup),
    /// For `remove`
    #[command(
        after_long_help = "For this run:\n  autoconnect policy operator remove --cluster orders --function checkout"
    )]
    Remove(Remove),
    /// For `cleanup`
    #[command(after_long_help = "For this run:\n  autoconnect policy operator cleanup")]
    Cleanup(Cleanup),
    /// For `adopt`
    #[command(after_long_help = "For this run:\n  autoconnect policy operator adopt --to terraform --cluster orders")]
    Adopt(Adopt),
    /// For `attach`
    #[command(
        after_long_help = "For this run:\n  autoconnect policy operator attach --function mailer --like-database orders"
    )]
    Attach(Attach),
    /// For `detach`
    #[command(after_long_help = "For this run:\n  autoconnect policy operator detach --function mailer")]
    Detach(Detach),
    /// For `internet setup`
    #[command(after_long_help = "For this run:\n  autoconnect policy operator internet setup --function mailer")]
    Internet(Internet),
    /// For `msk setup`
    #[command(after_long_help = MSK_EXAMPLES)]
    #[command(mut_subcommand("check", |check| check.hide(true)))]
    #[command(mut_subcommand("setup", |setup| setup.after_long_help(MSK_EXAMPLES)))]
    Msk(Msk),
    /// For `diagnose --fix`
    #[command(
        after_long_help = "For this run:\n  autoconnect policy operator diagnose --cluster orders --function checkout \\\n      --fix"
    )]
    Diagnose(Diagnose),
}

impl Operator {
    pub fn run(&self, global: &Global) -> Ending {
        match &self.0 {
            Command::Setup(setup) => of_setup(setup, global),
            Command::Remove(remove) => {
                remove.check_usage()?;
                of_goal(Some(remove.goal()), global)
            }
            Command::Cleanup(_) => of_goal(Some(reconcile::Cleanup), global),
            Command::Adopt(adopt) => {
                adopt.check_usage()?;
                on_account(&OfAdopt(adopt), global)
            }
            Command::Attach(attach) => of_goal(Some(attach.goal()), global),
            Command::Detach(detach) => of_goal(Some(detach.goal()), global),
            Command::Internet(internet) => {
                internet.check_usage()?;
                of_goal(internet.goal(), global)
            }
            Command::Msk(msk) => {
                msk.check_usage()?;
                of_goal(msk.goal(), global)
            }
            Command::Diagnose(diagnose) => {
                diagnose.check_usage(global)?;
                of_goal(diagnose.goal(), global)
            }
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
    Err(Report::usage(
        "this command line writes nothing, so it needs no operator policy",
        "name a run that writes: internet setup, msk setup, diagnose --fix",
    ))
}

struct OfSetup<'a>(&'a Setup);

impl Work for OfSetup<'_> {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let target = self.0.target();
        let options = Options {
            dry_run: true,
            ..self.0.options()
        };
        let front = Terminal::of(global);
        let goal = Connect {
            target: &target,
            options: &options,
        };
        let ended = front.converge(cloud, &goal, &options, interrupt).await?;
        print_permissions(goal.policy(&ended.found, &ended.draft.plan), global)
    }
}

/// What is adopted may be named by a manifest, whose entries have to be in the account.
struct OfAdopt<'a>(&'a Adopt);

impl Work for OfAdopt<'_> {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let goal = self.0.goal(global, &cloud.home())?;
        OfGoal(goal).on(cloud, global, interrupt).await
    }
}

struct OfGoal<G>(G);

impl<G: Goal> Work for OfGoal<G> {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let options = Options {
            dry_run: true,
            ..Options::default()
        };
        let front = Terminal::of(global);
        let converged = front.converge(cloud, &self.0, &options, interrupt).await?;
        print_permissions(self.0.policy(&converged.found, &converged.draft.plan), global)
    }
}
