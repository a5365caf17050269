//! Proxies, and the secrets with which they log in.

use super::{Builder, FoundProxy, is_own_secret};
use crate::export::{GroupRef, Login, OtherProxy, Proxy, RoleRef, Secret, SecretRef, Target};
use crate::model::{self, DatabaseKind, Place, ProxyTargetGroup, last_segment};
use crate::naming::created;
use crate::ownership::is_managed;

impl Builder<'_> {
    pub(super) fn proxies(&mut self) {
        let proxies: Vec<&model::Proxy> = self.on.values().copied().collect();
        for proxy in proxies {
            let groups = self.group_refs(proxy.groups.iter());
            let found = self.details.proxies.get(&proxy.name);
            match found.filter(|found| is_managed(&found.tags)) {
                Some(found) => {
                    let exported = self.proxy(proxy, found, groups);
                    self.export.proxies.push(exported);
                }
                None => self.export.other_proxies.push(OtherProxy {
                    name: proxy.name.clone(),
                    arn: proxy.arn.clone(),
                    groups,
                }),
            }
        }
    }

    fn proxy(&mut self, proxy: &model::Proxy, found: &FoundProxy, groups: Vec<GroupRef>) -> Proxy {
        let planned = &self.details.planned;
        let exists = !planned.proxies.contains(&proxy.name);
        let registered = exists && !planned.targets.contains(&proxy.name);
        let arn = proxy.role.clone().unwrap_or_default();
        let name = last_segment(&arn);
        let region = Place::of(&proxy.arn).region;
        let is_own = name == created::proxy_role(region, &proxy.name);
        let own = if is_own { self.own_role(name) } else { None };
        for login in &proxy.settings.logins {
            if let Some(arn) = &login.secret {
                self.secret(arn);
            }
        }
        let settings = &proxy.settings;
        let login = |login: &model::ProxyLogin| Login {
            description: login.description.clone(),
            user: login.user.clone(),
            scheme: login.scheme.clone(),
            secret: login.secret.as_ref().map(|arn| match self.export.secret(arn) {
                Some(_) => SecretRef::Exported(arn.clone()),
                None => SecretRef::Other(arn.clone()),
            }),
            iam_auth: login.iam_auth.clone(),
            client_password_auth: login.client_password_auth.clone(),
        };
        let mut targets: Vec<(DatabaseKind, String)> = proxy
            .targets
            .iter()
            .map(|target| {
                let (kind, id) = target.database();
                (kind, id.to_owned())
            })
            .collect();
        targets.sort();
        targets.dedup();
        Proxy {
            logins: settings.logins.iter().map(login).collect(),
            name: proxy.name.clone(),
            arn: proxy.arn.clone(),
            exists,
            engine_family: proxy.engine_family.clone(),
            vpc: proxy.vpc.clone(),
            subnets: proxy.subnets.clone(),
            groups,
            role: own.unwrap_or(RoleRef::Other(arn)),
            default_auth_scheme: settings.default_auth_scheme.clone(),
            requires_tls: proxy.requires_tls,
            idle_client_timeout: settings.idle_client_timeout,
            debug_logging: proxy.logs_statements,
            endpoint_network_type: settings.endpoint_network_type.clone(),
            target_network_type: settings.target_network_type.clone(),
            target_group: found.target_group.clone().unwrap_or_else(|| ProxyTargetGroup {
                name: "default".to_owned(),
                arn: String::new(),
                pool: model::ConnectionPool::default(),
            }),
            targets: targets
                .into_iter()
                .map(|(kind, database)| Target {
                    kind,
                    database,
                    exists: registered,
                })
                .collect(),
            tags: super::tags(&found.tags),
        }
    }

    fn secret(&mut self, arn: &str) {
        let Some(found) = self.details.secrets.get(arn).filter(|found| is_own_secret(found)) else {
            return;
        };
        if self.export.secret(arn).is_some() {
            return;
        }
        self.export.secrets.push(Secret {
            arn: arn.to_owned(),
            exists: !self.details.planned.secrets.contains(arn),
            name: found.name.clone(),
            description: found.description.clone(),
            kms_key: found.kms_key.clone(),
            tags: super::tags(&found.tags),
        });
    }
}
