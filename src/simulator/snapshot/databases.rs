//! Clusters, instances and proxies.

use std::collections::BTreeSet;

use super::{AT_ONCE, Snapshot};
use crate::account::{
    ConnectionPoolEntry, DbClusterEntry, DbClusterMemberEntry, DbInstanceEntry, DbProxyEntry,
    DbSubnetGroup as SubnetGroupEntry, MasterUserSecret, ProxyAuthEntry, ProxyTargetEntry, ScalingEntry, Tag,
    VpcSecurityGroupMembership,
};
use crate::cloud::{Cloud, DbCluster, DbInstance, DbSubnetGroup};
use crate::concurrent::bounded;
use crate::model::{
    DatabaseForm, GroupMembership, IDLE_TIMEOUT, Proxy, ProxyLogin, TargetHealthState, TargetKind, VpcId,
};
use crate::observe::patiently;

fn memberships(memberships: Vec<GroupMembership>) -> Vec<VpcSecurityGroupMembership> {
    let entry = |membership: GroupMembership| VpcSecurityGroupMembership {
        vpc_security_group_id: membership.group.to_string(),
        status: membership.status,
    };
    memberships.into_iter().map(entry).collect()
}

fn secret(arn: Option<String>) -> Option<MasterUserSecret> {
    arn.map(|secret_arn| MasterUserSecret { secret_arn })
}

/// How a proxy logs in, where `SecretArns` and `IAMAuth` do not say all of it.
fn unusual_logins(proxy: &Proxy) -> Vec<ProxyAuthEntry> {
    let logins = &proxy.settings.logins;
    let mode = logins.first().and_then(|login| login.iam_auth.clone());
    let is_usual = |login: &ProxyLogin| {
        let ProxyLogin {
            description,
            user,
            scheme,
            secret,
            iam_auth,
            client_password_auth,
        } = login;
        let is_plain = description.is_none() && user.is_none() && client_password_auth.is_none();
        is_plain && secret.is_some() && scheme.as_deref() == Some("SECRETS") && *iam_auth == mode
    };
    if logins.iter().all(is_usual) {
        return Vec::new();
    }
    let entry = |login: &ProxyLogin| ProxyAuthEntry {
        description: login.description.clone(),
        user_name: login.user.clone(),
        auth_scheme: login.scheme.clone(),
        secret_arn: login.secret.clone(),
        iam_auth: login.iam_auth.clone(),
        client_password_auth_type: login.client_password_auth.clone(),
    };
    logins.iter().map(entry).collect()
}

impl Snapshot {
    pub(super) fn databases(
        &mut self,
        clusters: Vec<DbCluster>,
        instances: Vec<DbInstance>,
        subnet_groups: Vec<DbSubnetGroup>,
        is_in: &impl Fn(&VpcId) -> bool,
    ) {
        let document = &mut self.document;
        for group in subnet_groups.into_iter().filter(|group| is_in(&group.vpc)) {
            document.db_subnet_groups.push(SubnetGroupEntry {
                name: group.name,
                vpc_id: group.vpc.to_string(),
                subnet_ids: group.subnets.iter().map(ToString::to_string).collect(),
            });
        }
        // What is in no VPC, or in another one, is in no subnet group of these.
        let known: BTreeSet<String> = document
            .db_subnet_groups
            .iter()
            .map(|group| group.name.clone())
            .collect();
        let mut writers = BTreeSet::new();
        for cluster in clusters {
            // A cluster without a port is being created; it has its engine's soon.
            let (Some(subnet_group), Some(port)) =
                (cluster.subnet_group.filter(|name| known.contains(name)), cluster.port)
            else {
                continue;
            };
            let access = cluster.access;
            writers.extend(cluster.writer);
            document.db_clusters.push(DbClusterEntry {
                id: cluster.id,
                engine: cluster.engine,
                engine_mode: cluster.engine_mode,
                port,
                status: cluster.status,
                subnet_group,
                vpc_security_groups: memberships(cluster.memberships),
                members: Vec::new(),
                global_cluster_identifier: cluster.global_cluster,
                http_endpoint_enabled: access.data_api,
                publicly_accessible: access.publicly_accessible,
                vpc_networking_enabled: (cluster.form == DatabaseForm::Express).then_some(false),
                cluster_scalability_type: (cluster.form == DatabaseForm::Limitless).then(|| "limitless".to_owned()),
                endpoint: access.endpoint,
                database_name: access.database_name,
                db_cluster_resource_id: access.resource_id,
                iam_database_authentication_enabled: access.iam_enabled,
                master_username: access.master_user,
                master_user_secret: secret(access.master_secret),
                scaling: access.scaling.map(|scaling| ScalingEntry {
                    min_capacity: scaling.min,
                    max_capacity: scaling.max,
                    seconds_until_auto_pause: scaling.seconds_until_auto_pause,
                }),
                tag_list: Tag::list(&cluster.tags),
            });
        }
        for instance in instances {
            let in_group = instance.subnet_group.as_ref().and_then(|wanted| {
                let groups = document.db_subnet_groups.iter();
                let subnets: BTreeSet<&str> = wanted.subnets.iter().map(crate::model::SubnetId::as_str).collect();
                groups.clone().find(|group| {
                    group.subnet_ids.iter().map(String::as_str).collect::<BTreeSet<_>>() == subnets
                        && group.vpc_id == wanted.vpc.as_str()
                })
            });
            let Some(subnet_group) = in_group.map(|group| group.name.clone()) else {
                continue;
            };
            let mut clusters = document.db_clusters.iter_mut();
            let cluster = clusters.find(|cluster| instance.cluster.as_ref() == Some(&cluster.id));
            let cluster = cluster.map(|cluster| {
                cluster.members.push(DbClusterMemberEntry {
                    id: instance.id.clone(),
                    is_cluster_writer: writers.contains(&instance.id),
                });
                cluster.id.clone()
            });
            let access = instance.access;
            document.db_instances.push(DbInstanceEntry {
                id: instance.id,
                engine: instance.engine,
                port: instance.port,
                status: instance.status,
                availability_zone: instance.availability_zone,
                publicly_accessible: access.publicly_accessible,
                subnet_group,
                // A member has its cluster's groups.
                vpc_security_groups: if cluster.is_some() {
                    Vec::new()
                } else {
                    memberships(instance.memberships)
                },
                cluster,
                endpoint: access.endpoint,
                db_name: access.database_name,
                dbi_resource_id: access.resource_id,
                iam_database_authentication_enabled: access.iam_enabled,
                master_username: access.master_user,
                master_user_secret: secret(access.master_secret),
                tag_list: Tag::list(&instance.tags),
            });
        }
    }

    /// From the tags of a proxy, `remove` decides whether this program created it.
    pub(super) async fn proxies(&mut self, cloud: &dyn Cloud, proxies: Vec<Proxy>) {
        let asked = proxies
            .iter()
            .map(|proxy| patiently(cloud, || cloud.list_rds_tags(&proxy.arn)));
        let tagged = bounded(AT_ONCE, asked).await;
        let asked = proxies
            .iter()
            .map(|proxy| patiently(cloud, || cloud.describe_db_proxy_target_group(&proxy.name)));
        let pooled = bounded(AT_ONCE, asked).await;
        for ((proxy, found), pooled) in proxies.into_iter().zip(tagged).zip(pooled) {
            let tags = Tag::list(&self.read(found));
            let pooled = self.read(pooled.map(Some));
            let auth = unusual_logins(&proxy);
            let tracked = proxy
                .targets
                .iter()
                .find(|target| target.kind == TargetKind::TrackedCluster);
            let health = proxy.targets.iter().find_map(|target| target.health.as_ref());
            let target = tracked.or(proxy.targets.first()).map(|target| ProxyTargetEntry {
                kind: if tracked.is_some() {
                    "TRACKED_CLUSTER"
                } else {
                    "RDS_INSTANCE"
                }
                .to_owned(),
                rds_resource_id: target.resource.clone(),
                registering: health.is_some_and(|health| health.state == TargetHealthState::Registering),
                // That it is unreachable follows from the groups, as it does for AWS.
                unavailable_reason: health
                    .filter(|health| health.state == TargetHealthState::Unavailable)
                    .and_then(|health| health.reason.clone())
                    .filter(|reason| reason != "UNREACHABLE"),
            });
            let iam_auth = match (proxy.requires_iam, proxy.takes_iam) {
                (true, _) => "REQUIRED",
                (false, true) => "ENABLED",
                (false, false) => "DISABLED",
            };
            self.document.db_proxies.push(DbProxyEntry {
                engine_family: proxy.engine_family.to_string(),
                status: proxy.status,
                vpc_id: proxy.vpc.to_string(),
                vpc_subnet_ids: proxy.subnets.iter().map(ToString::to_string).collect(),
                vpc_security_group_ids: proxy.groups.iter().map(ToString::to_string).collect(),
                target: target.filter(|target| self.document.has_database(&target.kind, &target.rds_resource_id)),
                role_arn: proxy.role,
                secret_arns: proxy.secrets,
                iam_auth: Some(iam_auth.to_owned()),
                // What most have is left out.
                require_tls: (!proxy.requires_tls).then_some(false),
                debug_logging: proxy.logs_statements.then_some(true),
                auth,
                idle_client_timeout: proxy
                    .settings
                    .idle_client_timeout
                    .filter(|seconds| *seconds != IDLE_TIMEOUT),
                endpoint_network_type: proxy.settings.endpoint_network_type,
                target_connection_network_type: proxy.settings.target_network_type,
                target_group_arn: pooled
                    .as_ref()
                    .map(|group| group.arn.clone())
                    .filter(|arn| !arn.is_empty()),
                connection_pool_config: pooled.map(|group| ConnectionPoolEntry {
                    connection_borrow_timeout: group.pool.borrow_timeout,
                    init_query: group.pool.init_query,
                    max_connections_percent: group.pool.max_connections,
                    max_idle_connections_percent: group.pool.max_idle_connections,
                    session_pinning_filters: group.pool.pinning_filters,
                }),
                arn: Some(proxy.arn),
                endpoint: proxy.endpoint,
                name: proxy.name,
                tags,
            });
        }
    }
}
