//! MSK clusters, and the event source mappings that poll them for a function.
//!
//! Source: docs/msk.md.

use std::fmt;

use super::{GroupId, SubnetId, last_segment, without_qualifier};

/// How a client shows an MSK cluster who it is. Each way has a listener, and so a port, of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authentication {
    /// Not at all, in plaintext.
    Plaintext,
    /// Not at all, but encrypted.
    Tls,
    /// By a certificate of its own (mutual TLS).
    MutualTls,
    /// By user and password, SASL/SCRAM.
    Scram,
    /// By IAM.
    Iam,
}

impl Authentication {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Plaintext, Self::Tls, Self::MutualTls, Self::Scram, Self::Iam];

    /// The port of the listener within the VPC, over IPv4.
    pub fn port(self) -> u16 {
        match self {
            Self::Plaintext => 9092,
            Self::Tls | Self::MutualTls => 9094,
            Self::Scram => 9096,
            Self::Iam => 9098,
        }
    }

    /// The port of the listener that public access adds; plaintext has none.
    pub fn public_port(self) -> Option<u16> {
        (self != Self::Plaintext).then(|| self.port() + 100)
    }

    /// The port of the listener that a dual-stack cluster has over IPv6.
    pub fn ipv6_port(self) -> u16 {
        self.port() % 1000 + 20_000
    }

    /// Whether the poller reads a secret for it.
    pub fn uses_secret(self) -> bool {
        matches!(self, Self::MutualTls | Self::Scram)
    }
}

impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plaintext => "plaintext",
            Self::Tls => "TLS",
            Self::MutualTls => "mutual TLS",
            Self::Scram => "SASL/SCRAM",
            Self::Iam => "IAM",
        })
    }
}

/// `ClusterType`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MskKind {
    /// Brokers of a size and a number.
    Provisioned,
    /// MSK Serverless.
    Serverless,
    /// Any other.
    Other(String),
}

impl MskKind {
    /// Reads the API's `ClusterType`.
    pub fn from_api(kind: &str) -> Self {
        match kind {
            "PROVISIONED" => Self::Provisioned,
            "SERVERLESS" => Self::Serverless,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for MskKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Provisioned => "provisioned",
            Self::Serverless => "serverless",
            Self::Other(other) => other,
        })
    }
}

/// `ClientBroker`: how clients and brokers speak with each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientBroker {
    /// Encrypted only.
    #[default]
    Tls,
    /// Encrypted or not, as the client likes.
    TlsPlaintext,
    /// Not encrypted.
    Plaintext,
    /// Any other.
    Other(String),
}

impl ClientBroker {
    /// Reads the API's `ClientBroker`.
    pub fn from_api(text: &str) -> Self {
        match text {
            "TLS" => Self::Tls,
            "TLS_PLAINTEXT" => Self::TlsPlaintext,
            "PLAINTEXT" => Self::Plaintext,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The API's `ClientBroker`.
    pub fn as_api(&self) -> &str {
        match self {
            Self::Tls => "TLS",
            Self::TlsPlaintext => "TLS_PLAINTEXT",
            Self::Plaintext => "PLAINTEXT",
            Self::Other(other) => other,
        }
    }
}

/// Which of the ways to authenticate are on. What the API leaves out is off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the API's")]
pub struct ClientAuthentication {
    /// `Unauthenticated`.
    pub unauthenticated: bool,
    /// `Tls`: mutual TLS.
    pub tls: bool,
    /// `Sasl.Scram`.
    pub scram: bool,
    /// `Sasl.Iam`.
    pub iam: bool,
}

/// Subnets and groups in which a cluster can be reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MskPlacement {
    /// The subnets.
    pub subnets: Vec<SubnetId>,
    /// The groups, which the poller's interfaces have too.
    pub groups: Vec<GroupId>,
}

/// An MSK cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MskCluster {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Provisioned or serverless.
    pub kind: MskKind,
    /// `ACTIVE`, `CREATING`, …
    pub state: String,
    /// How clients show who they are.
    pub authentication: ClientAuthentication,
    /// Whether what they say is encrypted.
    pub client_broker: ClientBroker,
    /// `PublicAccess.Type`: `DISABLED` or `SERVICE_PROVIDED_EIPS`, if AWS reports it.
    pub public_access: Option<String>,
    /// `NetworkType`: `IPV4` or `DUAL`, if AWS reports it.
    pub network_type: Option<String>,
    /// Where its brokers are: one place, or for a serverless cluster up to five, each in another VPC.
    pub placements: Vec<MskPlacement>,
}

impl MskCluster {
    /// The ways to authenticate that are on, in the order of their ports.
    pub fn authentications(&self) -> Vec<Authentication> {
        let ClientAuthentication {
            unauthenticated,
            tls,
            scram,
            iam,
        } = self.authentication;
        let is_plain = matches!(self.client_broker, ClientBroker::Plaintext | ClientBroker::TlsPlaintext);
        let is_encrypted = self.client_broker != ClientBroker::Plaintext;
        // A cluster of the time before there were others has no authentication at all.
        let is_open = unauthenticated || !(tls || scram || iam);
        // With mutual TLS, plaintext stays open to everybody where it is on.
        let on = |way| match way {
            Authentication::Plaintext => is_plain && (is_open || tls),
            Authentication::Tls => is_encrypted && is_open,
            Authentication::MutualTls => tls,
            Authentication::Scram => scram,
            Authentication::Iam => iam,
        };
        Authentication::ALL.into_iter().filter(|&way| on(way)).collect()
    }

    /// Whether its brokers have public addresses. What is not known to be off counts as on.
    pub fn is_public(&self) -> bool {
        self.public_access.as_deref().is_some_and(|access| access != "DISABLED")
    }

    /// Whether its brokers listen over IPv6 too.
    pub fn is_dual_stack(&self) -> bool {
        self.network_type.as_deref() == Some("DUAL")
    }
}

/// The mode of an event source mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MappingMode {
    /// The poller calls Lambda and STS from the cluster's subnets.
    OnDemand,
    /// The poller calls them from Lambda's own network.
    Provisioned,
}

impl MappingMode {
    /// Reads `MinimumPollers` and `MaximumPollers` of `ProvisionedPollerConfig`: without either the mode is on-demand.
    pub fn of_pollers<T>(minimum: Option<T>, maximum: Option<T>) -> Self {
        match (minimum, maximum) {
            (None, None) => Self::OnDemand,
            _ => Self::Provisioned,
        }
    }
}

impl fmt::Display for MappingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OnDemand => "on-demand",
            Self::Provisioned => "provisioned",
        })
    }
}

/// An entry of `SourceAccessConfigurations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceAccess {
    /// `Type`, e.g. `SASL_SCRAM_512_AUTH`.
    pub kind: String,
    /// `URI`: a secret's ARN, for those of its kinds that use one.
    pub uri: Option<String>,
}

impl SourceAccess {
    /// The ARN of the secret, where it is one.
    pub fn secret(&self) -> Option<&str> {
        self.uri.as_deref().filter(|uri| uri.contains(":secretsmanager:"))
    }

    /// The security group of the mapping's own network interfaces, where it names one: `security_group:sg-…`.
    pub fn group(&self) -> Option<GroupId> {
        let uri = self.uri.as_deref().filter(|_| self.kind == "VPC_SECURITY_GROUP")?;
        Some(uri.strip_prefix("security_group:").unwrap_or(uri).into())
    }
}

/// What an event source mapping polls, by its ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSource {
    /// An MSK cluster.
    Msk,
    /// An MSK cluster of another VPC or account, through a managed VPC connection.
    MskVpcConnection,
    /// A Kafka cluster that is not AWS's.
    SelfManagedKafka,
    /// A DocumentDB cluster.
    DocumentDb,
    /// A broker of Amazon MQ.
    Mq,
    /// Anything else, by its service.
    Other(String),
}

impl EventSource {
    /// Reads `EventSourceArn`; none is a Kafka cluster that is not AWS's.
    pub fn of(arn: Option<&str>) -> Self {
        let Some(arn) = arn else {
            return Self::SelfManagedKafka;
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match (parts.get(2).copied(), parts.get(5).copied().unwrap_or_default()) {
            (Some("kafka"), resource) if resource.starts_with("vpc-connection/") => Self::MskVpcConnection,
            (Some("kafka"), _) => Self::Msk,
            (Some("rds"), _) => Self::DocumentDb,
            (Some("mq"), _) => Self::Mq,
            (service, _) => Self::Other(service.unwrap_or_default().to_owned()),
        }
    }
}

impl fmt::Display for EventSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Msk => f.write_str("an MSK cluster"),
            Self::MskVpcConnection => f.write_str("an MSK VPC connection"),
            Self::SelfManagedKafka => f.write_str("a self-managed Kafka cluster"),
            Self::DocumentDb => f.write_str("a DocumentDB cluster"),
            Self::Mq => f.write_str("an Amazon MQ broker"),
            Self::Other(service) => write!(f, "an event source of {service}"),
        }
    }
}

/// An event source mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSourceMapping {
    /// Its id.
    pub uuid: String,
    /// The ARN of what it polls; none for a Kafka cluster that is not AWS's.
    pub source: Option<String>,
    /// The bootstrap servers of such a cluster.
    pub bootstrap_servers: Vec<String>,
    /// The ARN of the function that it invokes, or of the version or alias of it.
    pub function: Option<String>,
    /// `Enabled`, `Disabled`, `Creating`, …
    pub state: String,
    /// Its mode.
    pub mode: MappingMode,
    /// How it shows the cluster who it is; nothing means IAM where that is on, else nothing.
    pub access: Vec<SourceAccess>,
    /// What became of its last poll, in Lambda's words.
    pub last_result: Option<String>,
}

impl EventSourceMapping {
    /// The name of the function, whichever version or alias of it is invoked.
    pub fn function_name(&self) -> Option<&str> {
        Some(last_segment(without_qualifier(self.function.as_deref()?)))
    }

    /// The security groups of its own network interfaces, as far as it names them itself.
    pub fn groups(&self) -> impl Iterator<Item = GroupId> {
        self.access.iter().filter_map(SourceAccess::group)
    }

    /// How it authenticates to this cluster: more than one where AWS does not report which.
    pub fn authentications(&self, cluster: &MskCluster) -> Vec<Authentication> {
        let told: Vec<Authentication> = self
            .access
            .iter()
            .filter_map(|access| match access.kind.as_str() {
                "SASL_SCRAM_512_AUTH" | "SASL_SCRAM_256_AUTH" => Some(Authentication::Scram),
                "CLIENT_CERTIFICATE_TLS_AUTH" => Some(Authentication::MutualTls),
                "IAM_AUTH" => Some(Authentication::Iam),
                _ => None,
            })
            .collect();
        if !told.is_empty() {
            return told;
        }
        let mut on = cluster.authentications();
        if on.contains(&Authentication::Iam) {
            return vec![Authentication::Iam];
        }
        on.retain(|way| !way.uses_secret());
        on
    }

    /// The secrets that it reads.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.access.iter().filter_map(SourceAccess::secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(authentication: ClientAuthentication, client_broker: ClientBroker) -> MskCluster {
        MskCluster {
            arn: "arn:aws:kafka:eu-central-1:123456789012:cluster/c/1".into(),
            name: "c".into(),
            kind: MskKind::Provisioned,
            state: "ACTIVE".into(),
            authentication,
            client_broker,
            public_access: None,
            network_type: None,
            placements: Vec::new(),
        }
    }

    #[test]
    fn ports_are_those_of_the_guide() {
        use Authentication::{Iam, MutualTls, Plaintext, Scram, Tls};
        let table = [
            (Plaintext, 9092, None, 20092),
            (Tls, 9094, Some(9194), 20094),
            (MutualTls, 9094, Some(9194), 20094),
            (Scram, 9096, Some(9196), 20096),
            (Iam, 9098, Some(9198), 20098),
        ];
        for (way, port, public, ipv6) in table {
            assert_eq!((way.port(), way.public_port(), way.ipv6_port()), (port, public, ipv6));
        }
    }

    #[test]
    fn event_sources_are_recognized_by_their_arns() {
        let arn = |rest: &str| format!("arn:aws:{rest}");
        let place = "eu-central-1:123456789012";
        let table = [
            (
                Some(arn(&format!("kafka:{place}:cluster/orders/1f2e-1"))),
                EventSource::Msk,
            ),
            (
                Some(arn(&format!("kafka:{place}:vpc-connection/210987654321/orders/1f2e-1"))),
                EventSource::MskVpcConnection,
            ),
            (Some(arn(&format!("rds:{place}:cluster:docs"))), EventSource::DocumentDb),
            (Some(arn(&format!("mq:{place}:broker:b:b-1f2e"))), EventSource::Mq),
            (
                Some(arn(&format!("sqs:{place}:queue"))),
                EventSource::Other("sqs".into()),
            ),
            (None, EventSource::SelfManagedKafka),
        ];
        for (arn, expected) in table {
            assert_eq!(EventSource::of(arn.as_deref()), expected, "{arn:?}");
        }
    }

    #[test]
    fn what_is_on_follows_from_switches_and_encryption() {
        use Authentication::{Iam, MutualTls, Plaintext, Scram, Tls};
        let none = ClientAuthentication::default();
        let open = ClientAuthentication {
            unauthenticated: true,
            ..none
        };
        let tls = ClientAuthentication { tls: true, ..none };
        let sasl = ClientAuthentication {
            scram: true,
            iam: true,
            ..none
        };
        let table = [
            (none, ClientBroker::Tls, vec![Tls]),
            (none, ClientBroker::Plaintext, vec![Plaintext]),
            (open, ClientBroker::TlsPlaintext, vec![Plaintext, Tls]),
            (tls, ClientBroker::Tls, vec![MutualTls]),
            (tls, ClientBroker::TlsPlaintext, vec![Plaintext, MutualTls]),
            (sasl, ClientBroker::Tls, vec![Scram, Iam]),
        ];
        for (authentication, broker, expected) in table {
            let cluster = cluster(authentication, broker);
            assert_eq!(cluster.authentications(), expected, "{cluster:?}");
        }
    }

    #[test]
    fn a_mapping_without_a_secret_uses_iam_where_it_is_on() {
        let mut mapping = EventSourceMapping {
            uuid: "u".into(),
            source: None,
            bootstrap_servers: Vec::new(),
            function: None,
            state: "Enabled".into(),
            mode: MappingMode::OnDemand,
            access: Vec::new(),
            last_result: None,
        };
        let all = ClientAuthentication {
            unauthenticated: true,
            tls: true,
            scram: true,
            iam: true,
        };
        let with_iam = cluster(all, ClientBroker::TlsPlaintext);
        assert_eq!(mapping.authentications(&with_iam), [Authentication::Iam]);
        let without = cluster(ClientAuthentication { iam: false, ..all }, ClientBroker::TlsPlaintext);
        let open = [Authentication::Plaintext, Authentication::Tls];
        assert_eq!(mapping.authentications(&without), open);
        mapping.access.push(SourceAccess {
            kind: "SASL_SCRAM_512_AUTH".into(),
            uri: Some("arn:aws:secretsmanager:eu-central-1:123456789012:secret:AmazonMSK_s".into()),
        });
        assert_eq!(mapping.authentications(&with_iam), [Authentication::Scram]);
        assert_eq!(mapping.secrets().count(), 1);
    }
}
