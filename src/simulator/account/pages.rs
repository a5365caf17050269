//! An account's lists, in pages of the sizes that AWS gives. Listing does not advance states that pass.

use super::document::AccountDocument;
use super::offline::OfflineAccount;
use super::rules::State;
use crate::cloud::{Listed, Operation, Page};

/// The largest page of RDS.
pub(super) const RDS_PAGE: usize = 100;
/// The largest page of EC2.
pub(super) const EC2_PAGE: usize = 1000;
/// The largest page of Lambda.
pub(super) const LAMBDA_PAGE: usize = 50;
/// The largest page of MSK, and of Lambda's event source mappings.
pub(super) const MSK_PAGE: usize = 100;
/// The largest page of the Resource Groups Tagging API.
pub(super) const TAGGING_PAGE: usize = 100;

impl OfflineAccount {
    /// A page of a list that is made anew for each page.
    pub(super) fn page_of<T>(
        &self,
        operation: Operation,
        size: usize,
        from: Option<String>,
        list: impl FnOnce(&State) -> Vec<T>,
    ) -> Listed<T> {
        self.read(operation, |state| {
            let start: usize = from.and_then(|from| from.parse().ok()).unwrap_or_default();
            let mut rest: Vec<T> = list(state).into_iter().skip(start).collect();
            let next = (rest.len() > size).then(|| (start + size).to_string());
            rest.truncate(size);
            Ok(Page { items: rest, next })
        })
    }

    pub(super) fn page<E, T>(
        &self,
        operation: Operation,
        size: usize,
        from: Option<String>,
        list: impl FnOnce(&AccountDocument) -> &[E],
        item: impl Fn(&State, &E) -> Option<T>,
    ) -> Listed<T> {
        self.read(operation, |state| {
            let entries = list(&state.document);
            let start: usize = from.and_then(|from| from.parse().ok()).unwrap_or_default();
            let rest = entries.get(start..).unwrap_or_default();
            Ok(Page {
                items: rest.iter().take(size).filter_map(|entry| item(state, entry)).collect(),
                next: (rest.len() > size).then(|| (start + size).to_string()),
            })
        })
    }
}
