//! Functions. Lambda's list does not contain their states, so those in a VPC are read one by one.

use std::collections::BTreeMap;

use super::{AT_ONCE, Snapshot};
use crate::account::{CapacityProviderConfig, FunctionEntry, ManagedInstances, Tag, VpcConfig};
use crate::cloud::{Answer, Cloud};
use crate::concurrent::bounded;
use crate::model::{Function, FunctionState, LastUpdateStatus};
use crate::observe::patiently;

impl Snapshot {
    pub(super) async fn functions(
        &mut self,
        cloud: &dyn Cloud,
        listed: Vec<Function>,
        tagged: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> Answer<()> {
        let read = listed.into_iter().map(async |function| {
            if function.vpc.is_none() {
                return Ok(Some(function));
            }
            match patiently(cloud, || cloud.get_function_configuration(&function.name)).await {
                Err(error) if error.is_not_found() => Ok(None),
                answer => answer.map(Some),
            }
        });
        let functions: Answer<Vec<Option<Function>>> = bounded(AT_ONCE, read).await.into_iter().collect();
        let entries = functions?.into_iter().flatten();
        let entries = entries.map(|function| {
            let tags = tagged.get(&function.arn).map(Tag::list).unwrap_or_default();
            entry(function, tags)
        });
        self.document.functions.extend(entries);
        Ok(())
    }
}

/// Its environment ends here.
fn entry(function: Function, tags: Vec<Tag>) -> FunctionEntry {
    FunctionEntry {
        function_name: function.name,
        vpc_config: function.vpc.map(|vpc| VpcConfig {
            subnet_ids: vpc.subnets.iter().map(ToString::to_string).collect(),
            security_group_ids: vpc.groups.iter().map(ToString::to_string).collect(),
            ipv6_allowed_for_dual_stack: vpc.ipv6_allowed,
        }),
        state: match &function.state {
            // A list contains none.
            FunctionState::Other(state) if state == "unknown" => "Active".to_owned(),
            state => state.as_api().to_owned(),
        },
        state_reason: function.state_reason,
        state_reason_code: function.state_reason_code,
        last_update_status: match function.last_update {
            None | Some(LastUpdateStatus::Successful) => "Successful".to_owned(),
            Some(LastUpdateStatus::InProgress) => "InProgress".to_owned(),
            Some(LastUpdateStatus::Failed) => "Failed".to_owned(),
            Some(LastUpdateStatus::Other(status)) => status,
        },
        last_update_status_reason: function.last_update_reason,
        last_update_status_reason_code: function.last_update_reason_code,
        revision_id: function.revision_id,
        role: function.role,
        runtime: function.code.runtime,
        handler: function.code.handler,
        code_sha256: function.code.sha256,
        timeout: function.timeout,
        capacity_provider_config: function.capacity_provider.map(|arn| CapacityProviderConfig {
            lambda_managed_instances_capacity_provider_config: ManagedInstances {
                capacity_provider_arn: arn,
                per_execution_environment_max_concurrency: None,
                memory_per_cpu: None,
            },
        }),
        versions: Vec::new(),
        aliases: Vec::new(),
        environment: std::collections::BTreeMap::new(),
        tags,
    }
}
