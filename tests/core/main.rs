//! The pure core: classification, decision and plan.

mod builder;
mod docs;
mod exhaustive;
mod fitness;
mod half_made;
mod plans;
mod purity;
mod table;
