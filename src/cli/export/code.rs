//! Connections as code: what is read, planned where that is asked for, and written.

use std::fs;
use std::path::Path;

use super::{CodeFormat, Export, usage};
use crate::batch::{self, Item, Job, needs, proxy_of};
use crate::cli::arguments::ProxyChoice;
use crate::cli::batch::SetupMany;
use crate::cli::connections::check_places;
use crate::cli::global::Global;
use crate::cli::output::unwritten;
use crate::cli::session::interrupted_reading;
use crate::cli::setup::Setup;
use crate::cli::{Ending, check_setup, print};
use crate::cloud::{Checked, Cloud};
use crate::escape::word;
use crate::estate::Connection;
use crate::export::{self, NotConnected, Wanted};
use crate::files::{self, New, is_same_file};
use crate::interrupt::Interrupt;
use crate::manifest;
use crate::model::Origin;
use crate::monitor::Place;
use crate::observe::{ExportError, exported};
use crate::preview::Preview;
use crate::report::{
    ExportFile, Report, TERRAFORM_FILES, cdk, cloudformation, document_text, resources_to_import, template, terraform,
};

/// What is exported, before anything is read.
pub(super) enum Asked {
    /// What exists.
    Existing(Wanted),
    /// What these runs of `setup` would bring about.
    Planned(Vec<Item>),
}

impl Export {
    /// Writes code.
    pub(super) async fn code(
        &self,
        format: CodeFormat,
        cloud: &dyn Cloud,
        global: &Global,
        interrupt: Interrupt,
    ) -> Ending {
        let checked = Checked::new(cloud);
        let asked = self.asked(global, &cloud.home())?;
        let export = async {
            match asked {
                Asked::Existing(wanted) => exported(&checked, None, &wanted)
                    .await
                    .map_err(|error| report(&error, cloud)),
                Asked::Planned(items) => planned(&checked, items, &interrupt).await,
            }
        };
        let export = Box::pin(or_interrupted(cloud, &interrupt, export)).await?;
        for why in &export.unread {
            tracing::warn!("{why}");
        }
        for why in &export.left_out {
            tracing::warn!("not exported: {why}");
        }
        self.write(format, &export)?;
        Ok(0)
    }

    pub(super) fn asked(&self, global: &Global, home: &Origin) -> Result<Asked, Box<Report>> {
        if !self.planned {
            return Ok(Asked::Existing(self.of.wanted(self.proxy.as_ref(), global, home)?));
        }
        let Some(path) = &self.of.manifest else {
            self.of.check(home)?;
            return Ok(Asked::Planned(vec![self.item()?]));
        };
        let listed = manifest::load_for_setup(path, home.region.as_deref(), &check_setup)
            .map_err(|error| Box::new(Report::from(&error)))?;
        check_places(listed.iter().map(|listed| &listed.entry.place), global, home)?;
        let run = SetupMany::unasked(false).tagged(&self.wishes.tags).of_listed(listed)?;
        Ok(Asked::Planned(run.items))
    }

    /// The run of `setup` that would bring about the connection.
    fn item(&self) -> Result<Item, Box<Report>> {
        let wishes = &self.wishes;
        let function = self.of.function.as_ref().map(|function| {
            let new = if function.is_new { "new:" } else { "" };
            format!("{new}{}", function.name)
        });
        let proxy = self.proxy.as_ref().map(|proxy| match proxy {
            ProxyChoice::None => "none".to_owned(),
            ProxyChoice::Existing(name) => name.clone(),
            ProxyChoice::New(None) => "new".to_owned(),
            ProxyChoice::New(Some(name)) => format!("new:{name}"),
        });
        let options = [
            ("cluster", self.of.cluster.clone()),
            ("instance", self.of.instance.clone()),
            ("function", function),
            ("proxy", proxy),
            ("secret", wishes.secret.clone()),
            ("db-user", wishes.db_user.clone()),
            ("proxy-auth", wishes.proxy_auth.clone()),
            ("proxy-role", wishes.proxy_role.clone()),
            ("iam-auth", wishes.iam_auth.clone()),
        ];
        let options = options
            .into_iter()
            .filter_map(|(name, value)| Some(format!("--{name}={}", value?)));
        let tags = wishes.tags.iter().map(|tag| format!("--tag={}={}", tag.key, tag.value));
        let attaches = wishes.attach_vpc.then(|| "--attach-vpc".to_owned());
        let arguments: Vec<String> = std::iter::once("setup".to_owned())
            .chain(options)
            .chain(tags)
            .chain(attaches)
            .collect();
        let setup = Setup::parse(&arguments).map_err(|why| usage(&why))?;
        Ok(Item {
            name: "the connection".to_owned(),
            place: Place::default(),
            arguments,
            job: Job::Connect(Box::new(setup.target()), setup.options()),
        })
    }

    fn write(&self, format: CodeFormat, export: &export::Export) -> Result<(), Box<Report>> {
        let files = files_of(format, export)?;
        // As with other commands, `-` is standard output.
        let folder = self.out.as_deref().filter(|folder| *folder != Path::new("-"));
        if let Some(folder) = folder {
            check_folder(folder, &files)?;
            let mut paths = files.iter().map(|file| folder.join(file.name));
            let list = self.resources_to_import.as_ref();
            if list.is_some_and(|list| paths.any(|path| is_same_file(&path, list))) {
                return Err(usage("--resources-to-import names a file that --out writes, too"));
            }
        }
        if let Some(path) = &self.resources_to_import {
            let list = resources_to_import(&template(export));
            files::write(path, list.as_bytes(), New::Shared).map_err(|error| unwritten(path, &error))?;
        }
        let Some(folder) = folder else {
            return print(&document_text(&files));
        };
        let written = fs::create_dir_all(folder).and_then(|()| {
            for file in &files {
                files::write(&folder.join(file.name), file.content.as_bytes(), New::Shared)?;
            }
            Ok(())
        });
        written.map_err(|error| unwritten(folder, &error))?;
        for file in &files {
            print(&format!("{}\n", folder.join(file.name).display()))?;
        }
        Ok(())
    }
}

/// Refuses to replace files that no export has written, and names those of an earlier export that stay.
fn check_folder(folder: &Path, files: &[ExportFile]) -> Result<(), Box<Report>> {
    let exists = |name: &str| folder.join(name).exists();
    // The first file of an export says what wrote it.
    let first = files.first().map(|file| folder.join(file.name));
    let begins = first.and_then(|path| fs::read_to_string(path).ok());
    let begins = begins
        .as_deref()
        .and_then(|text| text.lines().next())
        .unwrap_or_default();
    if !begins.contains("autoconnect") {
        let Some(taken) = files.iter().find(|file| exists(file.name)) else {
            return Ok(());
        };
        let message = format!(
            "{} exists, and autoconnect did not write it",
            folder.join(taken.name).display()
        );
        let hint = "name another folder for --out".to_owned();
        return Err(Box::new(Report::new(
            "output",
            &std::io::Error::other(message),
            Some(hint),
        )));
    }
    let is_written = |name: &str| files.iter().any(|file| file.name == name);
    let is_terraform = is_written(TERRAFORM_FILES[0]);
    for name in TERRAFORM_FILES
        .into_iter()
        .filter(|name| is_terraform && !is_written(name) && exists(name))
    {
        tracing::warn!(
            "{} is of an earlier export, and nothing is in it any more: delete it",
            folder.join(name).display()
        );
    }
    Ok(())
}

/// The document, in its files.
fn files_of(format: CodeFormat, export: &export::Export) -> Result<Vec<ExportFile>, Box<Report>> {
    let one = |name, content| vec![ExportFile { name, content }];
    Ok(match format {
        CodeFormat::CloudFormation => {
            let text = cloudformation(&template(export)).map_err(|error| {
                let hint = "this is a bug in autoconnect: please report it with a snapshot of the account".to_owned();
                Box::new(Report::new("internal", &error, Some(hint)))
            })?;
            one("template.yaml", text)
        }
        CodeFormat::Cdk => one("autoconnect-stack.ts", cdk(&template(export))),
        CodeFormat::Terraform => terraform(export),
    })
}

/// Carries the plans out in memory, and exports what is there then.
async fn planned(cloud: &dyn Cloud, items: Vec<Item>, interrupt: &Interrupt) -> Result<export::Export, Box<Report>> {
    let (preview, wanted) = preview(cloud, items, interrupt).await?;
    let export = exported(&preview, Some(cloud), &wanted).await;
    export.map_err(|error| report(&error, cloud))
}

/// The account as these runs would leave it, and their connections.
pub(super) async fn preview<'c>(
    cloud: &'c dyn Cloud,
    items: Vec<Item>,
    interrupt: &Interrupt,
) -> Result<(Preview<'c>, Wanted), Box<Report>> {
    let preview = Preview::read(cloud, &needs(&items)).await;
    let connections = items.iter().map(|item| {
        let target = item.job.target();
        Connection {
            kind: target.kind,
            database: target.database_id(),
            proxy: proxy_of(target),
            function: target.function_name().to_owned(),
        }
    });
    let wanted = Wanted::Listed(connections.collect());
    for planned in batch::plan(&preview, items, interrupt).await {
        planned.outcome?;
    }
    preview.settle(true);
    Ok((preview, wanted))
}

pub(super) fn report(error: &ExportError, cloud: &dyn Cloud) -> Box<Report> {
    let report = match error {
        ExportError::Observe(error) => Report::new(error.code(), error, error.hint()),
        ExportError::NotConnected(error) => {
            let hint = match error {
                NotConnected::Unreached { .. } | NotConnected::Nothing { .. } => {
                    Some("`autoconnect setup` connects a function to a database".to_owned())
                }
                NotConnected::MemberOfCluster { cluster, .. } => {
                    Some(format!("use --cluster {} instead of --instance", word(cluster)))
                }
                NotConnected::NotTied { .. } => {
                    Some("`autoconnect setup` connects them; --planned exports what it would make".to_owned())
                }
                NotConnected::Missing { .. } | NotConnected::Unread { .. } => None,
            };
            Report::new(error.code(), error, hint)
        }
    };
    Box::new(Report {
        origin: cloud.home(),
        ..report
    })
}

/// What is read, unless the run is interrupted first.
pub(super) async fn or_interrupted<T>(
    cloud: &dyn Cloud,
    interrupt: &Interrupt,
    reading: impl Future<Output = Result<T, Box<Report>>>,
) -> Result<T, Box<Report>> {
    tokio::select! {
        read = reading => read,
        () = interrupt.raised() => Err(Box::new(Report {
            origin: cloud.home(),
            ..interrupted_reading()
        })),
    }
}
