//! Whether traffic passes and permissions suffice, and if not, why: checks with evidence and remedies.

mod check;
pub mod connection;
pub mod internet;

pub use check::{Check, Finding, Status, none_fails, verdict};
