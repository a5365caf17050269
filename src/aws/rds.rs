//! Clusters and instances.
//!
//! `ApplyImmediately` is never sent: a change of groups is applied at once without it, and it would also
//! apply whatever else waits for the maintenance window.

use std::collections::BTreeMap;

use aws_sdk_rds::Client;
use aws_sdk_rds::types::{
    AuthScheme, ClusterScalabilityType, DbCluster as SdkCluster, DbClusterMember, DbInstance as SdkInstance,
    DbProxy as SdkProxy, DbSubnetGroup as SdkSubnetGroup, DefaultAuthScheme, EngineFamily as SdkFamily, Filter,
    IamAuthMode, Tag, UserAuthConfig, UserAuthConfigInfo, VpcSecurityGroupMembership,
};
use serde_json::Number;

use super::{all_items, done, fault, page};
use crate::cloud::{
    Answer, Bearer, CloudError, DbCluster, DbInstance, DbProxy, DbSubnetGroup, Fault, InstanceFilter, Listed,
    NewDbProxy, NewGroups, NewProxyAuth, Operation, Page,
};
use crate::model::{
    Access, ConnectionPool, DatabaseForm, DatabaseKind, EngineFamily, GroupId, GroupList, GroupMembership, Proxy,
    ProxyLogin, ProxySettings, ProxyTarget, ProxyTargetGroup, Scaling, SubnetId, TargetHealth, TargetHealthState,
    TargetKind, TargetRole,
};

/// The largest page that RDS gives.
pub(super) const PAGE: i32 = 100;

fn incomplete(operation: Operation, field: &str) -> CloudError {
    CloudError::new(operation, Fault::Malformed(format!("it has no {field}")))
}

pub(super) async fn describe_db_clusters(client: &Client, id: Option<&str>, from: Option<String>) -> Listed<DbCluster> {
    let request = client.describe_db_clusters().set_marker(from);
    let request = match id {
        Some(id) => request.db_cluster_identifier(id),
        None => request.max_records(PAGE),
    };
    page!(Operation::DescribeDbClusters, request, db_clusters, marker, db_cluster)
}

pub(super) async fn describe_db_instances(
    client: &Client,
    which: InstanceFilter<'_>,
    from: Option<String>,
) -> Listed<DbInstance> {
    let request = client.describe_db_instances().set_marker(from);
    let request = match which {
        InstanceFilter::All => request.max_records(PAGE),
        InstanceFilter::Id(id) => request.db_instance_identifier(id),
        InstanceFilter::OfCluster(cluster) => {
            let filter = Filter::builder().name("db-cluster-id").values(cluster).build();
            request.filters(filter).max_records(PAGE)
        }
    };
    page!(
        Operation::DescribeDbInstances,
        request,
        db_instances,
        marker,
        db_instance
    )
}

/// By its name, a group without a VPC is an error; of all, only those in a VPC count.
pub(super) async fn describe_db_subnet_groups(
    client: &Client,
    name: Option<&str>,
    from: Option<String>,
) -> Listed<DbSubnetGroup> {
    let operation = Operation::DescribeDbSubnetGroups;
    let request = client.describe_db_subnet_groups().set_marker(from);
    let request = match name {
        Some(name) => request.db_subnet_group_name(name),
        None => request.max_records(PAGE),
    };
    let Page { items, next } = page!(operation, request, db_subnet_groups, marker, |found| {
        match (subnet_group(found), name) {
            (None, Some(_)) => Err(incomplete(operation, "VpcId")),
            (found, _) => Ok(found),
        }
    })?;
    Ok(Page {
        items: items.into_iter().flatten().collect(),
        next,
    })
}

pub(super) async fn describe_db_proxies(client: &Client, name: Option<&str>, from: Option<String>) -> Listed<DbProxy> {
    let request = client.describe_db_proxies().set_marker(from);
    let request = match name {
        Some(name) => request.db_proxy_name(name),
        None => request.max_records(PAGE),
    };
    page!(Operation::DescribeDbProxies, request, db_proxies, marker, db_proxy)
}

pub(super) async fn modify_database(
    client: &Client,
    kind: DatabaseKind,
    id: &str,
    groups: NewGroups<'_>,
) -> Answer<()> {
    let operation = Operation::modifies(kind);
    let groups = Some(groups.iter().map(ToString::to_string).collect());
    match kind {
        DatabaseKind::Cluster => {
            let call = client.modify_db_cluster().db_cluster_identifier(id);
            done(operation, call.set_vpc_security_group_ids(groups).send()).await
        }
        DatabaseKind::Instance => {
            let call = client.modify_db_instance().db_instance_identifier(id);
            // The largest future of the SDK's.
            done(operation, Box::pin(call.set_vpc_security_group_ids(groups).send())).await
        }
    }
}

pub(super) async fn describe_db_proxy_targets(client: &Client, proxy: &str) -> Answer<Vec<ProxyTarget>> {
    let operation = Operation::DescribeDbProxyTargets;
    let request = client
        .describe_db_proxy_targets()
        .db_proxy_name(proxy)
        .max_records(PAGE);
    let mut targets = Vec::new();
    for target in all_items!(operation, request, targets, marker).await? {
        let kind = target.r#type.as_ref().map_or("unknown", |kind| kind.as_str());
        let health = target.target_health.and_then(|health| {
            Some(TargetHealth {
                state: TargetHealthState::from_api(health.state?.as_str()),
                reason: health.reason.map(|reason| reason.as_str().to_owned()),
            })
        });
        targets.push(ProxyTarget {
            kind: TargetKind::from_api(kind),
            resource: target.rds_resource_id.unwrap_or_default(),
            tracked_cluster: target.tracked_cluster_id.filter(|id| !id.is_empty()),
            health,
            role: target.role.map(|role| TargetRole::from_api(role.as_str())),
        });
    }
    Ok(targets)
}

pub(super) async fn modify_db_proxy(client: &Client, name: &str, groups: NewGroups<'_>) -> Answer<()> {
    let call = client
        .modify_db_proxy()
        .db_proxy_name(name)
        .set_security_groups(Some(groups.iter().map(ToString::to_string).collect()));
    done(Operation::ModifyDbProxy, call.send()).await
}

pub(super) async fn create_db_proxy(client: &Client, new: &NewDbProxy) -> Answer<String> {
    let operation = Operation::CreateDbProxy;
    let tags = new
        .tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    let call = client
        .create_db_proxy()
        .db_proxy_name(&new.name)
        .engine_family(SdkFamily::from(new.family.to_string().as_str()))
        .role_arn(&new.role)
        .require_tls(true)
        .set_vpc_subnet_ids(Some(new.subnets.iter().map(ToString::to_string).collect()))
        .vpc_security_group_ids(new.group.as_str())
        .set_tags(Some(tags.collect()));
    let call = match &new.auth {
        NewProxyAuth::Iam => call.default_auth_scheme(DefaultAuthScheme::IamAuth),
        NewProxyAuth::Secret { secret, iam_required } => call.auth(
            UserAuthConfig::builder()
                .auth_scheme(AuthScheme::Secrets)
                .secret_arn(secret)
                .iam_auth(if *iam_required {
                    IamAuthMode::Required
                } else {
                    IamAuthMode::Disabled
                })
                .build(),
        ),
    };
    let answer = call.send().await.map_err(|error| fault::error(operation, &error))?;
    let arn = answer.db_proxy.and_then(|proxy| proxy.db_proxy_arn);
    arn.ok_or_else(|| incomplete(operation, "DBProxyArn"))
}

pub(super) async fn tags(client: &Client, arn: &str) -> Answer<BTreeMap<String, String>> {
    let answer = client
        .list_tags_for_resource()
        .resource_name(arn)
        .send()
        .await
        .map_err(|error| fault::error(Operation::ListTagsForResource, &error))?;
    Ok(tag_list(answer.tag_list))
}

fn tag_list(tags: Option<Vec<Tag>>) -> BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

pub(super) async fn register_db_proxy_targets(
    client: &Client,
    proxy: &str,
    kind: DatabaseKind,
    database: &str,
) -> Answer<()> {
    let operation = Operation::RegisterDbProxyTargets;
    let call = client
        .register_db_proxy_targets()
        .db_proxy_name(proxy)
        .target_group_name("default");
    match kind {
        DatabaseKind::Cluster => call.db_cluster_identifiers(database),
        DatabaseKind::Instance => call.db_instance_identifiers(database),
    }
    .send()
    .await
    .map_err(|error| fault::error(operation, &error))?;
    Ok(())
}

fn db_proxy(proxy: SdkProxy) -> Answer<DbProxy> {
    let missing = |field| incomplete(Operation::DescribeDbProxies, field);
    let groups = proxy.vpc_security_group_ids.unwrap_or_default().into_iter();
    let groups: Vec<GroupId> = groups.map(GroupId::from).collect();
    let auth = proxy.auth.unwrap_or_default();
    let family = proxy.engine_family.as_deref().and_then(EngineFamily::from_api);
    let Some(engine_family) = family else {
        return Ok(DbProxy::OfOtherFamily(Bearer {
            name: proxy.db_proxy_name.ok_or_else(|| missing("DBProxyName"))?,
            groups,
            role: proxy.role_arn,
            secrets: auth.into_iter().filter_map(|auth| auth.secret_arn).collect(),
            ..Bearer::default()
        }));
    };
    let takes_iam = auth
        .iter()
        .any(|auth| matches!(auth.iam_auth, Some(IamAuthMode::Required | IamAuthMode::Enabled)));
    let requires_iam = !auth.is_empty() && auth.iter().all(|auth| auth.iam_auth == Some(IamAuthMode::Required));
    let end_to_end = proxy.default_auth_scheme.as_deref() == Some("IAM_AUTH");
    let logins: Vec<ProxyLogin> = auth.iter().map(login).collect();
    Ok(DbProxy::Known(Proxy {
        exists: true,
        endpoint: proxy.endpoint,
        role: proxy.role_arn,
        secrets: auth.into_iter().filter_map(|auth| auth.secret_arn).collect(),
        requires_tls: proxy.require_tls.unwrap_or_default(),
        logs_statements: proxy.debug_logging.unwrap_or_default(),
        takes_iam: takes_iam || end_to_end,
        requires_iam: requires_iam || (end_to_end && !takes_iam),
        name: proxy.db_proxy_name.ok_or_else(|| missing("DBProxyName"))?,
        arn: proxy.db_proxy_arn.ok_or_else(|| missing("DBProxyArn"))?,
        engine_family,
        vpc: proxy.vpc_id.unwrap_or_default().into(),
        subnets: proxy
            .vpc_subnet_ids
            .unwrap_or_default()
            .into_iter()
            .map(Into::into)
            .collect(),
        groups: GroupList::as_read(groups),
        status: proxy
            .status
            .map(|status| status.as_str().to_owned())
            .unwrap_or_default(),
        targets: Vec::new(),
        settings: ProxySettings {
            logins,
            default_auth_scheme: proxy.default_auth_scheme.filter(|scheme| !scheme.is_empty()),
            idle_client_timeout: proxy
                .idle_client_timeout
                .and_then(|seconds| u32::try_from(seconds).ok()),
            endpoint_network_type: proxy.endpoint_network_type.map(|kind| kind.as_str().to_owned()),
            target_network_type: proxy
                .target_connection_network_type
                .map(|kind| kind.as_str().to_owned()),
        },
    }))
}

fn login(auth: &UserAuthConfigInfo) -> ProxyLogin {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    ProxyLogin {
        description: text(&auth.description),
        user: text(&auth.user_name),
        scheme: auth.auth_scheme.as_ref().map(|scheme| scheme.as_str().to_owned()),
        secret: text(&auth.secret_arn),
        iam_auth: auth.iam_auth.as_ref().map(|mode| mode.as_str().to_owned()),
        client_password_auth: auth
            .client_password_auth_type
            .as_ref()
            .map(|kind| kind.as_str().to_owned()),
    }
}

/// The default target group of a proxy: it has no other one.
pub(super) async fn describe_db_proxy_target_group(client: &Client, proxy: &str) -> Answer<ProxyTargetGroup> {
    let operation = Operation::DescribeDbProxyTargetGroups;
    let request = client
        .describe_db_proxy_target_groups()
        .db_proxy_name(proxy)
        .max_records(PAGE);
    let groups = all_items!(operation, request, target_groups, marker).await?;
    let default = groups.into_iter().find(|group| group.is_default != Some(false));
    let group = default.ok_or_else(|| incomplete(operation, "default target group"))?;
    let pool = group.connection_pool_config;
    let number = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    Ok(ProxyTargetGroup {
        name: group.target_group_name.unwrap_or_else(|| "default".to_owned()),
        arn: group.target_group_arn.unwrap_or_default(),
        pool: pool.map_or_else(ConnectionPool::default, |pool| ConnectionPool {
            borrow_timeout: number(pool.connection_borrow_timeout),
            init_query: pool.init_query.filter(|query| !query.is_empty()),
            max_connections: number(pool.max_connections_percent),
            max_idle_connections: number(pool.max_idle_connections_percent),
            pinning_filters: pool.session_pinning_filters.unwrap_or_default(),
        }),
    })
}

/// None without a VPC, as of an instance that was never in one.
fn subnet_group(group: SdkSubnetGroup) -> Option<DbSubnetGroup> {
    let vpc = group.vpc_id.filter(|vpc| !vpc.is_empty())?;
    let subnets = group.subnets.unwrap_or_default().into_iter();
    Some(DbSubnetGroup {
        name: group.db_subnet_group_name.unwrap_or_default(),
        vpc: vpc.into(),
        subnets: subnets
            .filter_map(|subnet| subnet.subnet_identifier.map(SubnetId::from))
            .collect(),
    })
}

/// Ports of 0 stand for none.
fn port(port: Option<i32>) -> Option<u16> {
    port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port != 0)
}

fn memberships(memberships: Option<Vec<VpcSecurityGroupMembership>>) -> Vec<GroupMembership> {
    memberships
        .unwrap_or_default()
        .into_iter()
        .filter_map(|membership| {
            Some(GroupMembership {
                group: membership.vpc_security_group_id?.into(),
                status: membership.status.unwrap_or_default(),
            })
        })
        .collect()
}

fn db_cluster(cluster: SdkCluster) -> Answer<DbCluster> {
    let missing = |field| incomplete(Operation::DescribeDbClusters, field);
    Ok(DbCluster {
        id: cluster
            .db_cluster_identifier
            .ok_or_else(|| missing("DBClusterIdentifier"))?,
        arn: cluster.db_cluster_arn.ok_or_else(|| missing("DBClusterArn"))?,
        engine: cluster.engine.unwrap_or_default(),
        engine_mode: cluster.engine_mode,
        port: port(cluster.port),
        status: cluster.status.unwrap_or_default(),
        subnet_group: cluster.db_subnet_group,
        memberships: memberships(cluster.vpc_security_groups),
        writer: writer(cluster.db_cluster_members),
        global_cluster: cluster.global_cluster_identifier.filter(|id| !id.is_empty()),
        access: Access {
            endpoint: cluster.endpoint,
            database_name: cluster.database_name.filter(|name| !name.is_empty()),
            resource_id: cluster.db_cluster_resource_id,
            iam_enabled: cluster.iam_database_authentication_enabled,
            master_user: cluster.master_username,
            master_secret: cluster.master_user_secret.and_then(|secret| secret.secret_arn),
            data_api: cluster.http_endpoint_enabled,
            publicly_accessible: cluster.publicly_accessible,
            scaling: cluster.serverless_v2_scaling_configuration.map(|scaling| Scaling {
                min: scaling.min_capacity.and_then(Number::from_f64),
                max: scaling.max_capacity.and_then(Number::from_f64),
                seconds_until_auto_pause: scaling
                    .seconds_until_auto_pause
                    .and_then(|seconds| u32::try_from(seconds).ok()),
            }),
        },
        form: match (cluster.vpc_networking_enabled, cluster.cluster_scalability_type) {
            (Some(false), _) => DatabaseForm::Express,
            (_, Some(ClusterScalabilityType::Limitless)) => DatabaseForm::Limitless,
            _ => DatabaseForm::Ordinary,
        },
        tags: tag_list(cluster.tag_list),
    })
}

/// The writer. Not known where RDS reports none, or more than one.
fn writer(members: Option<Vec<DbClusterMember>>) -> Option<String> {
    let members = members.unwrap_or_default().into_iter();
    let mut writers = members.filter(|member| member.is_cluster_writer == Some(true));
    let writer = writers.next()?.db_instance_identifier;
    writer.filter(|_| writers.next().is_none())
}

fn db_instance(instance: SdkInstance) -> Answer<DbInstance> {
    let missing = |field| incomplete(Operation::DescribeDbInstances, field);
    Ok(DbInstance {
        id: instance
            .db_instance_identifier
            .ok_or_else(|| missing("DBInstanceIdentifier"))?,
        arn: instance.db_instance_arn.ok_or_else(|| missing("DBInstanceArn"))?,
        engine: instance.engine.unwrap_or_default(),
        port: port(instance.endpoint.as_ref().and_then(|endpoint| endpoint.port)),
        status: instance.db_instance_status.unwrap_or_default(),
        availability_zone: instance.availability_zone,
        subnet_group: instance.db_subnet_group.and_then(subnet_group),
        cluster: instance.db_cluster_identifier.filter(|cluster| !cluster.is_empty()),
        memberships: memberships(instance.vpc_security_groups),
        access: Access {
            endpoint: instance.endpoint.and_then(|endpoint| endpoint.address),
            database_name: instance.db_name.filter(|name| !name.is_empty()),
            resource_id: instance.dbi_resource_id,
            iam_enabled: instance.iam_database_authentication_enabled,
            master_user: instance.master_username,
            master_secret: instance.master_user_secret.and_then(|secret| secret.secret_arn),
            data_api: None,
            publicly_accessible: instance.publicly_accessible,
            scaling: None,
        },
        tags: tag_list(instance.tag_list),
    })
}
