//! Which ids the expressions of a plan's configuration name.

use serde_json::Value;

use super::plan::{Change, Plan};
use super::side::text;

/// How many modules and variables are followed from one expression.
const DEEPEST: usize = 16;

/// An id that an expression names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NamedId {
    /// The id, or what stands for it.
    pub(super) id: String,
    /// The id that was there before.
    pub(super) before: Option<String>,
    /// Whether it is known only after apply.
    pub(super) is_later: bool,
}

/// What an expression names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Named {
    /// The ids, or what stands for them.
    pub(super) ids: Vec<NamedId>,
    /// Whether it depends on something else, too, so that any of these may be missing and others may be there.
    pub(super) is_partial: bool,
    /// Whether something that it depends on is known only after apply.
    pub(super) is_later: bool,
}

impl Named {
    /// The only thing named that is known only after apply. Terraform evaluates an expression as far as it can, so that what is
    /// known only after apply has it as a value, or as an element.
    pub(super) fn only_later(&self) -> Option<&str> {
        let mut later = self.ids.iter().filter(|named| named.is_later);
        match (later.next(), later.next()) {
            (Some(named), None) if !self.is_partial => Some(&named.id),
            _ => None,
        }
    }

    fn partial() -> Self {
        Self {
            ids: Vec::new(),
            is_partial: true,
            is_later: false,
        }
    }

    fn add(&mut self, other: Self) {
        self.is_partial |= other.is_partial;
        self.is_later |= other.is_later;
        for id in other.ids {
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
    }
}

/// Where an expression stands: the address of the module, and the modules in the configuration that lead to it.
#[derive(Clone)]
struct Scope<'p> {
    module: String,
    chain: Vec<&'p Value>,
    /// The calls of these modules, but for the root module.
    calls: Vec<&'p Value>,
}

impl Plan {
    /// The expressions of a resource.
    pub(super) fn expressions(&self, change: &Change) -> &Value {
        let found = self.scope(&change.module).and_then(|scope| {
            let module = *scope.chain.last()?;
            let resources = module.get("resources")?.as_array()?;
            let is_it = |resource: &&Value| {
                let is = |key: &str, wanted: &str| resource.get(key).and_then(Value::as_str) == Some(wanted);
                is("mode", "managed") && is("type", &change.kind) && is("name", &change.name)
            };
            resources.iter().find(is_it)?.get("expressions")
        });
        found.unwrap_or(&Value::Null)
    }

    /// What an expression of a resource names.
    pub(super) fn named(&self, change: &Change, expression: &Value) -> Named {
        match self.scope(&change.module) {
            Some(scope) => self.named_in(&scope, change.index.as_ref(), expression, 0),
            None => Named::partial(),
        }
    }

    fn scope(&self, module: &str) -> Option<Scope<'_>> {
        let mut scope = Scope {
            module: String::new(),
            chain: vec![&self.configuration],
            calls: Vec::new(),
        };
        let steps = split(module);
        for pair in steps.chunks(2) {
            let [word, step] = pair else { return None };
            if *word != "module" {
                return None;
            }
            scope = enter(&scope, step)?;
        }
        Some(scope)
    }

    fn named_in(&self, scope: &Scope<'_>, index: Option<&Value>, expression: &Value, depth: usize) -> Named {
        if depth > DEEPEST {
            return Named::partial();
        }
        if let Some(constant) = expression.get("constant_value") {
            return constants(constant);
        }
        let references = expression.get("references").and_then(Value::as_array);
        let references: Vec<&str> = references.into_iter().flatten().filter_map(Value::as_str).collect();
        if references.is_empty() {
            return Named::partial();
        }
        let mut named = Named::default();
        for reference in &references {
            // Each reference is followed by those to what it is an attribute or an element of.
            let is_longer = |other: &&str| {
                other.len() > reference.len()
                    && other.starts_with(reference)
                    && matches!(other.as_bytes()[reference.len()], b'.' | b'[')
            };
            if !references.iter().any(is_longer) {
                named.add(self.reference(scope, index, reference, depth));
            }
        }
        named
    }

    fn reference(&self, scope: &Scope<'_>, index: Option<&Value>, reference: &str, depth: usize) -> Named {
        let parts = split(reference);
        match parts.as_slice() {
            ["var", name, ..] => self.variable(scope, name, depth),
            ["module", call, output, ..] => {
                let Some(inner) = enter(scope, call) else {
                    return Named::partial();
                };
                let outputs = inner.chain.last().and_then(|module| module.get("outputs"));
                let output = outputs.and_then(|outputs| outputs.get(without_index(output)));
                match output.and_then(|output| output.get("expression")) {
                    Some(expression) => self.named_in(&inner, None, expression, depth + 1),
                    None => Named::partial(),
                }
            }
            ["data", kind, name, ..] => Named {
                is_later: self.is_read_later(&scope.module, kind, without_index(name)),
                ..Named::partial()
            },
            // The plan does not show what a local value is made of.
            [kind, ..] if ["local", "each", "module"].contains(kind) => Named {
                is_later: self.has_later(),
                ..Named::partial()
            },
            [kind, ..] if ["data", "count", "path", "terraform", "self"].contains(kind) => Named::partial(),
            [kind, name] => self.resource(scope, index, (kind, name), "id"),
            [kind, name, attribute] => self.resource(scope, index, (kind, name), attribute),
            _ => Named::partial(),
        }
    }

    fn variable(&self, scope: &Scope<'_>, name: &str, depth: usize) -> Named {
        let name = without_index(name);
        let Some((call, outer)) = scope.calls.split_last() else {
            return match self.variables.get(name).and_then(|variable| variable.get("value")) {
                Some(value) => constants(value),
                None => Named::partial(),
            };
        };
        let Some(expression) = call.get("expressions").and_then(|expressions| expressions.get(name)) else {
            return Named::partial();
        };
        let steps = split(&scope.module);
        let outer = Scope {
            module: steps[..steps.len().saturating_sub(2)].join("."),
            chain: scope.chain[..scope.chain.len() - 1].to_vec(),
            calls: outer.to_vec(),
        };
        self.named_in(&outer, None, expression, depth + 1)
    }

    fn resource(&self, scope: &Scope<'_>, index: Option<&Value>, (kind, name): (&str, &str), attribute: &str) -> Named {
        let wanted = index_in(name);
        let instances: Vec<&Change> = self
            .changes
            .iter()
            .filter(|change| {
                change.module == scope.module
                    && change.kind == kind
                    && change.name == without_index(name)
                    && !change.address.contains(" (deposed ")
            })
            .collect();
        let has = |change: &&&Change, index: &Value| change.index.as_ref() == Some(index);
        let found = match (wanted, index, instances.as_slice()) {
            (Some(wanted), ..) => instances.iter().find(|change| has(change, &wanted)),
            (None, _, [_]) => instances.first(),
            // `for_each` over the same keys.
            (None, Some(index), _) => instances.iter().find(|change| has(change, index)),
            (None, None, _) => None,
        };
        let Some(change) = found else {
            return Named::partial();
        };
        let attribute = without_index(attribute);
        let before = change.before.get(attribute).and_then(text);
        let is_later = change.unknown.get(attribute) == Some(&Value::Bool(true));
        let (id, is_later) = match change.after.get(attribute).and_then(text) {
            Some(text) => (text, is_later),
            None if attribute == "id" && change.creates() => (change.placeholder.clone(), true),
            None => {
                return Named {
                    is_later,
                    ..Named::partial()
                };
            }
        };
        Named {
            ids: vec![NamedId { id, before, is_later }],
            is_partial: false,
            is_later,
        }
    }
}

/// The module that a call leads to.
fn enter<'p>(scope: &Scope<'p>, call: &str) -> Option<Scope<'p>> {
    let found = scope.chain.last()?.get("module_calls")?.get(without_index(call))?;
    let mut inner = scope.clone();
    inner.module = match inner.module.as_str() {
        "" => format!("module.{call}"),
        outer => format!("{outer}.module.{call}"),
    };
    inner.chain.push(found.get("module")?);
    inner.calls.push(found);
    Some(inner)
}

fn constants(value: &Value) -> Named {
    let texts: Vec<String> = match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    };
    let ids = texts.into_iter().map(|id| NamedId {
        before: Some(id.clone()),
        id,
        is_later: false,
    });
    Named {
        ids: ids.collect(),
        ..Named::default()
    }
}

/// The parts of an address between its dots, but not those in an index.
pub(super) fn split(address: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut is_quoted) = (Vec::new(), 0, 0_usize, false);
    let mut is_escaped = false;
    for (at, byte) in address.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b'[' if !is_quoted => depth += 1,
            b']' if !is_quoted => depth = depth.saturating_sub(1),
            b'.' if !is_quoted && depth == 0 => {
                parts.push(&address[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < address.len() {
        parts.push(&address[start..]);
    }
    parts
}

pub(super) fn without_index(part: &str) -> &str {
    part.split_once('[').map_or(part, |(name, _)| name)
}

fn index_in(part: &str) -> Option<Value> {
    let (_, index) = part.split_once('[')?;
    serde_json::from_str(index.strip_suffix(']')?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_split_outside_of_their_indices() {
        for (address, expected) in [
            ("", vec![]),
            ("module.a.module.b", vec!["module", "a", "module", "b"]),
            (
                r#"module.a["x.y]\"["].aws_security_group.db[0].id"#,
                vec!["module", r#"a["x.y]\"["]"#, "aws_security_group", "db[0]", "id"],
            ),
        ] {
            assert_eq!(split(address), expected, "{address}");
        }
        assert_eq!(index_in(r#"a["x"]"#), Some(Value::from("x")));
        assert_eq!(index_in("a[3]"), Some(Value::from(3)));
        assert_eq!(index_in("a[each.key]"), None);
        assert_eq!(index_in("a"), None);
    }
}
