//! The names most similar to a wrong one.

use super::ObserveError;
use crate::cloud::{Answer, Cloud, ResourceKind, derived};
use crate::model::Named;
use crate::similar::similar;

/// What was asked for by its name.
///
/// # Errors
///
/// It does not exist, and the error has the nearest names; or it cannot be read.
pub async fn existing<T>(
    cloud: &dyn Cloud,
    kind: ResourceKind,
    name: &str,
    answer: Answer<T>,
) -> Result<T, ObserveError> {
    match answer {
        Err(error) if error.is_not_found() => Err(no_such(cloud, kind, name).await),
        answer => Ok(answer?),
    }
}

/// The error for a name that does not exist, with the nearest names.
pub async fn no_such(cloud: &dyn Cloud, kind: ResourceKind, name: &str) -> ObserveError {
    // The names are a help, not the matter: where they cannot be read, none are offered.
    let names = derived::names(cloud, kind).await.unwrap_or_default();
    let other = match kind {
        ResourceKind::Cluster => derived::names(cloud, ResourceKind::Instance).await.unwrap_or_default(),
        ResourceKind::Instance => derived::names(cloud, ResourceKind::Cluster).await.unwrap_or_default(),
        ResourceKind::Proxy | ResourceKind::Function => Vec::new(),
    };
    ObserveError::NoSuch {
        kind,
        name: name.to_owned(),
        similar: similar(name, names),
        is_other_kind: other
            .iter()
            .any(|other| other.eq_ignore_ascii_case(Named::of(name).name())),
    }
}
