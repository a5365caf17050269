//! Whole runs on accounts in memory and in files.

mod aws_rules;
mod files;
mod new_proxies;
mod proxies;
mod requirements;
mod runs;
mod support;
