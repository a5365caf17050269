//! What a run reports about a function's role before Lambda changes network interfaces for it.

use crate::cloud::{Cloud, Fault};
use crate::interfaces::{change_of, warnings};
use crate::model::Function;
use crate::model::network::Part;
use crate::observe::ObserveError;
use crate::observe::role::role_policies;
use crate::plan::Plan;
use crate::policy::RolePolicies;

/// Reads the role of the function whose interfaces a plan changes, unless it is known, and warns. A role that cannot be read
/// stops nothing.
///
/// # Errors
///
/// An answer about something else than what was asked for.
pub(super) async fn interface_warnings(
    cloud: &dyn Cloud,
    function: &Function,
    known: Option<&Part<RolePolicies>>,
    plan: &Plan,
) -> Result<Vec<String>, ObserveError> {
    let Some(change) = change_of(plan) else {
        return Ok(Vec::new());
    };
    if let Some(role) = known {
        return Ok(warnings(function, role, change, plan));
    }
    let role = match &function.role {
        Some(role) => match role_policies(cloud, role).await {
            Err(error) if matches!(error.fault, Fault::Unexpected { .. }) => return Err(error.into()),
            Err(error) => Part::Unread(error.to_string()),
            Ok(role) => role,
        },
        None => Part::default(),
    };
    Ok(warnings(function, &role, change, plan))
}
