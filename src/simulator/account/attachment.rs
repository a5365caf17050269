//! Functions that are detached from their VPC.

use std::collections::BTreeMap;

use super::offline::OfflineAccount;
use super::rules::next_revision;
use crate::cloud::{Answer, AttachmentCloud, Operation};
use crate::model::FunctionVpc;

#[async_trait::async_trait]
impl AttachmentCloud for OfflineAccount {
    async fn attached_functions(&self) -> Answer<BTreeMap<String, FunctionVpc>> {
        self.read(Operation::ListFunctions, |state| {
            let functions = state.document.functions.iter().cloned();
            let functions = functions.map(|entry| state.to_function(entry));
            Ok(functions
                .filter_map(|function| Some((function.name, function.vpc?)))
                .collect())
        })
    }

    async fn detach_function(&self, name: &str, revision: Option<&str>) -> Answer<()> {
        self.write(Operation::UpdateFunctionConfiguration, |state| {
            let function = state.function_to_update(name, revision)?;
            let before = function.vpc_config.take();
            "InProgress".clone_into(&mut function.last_update_status);
            function.revision_id = Some(next_revision(function.revision_id.as_deref()));
            let groups = before.into_iter().flat_map(|config| config.security_group_ids);
            state.hold(&groups.collect());
            Ok(())
        })
    }
}
