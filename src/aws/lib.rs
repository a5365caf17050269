//! AWS itself, through its SDK: one HTTP client, the SDK's standard retries, and no decisions.

mod bounded;
mod ec2;
mod fault;
mod functions;
mod identity;
mod meter;
mod msk;
mod network;
mod notify;
#[cfg(feature = "s3")]
mod objects;
mod profile;
mod quotas;
mod rds;
mod secrets;
mod starter;
mod tagging;
mod users;

use autoconnect_core::{model, naming, units};
use autoconnect_engine::cloud;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::cloud::{
    Answer, ApiCalls, Cloud, DbCluster, DbInstance, DbProxy, DbSubnetGroup, Fault, FunctionChange, InstanceFilter,
    KeyDescription, Listed, ListedFunction, NewDbProxy, NewGroups, NewLambda, NewSecret, Operation, Pace, Page,
    SecretDescription, TaggedResource, Versions,
};
use crate::model::{DatabaseKind, Function, Origin, ProxyTarget, ProxyTargetGroup};
use bounded::Bounded;
use meter::Meter;
pub use notify::{Recipient, notify};
#[cfg(feature = "s3")]
pub use objects::{Object, object};
use tracing::{Instrument, debug_span};

/// How long one attempt of a call may take. `ModifyDBCluster` can take some seconds.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Where to find the account; what is left out comes from the usual `AWS_*` variables and files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    /// The Region.
    pub region: Option<String>,
    /// The profile.
    pub profile: Option<String>,
    /// Another endpoint for every service.
    pub endpoint_url: Option<String>,
    /// The role that is assumed, with the credentials that are found.
    pub role_arn: Option<String>,
}

/// An AWS account in one Region.
#[derive(Clone, Debug)]
pub struct Aws {
    ec2: aws_sdk_ec2::Client,
    rds: aws_sdk_rds::Client,
    lambda: aws_sdk_lambda::Client,
    connectors: aws_sdk_lambdacore::Client,
    iam: aws_sdk_iam::Client,
    kafka: aws_sdk_kafka::Client,
    kms: aws_sdk_kms::Client,
    quotas: aws_sdk_servicequotas::Client,
    secrets: aws_sdk_secretsmanager::Client,
    tagging: aws_sdk_resourcegroupstagging::Client,
    meter: Arc<Meter>,
    pace: Pace,
    region: Option<String>,
    /// Whether requests go to an endpoint of the user's, such as an emulator.
    has_own_endpoint: bool,
}

impl Aws {
    /// Reads the configuration. Credentials are looked for by the first call.
    ///
    /// # Errors
    ///
    /// There is no Region, no such profile, or an endpoint is no URL.
    pub async fn connect(configuration: &Configuration) -> Result<Self, Fault> {
        let shared = load(configuration).await?;
        let meter = Arc::new(Meter::default());
        let interceptor = meter::Interceptor::new(Arc::clone(&meter));
        // Each crate of the SDK has types of its own for the same thing.
        macro_rules! client {
            ($sdk:ident) => {{
                let configuration = $sdk::config::Builder::from(&shared).interceptor(interceptor.clone());
                $sdk::Client::from_conf(configuration.build())
            }};
        }
        Ok(Self {
            ec2: client!(aws_sdk_ec2),
            rds: client!(aws_sdk_rds),
            lambda: client!(aws_sdk_lambda),
            connectors: client!(aws_sdk_lambdacore),
            iam: client!(aws_sdk_iam),
            kafka: client!(aws_sdk_kafka),
            kms: client!(aws_sdk_kms),
            quotas: client!(aws_sdk_servicequotas),
            secrets: client!(aws_sdk_secretsmanager),
            tagging: client!(aws_sdk_resourcegroupstagging),
            meter,
            pace: Pace {
                first: Duration::from_secs(1),
                longest: Duration::from_secs(15),
            },
            region: shared.region().map(ToString::to_string),
            has_own_endpoint: shared.endpoint_url().is_some(),
        })
    }

    /// The same account, looked at more or less often while waiting.
    pub fn at_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }
}

/// What the configuration, the environment and the files say, with one HTTP client for all services.
async fn load(configuration: &Configuration) -> Result<SdkConfig, Fault> {
    let named = profile::named(configuration.profile.as_deref());
    let explicit = named.as_ref().filter(|named| named.is_explicit);
    profile::check_environment(explicit.is_some())?;
    profile::check(named.as_ref()).await?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https();
    let http = SharedHttpClient::new(Bounded(http));
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http.clone())
        .timeout_config(
            TimeoutConfig::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .operation_attempt_timeout(ATTEMPT_TIMEOUT)
                .build(),
        );
    if let Ok(name) = AppName::new(concat!("autoconnect-", env!("CARGO_PKG_VERSION_MAJOR"))) {
        loader = loader.app_name(name);
    }
    if let Some(region) = &configuration.region {
        loader = loader.region(Region::new(region.clone()));
    }
    // A variable that is set to nothing names no profile.
    let profile = named.as_ref().map_or("default", |named| &named.name);
    loader = loader.profile_name(profile);
    if let Some(url) = &configuration.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let mut shared = loader.load().await;
    if shared.region().is_none_or(|region| region.as_ref().trim().is_empty()) {
        return Err(Fault::NoRegion);
    }
    if let Some(named) = explicit {
        let provider = profile::credentials(&named.name, &shared, http);
        shared = shared.into_builder().credentials_provider(provider).build();
    }
    let Some(role) = &configuration.role_arn else {
        return Ok(shared);
    };
    let provider = AssumeRoleProvider::builder(role)
        .session_name("autoconnect")
        .configure(&shared);
    let provider = SharedCredentialsProvider::new(provider.build().await);
    Ok(shared.into_builder().credentials_provider(provider).build())
}

/// Whether the profile that a configuration names exists. Nothing is sent.
///
/// # Errors
///
/// There is no such profile, or the files of profiles cannot be read.
pub async fn check_profile(configuration: &Configuration) -> Result<(), Fault> {
    profile::check(profile::named(configuration.profile.as_deref()).as_ref()).await
}

/// Why AWS refused a request, decoded.
///
/// # Errors
///
/// Why it cannot be determined: most often the caller may not decode it either.
pub async fn decode_authorization(configuration: &Configuration, encoded: &str) -> Result<String, String> {
    let shared = load(configuration).await.map_err(|fault| fault.to_string())?;
    let client = aws_sdk_sts::Client::new(&shared);
    let call = client.decode_authorization_message().encoded_message(encoded).send();
    let answer = Box::pin(call).await.map_err(|error| match error.as_service_error() {
        Some(service) => service.to_string(),
        None => aws_smithy_types::error::display::DisplayErrorContext(&error).to_string(),
    })?;
    Ok(answer.decoded_message.unwrap_or_default())
}

/// The Region in effect. No request is sent.
pub async fn region(configuration: &Configuration) -> Option<String> {
    let shared = load(configuration).await.ok()?;
    shared.region().map(ToString::to_string)
}

/// The account that the credentials belong to. `sts:GetCallerIdentity` needs no permission; none where it does not answer.
pub async fn caller_account(configuration: &Configuration) -> Option<String> {
    let shared = load(configuration).await.ok()?;
    let call = aws_sdk_sts::Client::new(&shared).get_caller_identity().send();
    Box::pin(call).await.ok()?.account
}

/// What a page has of a list: none where AWS leaves an empty list out.
trait Items<T> {
    fn items(self) -> Vec<T>;
}

impl<T> Items<T> for Option<Vec<T>> {
    fn items(self) -> Vec<T> {
        self.unwrap_or_default()
    }
}

impl<T> Items<T> for Vec<T> {
    fn items(self) -> Vec<T> {
        self
    }
}

/// All items of a list: the request, the field that holds a page's items, and the method that gives the token of the
/// next page. An expression that is a `Result`.
macro_rules! all_items {
    ($operation:expr, $request:expr, $items:ident, $token:ident) => {
        async {
            let mut turned = $crate::cloud::Pages::of($operation);
            #[expect(
                clippy::disallowed_methods,
                reason = "the lists that are read here are bounded below"
            )]
            let mut pages = $request.into_paginator().send();
            let mut items = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(|error| $crate::fault::error($operation, &error))?;
                turned.turn(page.$token())?;
                items.extend($crate::Items::items(page.$items));
            }
            $crate::cloud::Answer::Ok(items)
        }
    };
}
use all_items;

/// A call in a span of its own; what each attempt took is logged within.
async fn called<T>(operation: Operation, call: impl Future<Output = Answer<T>>) -> Answer<T> {
    // The SDK's futures are large, and are kept off the stack.
    Box::pin(call).instrument(debug_span!("call", %operation)).await
}

/// What a page of the service's has on it, each item read.
fn page_of<S, T>(items: Option<Vec<S>>, next: Option<String>, read: impl Fn(S) -> Answer<T>) -> Listed<T> {
    let items: Answer<Vec<T>> = items.unwrap_or_default().into_iter().map(read).collect();
    Ok(Page {
        items: items?,
        next: next.filter(|next| !next.is_empty()),
    })
}

/// One page of a list: the request, the fields that hold its items and the token of the next page, and how an item is
/// read. An expression that is a `Result`.
macro_rules! page {
    ($operation:expr, $request:expr, $items:ident, $token:ident, $read:expr) => {{
        let (operation, request) = ($operation, $request);
        let answer = $crate::called(operation, async {
            let answer = request.send().await;
            answer.map_err(|error| $crate::fault::error(operation, &error))
        });
        match answer.await {
            Ok(answer) => $crate::page_of(answer.$items, answer.$token, $read),
            Err(error) => Err(error),
        }
    }};
}
use page;

/// A call of whose answer nothing is needed.
async fn done<T, E>(
    operation: Operation,
    call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Answer<()>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match call.await {
        Ok(_) => Ok(()),
        Err(error) => Err(fault::error(operation, &error)),
    }
}

#[async_trait::async_trait]
impl Cloud for Aws {
    async fn describe_db_clusters(&self, id: Option<&str>, from: Option<String>) -> Listed<DbCluster> {
        rds::describe_db_clusters(&self.rds, id, from).await
    }

    async fn describe_db_instances(&self, which: InstanceFilter<'_>, from: Option<String>) -> Listed<DbInstance> {
        rds::describe_db_instances(&self.rds, which, from).await
    }

    async fn describe_db_proxies(&self, name: Option<&str>, from: Option<String>) -> Listed<DbProxy> {
        rds::describe_db_proxies(&self.rds, name, from).await
    }

    async fn describe_db_proxy_targets(&self, proxy: &str) -> Answer<Vec<ProxyTarget>> {
        let call = rds::describe_db_proxy_targets(&self.rds, proxy);
        called(Operation::DescribeDbProxyTargets, call).await
    }

    async fn describe_db_proxy_target_group(&self, proxy: &str) -> Answer<ProxyTargetGroup> {
        let call = rds::describe_db_proxy_target_group(&self.rds, proxy);
        called(Operation::DescribeDbProxyTargetGroups, call).await
    }

    async fn describe_db_subnet_groups(&self, name: Option<&str>, from: Option<String>) -> Listed<DbSubnetGroup> {
        rds::describe_db_subnet_groups(&self.rds, name, from).await
    }

    async fn get_function_configuration(&self, name: &str) -> Answer<Function> {
        called(
            Operation::GetFunctionConfiguration,
            functions::get_function_configuration(&self.lambda, name),
        )
        .await
    }

    async fn list_functions(&self, versions: Versions, from: Option<String>) -> Listed<ListedFunction> {
        functions::list_functions(&self.lambda, versions, from).await
    }

    async fn modify_database(&self, kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> Answer<()> {
        let call = rds::modify_database(&self.rds, kind, id, groups);
        called(Operation::modifies(kind), call).await
    }

    async fn modify_db_proxy(&self, name: &str, groups: NewGroups<'_>) -> Answer<()> {
        let call = rds::modify_db_proxy(&self.rds, name, groups);
        called(Operation::ModifyDbProxy, call).await
    }

    async fn register_db_proxy_targets(&self, proxy: &str, kind: DatabaseKind, database: &str) -> Answer<()> {
        let call = rds::register_db_proxy_targets(&self.rds, proxy, kind, database);
        called(Operation::RegisterDbProxyTargets, call).await
    }

    async fn update_function_configuration(
        &self,
        name: &str,
        change: FunctionChange<'_>,
        revision: Option<&str>,
    ) -> Answer<()> {
        let call = functions::update_function_configuration(&self.lambda, name, change, revision);
        called(Operation::UpdateFunctionConfiguration, call).await
    }

    async fn describe_secret(&self, id: &str) -> Answer<SecretDescription> {
        called(Operation::DescribeSecret, secrets::describe_secret(&self.secrets, id)).await
    }

    async fn get_secret_policy(&self, id: &str) -> Answer<Option<String>> {
        let call = secrets::get_resource_policy(&self.secrets, id);
        called(Operation::GetResourcePolicy, call).await
    }

    async fn describe_key(&self, id: &str) -> Answer<KeyDescription> {
        called(Operation::DescribeKey, secrets::describe_key(&self.kms, id)).await
    }

    async fn groups_per_interface(&self) -> Answer<usize> {
        called(Operation::GetServiceQuota, quotas::groups_per_interface(&self.quotas)).await
    }

    async fn create_secret(&self, new: &NewSecret) -> Answer<String> {
        called(Operation::CreateSecret, secrets::create_secret(&self.secrets, new)).await
    }

    async fn create_db_proxy(&self, new: &NewDbProxy) -> Answer<String> {
        called(Operation::CreateDbProxy, rds::create_db_proxy(&self.rds, new)).await
    }

    async fn create_function(&self, new: &NewLambda) -> Answer<String> {
        called(Operation::CreateFunction, functions::create_function(&self.lambda, new)).await
    }

    async fn list_rds_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        called(Operation::ListTagsForResource, rds::tags(&self.rds, arn)).await
    }

    async fn delete_db_proxy(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteDbProxy;
        let call = self.rds.delete_db_proxy().db_proxy_name(name).send();
        called(operation, done(operation, call)).await
    }

    async fn delete_secret(&self, id: &str) -> Answer<()> {
        let operation = Operation::DeleteSecret;
        let call = self
            .secrets
            .delete_secret()
            .secret_id(id)
            .recovery_window_in_days(secrets::RECOVERY_DAYS)
            .send();
        called(operation, done(operation, call)).await
    }

    async fn list_secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>> {
        called(Operation::ListSecrets, secrets::list_secrets(&self.secrets, prefix)).await
    }

    async fn list_function_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        called(Operation::ListTags, functions::tags(&self.lambda, arn)).await
    }

    async fn list_tagged(&self, from: Option<String>) -> Listed<TaggedResource> {
        tagging::get_resources(&self.tagging, from).await
    }

    async fn delete_function(&self, name: &str) -> Answer<()> {
        let operation = Operation::DeleteFunction;
        let call = self.lambda.delete_function().function_name(name).send();
        called(operation, done(operation, call)).await
    }

    fn home(&self) -> Origin {
        Origin {
            account: None,
            region: self.region.clone(),
        }
    }

    fn calls(&self) -> ApiCalls {
        self.meter.calls()
    }

    fn pace(&self) -> Pace {
        self.pace
    }
}
