//! The documents that limit functions, and those who deploy them.
//!
//! Source: docs/policies.md, "`deny-eni`" and "`guardrail`", and the Lambda developer guide's examples of condition
//! keys for VPC settings.

use super::document::{PolicyDocument, Statement, literal};
use super::execution_role::{INTERFACE_ACTIONS, SOURCE_FUNCTION};

/// What sets a function's VPC.
const DEPLOYING: [&str; 2] = ["lambda:CreateFunction", "lambda:UpdateFunctionConfiguration"];

/// Denies a function's own code what Lambda does with its role: the network interfaces.
pub fn deny_interfaces(function: &str) -> PolicyDocument {
    // Lambda never detaches an interface from an instance, and the guide's example denies it anyway.
    let actions = INTERFACE_ACTIONS.into_iter().chain(["ec2:DetachNetworkInterface"]);
    let statement = Statement::deny(actions)
        .on(["*"])
        .when("ArnEquals", SOURCE_FUNCTION, [literal(function)])
        .named("DenyInterfacesToTheFunctionsCode");
    PolicyDocument::new(vec![statement])
}

/// Bounds for those who create and update functions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guardrail {
    /// A function has to be in a VPC.
    pub require_vpc: bool,
    /// The lists deny what they name, instead of allowing nothing else.
    pub denies: bool,
    /// VPCs.
    pub vpcs: Vec<String>,
    /// Subnets.
    pub subnets: Vec<String>,
    /// Security groups.
    pub groups: Vec<String>,
}

impl Guardrail {
    /// Whether its lists also allow a function that is in no VPC: all of its subnets, none, are in the list.
    pub fn allows_no_vpc(&self) -> bool {
        let only_sets = self.vpcs.is_empty() && !(self.subnets.is_empty() && self.groups.is_empty());
        only_sets && !self.denies && !self.require_vpc
    }

    /// The document. A function that is denied fits any list; one that is allowed fits all.
    pub fn document(&self) -> PolicyDocument {
        let mut statements = Vec::new();
        if self.require_vpc {
            let statement = Statement::deny(DEPLOYING).on(["*"]).named("RequireVpc");
            statements.push(statement.when("Null", "lambda:VpcIds", ["true"]));
        }
        let sets = if self.denies {
            "ForAnyValue:StringEquals"
        } else {
            "ForAllValues:StringEquals"
        };
        let lists = [
            (&self.vpcs, "StringEquals", "lambda:VpcIds", "DenyTheseVpcs"),
            (&self.subnets, sets, "lambda:SubnetIds", "DenyTheseSubnets"),
            (&self.groups, sets, "lambda:SecurityGroupIds", "DenyTheseSecurityGroups"),
        ];
        let given = lists.into_iter().filter(|(ids, ..)| !ids.is_empty());
        if self.denies {
            statements.extend(given.map(|(ids, operator, key, name)| {
                let statement = Statement::deny(DEPLOYING).on(["*"]).named(name);
                statement.when(operator, key, ids.iter().map(|id| literal(id)))
            }));
        } else {
            let all = Statement::allow(DEPLOYING).on(["*"]).named("AllowOnlyTheseVpcSettings");
            let allow = given.fold(all.clone(), |statement, (ids, operator, key, _)| {
                statement.when(operator, key, ids.iter().map(|id| literal(id)))
            });
            statements.extend((allow != all).then_some(allow));
        }
        PolicyDocument::new(statements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Context, Request, Verdict, evaluate};

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|&id| id.to_owned()).collect()
    }

    /// What the guardrail says of a function with these settings, if everything else is allowed.
    fn verdict(guardrail: &Guardrail, vpc: Option<&str>, subnets: &[&str], groups: &[&str]) -> Verdict {
        let context = Context::complete()
            .with("lambda:VpcIds", vpc)
            .with("lambda:SubnetIds", subnets.iter().copied())
            .with("lambda:SecurityGroupIds", groups.iter().copied());
        let request = Request {
            action: "lambda:CreateFunction",
            resource: "arn:aws:lambda:eu-central-1:123456789012:function:f",
            context: &context,
        };
        evaluate([&guardrail.document()], request)
    }

    #[test]
    fn a_function_in_no_vpc_is_denied_where_one_is_required() {
        let guardrail = Guardrail {
            require_vpc: true,
            ..Guardrail::default()
        };
        assert_eq!(guardrail.document().statement.len(), 1);
        assert_eq!(verdict(&guardrail, None, &[], &[]), Verdict::Denied);
        assert_eq!(
            verdict(&guardrail, Some("vpc-1"), &["subnet-1"], &["sg-1"]),
            Verdict::NotAllowed
        );
    }

    #[test]
    fn lists_allow_what_fits_all_of_them() {
        let guardrail = Guardrail {
            vpcs: ids(&["vpc-1", "vpc-2"]),
            subnets: ids(&["subnet-1", "subnet-2"]),
            groups: ids(&["sg-1"]),
            ..Guardrail::default()
        };
        assert_eq!(
            verdict(&guardrail, Some("vpc-1"), &["subnet-1", "subnet-2"], &["sg-1"]),
            Verdict::Allowed
        );
        assert_eq!(
            verdict(&guardrail, Some("vpc-3"), &["subnet-1"], &["sg-1"]),
            Verdict::NotAllowed
        );
        assert_eq!(
            verdict(&guardrail, Some("vpc-1"), &["subnet-1", "subnet-3"], &["sg-1"]),
            Verdict::NotAllowed
        );
        assert_eq!(
            verdict(&guardrail, Some("vpc-1"), &["subnet-1"], &["sg-1", "sg-2"]),
            Verdict::NotAllowed
        );
    }

    #[test]
    fn lists_deny_what_fits_any_of_them() {
        let guardrail = Guardrail {
            denies: true,
            vpcs: ids(&["vpc-9"]),
            subnets: ids(&["subnet-9"]),
            groups: ids(&["sg-9"]),
            ..Guardrail::default()
        };
        assert_eq!(
            verdict(&guardrail, Some("vpc-1"), &["subnet-1"], &["sg-1"]),
            Verdict::NotAllowed
        );
        assert_eq!(
            verdict(&guardrail, Some("vpc-9"), &["subnet-1"], &["sg-1"]),
            Verdict::Denied
        );
        assert_eq!(
            verdict(&guardrail, Some("vpc-1"), &["subnet-1", "subnet-9"], &["sg-1"]),
            Verdict::Denied
        );
        assert_eq!(
            verdict(&guardrail, Some("vpc-1"), &["subnet-1"], &["sg-9"]),
            Verdict::Denied
        );
    }

    #[test]
    fn lists_of_subnets_alone_let_functions_out_of_the_vpc() {
        let mut guardrail = Guardrail {
            subnets: ids(&["subnet-1"]),
            ..Guardrail::default()
        };
        assert!(guardrail.allows_no_vpc());
        assert_eq!(verdict(&guardrail, None, &[], &[]), Verdict::Allowed);
        guardrail.require_vpc = true;
        assert!(!guardrail.allows_no_vpc());
        assert_eq!(verdict(&guardrail, None, &[], &[]), Verdict::Denied);
    }

    #[test]
    fn only_the_functions_own_code_is_denied() {
        let function = "arn:aws:lambda:eu-central-1:123456789012:function:f";
        let allow = PolicyDocument::new(vec![Statement::allow(["ec2:*"]).on(["*"])]);
        let table = [
            (Some(function), Verdict::Denied),
            (
                Some("arn:aws:lambda:eu-central-1:123456789012:function:g"),
                Verdict::Allowed,
            ),
            (None, Verdict::Allowed),
        ];
        for (source, expected) in table {
            let context = Context::complete().with(SOURCE_FUNCTION, source);
            for action in INTERFACE_ACTIONS {
                let request = Request {
                    action,
                    resource: "*",
                    context: &context,
                };
                assert_eq!(
                    evaluate([&allow, &deny_interfaces(function)], request),
                    expected,
                    "{action} {source:?}"
                );
            }
        }
    }
}
