//! Which connections of an account a command is about.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::arguments::{FunctionName, ProxyChoice, parse_cluster, parse_instance};
use super::global::Global;
use crate::estate::Connection;
use crate::export::Wanted;
use crate::manifest;
use crate::model::{DatabaseKind, Named, Origin};
use crate::monitor::{Entry, Place};
use crate::report::Report;

/// The connections of a database, of a manifest, or all.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("what").args(["cluster", "instance", "manifest", "all"]).required(true))]
pub struct ConnectionsArgs {
    /// The Aurora or Multi-AZ DB cluster: its identifier or ARN; all of its functions without --function
    #[arg(long, value_name = "CLUSTER", value_parser = parse_cluster)]
    pub cluster: Option<String>,
    /// The DB instance (not a cluster's member): its identifier or ARN; all of its functions without --function
    #[arg(long, value_name = "INSTANCE", value_parser = parse_instance)]
    pub instance: Option<String>,
    /// The connections of this file, in TOML, YAML or JSON (see docs/manifest.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["function", "proxy"])]
    pub manifest: Option<PathBuf>,
    /// Every connection of the account and Region
    #[arg(long, conflicts_with_all = ["function", "proxy"])]
    pub all: bool,
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F")]
    pub function: Option<FunctionName>,
}

impl ConnectionsArgs {
    /// The database that was named.
    pub fn database(&self) -> Option<(DatabaseKind, &str)> {
        let cluster = self.cluster.as_deref().map(|id| (DatabaseKind::Cluster, id));
        cluster.or_else(|| self.instance.as_deref().map(|id| (DatabaseKind::Instance, id)))
    }

    /// The connections, in the account that `home` and the global options name; those of a pair through `proxy`, where that
    /// was given.
    pub fn wanted(&self, proxy: Option<&ProxyChoice>, global: &Global, home: &Origin) -> Result<Wanted, Box<Report>> {
        if let Some(path) = &self.manifest {
            let entries =
                manifest::load(path, home.region.as_deref(), true).map_err(|error| Box::new(Report::from(&error)))?;
            check_places(entries.iter().map(|entry| &entry.place), global, home)?;
            let connections = entries.into_iter().map(|Entry { connection, .. }| connection);
            return Ok(Wanted::Listed(connections.collect()));
        }
        let Some((kind, database)) = self.database() else {
            return Ok(Wanted::All);
        };
        self.check(home)?;
        let database = database.to_owned();
        let Some(function) = self.function.as_ref().map(|function| function.name.clone()) else {
            return Ok(Wanted::Database { kind, database });
        };
        Ok(match proxy {
            None => Wanted::Pair {
                kind,
                database,
                function,
            },
            Some(proxy) => Wanted::Listed(vec![Connection {
                kind,
                database,
                proxy: match proxy {
                    ProxyChoice::Existing(name) => Some(name.clone()),
                    ProxyChoice::None | ProxyChoice::New(_) => None,
                },
                function,
            }]),
        })
    }

    /// Whether what is named by ARNs can be in this account and Region.
    pub fn check(&self, home: &Origin) -> Result<(), Box<Report>> {
        let database = self.database().map(|(_, database)| database);
        let function = self.function.as_ref().map(|function| function.name.as_str());
        for name in database.into_iter().chain(function) {
            Named::of(name)
                .check(home)
                .map_err(|error| Box::new(Report::new(error.code(), &error, Some(error.hint()))))?;
        }
        Ok(())
    }
}

/// Whether all entries of a manifest are in the account and Region that the run is about.
pub fn check_places<'p>(
    places: impl IntoIterator<Item = &'p Place>,
    global: &Global,
    home: &Origin,
) -> Result<(), Box<Report>> {
    let is_here = |place: &Place| {
        let Place {
            region,
            profile,
            role_arn,
        } = place;
        let is = |named: &Option<String>, here: Option<&str>| named.as_deref().is_none_or(|named| here == Some(named));
        is(region, home.region.as_deref()) && is(profile, global.profile.as_deref()) && role_arn.is_none()
    };
    if places.into_iter().all(is_here) {
        Ok(())
    } else {
        Err(Report::usage(
            "this command is for one account and Region, and the manifest names others",
            "use --profile and --region, and a manifest for each",
        ))
    }
}
