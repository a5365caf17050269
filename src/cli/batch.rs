//! `autoconnect setup --manifest`: sets up all connections of a file in one run.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::{ArgGroup, ArgMatches, Args, FromArgMatches};

use super::Ending;
use super::arguments::Tag;
use super::front::{TO_APPLY, Terminal, ask, show_plan};
use super::global::{Global, Output};
use super::password::read_password;
use super::session::{RunArgs, on_runtime, print_result};
use super::setup::Setup;
use super::signals::note_consent;
use crate::batch::{Event, Item, Job, Listener, Passwords, Planned, Ready, Run};
use crate::escape::{plain, to_json};
use crate::interrupt::Interrupt;
use crate::manifest::{self, Listed};
use crate::model::Origin;
use crate::monitor::{Place, Shard};
use crate::reconcile::{Failure, Options, RunError};
use crate::report::{
    BatchConnection, BatchDocument, BatchEvent, BatchEventKind, BatchResult, ProgressLine, Report, SavedPlan,
    batch_end_text, batch_plan_text,
};
use crate::units::first;

/// `setup`: of one connection, or of all connections of a manifest.
#[derive(Clone, Debug)]
pub enum SetupCommand {
    /// Of one.
    One(Box<Setup>),
    /// Of all in a file.
    Many(SetupMany),
}

/// Options of `setup --manifest`.
#[derive(Clone, Debug)]
pub struct SetupMany {
    /// The file. It is not read where a saved plan is applied, which has its connections.
    manifest: PathBuf,
    prune: bool,
    shard: Option<Shard>,
    password_stdin: bool,
    run: RunArgs,
    tags: Vec<Tag>,
}

/// How many connections the error `plan-incomplete` names at most.
const NAMED: usize = 10;

/// The options of `setup` that go with a manifest; all others are keys of its connections.
pub const WITH_MANIFEST: [&str; 11] = [
    "manifest",
    "prune",
    "shard",
    "db_password_stdin",
    "dry_run",
    "out",
    "detailed_exitcode",
    "yes",
    "no_wait",
    "tags",
    "timeout",
];

impl Args for SetupCommand {
    fn augment_args(command: clap::Command) -> clap::Command {
        let command = Setup::augment_args(command);
        let others: Vec<clap::Id> = command
            .get_arguments()
            .map(|argument| argument.get_id().clone())
            .filter(|id| !WITH_MANIFEST.contains(&id.as_str()))
            .collect();
        command
            .mut_group("DatabaseArgs", |group| group.required(false))
            .mut_arg("function", |function| {
                function.required(false).required_unless_present("manifest")
            })
            .arg(
                clap::Arg::new("manifest")
                    .long("manifest")
                    .value_name("FILE")
                    .value_parser(clap::value_parser!(PathBuf))
                    .conflicts_with_all(others)
                    .help("Set up all connections of a file (TOML, YAML or JSON) in one run")
                    .help_heading("Many connections"),
            )
            .arg(
                clap::Arg::new("prune")
                    .long("prune")
                    .action(clap::ArgAction::SetTrue)
                    .requires("manifest")
                    .conflicts_with_all(["cluster", "instance"])
                    .help("Also remove our connections to the manifest's databases that it does not name")
                    .help_heading("Many connections"),
            )
            .arg(
                clap::Arg::new("shard")
                    .long("shard")
                    .value_name("N/OF")
                    .value_parser(clap::value_parser!(Shard))
                    .requires("manifest")
                    .conflicts_with_all(["cluster", "instance", "out"])
                    .help("Plan all, and carry out the connections of shard N of OF, cut by database")
                    .help_heading("Many connections"),
            )
            .group(
                ArgGroup::new("what")
                    .args(["cluster", "instance", "manifest"])
                    .required(true),
            )
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SetupCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let Some(manifest) = matches.get_one::<PathBuf>("manifest") else {
            return Ok(Self::One(Box::new(Setup::from_arg_matches(matches)?)));
        };
        Ok(Self::Many(SetupMany {
            manifest: manifest.clone(),
            prune: matches.get_flag("prune"),
            shard: matches.get_one("shard").copied(),
            password_stdin: matches.get_flag("db_password_stdin"),
            run: RunArgs::from_arg_matches(matches)?,
            tags: matches.get_many::<Tag>("tags").into_iter().flatten().cloned().collect(),
        }))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl SetupCommand {
    pub fn run(&self, global: &Global) -> Ending {
        match self {
            Self::One(setup) => setup.run(global),
            Self::Many(many) => many.run(global),
        }
    }

    /// Adds the default tags to what is created.
    pub fn add_tags(&mut self, defaults: &[Tag]) {
        match self {
            Self::One(setup) => setup.add_tags(defaults),
            Self::Many(many) => super::arguments::add_default_tags(&mut many.tags, defaults),
        }
    }

    /// Whether it is a run over many connections.
    pub fn is_many(&self) -> bool {
        matches!(self, Self::Many(_))
    }
}

impl SetupMany {
    fn run(&self, global: &Global) -> Ending {
        super::arguments::check_tags(&self.tags)?;
        on_runtime(async |interrupt| {
            let run = if let Some(plan) = &global.applies {
                self.of_plan(plan)?
            } else {
                let home = global.account_source().region().await;
                let listed = manifest::load_for_setup(&self.manifest, home.as_deref(), &super::check_setup);
                self.of_listed(listed.map_err(|error| Box::new(Report::from(&error)))?)?
            };
            self.on(run, global, interrupt).await
        })
    }

    /// `setup --manifest --yes` of a manifest that was read already.
    pub fn unasked(prune: bool) -> Self {
        Self {
            manifest: PathBuf::new(),
            prune,
            shard: None,
            password_stdin: false,
            run: RunArgs {
                dry_run: false,
                out: None,
                detailed_exitcode: false,
                yes: true,
                timeout: Options::default().timeout,
                no_wait: false,
            },
            tags: Vec::new(),
        }
    }

    /// The same, with tags for what is created.
    pub fn tagged(mut self, tags: &[Tag]) -> Self {
        self.tags.extend_from_slice(tags);
        self
    }

    /// The run over the connections of a manifest.
    pub fn of_listed(&self, listed: Vec<Listed>) -> Result<Run, Box<Report>> {
        let item = |listed: Listed| {
            let name = listed.entry.name.clone();
            let name = name.unwrap_or_else(|| listed.entry.connection.to_string());
            self.item(name, listed.entry.place, listed.arguments)
        };
        self.over(listed.into_iter().map(item))
    }

    /// The run over the connections that a saved plan is made of, without those that it prunes: they are found again.
    pub fn of_plan(&self, plan: &SavedPlan) -> Result<Run, Box<Report>> {
        let set_up = plan
            .connections
            .iter()
            .filter(|saved| saved.arguments.first().is_some_and(|word| word == "setup"));
        let item = |saved: &crate::report::SavedConnection| {
            self.item(saved.name.clone(), saved.place.clone(), saved.arguments.clone())
        };
        self.over(set_up.map(item))
    }

    fn over(&self, items: impl Iterator<Item = Result<Item, Box<Report>>>) -> Result<Run, Box<Report>> {
        Ok(Run {
            items: items.collect::<Result<_, _>>()?,
            prune: self.prune.then(|| Options {
                wait_for_effect: !self.run.no_wait,
                timeout: self.run.timeout,
                ..Options::default()
            }),
            shard: self.shard,
        })
    }

    fn item(&self, name: String, place: Place, arguments: Vec<String>) -> Result<Item, Box<Report>> {
        let parsed = Setup::parse(&arguments).map_err(|why| {
            let error = io::Error::other(format!("{name}: {why}"));
            Box::new(Report::new("usage", &error, None))
        });
        let mut setup = parsed?;
        setup.add_tags(&self.tags);
        let mut options = setup.options();
        options.wait_for_effect &= !self.run.no_wait;
        if !arguments.iter().any(|argument| argument.starts_with("--timeout")) {
            options.timeout = self.run.timeout;
        }
        let job = match setup.goal() {
            Some(goal) => Job::AcrossVpcs(Box::new(goal), options),
            None => Job::Connect(Box::new(setup.target()), options),
        };
        Ok(Item {
            name,
            place,
            arguments,
            job,
        })
    }

    fn is_dry_run(&self) -> bool {
        self.run.dry_run || self.run.out.is_some()
    }

    async fn on(&self, run: Run, global: &Global, interrupt: Interrupt) -> Ending {
        let ready = run
            .plan(&global.account_source(), global.applies.as_deref(), &interrupt)
            .await?;
        let planned = &ready.planned;
        let document = BatchDocument::new(planned, true, ready.calls());
        let terminal = Console::new(global);
        terminal.planned(planned);
        let (pending, unfinished) = (ready.pending(), ready.unfinished());
        if self.is_dry_run() || unfinished == 0 {
            let mut document = document;
            document.dry_run = self.is_dry_run();
            for connection in &mut document.connections {
                if let BatchConnection::Ran(ran) = connection {
                    ran.dry_run = document.dry_run;
                }
            }
            self.save(planned, global)?;
            if global.output != Output::Ndjson {
                print_result(global, || &document, || batch_plan_text(planned, &document), &[])?;
            }
            return Ok(self.status(&document));
        }
        if pending > 0 {
            self.consent(planned, &document, global).await?;
        }
        let passwords = self.passwords(&ready).await?;
        terminal.begin(planned.len(), unfinished);
        let (ended, calls) = ready.apply(&passwords, &terminal, &interrupt).await;
        terminal.clear();
        let document = BatchDocument::new(&ended, false, calls);
        if global.output != Output::Ndjson {
            print_result(global, || &document, || batch_end_text(&ended, &document), &[])?;
        }
        Ok(if interrupt.is_raised() {
            130
        } else {
            self.status(&document)
        })
    }

    fn save(&self, planned: &[Planned], global: &Global) -> Result<(), Box<Report>> {
        let Some(path) = &self.run.out else { return Ok(()) };
        let (mut whole, mut unplanned) = (Vec::new(), Vec::new());
        for Planned { item, outcome } in planned {
            match outcome {
                Ok(ran) => whole.push((item, ran)),
                Err(report) => unplanned.push(format!("{}: {}", item.name, report.body.message)),
            }
        }
        if !unplanned.is_empty() {
            let error = io::Error::other(format!(
                "the plan was not saved: these connections cannot be planned: {}",
                first(unplanned.iter(), NAMED, "; ")
            ));
            let hint = "fix them, or take them out of the manifest; without --out all errors are shown".to_owned();
            return Err(Box::new(Report::new("plan-incomplete", &error, Some(hint))));
        }
        let origins: Vec<Origin> = whole.iter().map(|(_, ran)| ran.origin.clone()).collect();
        let saved = SavedPlan::of_many(
            &whole,
            &Origin::shared(&origins),
            global.place(),
            global.arguments.clone(),
        );
        Terminal::of(global).write(&saved, path)
    }

    async fn consent(&self, planned: &[Planned], document: &BatchDocument, global: &Global) -> Result<(), Box<Report>> {
        show_plan(&batch_plan_text(planned, document), global.output, self.run.yes);
        let refused = |error: RunError| {
            Box::new(Report::of_run(&Failure {
                error,
                applied: Vec::new(),
                origin: origin(document),
            }))
        };
        if self.run.yes {
            note_consent();
            return Ok(());
        }
        let removed = document
            .connections
            .iter()
            .filter(|connection| connection.decision() == "disconnect")
            .count();
        let counted = document.counted();
        let place = match (&document.account, &document.region) {
            (None, None) => String::new(),
            _ => format!(" in {}", origin(document)),
        };
        let mut questions = vec![format!("Apply this plan{place} ({counted})? {TO_APPLY}")];
        if removed > 0 {
            questions.push(format!(
                "Also remove {removed} that the manifest does not name? Type yes to remove: "
            ));
        }
        for question in questions {
            ask(question).await.map_err(refused)?;
        }
        note_consent();
        Ok(())
    }

    /// Asks for the passwords of the secrets that are created, before anything is written.
    async fn passwords(&self, ready: &Ready) -> Result<Passwords, Box<Report>> {
        let wanted: Vec<(usize, String, String)> = ready
            .needing_passwords()
            .map(|(index, planned)| {
                let user = planned.item.job.target().user.clone().unwrap_or_default();
                (index, planned.item.name.clone(), user)
            })
            .collect();
        if self.password_stdin && wanted.len() != 1 {
            let number = wanted.len();
            let wrong = format!("--db-password-stdin gives one password, and the plan creates {number} secrets");
            return Err(Report::usage(&wrong, "omit it, and enter the passwords"));
        }
        let mut passwords = Passwords::new();
        for (index, name, user) in wanted {
            let password = read_password(user, self.password_stdin, Some(format!("Connection {name}:"))).await;
            let password = password.map_err(|error| {
                Box::new(Report::of_run(&Failure {
                    error,
                    applied: Vec::new(),
                    origin: Origin::default(),
                }))
            })?;
            passwords.insert(index, password);
        }
        Ok(passwords)
    }

    fn status(&self, document: &BatchDocument) -> u8 {
        match document.result {
            BatchResult::Failed | BatchResult::Incomplete => 1,
            result => self.run.status(result == BatchResult::Planned && self.is_dry_run()),
        }
    }
}

fn origin(document: &BatchDocument) -> Origin {
    Origin {
        account: document.account.clone(),
        region: document.region.clone(),
    }
}

/// Shows how the run goes on: a line of progress, or events.
struct Console {
    output: Output,
    progress: ProgressLine,
    counts: Mutex<Counts>,
}

/// How many connections there are in each state.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    waiting: usize,
    running: usize,
    done: usize,
    failed: usize,
}

impl Console {
    fn new(global: &Global) -> Self {
        Self {
            output: global.output,
            progress: ProgressLine::new(!global.quiet && global.output != Output::Ndjson),
            counts: Mutex::default(),
        }
    }

    fn begin(&self, all: usize, pending: usize) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts = Counts {
            waiting: pending,
            done: all.saturating_sub(pending),
            ..Counts::default()
        };
    }

    fn clear(&self) {
        self.progress.clear();
    }

    /// Tells what is planned for each connection.
    fn planned(&self, planned: &[Planned]) {
        for planned in planned {
            let connection = Box::new(BatchConnection::new(planned));
            self.event(&planned.item.name, BatchEventKind::Planned { connection });
        }
    }

    fn event(&self, name: &str, event: BatchEventKind) {
        if self.output != Output::Ndjson {
            return;
        }
        let event = BatchEvent::now(name, event);
        // A reader that has gone away does not end a run that writes.
        if let Ok(line) = to_json(&event) {
            let _ = writeln!(io::stdout(), "{line}");
        }
    }

    /// Changes the counts, and shows them.
    fn count(&self, change: impl FnOnce(&mut Counts)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut counts);
        let Counts {
            waiting,
            running,
            done,
            failed,
        } = *counts;
        self.progress.doing(format!(
            "{done} done, {running} running, {waiting} waiting, {failed} failed"
        ));
    }
}

impl Listener for Console {
    fn tell(&self, _: usize, name: &str, event: Event<'_>) {
        match event {
            Event::Started => self.count(|counts| {
                counts.waiting = counts.waiting.saturating_sub(1);
                counts.running += 1;
            }),
            Event::Progress(_) => {}
            Event::Ended(ran) => {
                if ran.is_pending() || !ran.document.steps.is_empty() {
                    self.progress.line(&format!("   done  {}", plain(name)));
                    self.count(|counts| {
                        counts.running = counts.running.saturating_sub(1);
                        counts.done += 1;
                    });
                }
            }
            Event::Failed(report) => {
                self.progress
                    .line(&format!(" failed  {}: {}", plain(name), plain(&report.body.message)));
                self.count(|counts| {
                    counts.running = counts.running.saturating_sub(1);
                    counts.failed += 1;
                });
            }
        }
        if let Some(event) = BatchEventKind::of(name, event) {
            self.event(name, event);
        }
    }
}
