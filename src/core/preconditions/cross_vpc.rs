//! What connecting across two VPCs needs, as errors.

use thiserror::Error;

use crate::model::VpcId;

/// A requirement of `setup --cross-vpc` that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CrossVpcUnmet {
    /// Both are in one VPC.
    #[error("the function and the database are both in {vpc}")]
    SameVpc {
        /// The VPC.
        vpc: VpcId,
    },
    /// Something else than groups is amiss.
    #[error("the path between the VPCs is not ready ({check}): {message}")]
    NotReady {
        /// The check that fails.
        check: String,
        /// What it says.
        message: String,
        /// The command that makes all checks of the connection.
        diagnose: String,
    },
}

impl CrossVpcUnmet {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SameVpc { .. } => "same-vpc",
            Self::NotReady { .. } => "path-not-ready",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::SameVpc { .. } => "omit --cross-vpc".to_owned(),
            Self::NotReady { diagnose, .. } => {
                format!("`{diagnose}` reports what is wrong, and with --fix it fixes what can be fixed by adding")
            }
        }
    }
}
