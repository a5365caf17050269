//! One state machine for every command that writes: observe → draft → await → consent → apply → verify → restore → done.
//!
//! A command is a [`Goal`]: what it reads and, purely, what is still to be done. [`Machine`] is pure, too: it is given what
//! happened and says what to do next. [`converge`] carries that out against a [`crate::cloud::Cloud`]. A crash between any two calls loses nothing, since names, tags and
//! rules in AWS are the only state: the next run observes them.

mod apply;
mod attach;
mod cleanup;
mod connect;
mod converge;
mod disconnect;
mod error;
mod executor;
mod fix;
mod goal;
mod handover;
mod interfaces;
mod internet;
mod machine;
mod msk;
mod network;
mod parts;
mod provide;
mod removal;
mod session;
mod vpc;

pub use attach::{Attach, Detach};
pub use cleanup::Cleanup;
pub use connect::{Connect, Situation};
pub use converge::converge;
pub use disconnect::Disconnect;
pub use error::{Applied, Failure, RunError};
pub use executor::{Asked, Front};
pub use fix::Fix;
pub use goal::{Converged, Draft, End, Ending, Goal, Left, Look, Looks, Memory, Options, OwnersWish, Settling};
pub use handover::Handover;
pub use internet::Internet;
pub use machine::{Drafted, Event, Machine, State};
pub use msk::{MskSetup, MskSite, MskVia};
pub use session::Progress;
