//! Where functions are attached; and detaching one, which takes all of its groups off: an operation apart from those that
//! write lists, which only grow.

use std::collections::BTreeMap;
use std::future::Future;

use super::Answer;
use crate::model::FunctionVpc;

/// Looks where functions are attached, and detaches them.
pub trait AttachmentCloud: Sync {
    /// Where the functions of the account and Region are attached, by their names.
    fn attached_functions(&self) -> impl Future<Output = Answer<BTreeMap<String, FunctionVpc>>> + Send;
    /// Empties a function's `VpcConfig`, if it is still at `revision`; else [`super::Fault::PreconditionFailed`].
    fn detach_function(&self, name: &str, revision: Option<&str>) -> impl Future<Output = Answer<()>> + Send;
}
