//! Connections as a picture: what is read, planned where that is asked for, and drawn.

use super::Export;
use super::code::{Asked, or_interrupted, preview, report};
use crate::cli::diagnose::Format;
use crate::cli::global::Global;
use crate::cli::{Ending, print};
use crate::cloud::{Checked, Cloud};
use crate::interrupt::Interrupt;
use crate::model::{Origin, last_segment};
use crate::observe::wired;
use crate::report::Drawing;

/// The note on a picture of planned connections.
const PLANNED: &str = "This picture shows what setup would make. Nothing was changed";

impl Export {
    /// Draws the groups and rules of connections.
    pub(super) async fn picture(
        &self,
        format: Format,
        cloud: &dyn Cloud,
        global: &Global,
        interrupt: Interrupt,
    ) -> Ending {
        let checked = Checked::new(cloud);
        let asked = self.asked(global, &cloud.home())?;
        let wirings = async {
            let wirings = match asked {
                Asked::Existing(wanted) => wired(&checked, &wanted).await,
                Asked::Planned(items) => {
                    let (preview, wanted) = preview(&checked, items, &interrupt).await?;
                    wired(&preview, &wanted).await
                }
            };
            wirings.map_err(|error| report(&error, cloud))
        };
        let mut wirings = Box::pin(or_interrupted(cloud, &interrupt, wirings)).await?;
        if self.planned {
            wirings.unread.insert(0, PLANNED.to_owned());
        }
        let drawing = Drawing::of_connections(self.title(&cloud.home()), wirings);
        print(&format.draw(&drawing))?;
        Ok(0)
    }

    /// What the picture shows.
    fn title(&self, home: &Origin) -> String {
        let function = self.of.function.as_ref().map(|function| last_segment(&function.name));
        let of = match (self.of.database(), function, &self.of.manifest) {
            (Some((kind, database)), Some(function), _) => {
                format!("function {function} and {kind} {}", last_segment(database))
            }
            (Some((kind, database)), None, _) => format!("the connections of {kind} {}", last_segment(database)),
            (None, _, Some(path)) => format!("the connections of {}", path.display()),
            (None, _, None) => home.heading(),
        };
        let planned = if self.planned {
            ", as setup would leave them"
        } else {
            ""
        };
        format!("Security groups and rules: {of}{planned}")
    }
}
