//! The state machine of `setup`: observe → wait → plan → consent → apply → verify.
//!
//! [`Machine`] is pure: it is told what happened and says what to do next. [`run`] carries that out
//! against a [`crate::cloud::Cloud`]. A crash between any two calls loses nothing, since names, tags and
//! rules in AWS are the only state: the next run observes them.

mod apply;
mod driver;
mod error;
mod machine;
mod parts;
mod provide;
mod session;

pub use driver::{Front, run};
pub use error::{Applied, Failure, RunError};
pub use machine::{Event, Looks, Machine, Options, Outcome, Proposal, RunResult, State};
pub use session::Progress;
