//! The names of service endpoints: an endpoint of a VPC serves only the Regional name.
//!
//! Source: AWS General Reference, "Service endpoints"; VPC user guide, "Private DNS".

use super::Traveller;
use super::services::Way;
use crate::diagnostics::Finding;

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
pub(crate) fn is_global_only(service: &str) -> bool {
    GLOBAL_ONLY.contains(&service)
}

/// What an endpoint of the VPC does not stand for: the name of the service for all Regions, which only the internet leads
/// to. Clients of STS use it by default where their SDK is an old one; those of S3 only where they are configured to.
pub(crate) fn of_region(traveller: &Traveller<'_>, service: &str, has_internet: bool, way: &mut Way) {
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
    match (service, has_internet) {
        ("sts", false) => way.findings.push(
            Finding::warn(format!(
                "{text}, which cannot be reached: the function's clients must use the Regional name"
            ))
            .fixed_by(
                "set AWS_STS_REGIONAL_ENDPOINTS=regional in the function's environment, unless its SDK uses the Regional name by default",
            ),
        ),
        ("sts" | "s3", true) => way.evidence.push(format!("{text}, which is reached through the internet")),
        _ => way.evidence.push(text),
    }
}
