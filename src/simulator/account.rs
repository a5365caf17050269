//! An account kept in memory or in a JSON file, which obeys the rules of AWS that the program depends on.
//!
//! `document` is the file's format, `validate` finds its mistakes, `rules`, `resources` and `proxies` are AWS's own
//! answers to writes, `network`, `identity` and `msk` are what it contains about its VPCs, roles and MSK clusters, and
//! this file lets the program use it as a [`crate::cloud::Cloud`].

mod described;
mod document;
mod identity;
mod msk;
mod network;
mod offline;
mod pages;
mod places;
mod proxies;
mod removal;
mod resources;
mod rules;
mod users;
mod validate;

pub use document::*;
pub use identity::is_known_policy;
pub use offline::{AccountFileError, OfflineAccount};
pub use validate::Mistake;
