//! Reads and changes an account: [`cloud::Cloud`] is what AWS and the simulator implement, [`observe`] reads through it, and
//! [`reconcile`] brings about what a command is asked for, with one state machine for all of them.

pub mod cloud;
pub mod concurrent;
pub mod interrupt;
pub mod observe;
pub mod preview;
pub mod reconcile;
pub mod wait;

use autoconnect_core::{
    adopt, attach, cleanup, decide, diagnostics, drift, endpoint, escape, estate, export, extras, fix, handover,
    interfaces, internet, made, model, msk, naming, operation, owner, ownership, plan, policy, preconditions, removal,
    restore, similar, tags, units, users,
};
