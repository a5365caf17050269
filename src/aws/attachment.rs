//! Functions that are detached from their VPC.

use std::collections::BTreeMap;

use super::functions::attached;
use super::{Aws, all_items, called};
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
}
