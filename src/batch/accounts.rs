//! The accounts and Regions of many connections.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::account::OfflineAccount;
use crate::cloud::{ApiCalls, Cloud};
use crate::model::Origin;
use crate::monitor::Place;
use crate::report::{AccountKind, Report};

/// Where accounts are: AWS, or one account file instead.
#[derive(Clone, Debug, Default)]
pub struct AccountSource {
    /// The account file.
    pub offline: Option<PathBuf>,
    /// The global options, which count where a place leaves something out.
    #[cfg(feature = "aws")]
    pub aws: crate::aws::Configuration,
}

/// The accounts and Regions of many connections.
pub struct Opened {
    /// The account file, which stands for all of them.
    offline: Option<OfflineAccount>,
    /// Why an account and Region cannot be used.
    failed: BTreeMap<Place, Box<Report>>,
    #[cfg(feature = "aws")]
    aws: BTreeMap<Place, crate::aws::Aws>,
}

impl AccountSource {
    /// Whether they are accounts of AWS or a file.
    pub fn kind(&self) -> AccountKind {
        AccountKind::of(self.offline.as_deref())
    }

    /// The Region of connections that name none, if it is known. No request is sent.
    pub async fn region(&self) -> Option<String> {
        match &self.offline {
            Some(path) => OfflineAccount::region_of(path),
            None => self.region_of_aws().await,
        }
    }

    #[cfg(feature = "aws")]
    async fn region_of_aws(&self) -> Option<String> {
        Box::pin(crate::aws::region(&self.aws)).await
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
    async fn region_of_aws(&self) -> Option<String> {
        None
    }
}

impl Opened {
    /// Opens each of these places.
    ///
    /// # Errors
    ///
    /// None can be opened, or the account file cannot be read.
    pub async fn all(places: &[Place], source: &AccountSource) -> Result<Self, Box<Report>> {
        let mut opened = Self {
            offline: None,
            failed: BTreeMap::new(),
            #[cfg(feature = "aws")]
            aws: BTreeMap::new(),
        };
        if let Some(path) = &source.offline {
            let account = OfflineAccount::open(path)
                .map_err(|error| Box::new(Report::new("account-file", &error, Some(error.hint().to_owned()))))?;
            let (id, region) = account.place();
            for place in places {
                let elsewhere = crate::monitor::elsewhere(place, &id, &region);
                opened
                    .failed
                    .extend(elsewhere.map(|error| (place.clone(), Box::new(Report::from(&error)))));
            }
            opened.offline = Some(account);
            return Ok(opened);
        }
        opened.connect(places, source).await?;
        Ok(opened)
    }

    #[cfg(feature = "aws")]
    async fn connect(&mut self, places: &[Place], source: &AccountSource) -> Result<(), Box<Report>> {
        for place in places {
            let configuration = crate::monitor::configuration(&source.aws, place);
            match Box::pin(crate::aws::Aws::connect(&configuration)).await {
                Ok(aws) => drop(self.aws.insert(place.clone(), aws)),
                Err(fault) => {
                    let report = Report::new(fault.code(), &fault, fault.hint());
                    self.failed.insert(place.clone(), Box::new(report));
                }
            }
        }
        match (self.aws.is_empty(), self.failed.values().next()) {
            (true, Some(report)) => Err(report.clone()),
            _ => Ok(()),
        }
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
    async fn connect(&mut self, _: &[Place], _: &AccountSource) -> Result<(), Box<Report>> {
        Err(Box::new(Report::no_aws()))
    }

    /// The account at a place.
    ///
    /// # Errors
    ///
    /// It could not be opened.
    pub fn get(&self, place: &Place) -> Result<&dyn Cloud, Box<Report>> {
        if let Some(report) = self.failed.get(place) {
            return Err(report.clone());
        }
        if let Some(account) = &self.offline {
            return Ok(account);
        }
        self.on_aws(place).ok_or_else(|| {
            let error = std::io::Error::other("the account was not opened");
            Box::new(Report::new("internal", &error, None))
        })
    }

    #[cfg(feature = "aws")]
    fn on_aws(&self, place: &Place) -> Option<&dyn Cloud> {
        self.aws.get(place).map(|aws| aws as &dyn Cloud)
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_self, reason = "the adapter's own twin has accounts")]
    fn on_aws(&self, _: &Place) -> Option<&dyn Cloud> {
        None
    }

    /// The account and Region at a place, as far as they are known before anything of them is read: whose credentials
    /// these are, AWS says.
    pub async fn home(&self, place: &Place, source: &AccountSource) -> Origin {
        let Ok(cloud) = self.get(place) else {
            return Origin::default();
        };
        let account = self.caller(place, source).await;
        Origin { account, region: None }.or(cloud.home())
    }

    #[cfg(feature = "aws")]
    async fn caller(&self, place: &Place, source: &AccountSource) -> Option<String> {
        if self.offline.is_some() {
            return None;
        }
        let configuration = crate::monitor::configuration(&source.aws, place);
        Box::pin(crate::aws::caller_account(&configuration)).await
    }

    #[cfg(not(feature = "aws"))]
    #[expect(clippy::unused_async, reason = "the adapter's own twin awaits")]
    async fn caller(&self, _: &Place, _: &AccountSource) -> Option<String> {
        None
    }

    /// How many requests were sent to all of them.
    pub fn calls(&self) -> ApiCalls {
        let all = self.offline.iter().map(OfflineAccount::calls);
        #[cfg(feature = "aws")]
        let all = all.chain(self.aws.values().map(Cloud::calls));
        all.fold(ApiCalls::default(), |sum, calls| ApiCalls {
            read: sum.read + calls.read,
            write: sum.write + calls.write,
        })
    }
}
