//! `autoconnect list`: the functions that are connected with a database, or with each of all.

use clap::Args;

use super::Ending;
use super::diagnose::read;
use super::global::{Global, Output};
use super::session::{DatabaseArgs, Work, no_connections, on_account, print_plain};
use crate::cloud::Cloud;
use crate::drift::{list, list_all};
use crate::estate::Look;
use crate::interrupt::Interrupt;
use crate::model::Named;
use crate::observe::{ObserveError, Proxies, Surveyed, no_such, survey};
use crate::report::{ListDocument, list_text};

const EXAMPLES: &str = "\
All databases with the functions that reach them:
  autoconnect list
One database, for a script:
  autoconnect list --cluster orders --output json
The account in a file, instead of AWS:
  autoconnect list --instance inventory --offline account.json";

/// Options of `list`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES, mut_group("DatabaseArgs", |group| group.required(false)))]
pub struct List {
    #[command(flatten)]
    database: Option<DatabaseArgs>,
    /// Fail if no function is connected
    #[arg(long)]
    fail_on_empty: bool,
}

impl List {
    pub fn run(&self, global: &Global) -> Ending {
        on_account(self, global)
    }

    async fn document(&self, cloud: &dyn Cloud) -> Result<ListDocument, ObserveError> {
        let named = self.database.as_ref().map(DatabaseArgs::named);
        if let Some((_, name)) = named {
            Named::of(name).check(&cloud.home())?;
        }
        let Surveyed {
            origin,
            estate,
            mut errors,
            ..
        } = survey(cloud, &Proxies::All).await;
        if let Some((_, name)) = named {
            Named::of(name).check(&origin)?;
        }
        // A list that lacks something is none.
        if !estate.shows_all_connections() {
            return Err(errors.swap_remove(0).into());
        }
        let Some((kind, name)) = named else {
            return Ok(ListDocument::all(&estate, &list_all(&estate), origin, cloud.calls()));
        };
        match estate.database(kind, name) {
            Look::Found(database) => {
                let listing = list(&estate, database);
                Ok(ListDocument::one(&estate, database, &listing, cloud.calls()))
            }
            Look::Absent | Look::Unread(_) => Err(no_such(cloud, kind.into(), name).await),
        }
    }
}

impl Work for List {
    async fn on(&self, cloud: &dyn Cloud, global: &Global, interrupt: Interrupt) -> Ending {
        let document = read(cloud, self.document(cloud), interrupt).await?;
        let is_refused = self.fail_on_empty && document.is_empty();
        // Of two documents on standard output, neither could be read.
        if !(is_refused && global.output == Output::Json) {
            print_plain(global, &document, || list_text(&document))?;
        }
        if is_refused {
            let of = match &document {
                ListDocument::One(one) => format!(" of {} {}", one.database.kind, one.database.id),
                ListDocument::All(_) => String::new(),
            };
            return Err(Box::new(no_connections(&of, document.origin())));
        }
        Ok(0)
    }
}
