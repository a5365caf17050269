//! Proxies, with their target groups and targets.

use super::{Block, Expression, Item, Writer, label, tags_of};
use crate::export::{Login, Proxy, Target};
use crate::model::{ConnectionPool, DatabaseKind};

/// Said where provider 5 cannot write a proxy.
const NEEDS_PROVIDER_6: &str = "This proxy logs in with IAM from end to end and has no secret. Version 5 of the provider demands a block `auth` with a\nsecret and cannot write it: use version 6, in a release that has `default_auth_scheme`.";

impl Writer<'_> {
    pub(super) fn proxies(&mut self) -> Vec<Item> {
        let export = self.export;
        let mut parts = Vec::new();
        for proxy in &export.proxies {
            parts.extend(self.proxy(proxy));
        }
        // A proxy of another owner is looked up, whether a policy names it or not.
        for proxy in &export.other_proxies {
            self.data("aws_db_proxy", &proxy.name, "name");
        }
        parts
    }

    fn proxy(&mut self, proxy: &Proxy) -> Vec<Item> {
        let name = self.proxies.get(proxy.name.as_str()).cloned().unwrap_or_default();
        let mut block = Block::new("resource", &["aws_db_proxy", &name]);
        block.set("name", Expression::text(&proxy.name));
        block.set("engine_family", Expression::text(&proxy.engine_family.to_string()));
        let role = self.role_arn(&proxy.role);
        block.set("role_arn", role);
        let subnets = self.subnets(proxy);
        block.set("vpc_subnet_ids", subnets);
        let groups = proxy.groups.iter().map(|group| self.group(group)).collect();
        block.set("vpc_security_group_ids", Expression::List(groups));
        block.set("require_tls", Expression::Bool(proxy.requires_tls));
        if let Some(seconds) = proxy.idle_client_timeout {
            block.set("idle_client_timeout", Expression::Number(seconds.to_string()));
        }
        block.set("debug_logging", Expression::Bool(proxy.debug_logging));
        let mut parts = Vec::new();
        if proxy.is_iam_to_database() {
            parts.push(Item::Comment(NEEDS_PROVIDER_6.to_owned()));
            block.set_text("default_auth_scheme", proxy.default_auth_scheme.as_deref());
        }
        // What is not the default, and is known to version 6 alone.
        let unusual = |kind: &Option<String>| kind.clone().filter(|kind| kind != "IPV4");
        block.set_text(
            "endpoint_network_type",
            unusual(&proxy.endpoint_network_type).as_deref(),
        );
        block.set_text(
            "target_connection_network_type",
            unusual(&proxy.target_network_type).as_deref(),
        );
        for login in &proxy.logins {
            block.nest(self.login(login));
        }
        if let Some(tags) = tags_of(&proxy.tags) {
            block.part(tags);
        }
        let policies = self.policies_of(&proxy.role);
        if !policies.is_empty() {
            block.part(Item::Attribute("depends_on".to_owned(), Expression::List(policies)));
        }
        parts.push(Item::Block(block));
        parts.push(Self::target_group(proxy, &name));
        for target in &proxy.targets {
            parts.push(self.target(proxy, &name, target));
        }
        if proxy.exists {
            self.import(&format!("aws_db_proxy.{name}"), &proxy.name);
            self.import(&format!("aws_db_proxy_default_target_group.{name}"), &proxy.name);
        }
        parts
    }

    fn subnets(&mut self, proxy: &Proxy) -> Expression {
        let is_shared = self.export.proxies.iter().all(|other| other.subnets == proxy.subnets);
        let name = if is_shared {
            "subnet_ids".to_owned()
        } else {
            format!("{}_subnet_ids", label(&proxy.name))
        };
        let ids = proxy.subnets.iter().map(|subnet| Expression::text(subnet.as_str()));
        let default = (!proxy.subnets.is_empty()).then(|| Expression::List(ids.collect()));
        let description = format!("The subnets of proxy {}", proxy.name);
        Expression::Verbatim(self.variable(&name, &description, "list(string)", default))
    }

    fn login(&mut self, login: &Login) -> Block {
        let mut auth = Block::new("auth", &[]);
        auth.set_text("description", login.description.as_deref());
        auth.set_text("username", login.user.as_deref());
        auth.set_text("auth_scheme", login.scheme.as_deref());
        auth.set_text("iam_auth", login.iam_auth.as_deref());
        auth.set_text("client_password_auth_type", login.client_password_auth.as_deref());
        if let Some(secret) = &login.secret {
            auth.set("secret_arn", Expression::Verbatim(self.secret(secret)));
        }
        auth
    }

    fn target_group(proxy: &Proxy, name: &str) -> Item {
        let mut block = Block::new("resource", &["aws_db_proxy_default_target_group", name]);
        block.set(
            "db_proxy_name",
            Expression::Verbatim(format!("aws_db_proxy.{name}.name")),
        );
        let ConnectionPool {
            borrow_timeout,
            init_query,
            max_connections,
            max_idle_connections,
            pinning_filters,
        } = &proxy.target_group.pool;
        let mut pool = Block::new("connection_pool_config", &[]);
        let mut number = |name: &str, number: &Option<u32>| {
            if let Some(number) = number {
                pool.set(name, Expression::Number(number.to_string()));
            }
        };
        number("connection_borrow_timeout", borrow_timeout);
        number("max_connections_percent", max_connections);
        number("max_idle_connections_percent", max_idle_connections);
        pool.set_text("init_query", init_query.as_deref());
        if !pinning_filters.is_empty() {
            let filters = pinning_filters.iter().map(|filter| Expression::text(filter));
            pool.set("session_pinning_filters", Expression::List(filters.collect()));
        }
        if !pool.body.is_empty() {
            block.nest(pool);
        }
        Item::Block(block)
    }

    fn target(&mut self, proxy: &Proxy, name: &str, target: &Target) -> Item {
        let label = self
            .labels
            .take("aws_db_proxy_target", &format!("{name}_{}", target.database));
        let mut block = Block::new("resource", &["aws_db_proxy_target", &label]);
        block.set(
            "db_proxy_name",
            Expression::Verbatim(format!("aws_db_proxy.{name}.name")),
        );
        let group = format!("aws_db_proxy_default_target_group.{name}.name");
        block.set("target_group_name", Expression::Verbatim(group));
        let (kind, attribute, database) = match target.kind {
            DatabaseKind::Cluster => (
                "TRACKED_CLUSTER",
                "db_cluster_identifier",
                self.data("aws_rds_cluster", &target.database, "cluster_identifier") + ".cluster_identifier",
            ),
            DatabaseKind::Instance => (
                "RDS_INSTANCE",
                "db_instance_identifier",
                self.data("aws_db_instance", &target.database, "db_instance_identifier") + ".db_instance_identifier",
            ),
        };
        block.set(attribute, Expression::Verbatim(database));
        if target.exists {
            let group = &proxy.target_group.name;
            let id = format!("{}/{group}/{kind}/{}", proxy.name, target.database);
            self.import(&format!("aws_db_proxy_target.{label}"), &id);
        }
        Item::Block(block)
    }
}
