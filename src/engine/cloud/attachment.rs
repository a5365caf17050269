//! Where functions are attached, and detaching one, which removes all of its groups: an operation of its own, since the
//! others only write lists that grow.

use std::collections::BTreeMap;

use super::Answer;
use crate::model::FunctionVpc;

/// Looks where functions are attached, and detaches them.
#[async_trait::async_trait]
pub trait AttachmentCloud: Sync {
    /// Where the functions of the account and Region are attached, by their names.
    async fn attached_functions(&self) -> Answer<BTreeMap<String, FunctionVpc>>;
}
