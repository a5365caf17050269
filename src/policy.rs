//! IAM policy documents: those that the program writes or prints, and what it reads in those of others.
//!
//! `document` is their shape, `evaluate` what IAM makes of them, `grants` what new roles are given, `execution_role` what
//! Lambda needs in the role of a function in a VPC, `operator` what the caller needs for a run, and `lambda` what keeps
//! functions within bounds.

mod document;
mod evaluate;
mod execution_role;
mod grants;
mod lambda;
mod operator;
mod permissions;

pub use document::{Condition, Effect, PolicyDocument, Principal, Statement, Texts};
pub use evaluate::{Context, Request, Verdict, evaluate};
pub use execution_role::{INTERFACE_ACTIONS, Lack, MSK_ACTIONS, SOURCE_FUNCTION, execution_role, lacks};
pub use grants::{LAMBDA, RDS, connect, connect_through, is_same, read_secret, trust, trusts, vpc_access};
pub use lambda::{Guardrail, deny_interfaces};
pub use operator::operator;
pub use permissions::Permissions;
