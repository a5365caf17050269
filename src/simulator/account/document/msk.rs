//! MSK clusters and event source mappings in an account's file, as `aws kafka describe-cluster-v2` and
//! `aws lambda get-event-source-mapping` print them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

/// An MSK cluster.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MskClusterEntry {
    /// Its ARN.
    pub cluster_arn: String,
    /// Its name.
    pub cluster_name: String,
    /// `PROVISIONED` or `SERVERLESS`.
    pub cluster_type: String,
    /// `ACTIVE`, `CREATING`, … Default `ACTIVE`.
    #[serde(default = "active")]
    pub state: String,
    /// What a provisioned cluster is made of.
    pub provisioned: Option<ProvisionedEntry>,
    /// What a serverless cluster is made of.
    pub serverless: Option<ServerlessEntry>,
}

fn active() -> String {
    "ACTIVE".to_owned()
}

/// What a provisioned cluster is made of.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProvisionedEntry {
    /// Where its brokers are.
    pub broker_node_group_info: BrokerNodeGroupInfo,
    /// How clients show who they are; not at all if left out.
    pub client_authentication: Option<ClientAuthenticationEntry>,
    /// Whether what is said is encrypted; with TLS only if left out.
    pub encryption_info: Option<EncryptionInfo>,
}

/// Where brokers are.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct BrokerNodeGroupInfo {
    /// Their subnets.
    pub client_subnets: Vec<String>,
    /// Their security groups.
    pub security_groups: Vec<String>,
    /// E.g. `kafka.m7g.large`.
    pub instance_type: Option<String>,
    /// How they can be reached besides.
    pub connectivity_info: Option<ConnectivityInfo>,
}

/// How brokers can be reached besides.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ConnectivityInfo {
    /// Whether they have public addresses.
    pub public_access: Option<PublicAccess>,
    /// `IPV4` or `DUAL`.
    pub network_type: Option<String>,
}

/// Whether brokers have public addresses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct PublicAccess {
    /// `DISABLED` or `SERVICE_PROVIDED_EIPS`.
    #[serde(rename = "Type")]
    pub kind: String,
}

/// What a serverless cluster is made of.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ServerlessEntry {
    /// The places where it can be reached.
    pub vpc_configs: Vec<MskVpcConfig>,
    /// How clients show who they are.
    pub client_authentication: Option<ClientAuthenticationEntry>,
    /// How it can be reached.
    pub connectivity_info: Option<ConnectivityInfo>,
}

/// A place where a serverless cluster can be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct MskVpcConfig {
    /// Its subnets.
    pub subnet_ids: Vec<String>,
    /// Its security groups.
    #[serde(default)]
    pub security_group_ids: Vec<String>,
}

/// How clients show who they are.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ClientAuthenticationEntry {
    /// SASL.
    pub sasl: Option<SaslEntry>,
    /// Mutual TLS.
    pub tls: Option<Switch>,
    /// Not at all.
    pub unauthenticated: Option<Switch>,
}

/// SASL.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SaslEntry {
    /// By user and password.
    pub scram: Option<Switch>,
    /// By IAM.
    pub iam: Option<Switch>,
}

/// Whether something is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Switch {
    /// Whether it is.
    pub enabled: bool,
}

/// Whether what is said is encrypted.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EncryptionInfo {
    /// On its way.
    pub encryption_in_transit: Option<EncryptionInTransit>,
}

/// Whether what is said is encrypted on its way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EncryptionInTransit {
    /// `TLS`, `TLS_PLAINTEXT` or `PLAINTEXT`.
    pub client_broker: String,
}

/// An event source mapping.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct EventSourceMappingEntry {
    /// Its id.
    #[serde(rename = "UUID")]
    pub uuid: String,
    /// The ARN of what it polls; left out for a Kafka cluster of the user's own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub event_source_arn: String,
    /// The Kafka cluster of the user's own.
    pub self_managed_event_source: Option<SelfManagedEventSource>,
    /// The ARN of the function that it invokes, or its name.
    pub function_arn: String,
    /// Default `Enabled`.
    #[serde(default = "enabled")]
    pub state: String,
    /// Left out in on-demand mode.
    pub provisioned_poller_config: Option<ProvisionedPollerConfig>,
    /// How it shows the cluster who it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source_access_configurations: Vec<SourceAccessEntry>,
    /// The topics that it polls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topics: Vec<String>,
    /// What became of its last poll, in Lambda's words.
    pub last_processing_result: Option<String>,
}

/// A Kafka cluster that is not AWS's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SelfManagedEventSource {
    /// Its bootstrap servers, under `KAFKA_BOOTSTRAP_SERVERS`.
    #[serde(default)]
    pub endpoints: BTreeMap<String, Vec<String>>,
}

fn enabled() -> String {
    "Enabled".to_owned()
}

/// The pollers of provisioned mode.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ProvisionedPollerConfig {
    /// How many there are at least.
    pub minimum_pollers: Option<u32>,
    /// How many there are at most.
    pub maximum_pollers: Option<u32>,
}

/// How a mapping shows a cluster who it is.
#[skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SourceAccessEntry {
    /// E.g. `SASL_SCRAM_512_AUTH`.
    #[serde(rename = "Type")]
    pub kind: String,
    /// A secret's ARN, or a subnet or a security group such as `security_group:sg-…`.
    #[serde(rename = "URI")]
    pub uri: Option<String>,
}
