//! The names of the other resources that the program creates: the same on every run, so that each run finds what an
//! earlier one created.

use crate::model::{Proxy, last_segment};

/// The name of the proxy of a database: `--proxy new`.
pub fn proxy(database: &str) -> String {
    const LONGEST: usize = 63;
    fitted(&format!("autoconnect-{database}"), LONGEST)
}

/// The role that RDS assumes for a proxy. Roles have no Region, so their names contain it.
pub fn proxy_role(region: &str, proxy: &str) -> String {
    role(&format!("autoconnect-{region}-proxy-{proxy}"))
}

/// The execution role of a function.
pub fn function_role(region: &str, function: &str) -> String {
    role(&format!("autoconnect-{region}-function-{function}"))
}

/// What the names of all roles begin with that are made in a Region.
pub fn roles_of(region: &str) -> String {
    format!("autoconnect-{region}-")
}

fn role(name: &str) -> String {
    const LONGEST: usize = 64;
    fitted(name, LONGEST)
}

/// Whether a role's ARN has this name.
pub fn is_role(arn: Option<&str>, name: &str) -> bool {
    arn.is_some_and(|arn| last_segment(arn) == name)
}

/// Whether a proxy connects to its database by IAM, with the role that is made for it.
pub fn is_own_proxy_role(region: &str, proxy: &Proxy) -> bool {
    proxy.is_iam_only() && is_role(proxy.role.as_deref(), &proxy_role(region, &proxy.name))
}

/// The secret of a proxy for one user of the database.
pub fn secret(proxy: &str, user: &str) -> String {
    const LONGEST: usize = 512;
    fitted(&format!("{}{}", secrets_of(proxy), plain(user)), LONGEST)
}

/// What the names of all secrets begin with.
pub const SECRETS: &str = "autoconnect/";

/// What the names of all secrets of a proxy begin with.
pub fn secrets_of(proxy: &str) -> String {
    format!("{SECRETS}{proxy}/")
}

/// What the names of all policies begin with that this program gives a role.
pub const POLICIES: &str = "autoconnect-";

/// What the names of all policies begin with by which a role may connect through any proxy of this Region.
pub fn connect_policies_in(region: &str) -> String {
    format!("autoconnect-connect-{region}+")
}

/// The policy by which a role may connect through a proxy as one user. A role can be that of functions in several
/// Regions, so the name contains the Region; `+` is in none of the parts.
pub fn connect_policy(region: &str, proxy: &str, user: &str) -> String {
    policy(&format!("{}{}", connect_policies(region, proxy), plain(user)))
}

/// What the names of all policies begin with by which a role may connect through a proxy.
pub fn connect_policies(region: &str, proxy: &str) -> String {
    format!("{}{proxy}+", connect_policies_in(region))
}

/// The handler of a function that `setup` makes, as Lambda names it.
pub const HANDLER: &str = "index.handler";

/// The `CodeSha256` of such a function.
pub const CODE_SHA256: &str = "nYqX3V3OOLvQqaju6RNCbzzbu3ScEZCHmwfG85B9Ia0=";

/// The policy by which a proxy's role may read one secret.
pub fn secret_policy(secret: &str) -> String {
    policy(&format!("autoconnect-secret+{}", plain(secret)))
}

fn policy(name: &str) -> String {
    const LONGEST: usize = 128;
    fitted(name, LONGEST)
}

/// Only characters that names of secrets and policies may have; another one makes room for a checksum, so that two
/// names never become one.
fn plain(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    let cleaned: String = text.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    format!("{cleaned}-{:08x}", crc32fast::hash(text.as_bytes()))
}

/// The name, or as much of it as fits with a checksum of the whole.
fn fitted(name: &str, longest: usize) -> String {
    const CHECKSUM: usize = 9;
    if name.len() <= longest {
        return name.to_owned();
    }
    let head = name[..name.floor_char_boundary(longest - CHECKSUM)].trim_end_matches('-');
    format!("{head}-{:08x}", crc32fast::hash(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_and_differ() {
        assert_eq!(proxy("orders"), "autoconnect-orders");
        let long = "a".repeat(63);
        assert_eq!(proxy(&long).len(), 63);
        assert_ne!(proxy(&long), proxy(&format!("{}b", "a".repeat(62))));
        assert_eq!(
            function_role("eu-central-1", "checkout"),
            "autoconnect-eu-central-1-function-checkout"
        );
        assert_eq!(proxy_role("ap-southeast-2", &long).len(), 64);
        assert!(is_role(
            Some("arn:aws:iam::123456789012:role/path/autoconnect-x"),
            "autoconnect-x"
        ));
    }

    #[test]
    fn users_of_any_name_have_secrets_of_their_own() {
        assert_eq!(secret("p", "app_user"), "autoconnect/p/app_user");
        assert_ne!(secret("p", "app user"), secret("p", "app/user"));
        assert!(connect_policy("eu-west-1", "p", "app@db").starts_with("autoconnect-connect-eu-west-1+p+app-db-"));
        let (a, b) = (
            connect_policy("r", "orders", "eu-app"),
            connect_policy("r", "orders-eu", "app"),
        );
        assert_ne!(a, b);
    }
}
