//! The names nearest to a wrong one.

use super::ObserveError;
use crate::cloud::{Cloud, ResourceKind};
use crate::model::Named;

/// How many names are offered for a wrong one.
const OFFERED: usize = 3;

pub(crate) async fn no_such(cloud: &impl Cloud, kind: ResourceKind, name: &str) -> ObserveError {
    // The names are a help, not the matter: where they cannot be read, none are offered.
    let names = cloud.names(kind).await.unwrap_or_default();
    let other = match kind {
        ResourceKind::Cluster => cloud.names(ResourceKind::Instance).await.unwrap_or_default(),
        ResourceKind::Instance => cloud.names(ResourceKind::Cluster).await.unwrap_or_default(),
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

/// The names nearest to `name`: those that are alike, or all where there are but few.
pub(crate) fn similar(name: &str, mut names: Vec<String>) -> Vec<String> {
    const ALIKE: f64 = 0.75;
    let wanted = Named::of(name).name().to_ascii_lowercase();
    let likeness = |candidate: &String| strsim::jaro_winkler(&wanted, &candidate.to_ascii_lowercase());
    names.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)).then_with(|| a.cmp(b)));
    if names.len() > OFFERED {
        names.retain(|candidate| likeness(candidate) >= ALIKE);
    }
    names.truncate(OFFERED);
    names
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn the_nearest_names_are_offered() {
        let names = || {
            ["orders", "order-history", "inventory", "billing", "orders-eu"]
                .map(str::to_owned)
                .to_vec()
        };
        assert_eq!(similar("ordres", names()), ["orders", "orders-eu", "order-history"]);
        assert_eq!(similar("ORDERS", names()).first().map(String::as_str), Some("orders"));
        assert!(similar("zzz", names()).is_empty());
        assert_eq!(similar("zzz", vec!["orders".to_owned()]), ["orders"]);
    }
}
