//! Functions that are detached from their VPC.

use std::collections::BTreeMap;

use aws_sdk_lambda::types::VpcConfig;

use super::functions::attached;
use super::{Aws, all_items, called, fault};
use crate::cloud::{Answer, AttachmentCloud, Operation};
use crate::model::FunctionVpc;

#[async_trait::async_trait]
impl AttachmentCloud for Aws {
    async fn attached_functions(&self) -> Answer<BTreeMap<String, FunctionVpc>> {
        called(Operation::ListFunctions, async {
            let request = self.lambda.list_functions();
            let all = all_items!(Operation::ListFunctions, request, functions, next_marker);
            let mut functions = BTreeMap::new();
            for function in all.await? {
                if let (Some(name), Some(vpc)) = (function.function_name, function.vpc_config.and_then(attached)) {
                    functions.insert(name, vpc);
                }
            }
            Ok(functions)
        })
        .await
    }

    /// Lists that are sent empty detach; lists that are left out change nothing.
    async fn detach_function(&self, name: &str, revision: Option<&str>) -> Answer<()> {
        let operation = Operation::UpdateFunctionConfiguration;
        let nothing = VpcConfig::builder()
            .set_subnet_ids(Some(Vec::new()))
            .set_security_group_ids(Some(Vec::new()))
            .build();
        called(operation, async {
            let request = self.lambda.update_function_configuration().function_name(name);
            let request = request.vpc_config(nothing).set_revision_id(revision.map(str::to_owned));
            let answer = request.send().await;
            answer.map_err(|error| fault::error(operation, &error))?;
            Ok(())
        })
        .await
    }
}
