//! Functions that are detached from their VPC.

use std::collections::BTreeMap;

use super::offline::OfflineAccount;
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
}
