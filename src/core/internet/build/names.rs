//! What does not exist yet, as text.

use crate::plan::network::{Ref, Via};

/// Something as text.
pub fn named(reference: &Ref) -> String {
    let Ref::New(role) = reference else {
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
        reference.to_string()
    }
}

/// The table's id in the role of one that was made from it: `rtb-…`, and what distinguishes it.
fn table_of(role: &str) -> &str {
    let end = role.match_indices('-').nth(1).map_or(role.len(), |(end, _)| end);
    &role[..end]
}

pub fn through(via: &Via) -> String {
    match via {
        Via::InternetGateway(gateway @ Ref::New(_)) | Via::Nat(gateway @ Ref::New(_)) => named(gateway),
        via => via.to_string(),
    }
}
