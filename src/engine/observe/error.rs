//! Why a connection could not be read.

use std::fmt;

use thiserror::Error;

use crate::cloud::{CloudError, ResourceKind};
use crate::escape::word;
use crate::model::{Database, DatabaseForm, Elsewhere, EventSource, VpcId};

/// Why a connection could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ObserveError {
    /// There is no resource of that name.
    #[error("there is no {kind} named {name}", kind = kind_name(*.kind))]
    NoSuch {
        /// What was looked for.
        kind: ResourceKind,
        /// Its name.
        name: String,
        /// The nearest names that exist.
        similar: Vec<String>,
        /// The name is that of the other kind of database.
        is_other_kind: bool,
    },
    /// The proxy has no endpoint of that name.
    #[error("there is no endpoint {name} of proxy {proxy}")]
    NoSuchProxyEndpoint {
        /// The name.
        name: String,
        /// The proxy.
        proxy: String,
        /// The nearest names that exist.
        similar: Vec<String>,
    },
    /// The Region has no service of that name for endpoints.
    #[error("{region} has no service {service} for VPC endpoints")]
    NoSuchService {
        /// The name.
        service: String,
        /// The Region.
        region: String,
        /// The nearest names that exist.
        similar: Vec<String>,
    },
    /// There is no secret of that name or ARN.
    #[error("there is no secret {id}")]
    NoSuchSecret {
        /// Its name or ARN.
        id: String,
    },
    /// There is no role with that ARN.
    #[error("there is no role {arn}")]
    NoSuchRole {
        /// Its ARN.
        arn: String,
    },
    /// There is no MSK cluster with that ARN.
    #[error("there is no MSK cluster {arn}")]
    NoSuchMskCluster {
        /// Its ARN.
        arn: String,
    },
    /// There is no event source mapping with that id.
    #[error("there is no event source mapping {uuid}")]
    NoSuchMapping {
        /// Its id.
        uuid: String,
    },
    /// It is no MSK cluster that is polled, and the rest is not checked.
    #[error("{0}")]
    NotChecked(NotChecked),
    /// There is no VPC with that id.
    #[error("there is no VPC {vpc} in account {account}, Region {region}")]
    NoSuchVpc {
        /// Its id.
        vpc: VpcId,
        /// The account that was read.
        account: String,
        /// The Region that was read.
        region: String,
        /// Those that exist.
        others: Vec<VpcId>,
    },
    /// AWS does not say in which VPC the database is.
    #[error("{database} is in no VPC that AWS names")]
    NoVpc {
        /// Kind and identifier.
        database: String,
    },
    /// What was named is in another partition, Region or account.
    #[error(transparent)]
    Elsewhere(#[from] Elsewhere),
    /// The database was created with express configuration.
    #[error(
        "{database} was created with express configuration: it is in no VPC and has no security groups; clients reach it over its internet access gateway"
    )]
    ExpressConfiguration {
        /// Kind and identifier.
        database: String,
    },
    /// A call failed.
    #[error(transparent)]
    Cloud(#[from] CloudError),
}

/// An event source whose network `msk check` does not judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotChecked {
    /// What it is.
    pub source: EventSource,
    /// Its ARN or its bootstrap servers.
    pub name: String,
    /// The mapping that polls it, where one was named.
    pub mapping: Option<String>,
    /// An ARN that contains the account and the Region.
    pub arn: String,
}

impl fmt::Display for NotChecked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source, name, mapping, ..
        } = self;
        let why = match source {
            EventSource::MskVpcConnection => {
                "Lambda reaches it through a VPC connection, whose network is not that of the cluster"
            }
            _ => "msk check checks only the network of MSK clusters",
        };
        match mapping {
            Some(uuid) if name.is_empty() => {
                write!(
                    f,
                    "event source mapping {uuid} polls {source}, which is not checked: {why}"
                )
            }
            Some(uuid) => write!(
                f,
                "event source mapping {uuid} polls {source}, {name}, which is not checked: {why}"
            ),
            None => write!(f, "{name} is {source}, which is not checked: {why}"),
        }
    }
}

/// The word for a kind of resource.
fn kind_name(kind: ResourceKind) -> &'static str {
    match kind {
        ResourceKind::Cluster => "DB cluster",
        ResourceKind::Instance => "DB instance",
        ResourceKind::Proxy => "RDS Proxy",
        ResourceKind::Function => "function",
    }
}

impl ObserveError {
    /// Why there is no VPC to read.
    pub fn no_vpc(database: &Database) -> Self {
        let name = database.to_string();
        match database.form {
            DatabaseForm::Express => Self::ExpressConfiguration { database: name },
            DatabaseForm::Ordinary | DatabaseForm::Limitless => Self::NoVpc { database: name },
        }
    }

    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuch { kind, .. } => match kind {
                ResourceKind::Cluster => "cluster-not-found",
                ResourceKind::Instance => "instance-not-found",
                ResourceKind::Proxy => "proxy-not-found",
                ResourceKind::Function => "function-not-found",
            },
            Self::NoSuchProxyEndpoint { .. } => "proxy-endpoint-not-found",
            Self::NoSuchService { .. } => "service-not-found",
            Self::NoSuchSecret { .. } => "secret-not-found",
            Self::NoSuchRole { .. } => "role-not-found",
            Self::NoSuchMskCluster { .. } => "msk-cluster-not-found",
            Self::NoSuchMapping { .. } => "mapping-not-found",
            Self::NotChecked(_) => "event-source-not-checked",
            Self::NoSuchVpc { .. } => "vpc-not-found",
            Self::NoVpc { .. } => "no-vpc",
            Self::Elsewhere(elsewhere) => elsewhere.code(),
            Self::ExpressConfiguration { .. } => "express-configuration",
            Self::Cloud(error) => error.code(),
        }
    }

    /// What to do about it, where that can be said.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoSuch {
                kind,
                name,
                is_other_kind: true,
                ..
            } => Some(match kind {
                ResourceKind::Instance => format!("{name} is a cluster: use --cluster {}", word(name)),
                _ => format!("{name} is an instance: use --instance {}", word(name)),
            }),
            Self::NotChecked(_) => Some("name an MSK cluster of this account, or a mapping that polls one".to_owned()),
            Self::NoSuchProxyEndpoint { proxy, similar, .. } if similar.is_empty() => Some(format!(
                "see `aws rds describe-db-proxy-endpoints --db-proxy-name {}`; without --proxy-endpoint the default endpoint is used",
                word(proxy)
            )),
            Self::NoSuchService { similar, .. } if similar.is_empty() => {
                Some("`aws ec2 describe-vpc-endpoint-services --query ServiceNames` lists the names".to_owned())
            }
            Self::NoSuchMskCluster { .. } => {
                Some("`aws kafka list-clusters-v2` lists the ARNs of this account and Region".to_owned())
            }
            Self::NoSuchMapping { .. } => Some(
                "`aws lambda list-event-source-mappings --event-source-arn ARN` lists those of the cluster".to_owned(),
            ),
            Self::NoSuchSecret { .. } | Self::NoSuchRole { .. } => {
                Some("check the name, and whether this is the right account and Region".to_owned())
            }
            Self::NoSuch { similar, .. } if similar.is_empty() => {
                Some("check the name, and whether this is the right account and Region".to_owned())
            }
            Self::NoSuchVpc { others, .. } if others.is_empty() => {
                Some("check whether this is the right account and Region".to_owned())
            }
            Self::NoSuchVpc { others, .. } => {
                let others: Vec<&str> = others.iter().map(VpcId::as_str).collect();
                Some(format!("these VPCs exist: {}", others.join(", ")))
            }
            Self::NoSuch { similar, .. }
            | Self::NoSuchProxyEndpoint { similar, .. }
            | Self::NoSuchService { similar, .. } => {
                Some(format!("did you mean {}?", similar.join(", ")))
            }
            Self::ExpressConfiguration { .. } => Some(
                "no connection is needed: a function with internet access connects to the cluster's endpoint with IAM database authentication"
                    .to_owned(),
            ),
            Self::NoVpc { .. } => Some("only databases in a VPC can be connected".to_owned()),
            Self::Elsewhere(elsewhere) => Some(elsewhere.hint()),
            Self::Cloud(error) => error.hint(),
        }
    }
}
