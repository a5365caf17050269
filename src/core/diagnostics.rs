//! Whether traffic passes and permissions suffice, and if not, why: checks with evidence and remedies.

pub mod connection;
pub mod internet;

pub use crate::reachability::check::{Check, Finding, Status, none_fails, verdict};
