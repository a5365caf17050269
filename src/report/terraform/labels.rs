//! The names that resources have in Terraform.

use std::collections::{BTreeMap, BTreeSet};

/// Gives each resource a label that no other one of its type has.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    taken: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Labels {
    /// A label for a resource of this type, from its name.
    pub fn take(&mut self, kind: &'static str, name: &str) -> String {
        let taken = self.taken.entry(kind).or_default();
        let base = label(name);
        let mut label = base.clone();
        let mut number = 2;
        while !taken.insert(label.clone()) {
            label = format!("{base}_{number}");
            number += 1;
        }
        label
    }
}

/// A name as a label: lower case letters, digits and single underscores, as people write labels.
pub fn label(name: &str) -> String {
    let mut label = String::new();
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            label.push(character.to_ascii_lowercase());
        } else if !label.ends_with('_') && !label.is_empty() {
            label.push('_');
        }
    }
    let label = label.trim_end_matches('_');
    match label.chars().next() {
        None => "unnamed".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{label}"),
        Some(_) => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_names_that_people_would_choose() {
        let table = [
            ("lambda-rds-1", "lambda_rds_1"),
            ("Orders.Checkout  (new)", "orders_checkout_new"),
            (
                "autoconnect-connect-eu-west-1+p+app",
                "autoconnect_connect_eu_west_1_p_app",
            ),
            ("1st", "_1st"),
            ("größe", "gr_e"),
            ("日本", "unnamed"),
            ("", "unnamed"),
        ];
        for (name, expected) in table {
            assert_eq!(label(name), expected, "{name}");
            assert!(crate::report::hcl::is_identifier(&label(name)));
        }
    }

    #[test]
    fn each_label_is_given_once() {
        let mut labels = Labels::default();
        let taken = ["a-b", "a.b", "a_b", "a-b-2"].map(|name| labels.take("aws_security_group", name));
        assert_eq!(taken, ["a_b", "a_b_2", "a_b_3", "a_b_2_2"]);
        assert_eq!(labels.take("aws_iam_role", "a-b"), "a_b");
    }
}
