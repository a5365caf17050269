//! Connects AWS Lambda functions to Aurora and RDS databases, as *Set up Lambda connection* in the RDS
//! console does, but from scripts: with a plan first, safely repeatable, and checked afterwards.
//!
//! The decision is pure: [`decide::decide`] and [`plan::plan`] take data and return data. [`reconcile`]
//! drives them against a [`cloud::Cloud`]: AWS itself, or an account kept in a JSON file.

pub mod account;
pub mod adopt;
pub mod attach;
#[cfg(feature = "aws")]
pub mod aws;
pub mod check;
pub mod classify;
pub mod cleanup;
pub mod cli;
pub mod cloud;
pub mod concurrent;
pub mod decide;
pub mod diagnose;
pub mod drift;
pub mod endpoint;
pub mod escape;
pub mod estate;
pub mod extras;
pub mod files;
pub mod interfaces;
pub mod internet;
pub mod interrupt;
#[cfg(feature = "lambda")]
pub mod lambda;
pub mod leg;
pub mod logging;
pub mod made;
pub mod mend;
pub mod model;
pub mod msk;
pub mod naming;
pub mod observe;
pub mod operation;
pub mod ownership;
pub mod path;
pub mod patrol;
pub mod plan;
pub mod policy;
pub mod reconcile;
pub mod removal;
pub mod report;
pub mod requirements;
pub mod restore;
mod similar;
pub mod snapshot;
pub mod tags;
pub mod users;
pub mod wait;
