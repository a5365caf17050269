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

pub use plan::{NoPlan, Plan};

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
        why: NoPlan,
    },
}

impl TerraformError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => "name a file that `terraform show -json PLAN` has written".to_owned(),
            Self::Binary(path) => format!(
                "print it as JSON: terraform show -json {} > plan.json",
                crate::escape::word(path.display().to_string())
            ),
            Self::NoPlan {
                why: NoPlan::Version(_),
                ..
            } => "make the plan with a version of Terraform that writes format_version 1".to_owned(),
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
    let (account, region) = (future.document.account_id.clone(), future.document.region.clone());
    let here: Vec<&Change> = plan
        .changes
        .iter()
        .filter(|change| plan.is_in(change, &account, &region))
        .collect();
    let mut changes: Vec<&Change> = here.iter().copied().filter(|change| change.is_change()).collect();
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
    for change in here {
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

/// How types begin that connections can depend on, and that are not understood unless a step knows them.
const MATTERING: [&str; 19] = [
    "aws_cloudcontrolapi_resource",
    "aws_cloudformation_stack",
    "aws_db_instance",
    "aws_db_proxy",
    "aws_default_",
    "aws_ec2_managed_prefix_list",
    "aws_ec2_transit_gateway",
    "aws_lambda_function",
    "aws_network",
    "aws_ram_",
    "aws_rds_",
    "aws_route",
    "aws_security_group",
    "aws_serverlessapplicationrepository_cloudformation_stack",
    "aws_servicecatalog_provisioned_product",
    "aws_subnet",
    "aws_vpc",
    "aws_vpn",
    "awscc_",
];

/// How types among them begin on which no connection depends.
const HARMLESS: [&str; 17] = [
    "aws_db_instance_automated_backups_replication",
    "aws_db_instance_role_association",
    "aws_db_proxy_default_target_group",
    "aws_lambda_function_",
    "aws_network_insights_",
    "aws_networkmanager_",
    "aws_networkmonitor_",
    "aws_rds_cluster_activity_stream",
    "aws_rds_cluster_endpoint",
    "aws_rds_cluster_parameter_group",
    "aws_rds_cluster_role_association",
    "aws_rds_cluster_snapshot_copy",
    "aws_rds_integration",
    "aws_route53",
    "aws_vpc_endpoint",
    "aws_vpc_ipam",
    "aws_vpclattice_",
];

/// What no step has understood, and connections can depend on.
fn other(plan: &Plan, change: &Change, future: &mut Future) {
    let kind = change.kind.as_str();
    let is_known = groups::TYPES.contains(&kind) || network::TYPES.contains(&kind) || computers::TYPES.contains(&kind);
    let begins = |beginning: &&str| kind.starts_with(*beginning);
    // A network interface has other groups only by a resource of its own.
    let is_harmless = HARMLESS.iter().any(begins) || kind == "aws_network_interface";
    let matters = MATTERING.iter().any(begins) && !is_harmless;
    if is_known || !matters {
        return;
    }
    let side = Side::latest(plan, change);
    let is_of_group = kind == "aws_network_interface_sg_attachment" || kind.starts_with("aws_vpc_security_group");
    let (about, layer) = if is_of_group {
        let group = side.needed("security_group_id");
        (group.map_or(About::Everything, About::Group), Layer::Groups)
    } else {
        let vpc = side.needed("vpc_id");
        let is_network = ["aws_vpc", "aws_ec2", "aws_route", "aws_network"];
        let is_network = is_network.iter().any(|beginning| kind.starts_with(beginning));
        (
            vpc.map_or(About::Everything, About::Vpc),
            if is_network { Layer::Network } else { Layer::Resource },
        )
    };
    let why = format!(
        "what becomes of {} is not understood: resources of type {kind} are not judged",
        change.address
    );
    future.not_understood(&change.address, about, layer, why);
}
