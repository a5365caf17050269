//! Reads what was requested besides the groups: the secret and its key, the roles. What a secret holds is never read.

use std::collections::BTreeMap;

use super::{ObserveError, ProxyWish, Target, found};
use crate::adopt::of_secret;
use crate::cloud::{Answer, Cloud, Fault, KeyDescription, SecretDescription};
use crate::model::network::Part;
use crate::model::{
    Connect, Credentials, CredentialsWish, Database, Extras, Found, FoundRole, Function, Key, NewProxy, Proxy,
    ProxyPermission, ResourceTags, Role, Secret, SecretDetails, last_segment,
};
use crate::naming::created;
use crate::ownership::{OwnTags, is_managed, is_tagged};
use crate::policy;
use tracing::debug;

/// The key of AWS, by its alias.
const AWS_KEY: &str = "alias/aws/secretsmanager";

pub(super) async fn read(
    cloud: &dyn Cloud,
    target: &Target,
    database: &Database,
    function: Option<&Function>,
    proxy: Option<&Proxy>,
    reads_tags: bool,
) -> Result<Extras, ObserveError> {
    let tags = async {
        if reads_tags {
            tags_of_ends(cloud, function, proxy).await
        } else {
            ResourceTags::default()
        }
    };
    let (new_proxy, secret, connect, found, tags) = tokio::join!(
        new_proxy(cloud, target, database, proxy),
        named_secret(cloud, target, proxy),
        connect(cloud, target, database, function, proxy),
        standing(cloud, target, database, function, proxy),
        tags
    );
    Ok(Extras {
        new_proxy: new_proxy?,
        new_function: target.new_function.clone(),
        user: target.user.clone(),
        secret: secret?,
        connect: connect?,
        environment: target.environment,
        found: found?,
        attach: None,
        vpc: Part::default(),
        tags,
        bearers: None,
    })
}

/// The tags of a function and a proxy that exist, by which their owners are known. What may not be read is no reason to end.
pub(crate) async fn tags_of_ends(
    cloud: &dyn Cloud,
    function: Option<&Function>,
    proxy: Option<&Proxy>,
) -> ResourceTags {
    let of_function = async {
        let arn = &function.filter(|function| function.exists)?.arn;
        let listed = cloud.listed_tags(arn);
        Some(known_or_asked(listed, cloud.list_function_tags(arn)).await)
    };
    let of_proxy = async {
        let arn = &proxy.filter(|proxy| proxy.exists)?.arn;
        Some(known_or_asked(cloud.listed_tags(arn), cloud.list_rds_tags(arn)).await)
    };
    let (function, proxy) = tokio::join!(of_function, of_proxy);
    ResourceTags { function, proxy }
}

async fn known_or_asked(
    listed: Option<Answer<BTreeMap<String, String>>>,
    asked: impl Future<Output = Answer<BTreeMap<String, String>>>,
) -> Part<BTreeMap<String, String>> {
    let answer = match listed {
        Some(listed) => listed,
        None => asked.await,
    };
    match answer {
        Ok(tags) => Part::Read(tags),
        Err(error) => {
            debug!(%error, "the owner of a resource is not known");
            Part::Unread(error.to_string())
        }
    }
}

/// What stands under the names of what the run makes, or continues with.
async fn standing(
    cloud: &dyn Cloud,
    target: &Target,
    database: &Database,
    function: Option<&Function>,
    proxy: Option<&Proxy>,
) -> Result<Found, ObserveError> {
    let region = database.place().region;
    let made = match (&target.proxy, proxy) {
        (ProxyWish::New(wish), Some(proxy)) if !wish.only_looks => Some((wish, proxy)),
        _ => None,
    };
    let proxy_role = async {
        match made {
            Some((wish, proxy)) if wish.role.is_none() && !proxy.exists => {
                found_role(cloud, &created::proxy_role(region, &proxy.name)).await
            }
            _ => Ok(None),
        }
    };
    let proxy_tags = async {
        match made {
            Some((_, proxy)) if proxy.exists => found(cloud.list_rds_tags(&proxy.arn).await),
            _ => Ok(None),
        }
    };
    let function_role = async {
        match &target.new_function {
            Some(_) if function.is_none() || target.iam_required => {
                found_role(cloud, &created::function_role(region, last_segment(&target.function))).await
            }
            _ => Ok(None),
        }
    };
    let function_tags = async {
        match (&target.new_function, function) {
            (Some(_), Some(function)) => found(cloud.list_function_tags(&function.arn).await),
            _ => Ok(None),
        }
    };
    let (proxy_role, proxy_tags, function_role, function_tags) =
        tokio::join!(proxy_role, proxy_tags, function_role, function_tags);
    Ok(Found {
        proxy_role: proxy_role?,
        function_role: function_role?,
        proxy_tags: proxy_tags?,
        proxy_pool: None,
        proxy_secret: None,
        function_tags: function_tags?,
    })
}

/// A role with everything that it may do. One that is not found by each of the calls may be too new to be seen, and
/// counts as not there: its creation then shows that it exists.
pub async fn found_role(cloud: &dyn Cloud, name: &str) -> Answer<Option<FoundRole>> {
    let Some(role) = found(cloud.get_role(name).await)? else {
        return Ok(None);
    };
    let (own, attached) = tokio::join!(cloud.list_role_policies(name), cloud.list_attached_role_policies(name));
    let (Some(own), Some(attached)) = (found(own)?, found(attached)?) else {
        return Ok(None);
    };
    let mut inline = BTreeMap::new();
    for policy in own {
        // One that is gone now is no policy.
        if let Some(document) = found(cloud.get_role_policy(name, &policy).await)? {
            inline.insert(policy, document);
        }
    }
    Ok(Some(FoundRole {
        arn: role.arn,
        trust: role.trust,
        boundary: role.boundary,
        tags: role.tags,
        attached,
        inline,
    }))
}

/// What shows whether a secret of ours is as it was made.
pub async fn secret_details(cloud: &dyn Cloud, secret: &SecretDescription) -> Answer<SecretDetails> {
    let policy = cloud.get_secret_policy(&secret.arn).await?;
    Ok(SecretDetails {
        tags: secret.tags.clone(),
        key: secret.kms_key.clone().filter(|key| key != AWS_KEY),
        policy,
        rotated_by: secret.rotated_by.clone(),
        owner: secret.owner.clone(),
        replicas: secret.replicas.clone(),
    })
}

/// How a secret differs from one that this program makes, or why that could not be read; nothing for one that is gone.
pub async fn secret_differences(cloud: &dyn Cloud, arn: &str, own: &OwnTags) -> Answer<Vec<String>> {
    let details = async {
        match found(cloud.describe_secret(arn).await)? {
            Some(secret) => found(secret_details(cloud, &secret).await),
            None => Ok(None),
        }
    };
    match details.await {
        Ok(details) => Ok(details.map(|details| of_secret(&details, own)).unwrap_or_default()),
        Err(error) if matches!(error.fault, Fault::AccessDenied { .. }) => Ok(vec![format!(
            "could not read whether it is as autoconnect created it ({error})"
        )]),
        Err(error) => Err(error),
    }
}

async fn new_proxy(
    cloud: &dyn Cloud,
    target: &Target,
    database: &Database,
    proxy: Option<&Proxy>,
) -> Result<Option<NewProxy>, ObserveError> {
    let (ProxyWish::New(wish), Some(proxy)) = (&target.proxy, proxy) else {
        return Ok(None);
    };
    let role = async {
        match &wish.role {
            Some(arn) if !proxy.exists => Some(role(cloud, arn).await).transpose(),
            // Its trust does not matter any more: the proxy has it.
            Some(arn) => Ok(Some(Role {
                arn: arn.clone(),
                trusts_rds: true,
            })),
            None => Ok(None),
        }
    };
    let credentials = async {
        if proxy.exists {
            return Ok(Credentials::NotNeeded);
        }
        // With a role that exists nobody is given anything, so that it does not matter whose the key is.
        let reads_key = wish.role.is_none();
        match &wish.credentials {
            CredentialsWish::Iam => Ok(Credentials::Iam),
            CredentialsWish::MasterSecret => match &database.access.master_secret {
                Some(arn) => Ok(Credentials::Secret(the_secret(cloud, arn, reads_key).await?)),
                None => Ok(Credentials::Missing),
            },
            CredentialsWish::Secret(id) => Ok(Credentials::Secret(the_secret(cloud, id, reads_key).await?)),
            CredentialsWish::Password => {
                let name = created::secret(&proxy.name, target.user.as_deref().unwrap_or_default());
                let Some(description) = found(cloud.describe_secret(&name).await)? else {
                    return Ok(Credentials::NewSecret { name });
                };
                // Without our tags it is another's. With them it is compared with what this program writes.
                if !is_tagged(&description.tags) {
                    return Ok(Credentials::NameTaken { name });
                }
                let details = secret_details(cloud, &description).await?;
                Ok(Credentials::Secret(Secret {
                    details: Some(Box::new(details)),
                    ..with_key(cloud, description, reads_key).await?
                }))
            }
        }
    };
    let (role, credentials) = tokio::join!(role, credentials);
    let credentials: Result<Credentials, ObserveError> = credentials;
    Ok(Some(NewProxy {
        credentials: credentials?,
        role: role?,
        wish: wish.credentials.clone(),
        without_iam: wish.without_iam,
    }))
}

/// The secret for the function's environment, where there is no proxy that has one.
async fn named_secret(
    cloud: &dyn Cloud,
    target: &Target,
    proxy: Option<&Proxy>,
) -> Result<Option<Secret>, ObserveError> {
    match &target.secret {
        Some(id) if proxy.is_none() => Ok(Some(the_secret(cloud, id, false).await?)),
        _ => Ok(None),
    }
}

/// The policy of our name on the role of a function that exists.
async fn connect(
    cloud: &dyn Cloud,
    target: &Target,
    database: &Database,
    function: Option<&Function>,
    proxy: Option<&Proxy>,
) -> Result<Option<Connect>, ObserveError> {
    if !target.iam_required {
        return Ok(None);
    }
    let role = function.and_then(|function| function.role.as_deref());
    let user = target.user.as_deref().or(database.access.master_user.as_deref());
    let region = database.place().region;
    let of_proxy = async {
        match (proxy, user) {
            (Some(proxy), Some(user)) => proxy_permission(cloud, region, proxy, user).await,
            _ => Ok(None),
        }
    };
    let of_function = async {
        match (proxy, role, user) {
            (Some(proxy), Some(role), Some(user)) => {
                let policy = created::connect_policy(region, &proxy.name, user);
                let name = last_segment(role);
                let (exists, policy) = tokio::join!(cloud.get_role(name), cloud.get_role_policy(name, &policy));
                found(exists)?.ok_or_else(|| ObserveError::NoSuchRole { arn: role.to_owned() })?;
                Ok::<_, ObserveError>(found(policy)?)
            }
            _ => Ok(None),
        }
    };
    let (of_proxy, of_function) = tokio::join!(of_proxy, of_function);
    Ok(Some(Connect {
        found: of_function?,
        of_proxy: of_proxy?,
    }))
}

/// The permission with which a proxy without a secret connects to the database, where its role is one of ours. What may not
/// be read is not judged.
async fn proxy_permission(
    cloud: &dyn Cloud,
    region: &str,
    proxy: &Proxy,
    user: &str,
) -> Answer<Option<ProxyPermission>> {
    if !created::is_own_proxy_role(region, proxy) {
        return Ok(None);
    }
    let role = created::proxy_role(region, &proxy.name);
    let policy = created::connect_policy(region, &proxy.name, user);
    match cloud.get_role_policy(&role, &policy).await {
        Err(error) if matches!(error.fault, Fault::AccessDenied { .. }) => Ok(None),
        answer => Ok(Some(ProxyPermission { found: found(answer)? })),
    }
}

async fn role(cloud: &dyn Cloud, arn: &str) -> Result<Role, ObserveError> {
    // A name is looked up in this account alone, whatever account and path the ARN has.
    let role = found(cloud.get_role(last_segment(arn)).await)?;
    let role = role
        .filter(|role| role.arn == arn)
        .ok_or_else(|| ObserveError::NoSuchRole { arn: arn.to_owned() })?;
    Ok(Role {
        trusts_rds: policy::trusts(&role.trust, policy::RDS),
        arn: role.arn,
    })
}

async fn the_secret(cloud: &dyn Cloud, id: &str, reads_key: bool) -> Result<Secret, ObserveError> {
    let secret = secret(cloud, id, reads_key).await?;
    secret.ok_or_else(|| ObserveError::NoSuchSecret { id: id.to_owned() })
}

async fn secret(cloud: &dyn Cloud, id: &str, reads_key: bool) -> Result<Option<Secret>, ObserveError> {
    match found(cloud.describe_secret(id).await)? {
        Some(secret) => Ok(Some(with_key(cloud, secret, reads_key).await?)),
        None => Ok(None),
    }
}

pub(super) async fn with_key(
    cloud: &dyn Cloud,
    secret: SecretDescription,
    reads_key: bool,
) -> Result<Secret, ObserveError> {
    let SecretDescription {
        arn,
        name,
        kms_key,
        is_deleted,
        tags,
        ..
    } = secret;
    let key = match kms_key {
        Some(id) if reads_key && id != AWS_KEY => {
            let KeyDescription { arn, is_customers } = cloud.describe_key(&key_in(&id, &arn)).await?;
            Some(Key { arn, is_customers })
        }
        _ => None,
    };
    Ok(Secret {
        arn,
        name,
        key,
        is_deleted,
        is_ours: is_managed(&tags),
        details: None,
    })
}

/// A key that is named by its id is one of the secret's own account, which may be another one.
pub(super) fn key_in(id: &str, secret: &str) -> String {
    let is_id = !id.starts_with("arn:") && !id.starts_with("alias/");
    if is_id {
        crate::model::Place::of(secret).arn("kms", &format!("key/{id}"))
    } else {
        id.to_owned()
    }
}
