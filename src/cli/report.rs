//! `autoconnect report`: connections as one HTML page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use clap::Args;

use super::Ending;
use super::arguments::{FunctionName, ProxyChoice, parse_cluster, parse_function, parse_instance};
use super::drift::{SourceArgs, Sourced, state_of};
use super::global::Global;
use super::output::unwritten;
use super::session::{AccountsWork, interrupted_reading, on_accounts, print_written};
use crate::cloud::ResourceKind;
use crate::drift::reaching;
use crate::escape::word;
use crate::estate::{Connection, Estate, Look};
use crate::files::{self, New};
use crate::interrupt::Interrupt;
use crate::manifest;
use crate::model::{DatabaseKind, Named, Origin, last_segment};
use crate::monitor::{Accounts, Entry, Handle, Known, Place, Round, State, Survey, Unreachable, Wanted, patrol};
use crate::observe::{Proxies, no_such};
use crate::report::{PageScope, Report as Failure, ReportDocument, Subject, collect, timestamp};
use crate::units::count;

const EXAMPLES: &str = "\
Show all connections of the account and Region on a page:
  autoconnect report --out report.html
Show those of a manifest, with the time when drift first saw each finding:
  autoconnect report --manifest connections.toml --state-file state.json \\
      --out report.html
Show one connection:
  autoconnect report --cluster orders --function checkout --out checkout.html";

/// Options of `report`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Report {
    /// The HTML file, which is replaced if it exists; - for standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only the connections of this file, in TOML, YAML or JSON (see docs/manifest.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["cluster", "instance", "function", "proxy"])]
    manifest: Option<PathBuf>,
    /// Only the connections of this Aurora or Multi-AZ DB cluster: its identifier or ARN
    #[arg(long, value_name = "CLUSTER", conflicts_with = "instance", value_parser = parse_cluster)]
    cluster: Option<String>,
    /// Only the connections of this DB instance: its identifier or ARN
    #[arg(long, value_name = "INSTANCE", value_parser = parse_instance)]
    instance: Option<String>,
    /// Only those of this Lambda function with the database: a name, a partial or a full ARN
    #[arg(long, value_name = "F", value_parser = parse_function)]
    function: Option<FunctionName>,
    /// Only the connection through this RDS Proxy (default: directly and through any proxy)
    #[arg(long, value_name = "none|NAME", requires = "function")]
    proxy: Option<ProxyChoice>,
    /// The state file of `drift`: says when each finding was first seen
    #[arg(long, value_name = "FILE")]
    state_file: Option<PathBuf>,
    #[command(flatten)]
    sources: SourceArgs,
}

impl Report {
    pub fn run(&self, global: &Global) -> Ending {
        let wrong = if self.function.is_some() && self.database().is_none() {
            "--function goes with --cluster or --instance"
        } else if matches!(self.proxy, Some(ProxyChoice::New(_)))
            || self.function.as_ref().is_some_and(|function| function.is_new)
        {
            "report shows what exists: --function NAME, --proxy NAME"
        } else {
            return on_accounts(self, global);
        };
        Err(Failure::usage(wrong, "see `autoconnect report --help`"))
    }

    fn database(&self) -> Option<(DatabaseKind, &str)> {
        let cluster = self.cluster.as_deref().map(|id| (DatabaseKind::Cluster, id));
        cluster.or_else(|| self.instance.as_deref().map(|id| (DatabaseKind::Instance, id)))
    }

    /// The connection through the proxy that was named, or directly.
    fn named(&self, proxy: Option<String>) -> Option<Entry> {
        let ((kind, database), function) = (self.database()?, self.function.as_ref()?);
        Some(Entry {
            name: None,
            place: Place::default(),
            connection: Connection {
                kind,
                database: database.to_owned(),
                proxy,
                function: function.name.clone(),
            },
        })
    }

    /// Looks at the connections that are asked for.
    async fn look(&self, accounts: &Kept<'_, impl Accounts>, known: &[Known]) -> Result<Round, Box<Failure>> {
        let through = self.proxy.as_ref().map(|proxy| match proxy {
            ProxyChoice::Existing(name) => Some(name.clone()),
            ProxyChoice::None | ProxyChoice::New(_) => None,
        });
        let wanted = if let Some(path) = &self.manifest {
            let entries = manifest::load(path, None, true).map_err(|error| Box::new(Failure::from(&error)))?;
            Wanted::Entries(entries)
        } else {
            let entry = through.clone().and_then(|proxy| self.named(proxy));
            entry.map_or(Wanted::Everything, |entry| Wanted::Entries(vec![entry]))
        };
        let mut round = look(accounts, &wanted, known).await?;
        let Some((kind, database)) = self.database() else {
            return Ok(round);
        };
        let origin = round.origin();
        let function = self.function.as_ref().map(|function| function.name.as_str());
        for name in std::iter::once(database).chain(function) {
            Named::of(name).check(&origin).map_err(|error| {
                Box::new(Failure {
                    origin: origin.clone(),
                    ..Failure::from(&Unreachable::from(error))
                })
            })?;
        }
        let proxy = through.flatten();
        accounts
            .check_exists(kind, database, function, proxy.as_deref())
            .await?;
        round.judged.retain(|judged| {
            let of = &judged.connection;
            of.kind == kind
                && of.database.eq_ignore_ascii_case(last_segment(database))
                && function.is_none_or(|function| of.function == last_segment(function))
        });
        match self.named(None) {
            // The two are not connected: the page says what is missing.
            Some(entry) if round.judged.is_empty() => {
                let calls = round.calls;
                let mut round = look(accounts, &Wanted::Entries(vec![entry]), known).await?;
                round.calls.read += calls.read;
                Ok(round)
            }
            _ => Ok(round),
        }
    }

    /// Which connections the page does not show, and why.
    fn left_out(&self, round: &Round, estates: &BTreeMap<Place, Estate>) -> Vec<String> {
        let Some(estate) = estates
            .get(&Place::default())
            .filter(|_| self.manifest.is_none() && self.function.is_none())
        else {
            return Vec::new();
        };
        let mut left_out = Vec::new();
        let named = match self.database() {
            Some((kind, id)) => match estate.database(kind, id) {
                Look::Found(database) => Some(database),
                Look::Absent | Look::Unread(_) => return left_out,
            },
            None => None,
        };
        if let Some(cluster) = named.and_then(|database| database.member_of.as_ref()) {
            let member = named.map(ToString::to_string).unwrap_or_default();
            left_out.push(format!(
                "{member} is a member of cluster {cluster}, which has the connections: see --cluster {}",
                word(cluster)
            ));
            return left_out;
        }
        let shown: BTreeSet<&Connection> = round.judged.iter().map(|judged| &judged.connection).collect();
        let others = reaching(estate, named)
            .into_iter()
            .filter(|of| !shown.contains(of))
            .count();
        if others > 0 {
            let connections = count(others, "connection");
            left_out.push(format!(
                "{connections} by other rules, which neither autoconnect nor the console made, have no verdict and are not on the page: `autoconnect list` and `autoconnect export --format svg` show them"
            ));
        }
        left_out
    }

    fn title(&self, origin: &Origin) -> String {
        let function = self.function.as_ref().map(|function| last_segment(&function.name));
        match (self.database(), function, &self.manifest) {
            (Some((kind, database)), Some(function), _) => {
                format!("Function {function} and {kind} {}", last_segment(database))
            }
            (Some((kind, database)), None, _) => format!("Connections of {kind} {}", last_segment(database)),
            (None, _, Some(path)) => format!("Connections of {}", path.display()),
            (None, _, None) => match &origin.account {
                Some(account) => format!("Connections of account {account}"),
                None => "Connections".to_owned(),
            },
        }
    }

    fn scope(&self) -> PageScope {
        match (self.database(), &self.function, &self.manifest) {
            (Some(_), Some(_), _) => PageScope::Connection,
            (Some(_), None, _) => PageScope::Database,
            (None, _, Some(_)) => PageScope::Manifest,
            (None, _, None) => PageScope::Account,
        }
    }
}

impl AccountsWork for Report {
    async fn on(&self, accounts: &impl Accounts, global: &Global, interrupt: Interrupt) -> Ending {
        let sourced = Sourced {
            accounts,
            sources: self.sources.read()?,
        };
        let kept = Kept {
            accounts: &sourced,
            estates: Mutex::default(),
        };
        let state = self.state_file.as_deref().map(existing_state).transpose()?;
        let known = state.as_ref().map(State::known).unwrap_or_default();
        let mut round = tokio::select! {
            round = self.look(&kept, &known) => round?,
            () = interrupt.raised() => return Err(Box::new(interrupted_reading())),
        };
        let made_at = timestamp(SystemTime::now());
        if let Some(mut state) = state {
            state.prepare(&round, &[]);
            state.date(&mut round, &made_at);
        }
        let file = self.state_file.as_deref().map(|path| path.to_string_lossy());
        round.complete_remedies(global.region.as_deref(), global.profile.as_deref(), file.as_deref());
        let estates = kept.estates.into_inner().unwrap_or_default();
        let title = self.title(&round.origin());
        let subject = Subject {
            title: &title,
            scope: self.scope(),
            made_at: &made_at,
            left_out: self.left_out(&round, &estates),
        };
        let page = collect(subject, &round, &estates);
        let is_stdout = page
            .html()
            .map_err(std::io::Error::from)
            .and_then(|html| files::write_out(&self.out, html.as_bytes(), New::Private))
            .map_err(|error| unwritten(&self.out, &error))?;
        let document = ReportDocument::new(&self.out.display().to_string(), &page, round.calls);
        print_written(global, &document, is_stdout, || document.text())?;
        Ok(0)
    }
}

async fn look(accounts: &impl Accounts, wanted: &Wanted, known: &[Known]) -> Result<Round, Box<Failure>> {
    let round = patrol(accounts, wanted, None, known).await;
    round.map_err(|error| Box::new(Failure::from(&error)))
}

/// The state of an earlier `drift`: without one, nothing says when a finding was first seen.
fn existing_state(path: &Path) -> Result<State, Box<Failure>> {
    if let Err(error) = path.metadata() {
        let hint = "name a file that `autoconnect drift --state-file FILE` has written".to_owned();
        return Err(Box::new(Failure::new("state-file", &error, Some(hint))));
    }
    state_of(path)
}

/// Accounts that keep what was read of them.
struct Kept<'a, A> {
    accounts: &'a A,
    estates: Mutex<BTreeMap<Place, Estate>>,
}

impl<A: Accounts> Kept<'_, A> {
    /// Whether what was named exists in the account that the global options name.
    async fn check_exists(
        &self,
        kind: DatabaseKind,
        database: &str,
        function: Option<&str>,
        proxy: Option<&str>,
    ) -> Result<(), Box<Failure>> {
        let place = Place::default();
        let missing = {
            let Ok(estates) = self.estates.lock() else {
                return Ok(());
            };
            let Some(estate) = estates.get(&place) else {
                return Ok(());
            };
            let gone_function = function.filter(|function| estate.function(function) == Look::Absent);
            let gone_proxy = proxy.filter(|proxy| estate.proxy(proxy) == Look::Absent);
            if estate.database(kind, database) == Look::Absent {
                Some((kind.into(), database))
            } else {
                gone_function
                    .map(|function| (ResourceKind::Function, function))
                    .or_else(|| gone_proxy.map(|proxy| (ResourceKind::Proxy, proxy)))
            }
        };
        let Some((kind, name)) = missing else { return Ok(()) };
        let account = self
            .accounts
            .open(&place)
            .await
            .map_err(|error| Box::new(Failure::from(&error)))?;
        let error = no_such(account.as_cloud(), kind, name).await;
        Err(Box::new(Failure {
            origin: account.as_cloud().home(),
            ..Failure::new(error.code(), &error, error.hint())
        }))
    }
}

impl<A: Accounts> Accounts for Kept<'_, A> {
    async fn survey(&self, place: &Place, proxies: &Proxies) -> Result<Survey, Unreachable> {
        let survey = self.accounts.survey(place, proxies).await?;
        let mut estate = survey.estate.clone();
        estate.complete_network();
        if let Ok(mut estates) = self.estates.lock() {
            estates.insert(place.clone(), estate);
        }
        Ok(survey)
    }

    async fn open(&self, place: &Place) -> Result<Handle<'_>, Unreachable> {
        self.accounts.open(place).await
    }

    async fn check(&self, place: &Place) -> Result<(), Unreachable> {
        self.accounts.check(place).await
    }

    fn home(&self, place: &Place) -> Origin {
        self.accounts.home(place)
    }
}
