//! IAM policy documents: those that the program writes or prints, and what it reads in those of others.
//!
//! `document` is their shape, `evaluate` what IAM makes of them, `grants` what new roles are given, and
//! `execution_role` what Lambda needs in the role of a function in a VPC.

mod document;
mod evaluate;
mod execution_role;
mod grants;

pub use document::{Effect, PolicyDocument, Principal, Statement, Texts};
pub use evaluate::{Context, Request, Verdict, evaluate};
pub use execution_role::{INTERFACE_ACTIONS, Lack, SOURCE_FUNCTION, execution_role, lacks};
pub use grants::{LAMBDA, RDS, connect, connect_through, is_same, read_secret, trust, trusts, vpc_access};
