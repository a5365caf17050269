//! `autoconnect export`: a connection as a drawing.

use clap::Args;

use super::arguments::{FunctionName, ProxyChoice};
use super::diagnose::{Format, existing, read};
use super::global::Global;
use super::session::{DatabaseArgs, Work, on_account};
use super::{Ending, print};
use crate::cloud::{Checked, Cloud};
use crate::diagnostics::connection::diagnose;
use crate::interrupt::Interrupt;
use crate::observe::scene;
use crate::report::Report;

/// Options of `export`.
#[derive(Clone, Debug, Args)]
pub struct Export {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The Lambda function: a name, a partial or a full ARN
    #[arg(long, value_name = "F")]
    function: FunctionName,
    /// The RDS Proxy between them
    #[arg(long, value_name = "NAME", default_value = "none")]
    proxy: ProxyChoice,
    /// The output format
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Format,
}

impl Export {
    pub fn run(&self, global: &Global) -> Ending {
        if self.function.is_new || matches!(self.proxy, ProxyChoice::New(_)) {
            let error = std::io::Error::other("export draws what exists: --function NAME, --proxy NAME");
            let hint = Some("see `autoconnect export --help`".to_owned());
            return Err(Box::new(Report::new("usage", &error, hint)));
        }
        on_account(self, global)
    }
}

impl Work for Export {
    async fn on(&self, cloud: &dyn Cloud, _: &Global, interrupt: Interrupt) -> Ending {
        let target = existing(&self.database, &self.function, &self.proxy);
        let scene = Box::pin(read(cloud, scene(&Checked::new(cloud), &target), interrupt)).await?;
        print(&self.format.draw(&diagnose(&scene)))?;
        Ok(0)
    }
}
