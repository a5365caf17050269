//! Where accounts and Regions are read, and repaired: AWS, or one account file instead.

use std::future::Future;
use std::path::PathBuf;

use super::{Place, Survey, Unreachable};
use crate::account::OfflineAccount;
use crate::cloud::Cloud;
use crate::model::Origin;
use crate::observe::{Proxies, survey, survey_paths};

/// Reads accounts and Regions.
pub trait Accounts: Sync {
    /// Reads one, in bulk.
    fn survey(&self, place: &Place, proxies: &Proxies) -> impl Future<Output = Result<Survey, Unreachable>>;

    /// Opens one, to repair connections in it.
    fn open(&self, place: &Place) -> impl Future<Output = Result<Handle<'_>, Unreachable>>;

    /// Whether a place can be read at all, as far as that is known before anything is.
    fn check(&self, _place: &Place) -> impl Future<Output = Result<(), Unreachable>> {
        async { Ok(()) }
    }

    /// What is known of an account and Region before it is read.
    fn home(&self, place: &Place) -> Origin {
        place.origin()
    }
}

/// An account and Region that can be written to.
pub enum Handle<'a> {
    /// Opened for this.
    Own(Box<dyn Cloud>),
    /// Open anyway.
    Shared(&'a dyn Cloud),
}

impl Handle<'_> {
    /// The account and Region itself.
    pub fn as_cloud(&self) -> &dyn Cloud {
        match self {
            Self::Own(cloud) => cloud.as_ref(),
            Self::Shared(cloud) => *cloud,
        }
    }
}

/// One account and Region that is open already, for all places.
#[derive(Clone, Copy)]
pub struct OneCloud<'a>(pub &'a dyn Cloud);

impl Accounts for OneCloud<'_> {
    async fn survey(&self, _: &Place, proxies: &Proxies) -> Result<Survey, Unreachable> {
        read(self.0, proxies).await
    }

    async fn open(&self, _: &Place) -> Result<Handle<'_>, Unreachable> {
        Ok(Handle::Shared(self.0))
    }
}

/// Surveys an account, and distinguishes one that could not be read at all from one that could not be read in part.
async fn read(cloud: &dyn Cloud, proxies: &Proxies) -> Result<Survey, Unreachable> {
    let mut surveyed = survey(cloud, proxies).await;
    survey_paths(cloud, &mut surveyed.estate).await;
    let error = surveyed.errors.first().map(Unreachable::from);
    match error {
        Some(error) if surveyed.is_empty => Err(error),
        error => Ok(Survey {
            origin: surveyed.origin,
            estate: surveyed.estate,
            error,
            calls: cloud.calls(),
        }),
    }
}

/// `--offline`: a file that is read again each time. It is one account in one Region.
#[derive(Clone, Debug)]
pub struct OfflineFile(pub PathBuf);

impl OfflineFile {
    fn account(&self, place: &Place) -> Result<OfflineAccount, Unreachable> {
        let account = OfflineAccount::open(&self.0).map_err(|error| {
            let mut message = error.to_string();
            if let Some(source) = std::error::Error::source(&error) {
                message = format!("{message}: {source}");
            }
            Unreachable {
                code: "account-file",
                message,
                hint: Some(error.hint().to_owned()),
            }
        })?;
        let (id, region) = account.place();
        match elsewhere(place, &id, &region) {
            Some(error) => Err(error),
            None => Ok(account),
        }
    }
}

impl Accounts for OfflineFile {
    async fn survey(&self, place: &Place, proxies: &Proxies) -> Result<Survey, Unreachable> {
        read(&self.account(place)?, proxies).await
    }

    async fn open(&self, place: &Place) -> Result<Handle<'_>, Unreachable> {
        Ok(Handle::Own(Box::new(self.account(place)?)))
    }
}

/// Why a place is not that of an account file.
pub fn elsewhere(place: &Place, account: &str, region: &str) -> Option<Unreachable> {
    let elsewhere = |what: &str, wanted: &str, found: &str| Unreachable {
        code: "other-account",
        message: format!("{what} {wanted} is not in the account file, which is of {found}"),
        hint: None,
    };
    match (&place.role_arn, &place.region) {
        (Some(role), _) if role.split(':').nth(4) != Some(account) => Some(elsewhere("the account of", role, account)),
        (_, Some(wanted)) if *wanted != region => Some(elsewhere("Region", wanted, region)),
        _ => None,
    }
}

/// AWS itself.
#[cfg(feature = "aws")]
#[derive(Clone, Debug)]
pub struct OnAws(pub crate::aws::Configuration);

/// The configuration of a place: what it leaves out is as the global options have it.
#[cfg(feature = "aws")]
pub fn configuration(own: &crate::aws::Configuration, place: &Place) -> crate::aws::Configuration {
    let Place {
        region,
        profile,
        role_arn,
    } = place.clone();
    let own = own.clone();
    crate::aws::Configuration {
        region: region.or(own.region),
        profile: profile.or(own.profile),
        role_arn,
        ..own
    }
}

#[cfg(feature = "aws")]
impl OnAws {
    fn configuration(&self, place: &Place) -> crate::aws::Configuration {
        configuration(&self.0, place)
    }
}

#[cfg(feature = "aws")]
impl Accounts for OnAws {
    async fn check(&self, place: &Place) -> Result<(), Unreachable> {
        let checked = crate::aws::check_profile(&self.configuration(place)).await;
        checked.map_err(|fault| Unreachable::from(&fault))
    }

    fn home(&self, place: &Place) -> Origin {
        place.origin().or(Origin {
            account: None,
            region: self.0.region.clone(),
        })
    }

    async fn survey(&self, place: &Place, proxies: &Proxies) -> Result<Survey, Unreachable> {
        let configuration = self.configuration(place);
        // The SDK's futures are large, and are kept off the stack.
        let aws = Box::pin(crate::aws::Aws::connect(&configuration)).await;
        let aws = aws.map_err(|fault| Unreachable::from(&fault))?;
        Box::pin(read(&aws, proxies)).await
    }

    async fn open(&self, place: &Place) -> Result<Handle<'_>, Unreachable> {
        let configuration = self.configuration(place);
        // The SDK's futures are large, and are kept off the stack.
        let aws = Box::pin(crate::aws::Aws::connect(&configuration)).await;
        let aws = aws.map_err(|fault| Unreachable::from(&fault))?;
        Ok(Handle::Own(Box::new(aws)))
    }
}
