//! The pure part of `autoconnect`: data comes in, data goes out. No input or output, no SDK, no runtime, no clock.
//!
//! [`decide::decide`] judges the security groups of a connection, [`plan::plan`] lists the steps, [`diagnostics`]
//! asks whether traffic passes, [`policy`] knows IAM, and [`drift`] compares what is there with how it was set up.

pub mod adopt;
pub mod attach;
pub mod classify;
pub mod cleanup;
pub mod decide;
pub mod diagnostics;
pub mod drift;
pub mod endpoint;
pub mod escape;
pub mod estate;
pub mod export;
pub mod extras;
pub mod fix;
pub mod handover;
pub mod interfaces;
pub mod internet;
pub mod json;
pub mod made;
pub mod model;
pub mod msk;
pub mod naming;
pub mod operation;
pub mod owner;
pub mod ownership;
pub mod plan;
pub mod policy;
pub mod preconditions;
pub mod reachability;
pub mod removal;
pub mod restore;
pub mod similar;
pub mod tags;
pub mod units;
pub mod users;
mod word;
