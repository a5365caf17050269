//! Whether a role may send a request: its policies within its permissions boundary.
//!
//! Source: the IAM user guide's page on the evaluation of policies. What is not read leaves open what depends on it. The
//! policies of an organization (service and resource control policies), of sessions and of resources are not read at all:
//! they can still deny, and those of resources can also allow.

use super::document::{Effect, PolicyDocument, Statement};
use super::evaluate::{Holds, Request, Verdict, applies, verdict};
use crate::model::network::Part;

/// What no check of a role can determine, for its evidence.
pub const NOT_READ: &str = "not read, and could deny it: the policies of the organization (SCPs, RCPs), of the session, of resources, keys and VPC endpoints";

/// A policy, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcedPolicy {
    /// In words: `policy arn:…`, `its own policy p`.
    pub source: String,
    /// What it says.
    pub document: PolicyDocument,
}

/// The policies that decide what a role may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePolicies {
    /// Those attached to it, and its own.
    pub policies: Vec<SourcedPolicy>,
    /// Policies of it that could not be read, and why: they may allow or deny anything.
    pub unread: Vec<String>,
    /// Its permissions boundary, if it has one: the most that its policies can allow.
    pub boundary: Part<Option<SourcedPolicy>>,
    /// Who may assume it, where that was read: a policy document.
    pub trust: Option<String>,
}

/// Whether a role may send a request, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The answer.
    pub verdict: Verdict,
    /// What decides it: a statement, the boundary, what could not be read.
    pub by: String,
    /// Whether it is the boundary that does not allow it or denies it, so that no further policy helps.
    pub is_bounded: bool,
}

/// What some policies say of a request.
struct Opinion {
    allows: Holds,
    denies: Holds,
    allowing: Option<String>,
    denying: Option<String>,
}

impl Opinion {
    fn of<'p>(policies: impl IntoIterator<Item = &'p SourcedPolicy>, request: Request<'_>) -> Self {
        let mut opinion = Self {
            allows: Holds::No,
            denies: Holds::No,
            allowing: None,
            denying: None,
        };
        for policy in policies {
            for (index, statement) in policy.document.statement.iter().enumerate() {
                let applies = applies(statement, request);
                let (holds, by) = match statement.effect {
                    Effect::Allow => (&mut opinion.allows, &mut opinion.allowing),
                    Effect::Deny => (&mut opinion.denies, &mut opinion.denying),
                };
                // The first statement that is sure, else the first that may apply.
                let is_better =
                    applies != Holds::No && (by.is_none() || (applies == Holds::Yes && *holds != Holds::Yes));
                if is_better {
                    let statement = named(statement, index, &policy.source);
                    *by = Some(match applies {
                        Holds::Unknown => format!("conditions or variables in {statement}"),
                        _ => statement,
                    });
                }
                *holds = holds.or(applies);
            }
        }
        opinion
    }
}

fn named(statement: &Statement, index: usize, source: &str) -> String {
    match &statement.sid {
        Some(sid) => format!("statement {sid} of {source}"),
        None => format!("statement {} of {source}", index + 1),
    }
}

impl RolePolicies {
    /// The policies of a role that has no others and no boundary, each without a name.
    pub fn only(documents: impl IntoIterator<Item = PolicyDocument>) -> Self {
        let sourced = |document| SourcedPolicy {
            source: "a policy of the role".to_owned(),
            document,
        };
        Self {
            policies: documents.into_iter().map(sourced).collect(),
            ..Self::default()
        }
    }

    /// Whether the role may send a request.
    pub fn judge(&self, request: Request<'_>) -> Judgement {
        let mut own = Opinion::of(&self.policies, request);
        if let Some(unread) = self.unread.first() {
            let open = |holds: &mut Holds, by: &mut Option<String>| {
                if *holds == Holds::No {
                    *by = Some(format!("what could not be read: {unread}"));
                }
                *holds = holds.or(Holds::Unknown);
            };
            open(&mut own.allows, &mut own.allowing);
            open(&mut own.denies, &mut own.denying);
        }
        let bound = match &self.boundary {
            Part::Read(None) => Opinion {
                allows: Holds::Yes,
                denies: Holds::No,
                allowing: None,
                denying: None,
            },
            Part::Read(Some(policy)) => Opinion::of([policy], request),
            Part::Unread(why) => {
                let by = Some(format!("its permissions boundary, which could not be read: {why}"));
                Opinion {
                    allows: Holds::Unknown,
                    denies: Holds::Unknown,
                    allowing: by.clone(),
                    denying: by,
                }
            }
        };
        let verdict = verdict(own.denies.or(bound.denies), own.allows.and(bound.allows));
        self.explained(verdict, own, bound)
    }

    fn explained(&self, verdict: Verdict, own: Opinion, bound: Opinion) -> Judgement {
        let boundary = || match &self.boundary {
            Part::Read(Some(policy)) => policy.source.clone(),
            _ => "its permissions boundary".to_owned(),
        };
        let none = || "no statement of its policies".to_owned();
        let is_bounded = match verdict {
            Verdict::Allowed => false,
            Verdict::NotAllowed => bound.allows == Holds::No,
            Verdict::Denied => own.denies != Holds::Yes,
            Verdict::Unknown => own.allows == Holds::Yes && own.denies == Holds::No,
        };
        let by = match verdict {
            Verdict::Allowed => own.allowing.unwrap_or_else(none),
            Verdict::NotAllowed if is_bounded => format!("{} does not allow it", boundary()),
            Verdict::NotAllowed => none(),
            Verdict::Denied if is_bounded => bound.denying.unwrap_or_else(boundary),
            Verdict::Denied => own.denying.unwrap_or_else(none),
            Verdict::Unknown => {
                let of = |opinion: Opinion| match opinion.denies {
                    Holds::No => opinion.allowing,
                    _ => opinion.denying,
                };
                of(if is_bounded { bound } else { own }).unwrap_or_else(none)
            }
        };
        Judgement {
            verdict,
            by,
            is_bounded,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::Context;

    const ACTION: &str = "ec2:CreateNetworkInterface";
    const RESOURCE: &str = "arn:aws:ec2:eu-central-1:123456789012:network-interface/eni-1";

    fn policy(source: &str, statements: &Value) -> SourcedPolicy {
        SourcedPolicy {
            source: source.to_owned(),
            document: PolicyDocument::read(&json!({ "Statement": statements }).to_string()).unwrap(),
        }
    }

    fn judge(role: &RolePolicies) -> Judgement {
        role.judge(Request {
            action: ACTION,
            resource: RESOURCE,
            context: &Context::unknown(),
        })
    }

    /// Every pair of what the policies and what the boundary say.
    #[test]
    fn a_boundary_is_the_most_that_policies_allow() {
        use Verdict::{Allowed, Denied, NotAllowed, Unknown};
        let allow = json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"});
        let nothing = json!([]);
        let other = json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"});
        let all_but = json!({"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"});
        let deny = json!([allow, {"Effect": "Deny", "Action": "*", "Resource": "*"}]);
        let maybe = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}});
        let maybe_not = json!([allow, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}]);
        let all = [&allow, &nothing, &other, &all_but, &deny, &maybe, &maybe_not];
        // By the policies (rows) and the boundary (columns), in this order.
        let expected = [
            [Allowed, NotAllowed, NotAllowed, NotAllowed, Denied, Unknown, Unknown],
            [
                NotAllowed, NotAllowed, NotAllowed, NotAllowed, Denied, NotAllowed, NotAllowed,
            ],
            [
                NotAllowed, NotAllowed, NotAllowed, NotAllowed, Denied, NotAllowed, NotAllowed,
            ],
            [
                NotAllowed, NotAllowed, NotAllowed, NotAllowed, Denied, NotAllowed, NotAllowed,
            ],
            [Denied; 7],
            [Unknown, NotAllowed, NotAllowed, NotAllowed, Denied, Unknown, Unknown],
            [Unknown, NotAllowed, NotAllowed, NotAllowed, Denied, Unknown, Unknown],
        ];
        for (row, own) in all.iter().enumerate() {
            for (column, bound) in all.iter().enumerate() {
                let role = RolePolicies {
                    policies: vec![policy("its own policy p", own)],
                    boundary: Part::Read(Some(policy("permissions boundary b", bound))),
                    ..RolePolicies::default()
                };
                let found = judge(&role);
                assert_eq!(found.verdict, expected[row][column], "{own} within {bound}: {found:?}");
                let no_more_helps = found.verdict == NotAllowed && [1, 2, 3].contains(&column);
                if found.verdict == NotAllowed {
                    assert_eq!(found.is_bounded, no_more_helps, "{own} within {bound}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_read_leaves_it_open() {
        let allow = policy(
            "its own policy p",
            &json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        );
        let deny = policy(
            "its own policy q",
            &json!({"Effect": "Deny", "Action": "*", "Resource": "*"}),
        );
        let unread = || vec!["iam:GetPolicyVersion was denied".to_owned()];
        let table = [
            (vec![], unread(), Part::Read(None), Verdict::Unknown),
            (vec![allow.clone()], unread(), Part::Read(None), Verdict::Unknown),
            (vec![deny.clone()], unread(), Part::Read(None), Verdict::Denied),
            (
                vec![allow.clone()],
                vec![],
                Part::Unread("denied".into()),
                Verdict::Unknown,
            ),
            (vec![deny], vec![], Part::Unread("denied".into()), Verdict::Denied),
            (vec![], vec![], Part::Unread("denied".into()), Verdict::NotAllowed),
            (vec![allow], vec![], Part::Read(None), Verdict::Allowed),
        ];
        for (policies, unread, boundary, expected) in table {
            let role = RolePolicies {
                policies,
                unread,
                boundary,
                ..RolePolicies::default()
            };
            let found = judge(&role);
            assert_eq!(found.verdict, expected, "{role:?}: {found:?}");
            if expected == Verdict::Unknown {
                assert!(found.by.contains("denied"), "{found:?}");
            }
        }
    }

    #[test]
    fn what_decides_is_named() {
        let named = json!([
            {"Sid": "Other", "Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Sid": "Interfaces", "Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
        ]);
        let deny = json!([{"Effect": "Deny", "Action": "ec2:*", "Resource": "*"}]);
        let role = |own: &Value, bound: Option<&Value>| RolePolicies {
            policies: vec![policy("policy arn:p", own)],
            boundary: Part::Read(bound.map(|bound| policy("permissions boundary arn:b", bound))),
            ..RolePolicies::default()
        };
        let table = [
            (role(&named, None), "statement Interfaces of policy arn:p"),
            (role(&deny, None), "statement 1 of policy arn:p"),
            (role(&json!([]), None), "no statement of its policies"),
            (role(&named, Some(&deny)), "statement 1 of permissions boundary arn:b"),
            (
                role(&named, Some(&json!([]))),
                "permissions boundary arn:b does not allow it",
            ),
        ];
        for (role, expected) in table {
            assert_eq!(judge(&role).by, expected, "{role:?}");
        }
    }
}
