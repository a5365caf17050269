//! Reads what was asked for beside the groups: the secret and its key, the roles. What a secret holds is never read.

use super::{ObserveError, ProxyWish, Target, found};
use crate::cloud::{Cloud, KeyDescription, SecretDescription};
use crate::model::{
    Connect, Credentials, CredentialsWish, Database, Extras, Function, Key, NewProxy, Proxy, Role, Secret, last_segment,
};
use crate::naming::created;
use crate::{policy, tags};

pub(super) async fn read(
    cloud: &impl Cloud,
    target: &Target,
    database: &Database,
    function: Option<&Function>,
    proxy: Option<&Proxy>,
) -> Result<Extras, ObserveError> {
    let (new_proxy, secret, connect) = tokio::join!(
        new_proxy(cloud, target, database, proxy),
        named_secret(cloud, target, proxy),
        connect(cloud, target, database, function, proxy)
    );
    Ok(Extras {
        new_proxy: new_proxy?,
        new_function: target.new_function.clone(),
        user: target.user.clone(),
        secret: secret?,
        connect: connect?,
        environment: target.environment,
        attach: None,
    })
}

async fn new_proxy(
    cloud: &impl Cloud,
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
                Ok(match secret(cloud, &name, reads_key).await? {
                    Some(found) if found.is_ours => Credentials::Secret(found),
                    Some(_) => Credentials::NameTaken { name },
                    None => Credentials::NewSecret { name },
                })
            }
        }
    };
    let (role, credentials) = tokio::join!(role, credentials);
    let credentials: Result<Credentials, ObserveError> = credentials;
    Ok(Some(NewProxy {
        credentials: credentials?,
        role: role?,
        wish: wish.credentials.clone(),
    }))
}

/// The secret for the function's environment, where there is no proxy that has one.
async fn named_secret(
    cloud: &impl Cloud,
    target: &Target,
    proxy: Option<&Proxy>,
) -> Result<Option<Secret>, ObserveError> {
    match &target.secret {
        Some(id) if proxy.is_none() => Ok(Some(the_secret(cloud, id, false).await?)),
        _ => Ok(None),
    }
}

/// The policy of our name on the function's role: only where both the proxy and the function exist can there be one.
async fn connect(
    cloud: &impl Cloud,
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
    let found = match (proxy, role, user) {
        (Some(proxy), Some(role), Some(user)) if proxy.exists => {
            let policy = created::connect_policy(database.place().region, &proxy.name, user);
            found(cloud.get_role_policy(last_segment(role), &policy).await)?
        }
        _ => None,
    };
    Ok(Some(Connect { found }))
}

async fn role(cloud: &impl Cloud, arn: &str) -> Result<Role, ObserveError> {
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

async fn the_secret(cloud: &impl Cloud, id: &str, reads_key: bool) -> Result<Secret, ObserveError> {
    let secret = secret(cloud, id, reads_key).await?;
    secret.ok_or_else(|| ObserveError::NoSuchSecret { id: id.to_owned() })
}

async fn secret(cloud: &impl Cloud, id: &str, reads_key: bool) -> Result<Option<Secret>, ObserveError> {
    let Some(secret) = found(cloud.describe_secret(id).await)? else {
        return Ok(None);
    };
    let SecretDescription {
        arn,
        name,
        kms_key,
        is_deleted,
        tags,
    } = secret;
    let key = match kms_key {
        Some(id) if reads_key && id != "alias/aws/secretsmanager" => {
            let KeyDescription { arn, is_customers } = cloud.describe_key(&key_in(&id, &arn)).await?;
            Some(Key { arn, is_customers })
        }
        _ => None,
    };
    Ok(Some(Secret {
        arn,
        name,
        key,
        is_deleted,
        is_ours: tags.contains_key(tags::MANAGED),
    }))
}

/// A key that is named by its id is one of the secret's own account, which may be another one.
fn key_in(id: &str, secret: &str) -> String {
    let is_id = !id.starts_with("arn:") && !id.starts_with("alias/");
    if is_id {
        crate::model::Place::of(secret).arn("kms", &format!("key/{id}"))
    } else {
        id.to_owned()
    }
}
