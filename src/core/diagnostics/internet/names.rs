//! The names of service endpoints: an endpoint of a VPC serves only the Regional name.
//!
//! Source: AWS General Reference, "Service endpoints"; VPC user guide, "Private DNS".

use super::Traveller;
use super::checks::BySubnet;
use super::services::Way;
use crate::diagnostics::Finding;
use crate::endpoint::listed;
use crate::model::SubnetId;
use crate::reachability::Paths;

/// Services that have one endpoint for all Regions of a partition (botocore, `endpoints.json`: not regionalized).
const GLOBAL_ONLY: [&str; 12] = [
    "account",
    "budgets",
    "ce",
    "cloudfront",
    "health",
    "iam",
    "organizations",
    "route53",
    "savingsplans",
    "shield",
    "support",
    "waf",
];

/// Whether a service has one endpoint for all Regions.
pub fn is_global_only(service: &str) -> bool {
    GLOBAL_ONLY.contains(&service)
}

/// What an endpoint of the VPC does not stand for: the name of the service for all Regions, which only the internet leads
/// to. Clients of STS use it by default where their SDK is an old one; those of S3 only where they are configured to.
pub(crate) fn of_region(paths: &Paths<'_>, traveller: &Traveller<'_>, service: &str, way: &mut Way) {
    let service = service.rsplit('.').next().unwrap_or(service);
    let region = traveller.region;
    let domain = if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    };
    let own = format!("{service}.{region}.{domain}");
    let text = match service {
        "sts" | "s3" => format!("the endpoint serves only {own}, not {service}.{domain}"),
        _ => format!("the endpoint serves only the Regional name {own}"),
    };
    if !["sts", "s3"].contains(&service) {
        return way.evidence.push(text);
    }
    let BySubnet { out, shut, untold } = BySubnet::of(paths, traveller, &traveller.subnets);
    let from = |subnets: &[&SubnetId]| {
        if subnets.len() == traveller.subnets.len() {
            String::new()
        } else {
            format!(" from {}", listed(subnets))
        }
    };
    if !out.is_empty() {
        way.evidence
            .push(format!("{text}, which is reached through the internet{}", from(&out)));
    }
    if service != "sts" {
        if out.is_empty() {
            way.evidence.push(text);
        }
        return;
    }
    let regional = |text: String| {
        Finding::warn(text).fixed_by(
            "set AWS_STS_REGIONAL_ENDPOINTS=regional in the function's environment, unless its SDK uses the Regional name by default",
        )
    };
    if !shut.is_empty() {
        way.findings.push(regional(format!(
            "{text}, which cannot be reached{}: the function's clients must use the Regional name",
            from(&shut)
        )));
    }
    if !untold.is_empty() {
        way.findings.push(regional(format!(
            "{text}, and it is not known whether that can be reached{}: the function's clients should use the Regional name",
            from(&untold)
        )));
    }
}
