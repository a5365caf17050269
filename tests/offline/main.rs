//! Whole runs on accounts in memory and in files.

mod attach;
mod aws_rules;
mod converge;
mod crashes;
mod denied;
mod drift;
mod fault_matrix;
mod files;
mod guarded;
mod interposed;
mod mend;
mod new_proxies;
mod persons;
mod policies;
mod proxies;
mod random_accounts;
mod removals;
mod requirements;
mod runs;
mod scenarios;
mod schedules;
mod snapshot;
mod stability;
mod stale_reads;
mod support;
mod writers;
