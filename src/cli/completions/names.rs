//! The names in the account that a command line is about.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::cli::Ending;
use crate::cli::global::{Color, Global, Output};
use crate::cli::session::{Work, on_account};
use crate::cli::settings::{Environment, Setting, Settings};
use crate::cloud::derived::{every, names};
use crate::cloud::{Answer, Cloud, InstanceFilter, Operation, ResourceKind};
use crate::interrupt::Interrupt;
use crate::logging::LogFormat;

/// How long a person waits for a completion.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Cluster,
    Instance,
    Function,
    Proxy,
    MskCluster,
}

impl Kind {
    /// That of an option's value, by the option's id in the parser.
    pub fn of_option(id: &str) -> Option<Self> {
        Some(match id {
            "cluster" | "like_database" => Self::Cluster,
            "instance" | "like_instance" => Self::Instance,
            "function" | "functions" => Self::Function,
            "proxy" => Self::Proxy,
            "cluster_arn" => Self::MskCluster,
            _ => return None,
        })
    }

    /// The names of all, read from the account.
    async fn read(self, cloud: &dyn Cloud) -> Answer<Vec<String>> {
        match self {
            Self::Cluster => names(cloud, ResourceKind::Cluster).await,
            Self::Function => names(cloud, ResourceKind::Function).await,
            Self::Proxy => names(cloud, ResourceKind::Proxy).await,
            Self::Instance => {
                let page = |from| cloud.describe_db_instances(InstanceFilter::All, from);
                let all = every(Operation::DescribeDbInstances, page).await?;
                let alone = all.into_iter().filter(|instance| instance.cluster.is_none());
                Ok(alone.map(|instance| instance.id).collect())
            }
            Self::MskCluster => {
                let page = |from| cloud.list_msk_clusters(from);
                let all = every(Operation::ListClustersV2, page).await?;
                Ok(all.into_iter().map(|cluster| cluster.arn).collect())
            }
        }
    }
}

/// Where the account is, as the command line says so far.
#[derive(Clone, Debug)]
pub struct Account {
    pub offline: Option<PathBuf>,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
}

impl Account {
    /// The names of a kind, sorted; none where they cannot be read, or not in time.
    pub fn names(&self, kind: Kind) -> Vec<String> {
        // A pipe or a device may never end.
        if self.offline.as_ref().is_some_and(|path| !path.is_file()) {
            return Vec::new();
        }
        let (send, receive) = mpsc::channel();
        let global = self.global();
        // The program ends without waiting for it.
        thread::spawn(move || on_account(&Lookup { kind, send }, &global));
        let mut names = receive.recv_timeout(PATIENCE).unwrap_or_default();
        names.sort();
        names
    }

    /// The options of a run on this account, with the user's defaults.
    fn global(&self) -> Global {
        let settings = Settings::read(&Environment::of_process()).unwrap_or_default();
        let or_default = |named: &Option<String>, setting| {
            let default = settings.get(setting).map(|set| set.value.clone());
            named.clone().or(default)
        };
        Global {
            region: or_default(&self.region, Setting::Region),
            profile: or_default(&self.profile, Setting::Profile),
            endpoint_url: self.endpoint_url.clone(),
            decode_authorization: false,
            offline: self.offline.clone(),
            output: Output::Text,
            color: Color::Never,
            verbose: 0,
            quiet: true,
            log_format: LogFormat::Text,
            applies: None,
            arguments: Vec::new(),
        }
    }
}

/// Reads names, and sends them to the thread that waits for them.
struct Lookup {
    kind: Kind,
    send: mpsc::Sender<Vec<String>>,
}

impl Work for Lookup {
    async fn on(&self, cloud: &dyn Cloud, _: &Global, _: Interrupt) -> Ending {
        let names = self.kind.read(cloud).await.unwrap_or_default();
        // Nobody waits any more.
        let _ = self.send.send(names);
        Ok(0)
    }
}
