//! `autoconnect diagnose`: whether a function reaches a database, and if not, why.

use std::time::Duration;

use clap::{Args, ValueEnum};

use super::arguments::{FunctionName, ProxyChoice};
use super::global::{Global, Output};
use super::session::{DatabaseArgs, RunArgs, Work, on_account, print_checks, print_result};
use super::{Ending, print};
use crate::cloud::{Checked, Cloud};
use crate::diagnostics::connection::diagnose;
use crate::fix::Scope;
use crate::interrupt::Interrupt;
use crate::model::Origin;
use crate::observe::{ProxyWish, Target, through};
use crate::plan::Request;
use crate::reconcile::{Ending as RunEnding, Failure, Fix, RunError};
use crate::report::{Checks, Drawing, Report, RunDocument, converged_text};

const EXAMPLES: &str = "\
Say why a connection times out:
  autoconnect diagnose --cluster orders --function checkout
Through a proxy, drawn with the broken edges marked:
  autoconnect diagnose --cluster orders --function checkout \\
      --proxy orders-proxy --format dot
Show what can be fixed by adding:
  autoconnect diagnose --instance ledger --function ledger-sync --fix \\
      --dry-run";

/// Options of `diagnose`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Diagnose {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F")]
    function: FunctionName,
    /// The RDS Proxy between them
    #[arg(long, value_name = "NAME", default_value = "none")]
    proxy: ProxyChoice,
    /// The endpoint of the proxy that the function connects to, if it is not the default one
    #[arg(long, value_name = "NAME")]
    proxy_endpoint: Option<String>,
    /// Draw the path instead, and mark the broken edges
    #[arg(long, value_enum, value_name = "FORMAT", conflicts_with = "fix")]
    format: Option<Format>,
    /// Fix what can be fixed by adding: security groups, routes to an existing peering connection, its DNS resolution
    #[arg(long)]
    fix: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// What a path is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A flowchart of Mermaid
    Mermaid,
    /// A graph of Graphviz
    Dot,
    /// An SVG file
    Svg,
}

impl Format {
    /// The drawing as text.
    pub fn draw(self, drawing: &Drawing) -> String {
        match self {
            Self::Mermaid => drawing.mermaid(),
            Self::Dot => drawing.dot(),
            Self::Svg => drawing.svg(),
        }
    }
}

impl Diagnose {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage(global)?;
        on_account(self, global)
    }

    pub fn check_usage(&self, global: &Global) -> Result<(), Box<Report>> {
        let wrong = match (&self.proxy, self.function.is_new, self.format) {
            (ProxyChoice::New(_), ..) => "diagnose looks at a proxy that exists: --proxy NAME",
            (ProxyChoice::None, ..) if self.proxy_endpoint.is_some() => {
                "--proxy-endpoint names an endpoint of a proxy: name the proxy with --proxy NAME"
            }
            (_, true, _) => "diagnose looks at a function that exists: --function NAME",
            _ if !self.fix && (self.run.dry_run || self.run.out.is_some() || self.run.yes || self.run.no_wait) => {
                "--dry-run, --out, --yes and --no-wait are for --fix: without it nothing is written"
            }
            (_, _, Some(_)) if global.output == Output::Json => "--format cannot be used with --output json",
            (_, _, Some(_)) if global.output == Output::Markdown => "--format cannot be used with --output markdown",
            _ => return Ok(()),
        };
        Err(Report::usage(wrong, "see `autoconnect diagnose --help`"))
    }

    fn target(&self) -> Target {
        existing(&self.database, &self.function, &self.proxy)
    }

    /// The endpoint that was named: the default one has no name of its own.
    fn endpoint(&self) -> Option<&str> {
        self.proxy_endpoint.as_deref().filter(|name| *name != "default")
    }

    /// What `--fix` brings about; none where nothing is fixed.
    pub fn goal(&self) -> Option<Fix> {
        self.fix.then(|| Fix {
            target: self.target(),
            endpoint: self.endpoint().map(str::to_owned),
            scope: Scope::Everything,
            request: Request::default(),
        })
    }
}

impl Diagnose {
    /// Fixes, and reports the state at the end.
    async fn fix(&self, cloud: &dyn Cloud, goal: &Fix, global: &Global, interrupt: Interrupt) -> Ending {
        let front = self.run.terminal(false, global);
        let converged = front.converge(cloud, goal, &self.run.options(), interrupt).await?;
        let diagnosis = diagnose(&converged.found.scene);
        let checks = Checks::new(diagnosis.headline, diagnosis.checks);
        let document = || RunDocument::fix(&converged, checks.clone(), cloud.calls());
        let text = || format!("{}\n{}", converged_text(&converged), checks.text());
        print_result(global, document, text, &converged.applied)?;
        let pending = converged.ending == RunEnding::Planned;
        Ok(checks.exit_status().max(self.run.status(pending)))
    }
}

impl Work for Diagnose {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        if let Some(goal) = self.goal() {
            return self.fix(cloud, &goal, global, interrupt).await;
        }
        let target = self.target();
        let checked = Checked::new(cloud);
        let reading = through(&checked, &target, self.endpoint());
        let scene = Box::pin(read_in(self.run.timeout, cloud, reading, interrupt)).await?;
        let diagnosis = diagnose(&scene);
        let drawn = self
            .format
            .map(|format| format.draw(&Drawing::of_path(&scene, &diagnosis)));
        let checks = Checks::new(diagnosis.headline, diagnosis.checks);
        let Some(drawn) = drawn else {
            let origin = Origin::of_arn(&scene.database.arn);
            return print_checks("diagnose", origin, checks, cloud, global);
        };
        print(&drawn)?;
        Ok(checks.exit_status())
    }
}

/// A connection of what exists.
pub fn existing(database: &DatabaseArgs, function: &FunctionName, proxy: &ProxyChoice) -> Target {
    let (kind, database) = database.named();
    Target {
        proxy: match proxy {
            ProxyChoice::Existing(name) => ProxyWish::Existing(name.clone()),
            ProxyChoice::None | ProxyChoice::New(_) => ProxyWish::None,
        },
        ..Target::direct(kind, database, &function.name)
    }
}

/// Reads for at most this long.
pub async fn read_in<T, E: Into<RunError>>(
    timeout: Duration,
    cloud: &dyn Cloud,
    reading: impl Future<Output = Result<T, E>>,
    interrupt: Interrupt,
) -> Result<T, Box<Report>> {
    let reading = async {
        match tokio::time::timeout(timeout, reading).await {
            Ok(read) => read.map_err(Into::into),
            Err(_) => Err(RunError::TimedOut {
                waiting_for: "AWS to answer".to_owned(),
                last_seen: "no answer".to_owned(),
            }),
        }
    };
    read(cloud, reading, interrupt).await
}

/// Reads, until it is done or interrupted.
pub async fn read<T, E: Into<RunError>>(
    cloud: &dyn Cloud,
    reading: impl Future<Output = Result<T, E>>,
    interrupt: Interrupt,
) -> Result<T, Box<Report>> {
    let read = tokio::select! {
        read = reading => read.map_err(Into::into),
        () = interrupt.raised() => Err(RunError::Interrupted { at: "while reading; nothing was written".to_owned() }),
    };
    read.map_err(|error| {
        Box::new(Report::of_run(&Failure {
            error,
            applied: Vec::new(),
            origin: cloud.home(),
        }))
    })
}
