//! The program on AWS's API over real HTTP, against moto, and against ministack as far as it can judge.

mod attach;
mod bounds;
mod commands;
mod credentials;
mod cross_vpc;
mod crowd;
mod decisions;
mod diagnose;
mod differential;
mod drift;
mod errors;
mod faults;
mod fix;
mod hcl;
mod impact;
mod internet;
mod kills;
#[cfg(feature = "lambda")]
mod lambda;
mod manifest;
mod msk;
mod networks;
mod new_proxies;
mod node;
mod owners;
mod peer;
mod policies;
mod proxies;
mod python;
mod reads;
mod removals;
mod roles;
mod saved_plans;
mod second_peer;
#[path = "../shared/scenarios.rs"]
mod shared;
mod shared_scenarios;
mod snapshots;
mod stacks;
mod template;
mod terraform;
#[path = "../offline/thorough.rs"]
mod thorough;
mod undo;
mod world;
