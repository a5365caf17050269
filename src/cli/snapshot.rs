//! `autoconnect snapshot`: saves an account to a file for `--offline`.

use std::path::PathBuf;

use clap::Args;

use super::Ending;
use super::arguments::parse_id;
use super::diagnose::read;
use super::global::Global;
use super::output::unwritten;
use super::session::{Work, on_account, print_written};
use crate::cloud::Cloud;
use crate::escape::to_json_pretty;
use crate::files::{self, New};
use crate::interrupt::Interrupt;
use crate::model::VpcId;
use crate::report::SnapshotDocument;
use crate::snapshot::snapshot;

const EXAMPLES: &str = "\
Save the account, then work on the file:
  autoconnect snapshot --out account.json
  autoconnect setup --offline account.json --cluster orders \\
      --function checkout --dry-run
Save one VPC, with another profile:
  autoconnect snapshot --out live.json --vpc vpc-0a1b2c3d --profile live";

/// Options of `snapshot`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct Snapshot {
    /// The file, which is replaced if it exists; - for standard output
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Only the resources of this VPC
    #[arg(long, value_name = "VPC", value_parser = |text: &str| parse_id(text, "vpc"))]
    vpc: Option<String>,
}

impl Snapshot {
    pub fn run(&self, global: &Global) -> Ending {
        on_account(self, global)
    }
}

impl Work for Snapshot {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let vpc = self.vpc.as_deref().map(VpcId::from);
        let taken = Box::pin(read(cloud, snapshot(cloud, vpc.as_ref()), interrupt)).await?;
        for gap in &taken.gaps {
            tracing::warn!("not in the snapshot: {gap}");
        }
        let content = to_json_pretty(&taken.document).map_err(std::io::Error::from);
        let written =
            content.and_then(|content| files::write_out(&self.out, (content + "\n").as_bytes(), New::Private));
        let is_stdout = written.map_err(|error| unwritten(&self.out, &error))?;
        let document = SnapshotDocument::new(&self.out, &taken, cloud.calls());
        print_written(global, &document, is_stdout, || document.text())?;
        Ok(0)
    }
}
