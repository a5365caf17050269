//! An account in a file or in memory, which answers as AWS does; and snapshots, which save a real account as such a file.

pub mod account;
pub mod files;
pub mod snapshot;

use autoconnect_core::{escape, json, model, naming, ownership, policy, reachability, removal, units};
use autoconnect_engine::{cloud, concurrent, observe};
