//! The values of options, read strictly.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use regex::Regex;

use crate::files::{self, LARGEST_TEXT};
use crate::model::{EventSource, Expected, Named, is_url};
use crate::naming::function;
use crate::owner::TerraformState;
use crate::report::Report;
use crate::tags;

/// A function's name, partial ARN or ARN, without a qualifier; or one to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionName {
    pub name: String,
    pub is_new: bool,
}

/// The longest name that Lambda takes for a new function.
const LONGEST_NAME: usize = 64;

impl FromStr for FunctionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, is_new) = match text.strip_prefix("new:") {
            Some(name) => (name, true),
            None => (text, false),
        };
        if text == "new" {
            return Err("new:NAME creates a function; one that is named new is function:new".to_owned());
        }
        Named::of(text).expect(Expected::Function)?;
        let unqualified = function::unqualified(name);
        if is_new && (name.contains(':') || name.len() > LONGEST_NAME) {
            return Err(format!(
                "expected the new function's name alone, of at most {LONGEST_NAME} characters"
            ));
        }
        Ok(Self {
            name: unqualified?.to_owned(),
            is_new,
        })
    }
}

/// `--cluster`: an identifier or an ARN.
pub fn parse_cluster(text: &str) -> Result<String, String> {
    named(text, Expected::Cluster)
}

/// `--instance`: an identifier or an ARN.
pub fn parse_instance(text: &str) -> Result<String, String> {
    named(text, Expected::Instance)
}

/// `--like-database`: an identifier or an ARN, of a cluster or an instance.
pub fn parse_database(text: &str) -> Result<String, String> {
    named(text, Expected::Database)
}

/// The states of Terraform that were read, by file: the connections of a manifest share one.
static STATES: Mutex<BTreeMap<String, Arc<TerraformState>>> = Mutex::new(BTreeMap::new());

/// `--terraform-state`: a file that holds a state, which is read at once.
pub fn parse_terraform_state(path: &str) -> Result<Arc<TerraformState>, String> {
    let mut states = STATES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(state) = states.get(path) {
        return Ok(Arc::clone(state));
    }
    let text =
        files::read_text(Path::new(path), LARGEST_TEXT).map_err(|error| format!("the file cannot be read: {error}"))?;
    let state = TerraformState::parse(&text).map_err(|error| error.to_string())?;
    let state = Arc::new(state);
    states.insert(path.to_owned(), Arc::clone(&state));
    Ok(state)
}

/// `--secret`: a name or an ARN.
pub fn parse_secret(text: &str) -> Result<String, String> {
    named(text, Expected::Secret)
}

/// A name that is not empty, or the ARN of what is expected.
fn named(text: &str, expected: Expected) -> Result<String, String> {
    Named::of(text).expect(expected)?;
    if text.trim().is_empty() {
        return Err(format!("expected {expected}, found nothing"));
    }
    Ok(text.to_owned())
}

/// `--function`, where it has to exist.
pub fn parse_function(text: &str) -> Result<FunctionName, String> {
    match text.parse::<FunctionName>()? {
        FunctionName { is_new: true, .. } => Err("expected a function that exists: new:NAME is for setup".to_owned()),
        function => Ok(function),
    }
}

/// The name of an AWS service, as endpoints have it.
pub fn parse_service(text: &str) -> Result<String, String> {
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    if !text.is_empty() && text.chars().all(is_name) {
        return Ok(text.to_owned());
    }
    Err("expected services as in the names of their endpoints, such as secretsmanager,s3".to_owned())
}

/// A parameter of a template with its value.
pub fn parse_parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("expected a name of letters and digits before the =".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// The id of a resource of EC2, of a kind such as `subnet`.
pub fn parse_id(text: &str, kind: &str) -> Result<String, String> {
    let id = text.strip_prefix(kind).and_then(|rest| rest.strip_prefix('-'));
    let is_id = |id: &str| {
        !id.is_empty()
            && id
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if id.is_some_and(is_id) {
        return Ok(text.to_owned());
    }
    Err(format!("expected an id such as {kind}-0a1b2c3d4e5f67890"))
}

/// `--proxy` of a connection that exists already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectedProxy(pub Option<String>);

impl FromStr for ConnectedProxy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse()? {
            ProxyChoice::None => Ok(Self(None)),
            ProxyChoice::Existing(name) => Ok(Self(Some(name))),
            ProxyChoice::New(_) => Err("new is for setup: name the proxy".to_owned()),
        }
    }
}

/// `--proxy`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyChoice {
    /// A direct connection.
    None,
    /// A proxy that exists.
    Existing(String),
    /// A proxy to be created, by this name if one was given.
    New(Option<String>),
}

/// A proxy's name: 1 to 63 letters, digits and single hyphens, beginning with a letter (docs/new-proxies.md, "Limits").
static PROXY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[a-zA-Z][a-zA-Z0-9]*(-[a-zA-Z0-9]+)*$").expect("the pattern is a literal, which a test reads")
});

impl FromStr for ProxyChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Named::of(text).expect(Expected::Proxy)?;
        if text.starts_with("arn:") {
            return Err("the ARN of an RDS Proxy does not contain its name: name the proxy by its name".to_owned());
        }
        let is_name = |name: &str| name.len() <= 63 && PROXY.is_match(name);
        match text {
            "none" => Ok(Self::None),
            "new" => Ok(Self::New(None)),
            name if is_name(name) => Ok(Self::Existing(name.to_owned())),
            text => text
                .strip_prefix("new:")
                .filter(|name| is_name(name))
                .map(|name| Self::New(Some(name.to_owned())))
                .ok_or_else(|| {
                    "expected none, new, new:NAME, or the name of a proxy: 1 to 63 letters, digits and single hyphens, starting with a letter and not ending with a hyphen"
                        .to_owned()
                }),
        }
    }
}

/// `--proxy-role`: the ARN of a role.
pub fn parse_role(text: &str) -> Result<String, String> {
    static ROLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^arn:aws[a-zA-Z-]*:iam::[0-9]{12}:role/[!-~]*[A-Za-z0-9_+=,.@-]+$")
            .expect("the pattern is a literal, which a test reads")
    });
    if ROLE.is_match(text) {
        return Ok(text.to_owned());
    }
    Named::of(text).expect(Expected::Role)?;
    Err("expected the ARN of a role, such as arn:aws:iam::123456789012:role/proxy".to_owned())
}

/// The runtime of a new function, unless another one is named.
pub const RUNTIME: &str = "nodejs24.x";

/// The Node.js runtimes for which Lambda creates functions, or may still do so. Older ones are refused by Lambda, after
/// the run has created what comes before the function.
const RUNTIMES: [&str; 4] = ["nodejs20.x", "nodejs22.x", "nodejs24.x", "nodejs26.x"];

/// `--runtime`: the handler that is made is for Node.js.
pub fn parse_runtime(text: &str) -> Result<String, String> {
    if RUNTIMES.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected a Node.js runtime that Lambda supports: {}",
        RUNTIMES.join(", ")
    ))
}

/// `--db-user`: what an IAM permission and a secret can name.
pub fn parse_user(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty()
        && text.chars().count() <= 128
        && !text.contains(|c: char| c.is_control() || "*?/".contains(c));
    if is_name {
        return Ok(text.to_owned());
    }
    Err(
        "expected a user of the database: 1 to 128 characters, without *, ? and /, which have a special meaning in IAM"
            .to_owned(),
    )
}

/// `--region`: the name of a Region, as endpoints have it.
pub fn parse_region(text: &str) -> Result<String, String> {
    let is_part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if text.contains('-') && text.split('-').all(is_part) {
        return Ok(text.to_owned());
    }
    Err("expected the name of a Region, such as eu-central-1".to_owned())
}

/// `--endpoint-url`: an absolute URL.
pub fn parse_url(text: &str) -> Result<String, String> {
    if is_url(text) {
        return Ok(text.to_owned());
    }
    Err(
        "expected a URL such as https://vpce-0a1b2c3d.ec2.eu-central-1.vpce.amazonaws.com or http://localhost:4566"
            .to_owned(),
    )
}

/// The values of a `--tag` that is repeated.
///
/// Of two values for one key, one would be lost. IAM does not mind the case of keys.
pub fn check_tags(tags: &[Tag]) -> Result<(), Box<Report>> {
    let mut keys = BTreeSet::new();
    let twice = tags.iter().find(|tag| !keys.insert(tag.key.to_lowercase()));
    let Some(Tag { key, .. }) = twice else {
        return Ok(());
    };
    Err(Report::usage(
        &format!("--tag names the key {key} twice"),
        "name each key once; IAM treats keys that differ only in case as the same",
    ))
}

/// `--tag K=V`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub key: String,
    pub value: String,
}

impl Tag {
    /// IAM does not mind the case of keys.
    pub fn has_key_of(&self, other: &Self) -> bool {
        self.key.to_lowercase() == other.key.to_lowercase()
    }
}

/// Adds the default tags whose keys no option names.
pub fn add_default_tags(tags: &mut Vec<Tag>, defaults: &[Tag]) {
    for tag in defaults {
        if !tags.iter().any(|given| given.has_key_of(tag)) {
            tags.push(tag.clone());
        }
    }
}

impl FromStr for Tag {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("expected K=V")?;
        if key.is_empty() || key.chars().count() > 128 {
            return Err("expected a key of 1 to 128 characters before the =".to_owned());
        }
        if value.chars().count() > 256 {
            return Err("expected a value of at most 256 characters after the =".to_owned());
        }
        // EC2 takes any character, IAM and Secrets Manager only these.
        let is_plain = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
        if !key.chars().chain(value.chars()).all(is_plain) {
            return Err("expected letters, digits, spaces and _ . : / = + - @, as all services take them".to_owned());
        }
        if key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(tags::PREFIX) {
            return Err(format!("keys that begin with aws: or {} are taken", tags::PREFIX));
        }
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Shorter than one look.
const SHORTEST: Duration = Duration::from_secs(1);

/// No change of AWS takes longer.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// `--timeout`: `20m`, `90s`, `1h 30m`.
pub fn parse_timeout(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .filter(|duration| (SHORTEST..=LONGEST).contains(duration))
        .ok_or_else(|| "expected a time from 1s to 168h, such as 20m, 90s or 1h30m".to_owned())
}

/// `--cluster-arn`: the ARN of an MSK cluster.
pub fn parse_cluster_arn(text: &str) -> Result<String, String> {
    static CLUSTER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^arn:aws[a-zA-Z-]*:kafka:[a-z0-9-]+:[0-9]{12}:(serverless-)?cluster/[A-Za-z0-9_./-]+$")
            .expect("the pattern is a literal, which a test reads")
    });
    let source = EventSource::of(Some(text));
    // Other event sources are named in the answer, not refused. The ARN of a DocumentDB cluster is as that of an Aurora cluster.
    let is_other = matches!(source, EventSource::MskVpcConnection | EventSource::Mq);
    if CLUSTER.is_match(text) || (text.starts_with("arn:") && is_other) {
        return Ok(text.to_owned());
    }
    Named::of(text).expect(Expected::MskCluster)?;
    Err("expected the ARN of an MSK cluster, such as arn:aws:kafka:eu-central-1:123456789012:cluster/orders/1f2e3d4c-5b6a-1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_named_in_three_ways() {
        let table = [
            ("checkout", Some("checkout")),
            ("new:checkout", Some("checkout")),
            ("function:checkout", Some("function:checkout")),
            ("123456789012:function:checkout", Some("123456789012:function:checkout")),
            (
                "arn:aws:lambda:eu-central-1:123456789012:function:checkout",
                Some("arn:aws:lambda:eu-central-1:123456789012:function:checkout"),
            ),
            (
                "arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f",
                Some("arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:f"),
            ),
            ("checkout:$LATEST", Some("checkout")),
            ("checkout:live", None),
            ("checkout:7", None),
            ("arn:aws:lambda:eu-central-1:123456789012:function:checkout:live", None),
            ("arn:aws:rds:eu-central-1:123456789012:cluster:orders", None),
            ("", None),
            ("check out", None),
            ("check/out", None),
        ];
        for (text, name) in table {
            let parsed = text.parse::<FunctionName>().ok().map(|function| function.name);
            assert_eq!(parsed.as_deref(), name, "{text:?}");
        }
    }

    #[test]
    fn ids_are_read_strictly() {
        assert!(parse_id("vpc-0a1b2c3d", "vpc").is_ok());
        for text in ["", "vpc", "vpc-", "subnet-0a1b", "vpc-*", "vpc-0A", "vpc-1 "] {
            assert!(parse_id(text, "vpc").is_err(), "{text}");
        }
    }

    #[test]
    fn msk_clusters_are_named_by_their_arns() {
        let table = [
            (
                "arn:aws:kafka:eu-central-1:123456789012:cluster/orders/1f2e3d4c-5b6a-4789-8abc-def012345678-2",
                true,
            ),
            (
                "arn:aws-cn:kafka:cn-north-1:123456789012:cluster/o.r_d/1f2e3d4c-s1",
                true,
            ),
            ("arn:aws:rds:eu-central-1:123456789012:cluster:orders", false),
            (
                "arn:aws:kafka:eu-central-1:123456789012:topic/orders/1f2e3d4c-1/t",
                false,
            ),
            ("orders", false),
            ("", false),
        ];
        for (text, is_one) in table {
            assert_eq!(parse_cluster_arn(text).is_ok(), is_one, "{text:?}");
        }
    }

    #[test]
    fn a_qualifier_is_explained() {
        let error = "checkout:live".parse::<FunctionName>().unwrap_err();
        assert!(error.contains("live") && error.contains("$LATEST"), "{error}");
    }

    #[test]
    fn proxies_are_named_as_rds_names_them() {
        let table = [
            ("none", Some(ProxyChoice::None)),
            ("new", Some(ProxyChoice::New(None))),
            ("new:orders-proxy", Some(ProxyChoice::New(Some("orders-proxy".into())))),
            ("orders-proxy", Some(ProxyChoice::Existing("orders-proxy".into()))),
            ("", None),
            ("new:", None),
            ("1proxy", None),
            ("a--b", None),
            ("a-", None),
            ("a_b", None),
        ];
        for (text, choice) in table {
            assert_eq!(text.parse().ok(), choice, "{text:?}");
        }
        assert!("a".repeat(64).parse::<ProxyChoice>().is_err());
    }

    #[test]
    fn new_functions_have_a_name_alone() {
        let long = format!("new:{}", "f".repeat(65));
        for text in [
            "new:function:f",
            "new:123456789012:function:f",
            "new:f:live",
            "new:",
            long.as_str(),
        ] {
            assert!(text.parse::<FunctionName>().is_err(), "{text}");
        }
    }

    #[test]
    fn roles_runtimes_and_users_are_read_strictly() {
        assert!(parse_role("arn:aws:iam::123456789012:role/service-role/proxy").is_ok());
        for text in [
            "",
            "proxy",
            "arn:aws:iam::123456789012:user/x",
            "arn:aws:iam::123456789012:role/",
        ] {
            assert!(parse_role(text).is_err(), "{text}");
        }
        assert!(parse_runtime("nodejs26.x").is_ok());
        for text in [
            "",
            "python3.14",
            "nodejs",
            "nodejs.x",
            "nodejs24",
            "nodejs23.x",
            "nodejs99.x",
            "nodejs18.x",
            "nodejs8.10",
        ] {
            assert!(parse_runtime(text).is_err(), "{text}");
        }
        assert!(parse_user("app_user").is_ok());
        for text in ["", "*", "app*", "a/b", "two\nlines"] {
            assert!(parse_user(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tags_are_read_strictly() {
        for text in ["team=payments", "a=", "a=b=c", "aws-team=x"] {
            assert!(text.parse::<Tag>().is_ok(), "{text}");
        }
        for text in [
            "",
            "a",
            "=b",
            "note=a,b",
            "aws:x=y",
            "AWS:x=y",
            "autoconnect:role=database",
        ] {
            assert!(text.parse::<Tag>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_of_a_tag_is_named_once() {
        let tags = |texts: &[&str]| -> Vec<Tag> { texts.iter().map(|text| text.parse().unwrap()).collect() };
        let table: [(&[&str], bool); 5] = [
            (&[], true),
            (&["a=1", "b=1"], true),
            (&["a=1", "a=2"], false),
            (&["a=1", "b=1", "a=1"], false),
            (&["Team=a", "team=b"], false),
        ];
        for (texts, is_right) in table {
            assert_eq!(check_tags(&tags(texts)).is_ok(), is_right, "{texts:?}");
        }
    }

    #[test]
    fn regions_and_urls_are_read_strictly() {
        for text in ["eu-central-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"] {
            assert!(parse_region(text).is_ok(), "{text}");
        }
        for text in [
            "",
            " ",
            "eu",
            "EU-CENTRAL-1",
            "eu-central-1 ",
            "eu_central_1",
            "-",
            "eu--1",
            "eu-central-1a/",
        ] {
            assert!(parse_region(text).is_err(), "{text:?}");
        }
        for text in [
            "http://localhost:4566",
            "https://vpce-0a.ec2.eu-central-1.vpce.amazonaws.com/",
            "http://[::1]:5000",
            "http://127.0.0.1:9/path",
        ] {
            assert!(parse_url(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "localhost:4566",
            "ftp://host",
            "http://",
            "http:/host",
            "http://ho st",
            "http://host:port",
            "https://host\n",
            "eu-central-1",
        ] {
            assert!(parse_url(text).is_err(), "{text:?}");
        }
    }

    /// For each option: an ARN of what it takes, and of everything else that there is.
    #[test]
    fn an_arn_of_another_kind_is_refused_with_what_it_is() {
        type Parse = fn(&str) -> Result<(), String>;
        let place = "eu-central-1:123456789012";
        let arns = [
            (format!("arn:aws:rds:{place}:cluster:orders"), "DB cluster orders"),
            (format!("arn:aws:rds:{place}:db:orders"), "DB instance orders"),
            (format!("arn:aws:rds:{place}:db-proxy:prx-0a1b"), "RDS Proxy prx-0a1b"),
            (format!("arn:aws:rds:{place}:snapshot:s"), "DB snapshot s"),
            (
                format!("arn:aws:rds:{place}:cluster-snapshot:s"),
                "DB cluster snapshot s",
            ),
            (
                "arn:aws:rds::123456789012:global-cluster:g".to_owned(),
                "global database g",
            ),
            (format!("arn:aws:lambda:{place}:function:f"), "Lambda function f"),
            (format!("arn:aws:lambda:{place}:layer:l"), "Lambda layer l"),
            (
                format!("arn:aws:secretsmanager:{place}:secret:s-Ac1De2"),
                "secret s-Ac1De2",
            ),
            ("arn:aws:iam::123456789012:role/r".to_owned(), "IAM role r"),
            ("arn:aws:iam::123456789012:user/u".to_owned(), "IAM user u"),
            (
                format!("arn:aws:kafka:{place}:cluster/c/1f2e3d4c-1"),
                "MSK cluster c/1f2e3d4c-1",
            ),
            (
                format!("arn:aws:kafka:{place}:topic/c/1f2e3d4c-1/t"),
                "MSK topic c/1f2e3d4c-1/t",
            ),
        ];
        let options: [(&str, Parse, &[usize]); 9] = [
            ("--cluster", |text| parse_cluster(text).map(drop), &[0]),
            ("--instance", |text| parse_instance(text).map(drop), &[1]),
            ("--like-database", |text| parse_database(text).map(drop), &[0, 1]),
            ("--function", |text| parse_function(text).map(drop), &[6]),
            ("--secret", |text| parse_secret(text).map(drop), &[8]),
            ("--proxy-role", |text| parse_role(text).map(drop), &[9]),
            ("--cluster-arn", |text| parse_cluster_arn(text).map(drop), &[11]),
            // The ARN of a proxy does not show its name.
            ("--proxy", |text| text.parse::<ProxyChoice>().map(drop), &[]),
            (
                "--notify",
                |text| format!("sns:{text}").parse::<crate::monitor::Notify>().map(drop),
                &[],
            ),
        ];
        for (option, parse, right) in options {
            for (index, (arn, words)) in arns.iter().enumerate() {
                let read = parse(arn);
                assert_eq!(read.is_ok(), right.contains(&index), "{option} {arn}: {read:?}");
                let is_of_proxy = option == "--proxy" && *words == "RDS Proxy prx-0a1b";
                if let (Err(why), false) = (read, is_of_proxy) {
                    assert!(why.contains(words), "{option} {arn}: {why}");
                }
            }
        }
    }

    #[test]
    fn timeouts_are_times() {
        assert_eq!(parse_timeout("20m"), Ok(Duration::from_mins(20)));
        assert_eq!(parse_timeout("1h30m"), Ok(Duration::from_mins(90)));
        for text in ["", "20", "-5m", "0s", "1ms", "soon", "8d", "9223372036854775807s"] {
            assert!(parse_timeout(text).is_err(), "{text}");
        }
    }
}
