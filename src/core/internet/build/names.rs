//! What does not exist yet, as text.

use std::fmt::Display;

use super::Builder;
use crate::plan::Ref;
use crate::plan::network::Via;

impl Builder<'_, '_> {
    /// Something as text.
    pub(in crate::internet) fn named<T: Display>(&self, reference: &Ref<T>) -> String {
        let Some(role) = reference.step().and_then(|step| self.steps.role_of(step)) else {
            return reference.to_string();
        };
        let in_zone = |prefix: &str| role.strip_prefix(prefix);
        if let Some(zone) = in_zone("public-subnet-") {
            format!("the new public subnet in {zone}")
        } else if let Some(zone) = in_zone("nat-gateway-") {
            format!("the new NAT gateway in {zone}")
        } else if role == "public-routes" {
            "the new public route table".to_owned()
        } else if let Some(of) = in_zone("private-routes-") {
            format!("the new route table beside {}", table_of(of))
        } else {
            self.steps.name(reference)
        }
    }

    pub(in crate::internet) fn through(&self, via: &Via) -> String {
        match via {
            Via::InternetGateway(gateway @ Ref::Step(_)) => self.named(gateway),
            Via::Nat(nat @ Ref::Step(_)) => self.named(nat),
            via => via.to_string(),
        }
    }
}

/// The table's id in the role of one that was made from it: `rtb-…`, and what distinguishes it.
fn table_of(role: &str) -> &str {
    let end = role.match_indices('-').nth(1).map_or(role.len(), |(end, _)| end);
    &role[..end]
}
