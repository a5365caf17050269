//! The state machine of `setup`: observe → wait → plan → consent → apply → verify.
//!
//! [`Machine`] is pure: it is given what happened and says what to do next. [`run`] carries that out
//! against a [`crate::cloud::Cloud`]. Other commands are a [`Goal`], which [`converge`] carries out with the same
//! steps, waits and consent. A crash between any two calls loses nothing, since names, tags and
//! rules in AWS are the only state: the next run observes them.

mod apply;
mod attach;
mod cleanup;
mod converge;
mod disconnect;
mod driver;
mod error;
mod executor;
mod interfaces;
mod internet;
mod machine;
mod mend;
mod msk;
mod network;
mod parts;
mod provide;
mod removal;
mod session;
mod vpc;

pub use attach::{Attach, Detach};
pub use cleanup::Cleanup;
pub use converge::{Converged, Draft, Ending, Goal, converge};
pub use disconnect::Disconnect;
pub use driver::run;
pub use error::{Applied, Failure, RunError};
pub use executor::{Asked, Front};
pub use internet::Internet;
pub use machine::{Event, Looks, Machine, Options, Outcome, Proposal, RunResult, State};
pub use mend::Mend;
pub use msk::{MskSetup, MskSite, MskVia};
pub use session::Progress;
