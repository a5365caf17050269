//! How the user named a resource: by its name, or by an ARN, which also contains its kind and place.

use std::fmt;

use thiserror::Error;

use super::{DatabaseKind, Origin, Place};

/// A resource by what the user wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    text: &'a str,
    arn: Option<Arn<'a>>,
}

/// An ARN in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arn<'a> {
    place: Place<'a>,
    service: &'a str,
    resource: &'a str,
}

/// What an option expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A DB cluster.
    Cluster,
    /// A DB instance.
    Instance,
    /// A DB cluster or a DB instance.
    Database,
    /// An RDS Proxy.
    Proxy,
    /// A Lambda function.
    Function,
    /// A secret.
    Secret,
    /// An IAM role.
    Role,
    /// An MSK cluster.
    MskCluster,
    /// An SNS topic.
    Topic,
    /// An event bus.
    EventBus,
}

impl From<DatabaseKind> for Expected {
    fn from(kind: DatabaseKind) -> Self {
        match kind {
            DatabaseKind::Cluster => Self::Cluster,
            DatabaseKind::Instance => Self::Instance,
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster => "a DB cluster",
            Self::Instance => "a DB instance",
            Self::Database => "a DB cluster or DB instance",
            Self::Proxy => "an RDS Proxy",
            Self::Function => "a Lambda function",
            Self::Secret => "a secret",
            Self::Role => "an IAM role",
            Self::MskCluster => "an MSK cluster",
            Self::Topic => "an SNS topic",
            Self::EventBus => "an event bus",
        })
    }
}

/// What was named is somewhere else than the run reads.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text} is in {} {named}, and this run is in {} {here}", .part, .part)]
pub struct Elsewhere {
    /// What the user wrote.
    pub text: String,
    /// What differs.
    pub part: Part,
    /// Where it is.
    pub named: String,
    /// Where the run reads.
    pub here: String,
}

/// A part of an ARN that says where a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `aws`, `aws-cn`, …
    Partition,
    /// The Region.
    Region,
    /// The account.
    Account,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Partition => "partition",
            Self::Region => "Region",
            Self::Account => "account",
        })
    }
}

impl Elsewhere {
    /// The stable code of the error.
    pub fn code(&self) -> &'static str {
        match self.part {
            Part::Partition => "other-partition",
            Part::Region => "other-region",
            Part::Account => "other-account",
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> String {
        let Self { named, here, .. } = self;
        match self.part {
            Part::Partition => {
                format!("use credentials and a Region of partition {named}, or name a resource of partition {here}")
            }
            Part::Region => format!("add --region {named}, or name a resource of Region {here}"),
            Part::Account => format!(
                "use credentials of account {named} (--profile, AWS_PROFILE), or name a resource of account {here}"
            ),
        }
    }
}

impl<'a> Named<'a> {
    /// Reads what the user wrote.
    pub fn of(text: &'a str) -> Self {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let arn = match parts.as_slice() {
            ["arn", _, service, _, _, resource] => Some(Arn {
                place: Place::of(text),
                service,
                resource,
            }),
            _ => None,
        };
        Self { text, arn }
    }

    /// The name alone, which is what an ARN of a database or a function ends with.
    pub fn name(&self) -> &'a str {
        super::last_segment(self.text)
    }

    /// The account that was named, by an ARN or as in `123456789012:function:checkout`.
    fn account(&self) -> Option<&'a str> {
        let account = match self.arn {
            Some(arn) => arn.place.account,
            None => self.text.split_once(":function:")?.0,
        };
        (!account.is_empty()).then_some(account)
    }

    /// Whether it can be where the run reads, as far as that is known.
    ///
    /// # Errors
    ///
    /// It is in another partition, Region or account.
    pub fn check(&self, here: &Origin) -> Result<(), Elsewhere> {
        let elsewhere = |part, named: &str, here: &str| Elsewhere {
            text: self.text.to_owned(),
            part,
            named: named.to_owned(),
            here: here.to_owned(),
        };
        if let (Some(arn), Some(region)) = (self.arn, here.region.as_deref()) {
            let partition = Place::in_region(region, "").partition;
            if arn.place.partition != partition {
                return Err(elsewhere(Part::Partition, arn.place.partition, partition));
            }
            if !arn.place.region.is_empty() && arn.place.region != region {
                return Err(elsewhere(Part::Region, arn.place.region, region));
            }
        }
        match (self.account(), here.account.as_deref()) {
            (Some(named), Some(here)) if named != here => Err(elsewhere(Part::Account, named, here)),
            _ => Ok(()),
        }
    }

    /// Whether an ARN is of what is expected. A text that is no ARN is a name, and its kind is not known.
    ///
    /// # Errors
    ///
    /// What it is instead, as text.
    pub fn expect(&self, expected: Expected) -> Result<(), String> {
        let Some(arn) = self.arn else {
            return if self.text.starts_with("arn:") {
                Err(format!("expected {expected}, found an ARN with parts missing"))
            } else {
                Ok(())
            };
        };
        let is_expected = arn.kind() == Some(expected)
            || expected == Expected::Database && matches!(arn.kind(), Some(Expected::Cluster | Expected::Instance));
        if is_expected {
            return Ok(());
        }
        let instead = match (expected, arn.kind()) {
            (Expected::Cluster, Some(Expected::Instance)) => ": use --instance",
            (Expected::Instance, Some(Expected::Cluster)) => ": use --cluster",
            _ => "",
        };
        Err(format!(
            "expected {expected}, found the ARN of {}{instead}",
            arn.words()
        ))
    }

    /// Whether it is an ARN, and of which kind of database.
    pub fn database_kind(&self) -> Option<DatabaseKind> {
        match self.arn?.kind()? {
            Expected::Cluster => Some(DatabaseKind::Cluster),
            Expected::Instance => Some(DatabaseKind::Instance),
            _ => None,
        }
    }
}

impl Arn<'_> {
    /// The type of the resource and what identifies it: `cluster` and `orders`.
    fn split(&self) -> (&str, &str) {
        let Self { service, resource, .. } = *self;
        match service {
            // These have no type.
            "sns" | "sqs" | "s3" => (service, resource),
            _ => resource.split_once([':', '/']).unwrap_or(("", resource)),
        }
    }

    fn kind(&self) -> Option<Expected> {
        let kind = match (self.service, self.split().0) {
            ("rds", "cluster") => Expected::Cluster,
            ("rds", "db") => Expected::Instance,
            ("rds", "db-proxy") => Expected::Proxy,
            ("lambda", "function") => Expected::Function,
            ("secretsmanager", "secret") => Expected::Secret,
            ("iam", "role") => Expected::Role,
            ("kafka", "cluster" | "serverless-cluster") => Expected::MskCluster,
            ("sns", _) => Expected::Topic,
            ("events", "event-bus") => Expected::EventBus,
            _ => return None,
        };
        Some(kind)
    }

    /// What it is, with its name.
    fn words(&self) -> String {
        let (kind, name) = self.split();
        let kind = match (self.service, kind) {
            ("rds", "cluster") => "DB cluster",
            ("rds", "db") => "DB instance",
            ("rds", "db-proxy") => "RDS Proxy",
            ("lambda", "function") => "Lambda function",
            ("secretsmanager", "secret") => "secret",
            ("iam", "role") => "IAM role",
            ("kafka", "cluster" | "serverless-cluster") => "MSK cluster",
            ("sns", _) => "SNS topic",
            ("events", "event-bus") => "event bus",
            ("rds", "snapshot") => "DB snapshot",
            ("rds", "cluster-snapshot") => "DB cluster snapshot",
            ("rds", "cluster-endpoint") => "DB cluster endpoint",
            ("rds", "global-cluster") => "global database",
            ("rds", "db-proxy-endpoint") => "RDS Proxy endpoint",
            ("rds", "target-group") => "RDS Proxy target group",
            ("rds", "subgrp") => "DB subnet group",
            ("rds", "pg") => "DB parameter group",
            ("rds", "cluster-pg") => "DB cluster parameter group",
            ("rds", "og") => "option group",
            ("rds", "auto-backup") => "automated backup",
            ("rds", "deployment") => "blue/green deployment",
            ("lambda", "layer") => "Lambda layer",
            ("lambda", "event-source-mapping") => "event source mapping",
            ("iam", "user") => "IAM user",
            ("iam", "group") => "IAM group",
            ("iam", "policy") => "IAM policy",
            ("iam", "instance-profile") => "instance profile",
            ("sts", "assumed-role") => "session of a role",
            ("kafka", "topic") => "MSK topic",
            ("kafka", "group") => "MSK consumer group",
            ("ec2", "security-group") => "security group",
            ("kms", "key") => "KMS key",
            ("ssm", "parameter") => "SSM parameter",
            (service, _) => return format!("{} of service {service}", self.resource),
        };
        format!("{kind} {name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arn(rest: &str) -> String {
        format!("arn:aws:{rest}")
    }

    #[test]
    fn an_arn_is_recognized_by_what_it_is() {
        use Expected::{Cluster, Database, EventBus, Function, Instance, MskCluster, Proxy, Role, Secret, Topic};
        let place = "eu-central-1:123456789012";
        let table = [
            (Cluster, arn(&format!("rds:{place}:cluster:orders")), None),
            (Instance, arn(&format!("rds:{place}:db:orders")), None),
            (Database, arn(&format!("rds:{place}:db:orders")), None),
            (Database, arn(&format!("rds:{place}:cluster:orders")), None),
            (Proxy, arn(&format!("rds:{place}:db-proxy:prx-0a")), None),
            (Function, arn(&format!("lambda:{place}:function:f")), None),
            (Secret, arn(&format!("secretsmanager:{place}:secret:s-Ac1De2")), None),
            (Role, arn("iam::123456789012:role/path/r"), None),
            (MskCluster, arn(&format!("kafka:{place}:cluster/c/1f2e-1")), None),
            (Topic, arn(&format!("sns:{place}:t")), None),
            (EventBus, arn(&format!("events:{place}:event-bus/b")), None),
            (Cluster, "orders".to_owned(), None),
            (
                Cluster,
                arn(&format!("rds:{place}:db:orders")),
                Some("expected a DB cluster, found the ARN of DB instance orders: use --instance"),
            ),
            (
                Instance,
                arn(&format!("rds:{place}:cluster:orders")),
                Some("expected a DB instance, found the ARN of DB cluster orders: use --cluster"),
            ),
            (
                Cluster,
                arn(&format!("rds:{place}:cluster-snapshot:s")),
                Some("expected a DB cluster, found the ARN of DB cluster snapshot s"),
            ),
            (
                Instance,
                arn(&format!("rds:{place}:snapshot:rds:orders-2026")),
                Some("expected a DB instance, found the ARN of DB snapshot rds:orders-2026"),
            ),
            (
                Database,
                arn(&format!("rds:{place}:db-proxy:prx-0a")),
                Some("expected a DB cluster or DB instance, found the ARN of RDS Proxy prx-0a"),
            ),
            (
                Secret,
                arn(&format!("ssm:{place}:parameter/db")),
                Some("expected a secret, found the ARN of SSM parameter db"),
            ),
            (
                Role,
                arn("iam::123456789012:user/u"),
                Some("expected an IAM role, found the ARN of IAM user u"),
            ),
            (
                Function,
                arn(&format!("dynamodb:{place}:table/t")),
                Some("expected a Lambda function, found the ARN of table/t of service dynamodb"),
            ),
            (
                Cluster,
                "arn:aws:rds".to_owned(),
                Some("expected a DB cluster, found an ARN with parts missing"),
            ),
        ];
        for (expected, text, mistake) in table {
            let found = Named::of(&text).expect(expected).err();
            assert_eq!(found.as_deref(), mistake, "{expected} {text}");
        }
    }

    #[test]
    fn what_is_elsewhere_is_reported_by_the_part_that_differs() {
        let here = Origin::of_arn("arn:aws:rds:eu-central-1:123456789012:cluster:c");
        let table = [
            ("orders", None),
            ("function:f", None),
            ("123456789012:function:f", None),
            ("arn:aws:rds:eu-central-1:123456789012:cluster:orders", None),
            ("arn:aws:iam::123456789012:role/r", None),
            ("210987654321:function:f", Some("other-account")),
            ("arn:aws:iam::210987654321:role/r", Some("other-account")),
            (
                "arn:aws:rds:eu-central-1:210987654321:cluster:orders",
                Some("other-account"),
            ),
            (
                "arn:aws:rds:us-east-1:123456789012:cluster:orders",
                Some("other-region"),
            ),
            (
                "arn:aws-cn:rds:cn-north-1:123456789012:cluster:orders",
                Some("other-partition"),
            ),
            ("arn:aws-us-gov:iam::123456789012:role/r", Some("other-partition")),
        ];
        for (text, code) in table {
            let found = Named::of(text).check(&here).err();
            assert_eq!(found.map(|elsewhere| elsewhere.code()), code, "{text}");
        }
    }

    #[test]
    fn nothing_is_elsewhere_before_it_is_known_where_the_run_is() {
        let named = Named::of("arn:aws:rds:us-east-1:210987654321:cluster:orders");
        assert_eq!(named.check(&Origin::default()), Ok(()));
        let region = Origin {
            account: None,
            region: Some("us-east-1".to_owned()),
        };
        assert_eq!(named.check(&region), Ok(()));
    }
}
