//! Permissions collected one by one, and the shortest document that contains them.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{Condition, PolicyDocument, Statement, Texts};

/// Permissions: each an action on resources, where a condition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    resources: BTreeMap<(Condition, String), BTreeSet<String>>,
}

impl Permissions {
    /// Adds an action on these resources.
    pub fn add(&mut self, action: &str, resources: impl IntoIterator<Item = String>) {
        self.add_when(Condition::new(), action, resources);
    }

    /// Adds an action on these resources where a condition holds.
    pub fn add_when(&mut self, condition: Condition, action: &str, resources: impl IntoIterator<Item = String>) {
        let key = (condition, action.to_owned());
        self.resources.entry(key).or_default().extend(resources);
    }

    /// One statement for all actions on the same resources under the same condition. What a pattern says is not said again.
    pub fn document(self) -> PolicyDocument {
        let mut actions: BTreeMap<(Condition, BTreeSet<String>), Texts> = BTreeMap::new();
        for ((condition, action), all) in self.resources {
            let is_said = |resource: &String| {
                let mut patterns = all.iter().filter_map(|pattern| pattern.strip_suffix('*'));
                patterns.any(|start| !resource.ends_with('*') && resource.starts_with(start))
            };
            let resources: BTreeSet<String> = all.iter().filter(|resource| !is_said(resource)).cloned().collect();
            if resources.is_empty() {
                continue;
            }
            actions.entry((condition, resources)).or_default().0.push(action);
        }
        let statement = |((condition, resources), actions): ((Condition, BTreeSet<String>), Texts)| Statement {
            condition,
            ..Statement::allow(actions.0).on(resources)
        };
        PolicyDocument::new(actions.into_iter().map(statement).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_together_is_said_together() {
        let mut permissions = Permissions::default();
        permissions.add("s:B", ["r1".to_owned()]);
        permissions.add("s:A", ["r2".to_owned()]);
        permissions.add("s:A", ["r1".to_owned()]);
        permissions.add("s:C", ["r1".to_owned(), "r2".to_owned()]);
        assert_eq!(
            permissions.document(),
            PolicyDocument::new(vec![
                Statement::allow(["s:B"]).on(["r1"]),
                Statement::allow(["s:A", "s:C"]).on(["r1", "r2"]),
            ])
        );
    }

    #[test]
    fn what_a_pattern_says_is_not_said_again() {
        let mut permissions = Permissions::default();
        permissions.add("s:A", ["cluster:orders", "cluster:*", "db:orders"].map(str::to_owned));
        permissions.add("s:B", []);
        let said = Statement::allow(["s:A"]).on(["cluster:*", "db:orders"]);
        assert_eq!(permissions.document(), PolicyDocument::new(vec![said]));
    }
}
