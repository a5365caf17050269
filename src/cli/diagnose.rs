//! `autoconnect diagnose`: whether a function reaches a database, and if not, why.

use clap::{Args, ValueEnum};

use super::arguments::{FunctionName, ProxyChoice};
use super::global::{Global, Output};
use super::session::{DatabaseArgs, Work, on_account, print_result};
use super::{Ending, print};
use crate::cloud::Cloud;
use crate::diagnose::{Diagnosis, diagnose};
use crate::interrupt::Interrupt;
use crate::observe::{ProxyWish, Target, scene};
use crate::reconcile::{Failure, RunError};
use crate::report::{ChecksDocument, Report, dot, mermaid};

/// Options of `diagnose`.
#[derive(Clone, Debug, Args)]
pub struct Diagnose {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F")]
    function: FunctionName,
    /// The RDS Proxy between them
    #[arg(long, value_name = "NAME", default_value = "none")]
    proxy: ProxyChoice,
    /// Draw the path instead, with the broken edges marked
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

/// What a path is drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A flowchart of Mermaid
    Mermaid,
    /// A graph of Graphviz
    Dot,
}

impl Format {
    /// Draws a diagnosis.
    pub fn draw(self, diagnosis: &Diagnosis) -> String {
        match self {
            Self::Mermaid => mermaid(diagnosis),
            Self::Dot => dot(diagnosis),
        }
    }
}

impl Diagnose {
    pub fn run(&self, global: &Global) -> Ending {
        self.check_usage(global)?;
        on_account(self, global)
    }

    fn check_usage(&self, global: &Global) -> Result<(), Box<Report>> {
        let wrong = match (&self.proxy, self.function.is_new, self.format) {
            (ProxyChoice::New(_), ..) => "diagnose looks at a proxy that exists: --proxy NAME",
            (_, true, _) => "diagnose looks at a function that exists: --function NAME",
            (_, _, Some(_)) if global.output == Output::Json => {
                "--format draws, and --output json does not: take one of them"
            }
            _ => return Ok(()),
        };
        let hint = Some("see `autoconnect diagnose --help`".to_owned());
        Err(Box::new(Report::new("usage", &std::io::Error::other(wrong), hint)))
    }

    fn target(&self) -> Target {
        let (kind, database) = self.database.named();
        Target {
            proxy: match &self.proxy {
                ProxyChoice::Existing(name) => ProxyWish::Existing(name.clone()),
                ProxyChoice::None | ProxyChoice::New(_) => ProxyWish::None,
            },
            ..Target::direct(kind, database, &self.function.name)
        }
    }
}

impl Work for Diagnose {
    async fn on<C: Cloud>(&self, cloud: &C, global: &Global, interrupt: Interrupt) -> Ending {
        let target = self.target();
        let scene = read(scene(cloud, &target), interrupt).await?;
        let diagnosis = diagnose(&scene);
        let document = ChecksDocument::new("diagnose", &diagnosis.headline, &diagnosis.checks, cloud.calls());
        match self.format {
            Some(format) => print(&format.draw(&diagnosis))?,
            None => print_result(global, || &document, || document.text(), &[])?,
        }
        Ok(document.exit_status())
    }
}

/// Reads, until it is done or interrupted.
pub async fn read<T, E: Into<RunError>>(
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
        }))
    })
}
