//! Whole runs on accounts in memory and in files.

mod adoption;
mod answers;
mod attach;
mod aws_rules;
mod batch;
mod blocked_paths;
mod cleanup;
mod connected;
mod converge;
mod crashes;
mod denied;
mod diagnoses;
mod drift;
mod drift_repairs;
mod endpoint_services;
mod export;
mod fault_matrix;
mod files;
mod fix;
mod foreign_rules;
mod goals;
mod guarded;
mod impact;
mod internet;
mod internet_checks;
mod internet_subnets;
mod interposed;
mod limits;
mod manifests;
mod members;
mod msk;
mod new_proxies;
mod operators;
mod other_ways;
mod output_files;
mod owners;
mod persons;
mod policies;
mod proxies;
mod proxy_endpoints;
mod public_access;
mod public_databases;
mod putting_back;
mod quotas;
mod random_accounts;
mod removals;
mod removers;
mod repairs;
mod replaced;
mod requirement_matrix;
mod requirements;
mod runs;
mod saved_plans;
mod scenarios;
mod schedules;
#[path = "../shared/scenarios.rs"]
mod shared;
mod shared_scenarios;
mod snapshot;
mod stability;
mod stacks;
mod stale_reads;
mod support;
mod thorough;
mod throttled;
mod undo;
#[path = "../shared/unread.rs"]
mod unread;
mod users;
mod writers;

/// As in the program: what is explored here is cloned often.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
