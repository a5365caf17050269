//! A function's environment, whose values are never printed.

use std::collections::BTreeMap;
use std::fmt;

/// The variables of a function's environment. Values can be secrets: `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The environment as it was read.
    pub fn as_read(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// The same environment with this variable. AWS replaces an environment whole, and nothing else is lost.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The same environment without these variables, as far as they have these values.
    pub fn without(mut self, variables: &[(&'static str, String)]) -> Self {
        for (name, value) in variables {
            if self.get(name) == Some(value) {
                self.0.remove(*name);
            }
        }
        self
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All variables, for whoever sends them to AWS.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn values_are_not_printed() {
        let environment = Environment::default().with("API_KEY", "canary");
        assert_eq!(format!("{environment:?}"), r#"{"API_KEY"}"#);
    }
}
