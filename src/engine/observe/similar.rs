//! The names most similar to a wrong one.

use super::ObserveError;
use crate::cloud::{Cloud, ResourceKind, derived};
use crate::model::Named;
use crate::similar::similar;

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
