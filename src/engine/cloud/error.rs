//! How an operation can fail, as far as the program reacts differently.

use thiserror::Error;

use super::Operation;
use crate::escape::word;

/// A failed operation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {fault}")]
pub struct CloudError {
    /// Which operation.
    pub operation: Operation,
    /// How it failed.
    pub fault: Fault,
    /// AWS's id of the request, for its support.
    pub request_id: Option<String>,
    /// Why AWS refused it, encoded: `sts:DecodeAuthorizationMessage` reads it.
    pub authorization: Option<String>,
}

/// How an operation failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Fault {
    /// What was named does not exist (or is not visible yet).
    #[error("{0}")]
    NotFound(String),
    /// It exists already.
    #[error("{0}")]
    Duplicate(String),
    /// Something else still uses it.
    #[error("{0}")]
    DependencyViolation(String),
    /// A quota of the account or the resource is reached.
    #[error("{0}")]
    LimitExceeded(String),
    /// Someone else wrote in between.
    #[error("{0}")]
    PreconditionFailed(String),
    /// The resource is in a state in which it takes no such change now.
    #[error("{0}")]
    Busy(String),
    /// The service cannot assume the role, or not yet.
    #[error("{0}")]
    RoleNotReady(String),
    /// The caller may not do this.
    #[error("{message}")]
    AccessDenied {
        /// The IAM action, as AWS names it in its answer, else as the operation is called.
        action: String,
        /// The resource, where AWS names it.
        resource: Option<String>,
        /// AWS's own words.
        message: String,
    },
    /// There are no credentials.
    #[error("no AWS credentials were found{}", .0.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default())]
    NoCredentials(Option<String>),
    /// The credentials have expired.
    #[error("the AWS credentials have expired")]
    ExpiredCredentials,
    /// AWS does not know the credentials.
    #[error("AWS rejected the credentials: {0}")]
    InvalidCredentials(String),
    /// A profile that was named does not exist.
    #[error("profile {name}, which {by} names, does not exist; {}", existing(.known))]
    UnknownProfile {
        /// Its name.
        name: String,
        /// What names it.
        by: String,
        /// The name that was meant, perhaps.
        similar: Option<String>,
        /// The profiles that exist.
        known: Vec<String>,
    },
    /// The files of profiles cannot be read.
    #[error("the AWS configuration cannot be read: {0}")]
    ProfileFiles(String),
    /// An endpoint is no URL.
    #[error("{by} is not a valid URL: {url:?}")]
    BadEndpoint {
        /// What names it.
        by: String,
        /// What it is.
        url: String,
    },
    /// There is no Region.
    #[error("no AWS Region is configured")]
    NoRegion,
    /// No connection came about.
    #[error("the endpoint cannot be reached: {0}")]
    Unreachable(String),
    /// No answer came in time, also after retries.
    #[error("no response in time")]
    TimedOut,
    /// Throttled, also after retries.
    #[error("requests were still throttled after retries: {0}")]
    Throttled(String),
    /// AWS failed, also after retries.
    #[error("AWS still failed after retries: {0}")]
    Unavailable(String),
    /// AWS refused the request.
    #[error("{code}: {message}")]
    Rejected {
        /// AWS's error code.
        code: String,
        /// AWS's own words.
        message: String,
    },
    /// The service does not have the operation in this Region, or at this endpoint.
    #[error("the operation is not available here: {0}")]
    NotOffered(String),
    /// An answer that the program cannot read.
    #[error("the response cannot be understood: {0}")]
    Malformed(String),
    /// An answer about something else than what was asked for.
    #[error("requested {asked}, but the response is about {answered}")]
    Unexpected {
        /// What was asked for.
        asked: String,
        /// What the answer names.
        answered: String,
    },
    /// The account's file cannot be written.
    #[error("the account's file cannot be written: {0}")]
    File(String),
}

/// The profiles that exist, as text; of many only the first.
fn existing(known: &[String]) -> String {
    const SHOWN: usize = 20;
    let more = match known.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match known {
        [] => "no profile exists".to_owned(),
        known => format!("these exist: {}{more}", known[..known.len().min(SHOWN)].join(", ")),
    }
}

impl CloudError {
    /// A failure of `operation`.
    pub fn new(operation: Operation, fault: Fault) -> Self {
        Self {
            operation,
            fault,
            request_id: None,
            authorization: None,
        }
    }

    /// Whether what was named does not exist, or not yet.
    pub fn is_not_found(&self) -> bool {
        matches!(self.fault, Fault::NotFound(_))
    }

    /// Whether there is no such operation here, and so nothing that it could list.
    pub fn is_not_offered(&self) -> bool {
        matches!(self.fault, Fault::NotOffered(_))
    }

    /// Whether it exists already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self.fault, Fault::Duplicate(_))
    }

    /// Whether the caller may not do it.
    pub fn is_denied(&self) -> bool {
        matches!(self.fault, Fault::AccessDenied { .. })
    }

    /// Whether something still uses it.
    pub fn is_in_use(&self) -> bool {
        matches!(self.fault, Fault::DependencyViolation(_))
    }

    /// Whether a rule that was to be revoked is not there.
    pub fn is_rule_missing(&self) -> bool {
        matches!(&self.fault, Fault::Rejected { code, .. } if code == "InvalidPermission.NotFound")
    }

    /// Whether the role that the request names may work in a while.
    pub fn is_role_not_ready(&self) -> bool {
        matches!(self.fault, Fault::RoleNotReady(_))
    }

    /// Whether the request may succeed if it is sent again later, after the resource was read again.
    pub fn is_contention(&self) -> bool {
        matches!(self.fault, Fault::Busy(_) | Fault::PreconditionFailed(_))
    }

    /// Whether AWS refused the request for coming too fast. It was not carried out.
    pub fn is_throttled(&self) -> bool {
        matches!(self.fault, Fault::Throttled(_))
    }

    /// Whether AWS may answer if it is asked again later.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.fault,
            Fault::TimedOut | Fault::Throttled(_) | Fault::Unavailable(_)
        )
    }

    /// Whether the write may have been carried out although it failed.
    pub fn may_have_applied(&self) -> bool {
        self.operation.writes()
            && matches!(
                self.fault,
                Fault::TimedOut | Fault::Unavailable(_) | Fault::Unreachable(_)
            )
    }

    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        self.fault.code()
    }

    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = self.fault.hint();
        let Some(encoded) = &self.authorization else {
            return hint;
        };
        let command = format!(
            "run with --decode-authorization to see which policy refused it, or decode AWS's message: aws sts decode-authorization-message --query DecodedMessage --output text --encoded-message {encoded}"
        );
        Some(hint.map_or_else(|| command.clone(), |hint| format!("{hint}; {command}")))
    }
}

impl Fault {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not-found",
            Self::Duplicate(_) => "already-exists",
            Self::DependencyViolation(_) => "in-use",
            Self::LimitExceeded(_) => "quota-reached",
            Self::PreconditionFailed(_) => "changed-meanwhile",
            Self::Busy(_) => "busy",
            Self::RoleNotReady(_) => "role-not-assumable",
            Self::AccessDenied { .. } => "access-denied",
            Self::NoCredentials(_) => "no-credentials",
            Self::ExpiredCredentials => "expired-credentials",
            Self::InvalidCredentials(_) => "invalid-credentials",
            Self::NoRegion => "no-region",
            Self::UnknownProfile { .. } => "unknown-profile",
            Self::ProfileFiles(_) => "profile-files",
            Self::BadEndpoint { .. } => "endpoint-url",
            Self::Unreachable(_) => "unreachable",
            Self::TimedOut => "timed-out",
            Self::Throttled(_) => "throttled",
            Self::Unavailable(_) => "service-error",
            Self::Rejected { .. } => "rejected",
            Self::NotOffered(_) => "not-offered",
            Self::Malformed(_) => "malformed-answer",
            Self::Unexpected { .. } => "unexpected-answer",
            Self::File(_) => "account-file",
        }
    }

    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::AccessDenied { action, resource, .. } => format!(
                "allow the caller {action} on {}",
                resource.as_deref().unwrap_or("the resource (on * where the action takes no resource)")
            ),
            Self::NoCredentials(_) => {
                "set AWS_PROFILE or --profile to one of `aws configure list-profiles`, sign in with `aws sso login` or `aws login`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --offline FILE needs none".to_owned()
            }
            Self::ExpiredCredentials => "sign in again (`aws sso login`), or renew the session, then run again".to_owned(),
            Self::InvalidCredentials(_) => "check the profile, and that it is for the right account and partition".to_owned(),
            Self::UnknownProfile { name, similar, .. } => match similar {
                Some(similar) => format!("did you mean {similar}?"),
                None => format!("name one that exists, or create it: `aws configure --profile {}`", word(name)),
            },
            Self::ProfileFiles(_) => "correct the file; AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name others than ~/.aws/config and ~/.aws/credentials".to_owned(),
            Self::BadEndpoint { .. } => "expected a URL such as https://host or http://localhost:4566; unset it to reach AWS itself".to_owned(),
            Self::NoRegion => "set it with --region, AWS_REGION, or in the profile".to_owned(),
            Self::Unreachable(_) => "check the network, the Region's name, --endpoint-url and AWS_ENDPOINT_URL".to_owned(),
            Self::Throttled(_) => "run again later, or with a larger AWS_MAX_ATTEMPTS; nothing is done twice".to_owned(),
            Self::TimedOut | Self::Unavailable(_) => "run again: completed steps are found, and nothing is done twice".to_owned(),
            Self::LimitExceeded(_) => "ask for a higher quota in the Service Quotas console, or remove what is not used".to_owned(),
            Self::RoleNotReady(_) => {
                "a new role can take a minute to take effect: run again; if that does not help, check its trust policy and its permissions".to_owned()
            }
            Self::Unexpected { .. } => {
                "check --endpoint-url, AWS_ENDPOINT_URL and any proxy between here and AWS: autoconnect writes nothing that is based on such a response".to_owned()
            }
            Self::PreconditionFailed(_) | Self::Busy(_) => "run again once the other change has finished".to_owned(),
            _ => return None,
        };
        Some(hint)
    }
}
