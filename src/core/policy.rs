//! IAM policy documents: those that the program writes or prints, and what it reads in those of others.
//!
//! `document` is their shape, `evaluate` what IAM makes of them, `role` what a role may do by its own, `endpoint` what VPC endpoints do, `grants` what new roles are given, `execution_role` what
//! Lambda needs in the role of a function in a VPC, `operator` what the caller needs for a run, `reads` who only reads, `repair` who repairs drift, `setup` who sets up a manifest,
//! and `lambda` what keeps functions within bounds.

mod document;
mod endpoint;
mod evaluate;
mod execution_role;
mod grants;
mod lambda;
mod operator;
mod permissions;
mod reads;
mod repair;
mod role;
mod setup;

pub use document::{Condition, Effect, PolicyDocument, Principal, Statement, Texts, literal};
pub use endpoint::{Caller, Reach, for_mapping, names_account, reach_through_endpoint, through_endpoint};
pub use evaluate::{Context, Request, Verdict, evaluate};
pub use execution_role::{
    INTERFACE_ACTIONS, InterfaceChange, Lack, MSK_ACTIONS, SOURCE_FUNCTION, execution_role, lacks, lacks_for_change,
    lacks_for_msk, lacks_for_msk_login, lacks_for_secret, may_connect,
};
pub use grants::{
    LAMBDA, RDS, connect, connect_through, connects_as, is_same, msk_access, on_one_line, poll_msk, read_secret,
    secret_of, trust, trust_also, trusts, vpc_access,
};
pub use lambda::{Guardrail, deny_interfaces};
pub use operator::{Subject, new_secret, operator, proxy_arn};
pub use permissions::Permissions;
pub use reads::{of_any, read_only};
pub use repair::repairs;
pub use role::{Judgement, NOT_READ, RolePolicies, SourcedPolicy};
pub use setup::sets_up;
