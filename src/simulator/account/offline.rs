//! The account as a [`Cloud`], in memory or backed by its file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::error::Category;
use thiserror::Error;

use super::described;
use super::document::{
    AccountDocument, DbClusterEntry, DbInstanceEntry, DbProxyEntry, DbSubnetGroup as DbSubnetGroupEntry, FunctionEntry,
    FunctionVersionEntry, SubnetEntry, Tag, VpcConfig, VpcSecurityGroupMembership,
};
use super::pages::{LAMBDA_PAGE, RDS_PAGE, TAGGING_PAGE};
use super::rules::{Outcome, State};
use super::validate::{Mistake, mistakes};
use crate::cloud::{
    Answer, ApiCalls, Cloud, CloudError, DbCluster, DbInstance, DbProxy, DbSubnetGroup, DescribedSubnet, Fault,
    FunctionChange, InstanceFilter, KeyDescription, Listed, ListedFunction, NewDbProxy, NewGroups, NewLambda,
    NewSecret, Operation, Pace, SecretDescription, TaggedResource, Versions,
};
use crate::escape::to_json_pretty;
use crate::files::{self, LARGEST_ACCOUNT, Locked};
use crate::json;
use crate::model::{
    Access, Code, DatabaseForm, DatabaseKind, EngineFamily, Environment, Function, FunctionState, FunctionVpc, GroupId,
    GroupList, GroupMembership, LastUpdateStatus, Origin, Place, Proxy, ProxyTarget, ProxyTargetGroup, Scaling, Subnet,
    SubnetId, qualified,
};

/// What Lambda calls the version that is not published: the function itself.
const LATEST: &str = "$LATEST";

/// Why an account's file cannot be used.
#[derive(Debug, Error)]
pub enum AccountFileError {
    /// It cannot be read.
    #[error("cannot read the account file {}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON, or not the whole of it.
    #[error("the account file {} is not valid JSON: {message}", .path.display())]
    NotJson {
        /// The file.
        path: PathBuf,
        /// What was expected and found, with line and column.
        message: String,
    },
    /// It is no JSON of the account's shape.
    #[error("the account file {} is malformed at {at}: {message}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The JSON path of the mistake.
        at: String,
        /// What was expected and found, with line and column.
        message: String,
    },
    /// It has the shape, but an account could not look like this.
    #[error("the account file {} has {}: {}", .path.display(), if .mistakes.len() == 1 { "a mistake" } else { "mistakes" },
        .mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong.
        mistakes: Vec<Mistake>,
    },
}

impl AccountFileError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "name an account file, such as docs/examples/account.json",
            Self::NotJson { .. } => {
                "check that this is a complete account file; `autoconnect snapshot --out FILE` writes one"
            }
            Self::Malformed { .. } | Self::Inconsistent { .. } => {
                "fix the file; `autoconnect schema account` prints its JSON Schema"
            }
        }
    }
}

/// An account in memory. With a file, each write rewrites that file, whole or not at all.
#[derive(Debug)]
pub struct OfflineAccount {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    calls: ApiCalls,
    file: Option<AccountFile>,
}

#[derive(Debug)]
struct AccountFile {
    path: PathBuf,
    /// What it held when this run last read or wrote it.
    content: Vec<u8>,
}

impl OfflineAccount {
    /// An account in memory only.
    ///
    /// # Errors
    ///
    /// All mistakes of the document.
    pub fn in_memory(document: AccountDocument) -> Result<Self, Vec<Mistake>> {
        Self::eventually_consistent(document, 0)
    }

    /// An account in memory in which the first `hidden_for` requests that name a new group do not find
    /// it, as happens with EC2.
    ///
    /// # Errors
    ///
    /// All mistakes of the document.
    pub fn eventually_consistent(document: AccountDocument, hidden_for: u32) -> Result<Self, Vec<Mistake>> {
        let mistakes = mistakes(&document);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Self {
            inner: Mutex::new(Inner {
                state: State::new(document, hidden_for),
                calls: ApiCalls::default(),
                file: None,
            }),
        })
    }

    /// The account in a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or has mistakes.
    pub fn open(path: &Path) -> Result<Self, AccountFileError> {
        let path = path.to_owned();
        let content = match files::read(&path, LARGEST_ACCOUNT) {
            Ok(content) => content,
            Err(source) => return Err(AccountFileError::Unreadable { path, source }),
        };
        let document = match parse(&content) {
            Ok(document) => document,
            Err((None, message)) => return Err(AccountFileError::NotJson { path, message }),
            Err((Some(at), message)) => return Err(AccountFileError::Malformed { path, at, message }),
        };
        match Self::in_memory(document) {
            Ok(account) => {
                account.lock().file = Some(AccountFile { path, content });
                Ok(account)
            }
            Err(mistakes) => Err(AccountFileError::Inconsistent { path, mistakes }),
        }
    }

    /// The Region of an account file, without the rest of it; none if it cannot be read.
    pub fn region_of(path: &Path) -> Option<String> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Home {
            region: String,
        }
        let content = files::read(path, LARGEST_ACCOUNT).ok()?;
        let home: Home = serde_json::from_slice(&content).ok()?;
        Some(home.region)
    }

    /// The account as it is now.
    pub fn document(&self) -> AccountDocument {
        self.lock().state.document.clone()
    }

    /// Its id and its Region.
    pub fn place(&self) -> (String, String) {
        let AccountDocument { account_id, region, .. } = &self.lock().state.document;
        (account_id.clone(), region.clone())
    }

    /// Changes the account as someone else would, without the program's knowledge.
    pub fn edit(&self, edit: impl FnOnce(&mut AccountDocument)) {
        edit(&mut self.lock().state.document);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves the state whole: writes replace it only when they succeed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn read<T>(&self, operation: Operation, read: impl FnOnce(&mut State) -> Result<T, Fault>) -> Answer<T> {
        let mut inner = self.lock();
        inner.calls.read += 1;
        let answer = read(&mut inner.state);
        log(operation, answer.as_ref().err());
        answer.map_err(|fault| CloudError::new(operation, fault))
    }

    pub(super) fn write<T>(
        &self,
        operation: Operation,
        write: impl FnOnce(&mut State) -> Result<T, Fault>,
    ) -> Answer<T> {
        let mut inner = self.lock();
        inner.calls.write += 1;
        let answer = inner.commit(write);
        log(operation, answer.as_ref().err());
        answer.map_err(|fault| CloudError::new(operation, fault))
    }
}

fn log(operation: Operation, fault: Option<&Fault>) {
    match fault {
        None => tracing::debug!(%operation, "answered"),
        Some(fault) => tracing::debug!(%operation, %fault, "refused"),
    }
}

/// The document, or what is wrong with it and where; nowhere, where it is no JSON.
fn parse(content: &[u8]) -> Result<AccountDocument, (Option<String>, String)> {
    if content.trim_ascii().is_empty() {
        return Err((None, "it is empty".to_owned()));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(content);
    let document = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let at = match error.path().to_string() {
            root if root == "." => "$".to_owned(),
            path => format!("$.{path}"),
        };
        let error = error.into_inner();
        match error.classify() {
            Category::Data => (Some(at), in_plain_words(&error.to_string())),
            Category::Eof => (
                None,
                format!("it ends at line {}, column {}", error.line(), error.column()),
            ),
            Category::Syntax | Category::Io => (None, error.to_string()),
        }
    })?;
    let checked = deserializer.end().and_then(|()| json::check_keys(content));
    checked.map_err(|error| (None, error.to_string()))?;
    Ok(document)
}

/// A shape's mistake without the names of Rust's types.
fn in_plain_words(message: &str) -> String {
    let words = [
        ("a borrowed string", "a string"),
        ("struct AccountDocument", "an object"),
        ("u16", "a number from 1 to 65535"),
        ("u32", "a number from 0"),
        ("i32", "a number"),
        ("usize", "a number from 0"),
    ];
    let (what, expected) = message.split_once(", expected ").unwrap_or((message, ""));
    if expected.is_empty() {
        return message.to_owned();
    }
    let (kind, place) = expected.split_once(" at line ").unwrap_or((expected, ""));
    let kind = match words.iter().find(|(rust, _)| kind.starts_with(rust)) {
        Some((_, plain)) => (*plain).to_owned(),
        None => kind
            .strip_prefix("struct ")
            .map_or_else(|| kind.to_owned(), |_| "an object".to_owned()),
    };
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(" at line {place}")
    };
    format!("{what}, expected {kind}{place}")
}

impl Inner {
    /// Applies a write to the state and to the file: to both, or to neither.
    fn commit<T>(&mut self, write: impl FnOnce(&mut State) -> Result<T, Fault>) -> Result<T, Fault> {
        let mut state = self.state.clone();
        let answer = write(&mut state);
        // A refused write has changed nothing but which new groups are visible now.
        if answer.is_ok()
            && let Some(file) = &mut self.file
        {
            file.save(&state.document)
                .map_err(|error| Fault::File(error.to_string()))?;
        }
        self.state = state;
        answer
    }
}

impl AccountFile {
    fn save(&mut self, document: &AccountDocument) -> std::io::Result<()> {
        let locked = Locked::wait(&self.path)?;
        if locked.read(LARGEST_ACCOUNT)? != self.content {
            let message = format!("{} was changed by another process in the meantime", self.path.display());
            return Err(std::io::Error::other(message));
        }
        let mut content = to_json_pretty(document)?.into_bytes();
        content.push(b'\n');
        locked.replace(&content)?;
        self.content = content;
        Ok(())
    }
}

impl Drop for OfflineAccount {
    /// States that have passed since the last write are kept too; a run that wrote nothing leaves the file alone.
    fn drop(&mut self) {
        let inner = self.inner.get_mut().unwrap_or_else(PoisonError::into_inner);
        if inner.calls.write > 0
            && let Some(file) = &mut inner.file
            && let Err(error) = file.save(&inner.state.document)
        {
            tracing::warn!(%error, "the last state of the account was not saved");
        }
    }
}

fn memberships(entries: &[VpcSecurityGroupMembership]) -> Vec<GroupMembership> {
    let membership = |entry: &VpcSecurityGroupMembership| GroupMembership {
        group: entry.vpc_security_group_id.as_str().into(),
        status: entry.status.clone(),
    };
    entries.iter().map(membership).collect()
}

impl State {
    /// The name in a name, a partial ARN or an ARN of this account and Region. Of another's, the whole, which
    /// is nobody's name here.
    pub(super) fn local_name<'n>(&self, name: &'n str) -> &'n str {
        let AccountDocument { region, account_id, .. } = &self.document;
        let parts: Vec<&str> = name.split(':').collect();
        let is_local = match parts.as_slice() {
            ["arn", _, _, arn_region, account, _, _] => arn_region == region && account == account_id,
            [account, "function", _] => account == account_id,
            _ => true,
        };
        if is_local {
            parts.last().copied().unwrap_or(name)
        } else {
            name
        }
    }

    pub(super) fn place(&self) -> Place<'_> {
        Place::in_region(&self.document.region, &self.document.account_id)
    }

    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        self.place().arn(service, resource)
    }

    pub(super) fn proxy_arn(&self, name: &str) -> String {
        self.arn("rds", &format!("db-proxy:prx-{name}"))
    }

    pub(super) fn subnet_group(&self, name: &str) -> Option<DbSubnetGroup> {
        let group = self.places.subnet_group(&self.document.db_subnet_groups, name)?;
        Some(DbSubnetGroup {
            name: group.name.clone(),
            vpc: group.vpc_id.as_str().into(),
            subnets: if group.subnet_ids.is_empty() {
                self.subnets_of(&group.vpc_id)
            } else {
                group.subnet_ids.iter().map(|id| id.as_str().into()).collect()
            },
        })
    }

    pub(super) fn subnets_of_proxy(&self, entry: &DbProxyEntry) -> Vec<SubnetId> {
        if entry.vpc_subnet_ids.is_empty() {
            return self.subnets_of(&entry.vpc_id);
        }
        entry.vpc_subnet_ids.iter().map(|id| id.as_str().into()).collect()
    }

    pub(super) fn subnets_of(&self, vpc: &str) -> Vec<SubnetId> {
        let subnets = self.document.subnets.iter().filter(|subnet| subnet.vpc_id == vpc);
        subnets.map(|subnet| subnet.subnet_id.as_str().into()).collect()
    }

    pub(super) fn db_cluster(&self, entry: DbClusterEntry) -> DbCluster {
        DbCluster {
            arn: self.arn("rds", &format!("cluster:{}", entry.id)),
            memberships: memberships(&entry.vpc_security_groups),
            writer: self.writer(&entry).map(str::to_owned),
            id: entry.id,
            engine: entry.engine,
            engine_mode: entry.engine_mode,
            port: Some(entry.port),
            status: entry.status,
            subnet_group: Some(entry.subnet_group).filter(|name| !name.is_empty()),
            global_cluster: entry.global_cluster_identifier,
            access: Access {
                endpoint: entry.endpoint,
                database_name: entry.database_name,
                resource_id: entry.db_cluster_resource_id,
                iam_enabled: entry.iam_database_authentication_enabled,
                master_user: entry.master_username,
                master_secret: entry.master_user_secret.map(|secret| secret.secret_arn),
                data_api: entry.http_endpoint_enabled,
                publicly_accessible: entry.publicly_accessible,
                scaling: entry.scaling.map(|scaling| Scaling {
                    min: scaling.min_capacity,
                    max: scaling.max_capacity,
                    seconds_until_auto_pause: scaling.seconds_until_auto_pause,
                }),
            },
            form: match (entry.vpc_networking_enabled, entry.cluster_scalability_type.as_deref()) {
                (Some(false), _) => DatabaseForm::Express,
                (_, Some("limitless")) => DatabaseForm::Limitless,
                _ => DatabaseForm::Ordinary,
            },
            tags: Tag::map(&entry.tag_list),
        }
    }

    pub(super) fn db_instance(&self, entry: DbInstanceEntry) -> DbInstance {
        DbInstance {
            arn: self.arn("rds", &format!("db:{}", entry.id)),
            memberships: memberships(&entry.vpc_security_groups),
            subnet_group: self.subnet_group(&entry.subnet_group),
            id: entry.id,
            engine: entry.engine,
            port: entry.port,
            status: entry.status,
            availability_zone: entry.availability_zone,
            cluster: entry.cluster,
            access: Access {
                endpoint: entry.endpoint,
                database_name: entry.db_name,
                resource_id: entry.dbi_resource_id,
                iam_enabled: entry.iam_database_authentication_enabled,
                master_user: entry.master_username,
                master_secret: entry.master_user_secret.map(|secret| secret.secret_arn),
                data_api: None,
                publicly_accessible: entry.publicly_accessible,
                scaling: None,
            },
            tags: Tag::map(&entry.tag_list),
        }
    }

    /// The instance; a member has its cluster's groups and port.
    fn listed_instance(&self, entry: &DbInstanceEntry) -> DbInstance {
        let mut entry = entry.clone();
        let cluster = entry
            .cluster
            .as_deref()
            .and_then(|id| self.places.cluster(&self.document.db_clusters, id));
        if let Some(cluster) = cluster {
            entry.vpc_security_groups.clone_from(&cluster.vpc_security_groups);
            entry.port = entry.port.or(Some(cluster.port));
        }
        self.db_instance(entry)
    }

    /// Which of the instances of a cluster is its writer, if the file says that one is.
    pub(super) fn writer<'d>(&'d self, cluster: &'d DbClusterEntry) -> Option<&'d str> {
        if cluster.members.is_empty() {
            let instances = &self.document.db_instances;
            let first = self.places.first_member(instances, &cluster.id)?;
            return Some(&instances[first].id);
        }
        let writer = cluster.members.iter().find(|member| member.is_cluster_writer)?;
        Some(&writer.id)
    }

    fn read_members(&mut self, cluster: &str) -> Result<Vec<DbInstance>, Fault> {
        let cluster = self.local_name(cluster).to_owned();
        let is_member = |entry: &&DbInstanceEntry| {
            let of = entry.cluster.as_deref();
            of.is_some_and(|of| of.eq_ignore_ascii_case(&cluster))
        };
        let members = self.document.db_instances.iter().filter(is_member);
        let members: Vec<String> = members.map(|entry| entry.id.clone()).collect();
        let read = members.iter().map(|id| {
            let entry = self.read_instance(id)?;
            Ok(self.db_instance(entry))
        });
        read.collect()
    }

    pub(super) fn to_proxy(&self, entry: DbProxyEntry) -> Proxy {
        let settings = described::settings(&entry);
        let subnets = self.subnets_of_proxy(&entry);
        let (takes_iam, requires_iam) = entry.iam();
        let secrets = entry.secrets();
        Proxy {
            arn: entry.arn.unwrap_or_else(|| self.proxy_arn(&entry.name)),
            exists: true,
            endpoint: entry.endpoint.or_else(|| {
                let region = &self.document.region;
                Some(format!("{}.proxy-0.{region}.rds.amazonaws.com", entry.name))
            }),
            name: entry.name,
            // The file was checked for its families.
            engine_family: EngineFamily::from_api(&entry.engine_family).unwrap_or(EngineFamily::MySql),
            subnets,
            vpc: entry.vpc_id.into(),
            groups: GroupList::as_read(entry.vpc_security_group_ids.into_iter().map(GroupId::from)),
            status: entry.status,
            targets: Vec::new(),
            role: entry.role_arn,
            secrets,
            takes_iam,
            requires_iam,
            requires_tls: entry.require_tls.unwrap_or(true),
            logs_statements: entry.debug_logging.unwrap_or_default(),
            settings,
        }
    }

    pub(super) fn to_subnet(&self, entry: &SubnetEntry) -> DescribedSubnet {
        let AccountDocument { vpcs, account_id, .. } = &self.document;
        let vpc = vpcs.iter().find(|vpc| vpc.vpc_id == entry.vpc_id);
        let owner = vpc.and_then(|vpc| vpc.owner_id.clone());
        let cidrs = self.document.subnet_cidrs(entry);
        DescribedSubnet {
            subnet: Subnet {
                id: entry.subnet_id.as_str().into(),
                vpc: entry.vpc_id.as_str().into(),
                availability_zone: entry.availability_zone.clone(),
                owner: owner.or_else(|| Some(account_id.clone())),
                free_addresses: entry.available_ip_address_count,
            },
            ranges: cidrs.clone(),
            cidrs,
            doubtful_cidrs: entry.doubtful_cidrs(),
            tags: Tag::map(&entry.tags),
        }
    }

    fn function_vpc(&self, config: &VpcConfig) -> FunctionVpc {
        let groups = config.security_group_ids.iter();
        FunctionVpc {
            vpc: self.vpc_of(&config.subnet_ids).unwrap_or_default().into(),
            subnets: config.subnet_ids.iter().map(|id| id.as_str().into()).collect(),
            groups: GroupList::as_read(groups.map(|id| id.as_str().into())),
            ipv6_allowed: config.ipv6_allowed_for_dual_stack,
        }
    }

    /// All functions, each with its published versions.
    fn versions(&self) -> Vec<ListedFunction> {
        let functions = self.document.functions.iter();
        let all = functions.flat_map(|entry| {
            // Lambda qualifies each ARN of this list, and leaves the environment out.
            let of = |published: Option<&FunctionVersionEntry>| {
                let version = published.map(|published| published.version.clone());
                ListedFunction {
                    function: Function {
                        environment: None,
                        ..self.as_published(entry, published, version.as_deref().unwrap_or(LATEST))
                    },
                    version,
                }
            };
            let published = entry.versions.iter().map(Some);
            std::iter::once(None).chain(published).map(of)
        });
        all.collect()
    }

    /// The version of a function that a qualifier means. A file need not list versions and aliases: where it has none, each
    /// is as the function itself.
    fn to_version(&self, entry: &FunctionEntry, qualifier: &str) -> Outcome<Function> {
        let alias = entry.aliases.iter().find(|alias| alias.name == qualifier);
        let version = alias.map_or(qualifier, |alias| &alias.function_version);
        let published = entry.versions.iter().find(|published| published.version == version);
        let lists_some = !(entry.versions.is_empty() && entry.aliases.is_empty());
        if published.is_none() && version != LATEST && lists_some {
            let message = format!("Function not found: {}:{qualifier}", entry.function_name);
            return Err(Fault::NotFound(message));
        }
        Ok(self.as_published(entry, published, qualifier))
    }

    /// A function as it was published, or as it is now, with this qualifier in its ARN.
    fn as_published(
        &self,
        entry: &FunctionEntry,
        published: Option<&FunctionVersionEntry>,
        qualifier: &str,
    ) -> Function {
        let function = self.to_function(entry.clone());
        let arn = format!("{}:{qualifier}", function.arn);
        match published {
            None => Function { arn, ..function },
            Some(published) => Function {
                arn,
                vpc: published.vpc_config.as_ref().map(|config| self.function_vpc(config)),
                role: published.role.clone().or(function.role),
                ..function
            },
        }
    }

    pub(super) fn to_function(&self, entry: FunctionEntry) -> Function {
        let config = entry.vpc_config.as_ref();
        let config = config.filter(|config| self.vpc_of(&config.subnet_ids).is_some());
        let vpc = config.map(|config| self.function_vpc(config));
        Function {
            arn: self.arn("lambda", &format!("function:{}", entry.function_name)),
            name: entry.function_name,
            exists: true,
            vpc,
            state: FunctionState::from_api(&entry.state),
            state_reason: entry.state_reason,
            state_reason_code: entry.state_reason_code,
            last_update: Some(LastUpdateStatus::from_api(&entry.last_update_status)),
            last_update_reason: entry.last_update_status_reason,
            last_update_reason_code: entry.last_update_status_reason_code,
            revision_id: entry.revision_id,
            role: entry.role,
            environment: Some(Environment::as_read(entry.environment)),
            code: Code {
                runtime: entry.runtime,
                handler: entry.handler,
                sha256: entry.code_sha256,
            },
            timeout: entry.timeout,
            capacity_provider: entry.capacity_provider_config.map(|config| {
                config
                    .lambda_managed_instances_capacity_provider_config
                    .capacity_provider_arn
            }),
        }
    }
}

#[async_trait::async_trait]
impl Cloud for OfflineAccount {
    async fn describe_db_clusters(&self, id: Option<&str>, from: Option<String>) -> Listed<DbCluster> {
        let operation = Operation::DescribeDbClusters;
        let Some(id) = id else {
            let cluster = |state: &State, entry: &DbClusterEntry| Some(state.db_cluster(entry.clone()));
            return self.page(operation, RDS_PAGE, from, |document| &document.db_clusters, cluster);
        };
        self.read(operation, |state| {
            let entry = state.read_cluster(id)?;
            Ok(vec![state.db_cluster(entry)].into())
        })
    }

    async fn describe_db_instances(&self, which: InstanceFilter<'_>, from: Option<String>) -> Listed<DbInstance> {
        let operation = Operation::DescribeDbInstances;
        match which {
            InstanceFilter::All => self.page(
                operation,
                RDS_PAGE,
                from,
                |document| &document.db_instances,
                |state, entry| Some(state.listed_instance(entry)),
            ),
            InstanceFilter::Id(id) => self.read(operation, |state| {
                let entry = state.read_instance(id)?;
                Ok(vec![state.db_instance(entry)].into())
            }),
            InstanceFilter::OfCluster(cluster) => self.read(operation, |state| Ok(state.read_members(cluster)?.into())),
        }
    }

    async fn describe_db_proxies(&self, name: Option<&str>, from: Option<String>) -> Listed<DbProxy> {
        let operation = Operation::DescribeDbProxies;
        let to_proxy = |state: &State, entry: &DbProxyEntry| DbProxy::Known(state.to_proxy(entry.clone()));
        let Some(name) = name else {
            let proxy = |state: &State, entry: &DbProxyEntry| Some(to_proxy(state, entry));
            return self.page(operation, RDS_PAGE, from, |document| &document.db_proxies, proxy);
        };
        self.read(operation, |state| {
            let entry = state.read_proxy(name)?;
            Ok(vec![to_proxy(state, &entry)].into())
        })
    }

    async fn describe_db_proxy_targets(&self, proxy: &str) -> Answer<Vec<ProxyTarget>> {
        self.read(Operation::DescribeDbProxyTargets, |state| state.read_targets(proxy))
    }

    async fn describe_db_proxy_target_group(&self, proxy: &str) -> Answer<ProxyTargetGroup> {
        self.read(Operation::DescribeDbProxyTargetGroups, |state| {
            state.target_group(proxy)
        })
    }

    async fn describe_db_subnet_groups(&self, name: Option<&str>, from: Option<String>) -> Listed<DbSubnetGroup> {
        let operation = Operation::DescribeDbSubnetGroups;
        let Some(name) = name else {
            let group = |state: &State, entry: &DbSubnetGroupEntry| state.subnet_group(&entry.name);
            return self.page(operation, RDS_PAGE, from, |document| &document.db_subnet_groups, group);
        };
        self.read(operation, |state| {
            let missing = || Fault::NotFound(format!("DBSubnetGroup {name} not found"));
            Ok(vec![state.subnet_group(name).ok_or_else(missing)?].into())
        })
    }

    async fn describe_secret(&self, id: &str) -> Answer<SecretDescription> {
        self.read(Operation::DescribeSecret, |state| state.describe_secret(id))
    }

    async fn get_secret_policy(&self, id: &str) -> Answer<Option<String>> {
        self.read(Operation::GetResourcePolicy, |state| state.secret_policy(id))
    }

    async fn describe_key(&self, id: &str) -> Answer<KeyDescription> {
        self.read(Operation::DescribeKey, |state| state.describe_key(id))
    }

    async fn groups_per_interface(&self) -> Answer<usize> {
        self.read(Operation::GetServiceQuota, |state| {
            let unknown =
                "the account file has no SecurityGroupsPerNetworkInterface, and a resource has more than AWS's default";
            state
                .quota_of_groups()
                .ok_or_else(|| Fault::NotFound(unknown.to_owned()))
        })
    }

    async fn get_function_configuration(&self, name: &str) -> Answer<Function> {
        self.read(Operation::GetFunctionConfiguration, |state| {
            let (function, qualifier) = qualified(name);
            let entry = state.read_function(function)?;
            match qualifier {
                Some(qualifier) => state.to_version(&entry, qualifier),
                None => Ok(state.to_function(entry)),
            }
        })
    }

    async fn list_functions(&self, versions: Versions, from: Option<String>) -> Listed<ListedFunction> {
        let operation = Operation::ListFunctions;
        match versions {
            Versions::All => self.read(operation, |state| Ok(state.versions().into())),
            Versions::Latest => self.page(
                operation,
                LAMBDA_PAGE,
                from,
                |document| &document.functions,
                |state, entry| {
                    let function = state.to_function(entry.clone());
                    Some(ListedFunction {
                        function: Function {
                            environment: None,
                            ..function
                        },
                        version: None,
                    })
                },
            ),
        }
    }

    async fn modify_database(&self, kind: DatabaseKind, id: &str, groups: NewGroups<'_>) -> Answer<()> {
        let groups = GroupList::as_read(groups.iter().cloned());
        self.write(Operation::modifies(kind), |state| match kind {
            DatabaseKind::Cluster => state.modify_cluster(id, &groups),
            DatabaseKind::Instance => state.modify_instance(id, &groups),
        })
    }

    async fn modify_db_proxy(&self, name: &str, groups: NewGroups<'_>) -> Answer<()> {
        let groups = GroupList::as_read(groups.iter().cloned());
        self.write(Operation::ModifyDbProxy, |state| state.modify_proxy(name, &groups))
    }

    async fn register_db_proxy_targets(&self, proxy: &str, kind: DatabaseKind, database: &str) -> Answer<()> {
        self.write(Operation::RegisterDbProxyTargets, |state| {
            state.register_target(proxy, kind, database)
        })
    }

    async fn update_function_configuration(
        &self,
        name: &str,
        change: FunctionChange<'_>,
        revision: Option<&str>,
    ) -> Answer<()> {
        self.write(Operation::UpdateFunctionConfiguration, |state| match change {
            FunctionChange::Vpc(vpc, NewGroups::Grown(_)) => state.update_function(name, vpc, revision),
            FunctionChange::Vpc(vpc, NewGroups::Shrunk(groups)) => state.shrink_function(name, vpc, groups, revision),
            FunctionChange::Detached => state.detach_function(name, revision),
            FunctionChange::Environment(environment) => state.update_environment(name, environment, revision),
        })
    }

    async fn create_secret(&self, new: &NewSecret) -> Answer<String> {
        self.write(Operation::CreateSecret, |state| state.create_secret(new))
    }

    async fn create_db_proxy(&self, new: &NewDbProxy) -> Answer<String> {
        self.write(Operation::CreateDbProxy, |state| state.create_proxy(new))
    }

    async fn create_function(&self, new: &NewLambda) -> Answer<String> {
        self.write(Operation::CreateFunction, |state| state.create_function(new))
    }

    async fn list_rds_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        self.read(Operation::ListTagsForResource, |state| {
            let mut proxies = state.document.db_proxies.iter();
            let of = |proxy: &DbProxyEntry| proxy.arn.clone().unwrap_or_else(|| state.proxy_arn(&proxy.name));
            let found = proxies.find(|proxy| of(proxy) == arn);
            let found = found.ok_or_else(|| Fault::NotFound(format!("{arn} not found")))?;
            Ok(Tag::map(&found.tags))
        })
    }

    async fn delete_db_proxy(&self, name: &str) -> Answer<()> {
        self.write(Operation::DeleteDbProxy, |state| state.delete_proxy(name))
    }

    async fn delete_secret(&self, id: &str) -> Answer<()> {
        self.write(Operation::DeleteSecret, |state| {
            let name = state.describe_secret(id)?.name;
            let secrets = state.document.secrets.iter_mut();
            for secret in secrets.filter(|secret| secret.name == name) {
                // Only that it was is looked at, and an account's file has no clock.
                secret.deleted_date = Some("scheduled".to_owned());
            }
            Ok(())
        })
    }

    async fn list_secrets(&self, prefix: &str) -> Answer<Vec<SecretDescription>> {
        self.read(Operation::ListSecrets, |state| {
            let mut found = Vec::new();
            let secrets = state.document.secrets.iter();
            for secret in secrets.filter(|secret| secret.name.starts_with(prefix) && secret.deleted_date.is_none()) {
                found.push(state.describe_secret(&secret.name)?);
            }
            Ok(found)
        })
    }

    async fn list_function_tags(&self, arn: &str) -> Answer<BTreeMap<String, String>> {
        self.read(Operation::ListTags, |state| {
            Ok(Tag::map(&state.function_entry(arn)?.tags))
        })
    }

    async fn list_tagged(&self, from: Option<String>) -> Listed<TaggedResource> {
        self.page_of(Operation::GetResources, TAGGING_PAGE, from, |state| {
            let functions = state.document.functions.iter();
            let functions = functions.map(|entry| (state.function_arn(&entry.function_name), &entry.tags));
            let proxies = state.document.db_proxies.iter();
            let proxies = proxies.map(|entry| {
                let arn = entry.arn.clone().unwrap_or_else(|| state.proxy_arn(&entry.name));
                (arn, &entry.tags)
            });
            let tagged = functions.chain(proxies).filter(|(_, tags)| !tags.is_empty());
            let tagged = tagged.map(|(arn, tags)| TaggedResource {
                arn,
                tags: Tag::map(tags),
            });
            tagged.collect()
        })
    }

    async fn delete_function(&self, name: &str) -> Answer<()> {
        self.write(Operation::DeleteFunction, |state| state.delete_function(name))
    }

    fn home(&self) -> Origin {
        let (account, region) = self.place();
        Origin {
            account: Some(account),
            region: Some(region),
        }
    }

    fn calls(&self) -> ApiCalls {
        self.lock().calls
    }

    fn pace(&self) -> Pace {
        Pace {
            first: Duration::from_millis(1),
            longest: Duration::from_millis(50),
        }
    }
}
