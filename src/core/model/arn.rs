//! The parts of an ARN that other ARNs are made of.

/// Partition, Region and account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: &'a str,
    /// E.g. `eu-central-1`.
    pub region: &'a str,
    /// Twelve digits.
    pub account: &'a str,
}

impl<'a> Place<'a> {
    /// Where the resource with this ARN is. What the ARN does not show is empty.
    pub fn of(arn: &'a str) -> Self {
        let mut parts = arn.split(':').skip(1);
        let mut next = || parts.next().unwrap_or_default();
        let partition = next();
        let _service = next();
        Self {
            partition,
            region: next(),
            account: next(),
        }
    }

    /// An account in a Region, whose name determines the partition; `*` stands for any.
    pub fn in_region(region: &'a str, account: &'a str) -> Self {
        let partition = match region {
            "*" => "*",
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            region if region.starts_with("us-iso-") => "aws-iso",
            region if region.starts_with("us-isob-") => "aws-iso-b",
            region if region.starts_with("eu-isoe-") => "aws-iso-e",
            region if region.starts_with("us-isof-") || region.starts_with("eu-isof-") => "aws-iso-f",
            region if region.starts_with("eusc-") => "aws-eusc",
            _ => "aws",
        };
        Self {
            partition,
            region,
            account,
        }
    }

    /// The ARN of a resource here.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let Self {
            partition,
            region,
            account,
        } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The ARN of a role of this account, which is in no Region.
    pub fn role(&self, name: &str) -> String {
        Self { region: "", ..*self }.arn("iam", &format!("role/{name}"))
    }
}

/// What stands behind the last `/` or `:` of an ARN: a role's name, a proxy's resource id.
pub fn last_segment(arn: &str) -> &str {
    arn.rsplit(['/', ':']).next().unwrap_or(arn)
}

/// A function's ARN, and the version or alias that it ends with.
pub fn qualified(function_arn: &str) -> (&str, Option<&str>) {
    // arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER
    match function_arn.match_indices(':').nth(6) {
        Some((end, _)) if function_arn.starts_with("arn:") => (&function_arn[..end], Some(&function_arn[end + 1..])),
        _ => (function_arn, None),
    }
}

/// A function's ARN without the version or alias that it may end with.
pub fn without_qualifier(function_arn: &str) -> &str {
    qualified(function_arn).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_contains_its_place() {
        let place = Place::of("arn:aws-cn:rds:cn-north-1:123456789012:cluster:orders");
        assert_eq!(
            place,
            Place {
                partition: "aws-cn",
                region: "cn-north-1",
                account: "123456789012"
            }
        );
        assert_eq!(
            place.arn("lambda", "function:f"),
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:f"
        );
    }

    #[test]
    fn the_last_segment_is_the_name() {
        assert_eq!(last_segment("arn:aws:iam::123456789012:role/service-role/r"), "r");
        assert_eq!(
            last_segment("arn:aws:rds:eu-west-1:123456789012:db-proxy:prx-0a1"),
            "prx-0a1"
        );
    }

    #[test]
    fn a_qualifier_is_no_part_of_the_function() {
        const FUNCTION: &str = "arn:aws:lambda:eu-west-1:123456789012:function:sink";
        for qualifier in ["prod", "3", "$LATEST"] {
            let arn = format!("{FUNCTION}:{qualifier}");
            assert_eq!(qualified(&arn), (FUNCTION, Some(qualifier)));
            assert_eq!(without_qualifier(&arn), FUNCTION);
        }
        for unqualified in [FUNCTION, "sink", "123456789012:function:sink"] {
            assert_eq!(qualified(unqualified), (unqualified, None));
        }
    }
}
