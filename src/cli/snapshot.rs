//! `autoconnect snapshot`: an account as a file for `--offline`.

use std::path::PathBuf;

use clap::Args;

use super::diagnose::read;
use super::global::Global;
use super::session::{Work, on_account};
use super::{Ending, print};
use crate::cloud::Cloud;
use crate::interrupt::Interrupt;
use crate::model::{Origin, VpcId};
use crate::observe::ObserveError;
use crate::patrol::write_whole;
use crate::report::Report;
use crate::snapshot::snapshot;

/// Options of `snapshot`.
#[derive(Clone, Debug, Args)]
pub struct Snapshot {
    /// The file; one that exists is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only what is in this VPC
    #[arg(long, value_name = "VPC")]
    vpc: Option<String>,
}

impl Snapshot {
    pub fn run(&self, global: &Global) -> Ending {
        on_account(self, global)
    }

    fn write(&self, document: &impl serde::Serialize) -> std::io::Result<()> {
        let mut content = serde_json::to_vec_pretty(document)?;
        content.push(b'\n');
        write_whole(&self.out, &content)
    }
}

impl Work for Snapshot {
    async fn on<C: Cloud>(&self, cloud: &C, _: &Global, interrupt: Interrupt) -> Ending {
        let vpc = self.vpc.as_deref().map(VpcId::from);
        let reading = async { snapshot(cloud, vpc.as_ref()).await.map_err(ObserveError::from) };
        let taken = Box::pin(read(cloud, reading, interrupt)).await?;
        for gap in &taken.gaps {
            tracing::warn!("not in the snapshot: {gap}");
        }
        self.write(&taken.document).map_err(|error| {
            let hint = "check the folder, and that it may be written to".to_owned();
            Box::new(Report::new("output", &error, Some(hint)))
        })?;
        let document = &taken.document;
        let origin = Origin {
            account: Some(document.account_id.clone()),
            region: Some(document.region.clone()),
        };
        let count = |number: usize, one: &str| {
            if number == 1 {
                format!("1 {one}")
            } else {
                format!("{number} {one}s")
            }
        };
        print(&format!(
            "{}\n\nWrote {}: {}, {}, {}, {}; without secrets and without environments.\n",
            origin.heading(),
            self.out.display(),
            count(document.db_clusters.len() + document.db_instances.len(), "database"),
            count(document.functions.len(), "function"),
            count(document.security_groups.len(), "security group"),
            count(document.vpcs.len(), "VPC"),
        ))?;
        Ok(0)
    }
}
