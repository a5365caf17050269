//! The pure core: classification, decision and plan.

mod attach;
mod builder;
mod docs;
mod drift;
mod exhaustive;
mod fitness;
#[path = "../shared/generated.rs"]
mod generated;
mod half_made;
mod help;
mod internet;
mod lint;
mod manual;
mod markdown;
mod marks;
mod msk;
mod owner;
mod ownership;
mod packets;
mod paths;
mod plans;
mod restore;
mod roles;
mod services;
mod table;
#[path = "../offline/thorough.rs"]
mod thorough;
#[path = "../shared/unread.rs"]
mod unread;
