//! Connects AWS Lambda functions to Aurora and RDS databases, as *Set up Lambda connection* in the RDS
//! console does, but from scripts: with a plan first, safely repeatable, and checked afterwards.
//!
//! This crate is the program. What it is made of are crates of their own, whose modules it gives again: `autoconnect-core` is
//! pure, `autoconnect-engine` reads and changes an account through [`cloud::Cloud`], and `autoconnect-aws` and
//! `autoconnect-simulator` are the two kinds of accounts.

pub mod batch;
pub mod cli;
pub mod impact;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod logging;
pub mod manifest;
pub mod monitor;
pub mod report;
pub mod template;

#[cfg(feature = "aws")]
pub use autoconnect_aws as aws;
pub use autoconnect_core::{
    adopt, attach, classify, cleanup, decide, diagnostics, drift, endpoint, escape, estate, export, extras, fix,
    handover, interfaces, internet, json, made, model, msk, naming, operation, owner, ownership, plan, policy,
    preconditions, reachability, removal, restore, similar, tags, units, users,
};
pub use autoconnect_engine::{cloud, concurrent, interrupt, observe, preview, reconcile, wait};
pub use autoconnect_simulator::{account, files, snapshot};
