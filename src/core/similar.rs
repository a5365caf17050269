//! The names most similar to a wrong one.

use crate::model::Named;

/// How many names are offered for a wrong one.
const OFFERED: usize = 3;

/// The names nearest to `name`: those that are alike, or all where there are but few.
pub fn similar(name: &str, mut names: Vec<String>) -> Vec<String> {
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
