//! A plan of Terraform, as `terraform show -json` prints it, applied to an account.
//!
//! Source: Terraform documentation, "JSON Output Format". `resource_changes` has each resource before and after, with what is
//! known only after apply; `configuration` has which resources an expression names, but not the expression itself.

mod computers;
mod groups;
mod network;
mod plan;
mod references;
mod side;

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

pub use plan::Plan;

use super::future::{About, Future, Layer};
use crate::files;
use plan::Change;
use side::Side;

/// The most that is read of a plan.
const LARGEST: u64 = 1 << 30;

/// Why a plan cannot be used.
#[derive(Debug, Error)]
pub enum TerraformError {
    /// Its file cannot be read.
    #[error("cannot read the plan {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is as `terraform plan -out` writes it.
    #[error("{} is a binary plan, not JSON", .0.display())]
    Binary(PathBuf),
    /// It is something else.
    #[error("{} is not a plan as `terraform show -json` prints it: {why}", .path.display())]
    NoPlan {
        /// The file.
        path: PathBuf,
        /// What was expected and found.
        why: String,
    },
}

impl TerraformError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "name a file that `terraform show -json PLAN` has written".to_owned(),
            Self::Binary(path) => format!(
                "print it as JSON: terraform show -json {} > plan.json",
                crate::escape::word(path.display().to_string())
            ),
            Self::NoPlan { .. } => {
                "make it so: terraform plan -out PLAN, then terraform show -json PLAN > plan.json".to_owned()
            }
        }
    }
}

/// Reads the file of a plan.
///
/// # Errors
///
/// It cannot be read, or is no plan in JSON.
pub fn load(path: &Path) -> Result<Plan, TerraformError> {
    let content = files::read(path, LARGEST).map_err(|source| TerraformError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    // The plan of Terraform is a ZIP archive; a state or a plan of old versions begins otherwise.
    if content.starts_with(b"PK\x03\x04") || content.starts_with(b"tfplan") {
        return Err(TerraformError::Binary(path.to_owned()));
    }
    Plan::read(&content).map_err(|why| TerraformError::NoPlan {
        path: path.to_owned(),
        why,
    })
}

/// Applies a plan. What it replaces exists until it is deleted; what it deletes goes last.
pub fn apply(plan: &Plan, future: &mut Future) {
    if let Some(why) = &plan.incomplete {
        future.not_understood("the plan", About::Everything, Layer::Resource, why.as_str());
    }
    let mut changes: Vec<&Change> = plan.changes.iter().filter(|change| change.is_change()).collect();
    changes.sort_by_key(|change| {
        ORDER
            .iter()
            .position(|kind| *kind == change.kind)
            .unwrap_or(ORDER.len())
    });
    let steps: [fn(&Plan, &Change, &mut Future); 9] = [
        groups::remove_rules,
        network::remove,
        network::create,
        groups::create,
        groups::add_rules,
        network::change,
        computers::delete,
        computers::change,
        |plan, change, future| {
            groups::delete(plan, change, future);
            network::delete(plan, change, future);
        },
    ];
    for step in steps {
        for change in &changes {
            step(plan, change, future);
        }
    }
    for change in &plan.changes {
        computers::kept(plan, change, future);
    }
    for change in &changes {
        other(plan, change, future);
    }
    future.finish();
}

/// Each type before those that refer to it.
const ORDER: [&str; 8] = [
    "aws_vpc",
    "aws_subnet",
    "aws_db_subnet_group",
    "aws_rds_cluster",
    "aws_rds_cluster_instance",
    "aws_db_instance",
    "aws_db_proxy",
    "aws_db_proxy_target",
];

/// Types that connections can depend on, and that are not understood, by how they begin.
const MATTERING: [&str; 22] = [
    "aws_cloudformation_stack",
    "aws_db_instance",
    "aws_db_proxy",
    "aws_default_",
    "aws_ec2_managed_prefix_list",
    "aws_ec2_transit_gateway",
    "aws_internet_gateway",
    "aws_lambda_function",
    "aws_network",
    "aws_ram_",
    "aws_rds_cluster",
    "aws_rds_custom_db",
    "aws_rds_global_cluster",
    "aws_rds_integration",
    "aws_rds_shard_group",
    "aws_route",
    "aws_security_group",
    "aws_serverlessapplicationrepository",
    "aws_subnet",
    "aws_vpc",
    "aws_vpn",
    "awscc_",
];

/// Types among them on which no connection depends.
const HARMLESS: [&str; 40] = [
    "aws_db_instance_role_association",
    "aws_db_instance_automated_backups_replication",
    "aws_db_proxy_default_target_group",
    "aws_internet_gateway",
    "aws_internet_gateway_attachment",
    "aws_lambda_function_event_invoke_config",
    "aws_lambda_function_recursion_config",
    "aws_lambda_function_url",
    "aws_networkmanager_site",
    "aws_rds_cluster_activity_stream",
    "aws_rds_cluster_parameter_group",
    "aws_rds_cluster_role_association",
    "aws_rds_cluster_snapshot_copy",
    "aws_rds_integration",
    "aws_route53_cidr_collection",
    "aws_route53_cidr_location",
    "aws_route53_delegation_set",
    "aws_route53_health_check",
    "aws_route53_hosted_zone_dnssec",
    "aws_route53_key_signing_key",
    "aws_route53_query_log",
    "aws_route53_record",
    "aws_route53_traffic_policy",
    "aws_route53_traffic_policy_instance",
    "aws_route53_zone",
    "aws_route53_zone_association",
    "aws_route53domains_registered_domain",
    "aws_vpc_endpoint",
    "aws_vpc_endpoint_connection_accepter",
    "aws_vpc_endpoint_connection_notification",
    "aws_vpc_endpoint_policy",
    "aws_vpc_endpoint_private_dns",
    "aws_vpc_endpoint_route_table_association",
    "aws_vpc_endpoint_security_group_association",
    "aws_vpc_endpoint_service",
    "aws_vpc_endpoint_service_allowed_principal",
    "aws_vpc_endpoint_subnet_association",
    "aws_vpc_ipam",
    "aws_vpc_network_performance_metric_subscription",
    "aws_network_interface",
];

/// What no step has understood, and connections can depend on.
fn other(plan: &Plan, change: &Change, future: &mut Future) {
    let kind = change.kind.as_str();
    let is_known = groups::TYPES.contains(&kind) || network::TYPES.contains(&kind) || computers::TYPES.contains(&kind);
    let matters = MATTERING.iter().any(|beginning| kind.starts_with(beginning)) && !HARMLESS.contains(&kind);
    if is_known || !matters {
        return;
    }
    let side = Side::latest(plan, change);
    let about = match kind {
        "aws_network_interface_sg_attachment" => match side.text("security_group_id") {
            Ok(Some(group)) => About::Group(group),
            _ => About::Everything,
        },
        _ => match side.text("vpc_id") {
            Ok(Some(vpc)) => About::Vpc(vpc),
            _ => About::Everything,
        },
    };
    let layer = match kind {
        "aws_network_interface_sg_attachment" => Layer::Groups,
        kind if kind.starts_with("aws_vpc") || kind.starts_with("aws_ec2") || kind.starts_with("aws_route") => {
            Layer::Network
        }
        _ => Layer::Resource,
    };
    let why = format!(
        "what becomes of {} is not understood: resources of type {kind} are not judged",
        change.address
    );
    future.not_understood(&change.address, about, layer, why);
}
