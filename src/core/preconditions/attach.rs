//! What attaching a function to a database's VPC needs of it.
//!
//! Source: docs/attaching.md.

use super::Unmet;
use crate::attach::{AttachUnmet, fit};
use crate::model::{Observation, last_segment};

/// Checks that the role of a function which is in no VPC allows what attaching it to the database's takes.
///
/// # Errors
///
/// It does not, or the function cannot be attached there.
pub fn check_attachment(observation: &Observation) -> Result<(), Unmet> {
    let Observation { function, extras, .. } = observation;
    let Some(site) = &extras.attach else { return Ok(()) };
    let fitting = fit(function, site)?;
    if fitting.lacks.is_empty() {
        return Ok(());
    }
    Err(AttachUnmet::RoleLacks {
        role: function.role.as_deref().map_or("", last_segment).to_owned(),
        actions: fitting.lacks,
        policy: fitting.policy,
    }
    .into())
}

/// What is worth knowing of a function that is to be attached.
pub(super) fn notes(observation: &Observation) -> Vec<String> {
    let Observation { function, extras, .. } = observation;
    let Some(Ok(fitting)) = extras.attach.as_ref().map(|site| fit(function, site)) else {
        return Vec::new();
    };
    let attached = format!(
        "Function {} is in no VPC: it will be attached to {}, and then reaches the internet only through a NAT gateway.",
        function.name, fitting.vpc
    );
    std::iter::once(attached).chain(fitting.notes).collect()
}
