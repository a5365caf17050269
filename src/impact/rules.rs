//! Rules, entries of network ACLs and routes, from the words in which Terraform and CloudFormation write them.

use super::future::Known;
use crate::account::{AclPorts, AclRule, RouteEntry};
use crate::model::{Peer, PortRange, Protocol};

/// A group as a peer, which may be named with its account.
pub(super) fn group_peer(text: &str) -> Peer {
    let id = text.rsplit('/').next().unwrap_or(text);
    Peer::Group(id.into())
}

/// Protocol and ports, as EC2 has them.
pub(super) fn traffic([protocol, from, to]: [Option<String>; 3]) -> Known<(Protocol, Option<PortRange>)> {
    let protocol = protocol.ok_or("a rule has no protocol")?.to_ascii_lowercase();
    let protocol = Protocol::from_api(if protocol == "all" { "-1" } else { &protocol });
    let port = |text: Option<String>| text.and_then(|text| text.parse::<i32>().ok());
    let ports = port(from).zip(port(to)).map(|(from, to)| PortRange { from, to });
    match (&protocol, ports) {
        (Protocol::All, _) => Ok((protocol, None)),
        (Protocol::Tcp, None) => Err("a rule for TCP has no ports".to_owned()),
        _ => Ok((protocol, ports)),
    }
}

/// An entry of a network ACL.
pub(super) fn acl_entry(
    [number, protocol, action]: [Option<String>; 3],
    [cidr_block, ipv6_cidr_block]: [Option<String>; 2],
    ports: [Option<String>; 2],
    egress: bool,
) -> Known<AclRule> {
    let incomplete = || "an entry of a network ACL is not complete".to_owned();
    let protocol = protocol.ok_or_else(incomplete)?.to_ascii_lowercase();
    let protocol = match protocol.as_str() {
        "all" | "-1" => "-1",
        "tcp" => "6",
        "udp" => "17",
        "icmp" => "1",
        "icmpv6" => "58",
        number if number.parse::<u8>().is_ok() => number,
        other => return Err(format!("an entry of a network ACL has the protocol {other}")),
    };
    let has_ports = matches!(protocol, "6" | "17");
    let ports = ports.map(|port| port.and_then(|port| port.parse::<u16>().ok()));
    let action = action.ok_or_else(incomplete)?.to_ascii_lowercase();
    if cidr_block.is_some() == ipv6_cidr_block.is_some() || !["allow", "deny"].contains(&action.as_str()) {
        return Err(incomplete());
    }
    Ok(AclRule {
        rule_number: number.and_then(|number| number.parse().ok()).ok_or_else(incomplete)?,
        protocol: protocol.to_owned(),
        rule_action: action,
        egress,
        cidr_block,
        ipv6_cidr_block,
        port_range: match ports {
            [Some(from), Some(to)] if has_ports && from <= to => Some(AclPorts { from, to }),
            _ if has_ports => return Err(incomplete()),
            _ => None,
        },
    })
}

/// A route, if it has one destination and leads somewhere.
pub(super) fn followed(route: RouteEntry) -> Known<RouteEntry> {
    let destinations = [
        &route.destination_cidr_block,
        &route.destination_ipv6_cidr_block,
        &route.destination_prefix_list_id,
    ];
    let has_destination = destinations.iter().filter(|destination| destination.is_some()).count() == 1;
    if has_destination && route.target().is_some() {
        Ok(route)
    } else {
        Err("a route leads where it cannot be followed".to_owned())
    }
}
