//! Whether policies allow a request, as IAM decides it for the identity that they are attached to.
//!
//! Source: the IAM user guide's pages on the evaluation of policies and on condition operators. What is not known is never
//! taken for allowed: a condition on something that only AWS knows gives [`Verdict::Unknown`]. What bounds an identity
//! besides its own policies is judged in [`super::RolePolicies`].

use std::collections::BTreeMap;

use super::document::{Effect, PolicyDocument, Statement, Texts};

/// A request, as IAM sees it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// E.g. `ec2:CreateNetworkInterface`.
    pub action: &'a str,
    /// An ARN; `*` for an action that knows no resources.
    pub resource: &'a str,
    /// Its circumstances.
    pub context: &'a Context,
}

/// What is known of the circumstances of a request: the keys that conditions ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// By the key in lower case; no value where the request does not have it.
    keys: BTreeMap<String, Vec<String>>,
    /// Whether the request has no other keys. Else others may have any value.
    is_complete: bool,
}

impl Context {
    /// Of which nothing is known yet.
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Everything about it is known.
    pub fn complete() -> Self {
        Self {
            is_complete: true,
            ..Self::default()
        }
    }

    /// With these values of a key. With none the request does not have it.
    pub fn with(mut self, key: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let values = values.into_iter().map(Into::into).collect();
        self.keys.insert(key.to_ascii_lowercase(), values);
        self
    }

    /// The values of a key; none where it is not known whether there are any.
    fn get(&self, key: &str) -> Option<&[String]> {
        match self.keys.get(&key.to_ascii_lowercase()) {
            Some(values) => Some(values),
            None => self.is_complete.then_some(&[]),
        }
    }
}

/// What policies say of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// They allow it.
    Allowed,
    /// It depends on what is not known.
    Unknown,
    /// None allows it.
    NotAllowed,
    /// One denies it, whatever the others say.
    Denied,
}

/// What all of these policies together say of a request.
pub fn evaluate<'a>(policies: impl IntoIterator<Item = &'a PolicyDocument>, request: Request<'_>) -> Verdict {
    let (mut allows, mut denies) = (Holds::No, Holds::No);
    for statement in policies.into_iter().flat_map(|policy| &policy.statement) {
        let applies = applies(statement, request);
        match statement.effect {
            Effect::Allow => allows = allows.or(applies),
            Effect::Deny => denies = denies.or(applies),
        }
    }
    verdict(denies, allows)
}

/// What follows from whether a statement that denies and one that allows apply: a denial wins.
pub(super) fn verdict(denies: Holds, allows: Holds) -> Verdict {
    match (denies, allows) {
        (Holds::Yes, _) => Verdict::Denied,
        (_, Holds::No) => Verdict::NotAllowed,
        (Holds::No, Holds::Yes) => Verdict::Allowed,
        _ => Verdict::Unknown,
    }
}

/// Whether something holds, in the logic of three values: what is not known spoils only what depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    Unknown,
}

impl Holds {
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, Self::No) => Self::No,
            _ => Self::Unknown,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        self.not().or(other.not()).not()
    }

    fn not(self) -> Self {
        match self {
            Self::Yes => Self::No,
            Self::No => Self::Yes,
            Self::Unknown => Self::Unknown,
        }
    }

    fn any(all: impl IntoIterator<Item = Self>) -> Self {
        all.into_iter().fold(Self::No, Self::or)
    }

    fn all(all: impl IntoIterator<Item = Self>) -> Self {
        Self::any(all.into_iter().map(Self::not)).not()
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// Whether a statement is about a request.
pub(super) fn applies(statement: &Statement, request: Request<'_>) -> Holds {
    let Statement {
        action,
        not_action,
        resource,
        not_resource,
        ..
    } = statement;
    let action = covers(action, not_action, |pattern| {
        is_like(
            &tokens(&pattern.to_ascii_lowercase()),
            &request.action.to_ascii_lowercase(),
        )
        .into()
    });
    let resource = covers(resource, not_resource, |pattern| {
        with_variables(pattern, |pattern| is_like(pattern, request.resource))
    });
    Holds::all([action, resource, conditions_hold(statement, request.context)])
}

/// Whether the conditions of a statement hold.
pub(super) fn conditions_hold(statement: &Statement, context: &Context) -> Holds {
    Holds::all(statement.condition.iter().flat_map(|(operator, keys)| {
        let of_key = move |(key, wanted): (&String, &Texts)| condition_holds(operator, key, wanted, context);
        keys.iter().map(of_key)
    }))
}

/// Whether a pattern without variables fits a text.
pub(super) fn is_like_text(pattern: &str, text: &str) -> bool {
    is_like(&tokens(pattern), text)
}

/// Whether a statement is about something: by a list of what it is about, or of what it is not about.
fn covers(these: &Texts, others: &Texts, fits: impl Fn(&str) -> Holds) -> Holds {
    if these.is_empty() && !others.is_empty() {
        Holds::any(others.iter().map(fits)).not()
    } else {
        Holds::any(these.iter().map(fits))
    }
}

/// A part of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token {
    /// `*`: any characters.
    Any,
    /// `?`: one character.
    One,
    /// This character.
    Literal(char),
}

/// A pattern without variables.
fn tokens(pattern: &str) -> Vec<Token> {
    let token = |character| match character {
        '*' => Token::Any,
        '?' => Token::One,
        _ => Token::Literal(character),
    };
    pattern.chars().map(token).collect()
}

/// `${*}`, `${?}` and `${$}` stand for those characters. What a variable such as `${aws:username}` stands for is not known:
/// a pattern that does not fit whatever that is does not fit; else it is not known.
fn with_variables(pattern: &str, fits: impl Fn(&[Token]) -> bool) -> Holds {
    let (read, is_known) = read_variables(pattern, tokens);
    match (fits(&read), is_known) {
        (fits, true) => fits.into(),
        (false, false) => Holds::No,
        (true, false) => Holds::Unknown,
    }
}

/// As [`with_variables`], for a value that is no pattern: `*` and `?` are characters like others.
fn is_text(wanted: &str, value: &str) -> Holds {
    let literals = |text: &str| text.chars().map(Token::Literal).collect();
    let (read, is_known) = read_variables(wanted, literals);
    match (is_like(&read, value), is_known) {
        (fits, true) => fits.into(),
        (false, false) => Holds::No,
        (true, false) => Holds::Unknown,
    }
}

/// The parts of a pattern, whose text is read by `tokens`, and whether it is free of variables that are not known. Those
/// become [`Token::Any`].
fn read_variables(pattern: &str, tokens: impl Fn(&str) -> Vec<Token>) -> (Vec<Token>, bool) {
    let mut read = Vec::new();
    let mut rest = pattern;
    let mut is_known = true;
    while let Some((before, variable)) = rest.split_once("${") {
        read.extend(tokens(before));
        let (name, after) = variable.split_once('}').unwrap_or(("", ""));
        match name {
            "*" | "?" | "$" => read.extend(name.chars().map(Token::Literal)),
            _ => {
                is_known = false;
                read.push(Token::Any);
            }
        }
        rest = after;
    }
    read.extend(tokens(rest));
    (read, is_known)
}

/// Which values of a key with several must fit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// The key has one value.
    One,
    All,
    Any,
}

fn condition_holds(operator: &str, key: &str, wanted: &Texts, context: &Context) -> Holds {
    let (quantifier, operator) = match operator.split_once(':') {
        Some((set, operator)) if set.eq_ignore_ascii_case("ForAllValues") => (Quantifier::All, operator),
        Some((set, operator)) if set.eq_ignore_ascii_case("ForAnyValue") => (Quantifier::Any, operator),
        _ => (Quantifier::One, operator),
    };
    let operator = operator.to_ascii_lowercase();
    let (operator, if_exists) = match operator.strip_suffix("ifexists") {
        Some(operator) => (operator, true),
        None => (operator.as_str(), false),
    };
    let Some(values) = context.get(key) else {
        return Holds::Unknown;
    };
    if operator == "null" {
        let fits = |wanted: &str| Holds::from(wanted.eq_ignore_ascii_case("true") == values.is_empty());
        return Holds::any(wanted.iter().map(fits));
    }
    let positive = operator.replacen("not", "", 1);
    let is_negative = positive != operator;
    if values.is_empty() {
        let holds = if_exists || quantifier == Quantifier::All || (is_negative && quantifier == Quantifier::One);
        return holds.into();
    }
    let fits = |value: &String| {
        let equals = Holds::any(wanted.iter().map(|wanted| compare(&positive, wanted, value)));
        if is_negative { equals.not() } else { equals }
    };
    match quantifier {
        Quantifier::Any => Holds::any(values.iter().map(fits)),
        Quantifier::One | Quantifier::All => Holds::all(values.iter().map(fits)),
    }
}

/// Compares by an operator in lower case, its negation taken out. Of numbers, dates and addresses nothing is known here.
fn compare(operator: &str, wanted: &str, value: &str) -> Holds {
    match operator {
        "stringequals" => is_text(wanted, value),
        "stringequalsignorecase" | "bool" => is_text(&wanted.to_ascii_lowercase(), &value.to_ascii_lowercase()),
        "stringlike" => with_variables(wanted, |wanted| is_like(wanted, value)),
        "arnequals" | "arnlike" => match read_variables(wanted, tokens) {
            (wanted, true) => is_like_arn(&wanted, value).into(),
            // A variable can stand for several parts of the ARN.
            (_, false) => Holds::Unknown,
        },
        _ => Holds::Unknown,
    }
}

/// An ARN is compared part by part: a `*` does not reach over a colon, but in the last part.
fn is_like_arn(pattern: &[Token], arn: &str) -> bool {
    let patterns: Vec<&[Token]> = pattern.splitn(6, |token| *token == Token::Literal(':')).collect();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    patterns.len() == parts.len() && patterns.iter().zip(parts).all(|(pattern, part)| is_like(pattern, part))
}

/// Whether a text fits a pattern, in which `*` stands for any characters and `?` for one.
fn is_like(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut in_text) = (0, 0);
    // Where to continue if what follows the last star does not fit: one character further.
    let mut retry = None;
    while in_text < text.len() {
        match pattern.get(at) {
            Some(Token::Any) => {
                retry = Some((at + 1, in_text));
                at += 1;
            }
            Some(&token) if token == Token::One || token == Token::Literal(text[in_text]) => {
                at += 1;
                in_text += 1;
            }
            _ => {
                let Some((star, from)) = retry else { return false };
                (at, in_text) = (star, from + 1);
                retry = Some((star, from + 1));
            }
        }
    }
    pattern[at..].iter().all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const RESOURCE: &str = "arn:aws:ec2:eu-central-1:123456789012:network-interface/eni-1";

    fn verdict(statements: &Value, action: &str, resource: &str, context: &Context) -> Verdict {
        let policy = PolicyDocument::read(&json!({ "Statement": statements }).to_string()).unwrap();
        let request = Request {
            action,
            resource,
            context,
        };
        evaluate([&policy], request)
    }

    #[test]
    fn texts_fit_patterns() {
        let table = [
            ("*", "", true),
            ("*", "anything", true),
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*c", "abcd", false),
            ("a*b*c", "axbyc", true),
            ("a*bc", "abbc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("", "", true),
            ("", "a", false),
            ("abc", "abc", true),
            ("abc", "ab", false),
            ("**a", "bba", true),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(is_like(&tokens(pattern), text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn variables_of_fixed_characters_are_those_characters() {
        let table = [
            ("r/${*}", "r/*", Verdict::Allowed),
            ("r/${*}", "r/x", Verdict::NotAllowed),
            ("r/${?}", "r/?", Verdict::Allowed),
            ("r/${?}", "r/x", Verdict::NotAllowed),
            ("r/${$}{x}", "r/${x}", Verdict::Allowed),
            ("r/${aws:username}/a", "r/x/b", Verdict::NotAllowed),
            ("r/${aws:username}/a", "r/x/a", Verdict::Unknown),
            ("s/${aws:username}", "r/x", Verdict::NotAllowed),
            ("r/${*}*", "r/*abc", Verdict::Allowed),
            ("r/${aws:username}", "r/x", Verdict::Unknown),
            ("r/${*", "r/*", Verdict::Unknown),
            ("r/${ä}", "r/x", Verdict::Unknown),
            ("r/${", "r/x", Verdict::Unknown),
        ];
        for (pattern, resource, expected) in table {
            let statement = json!({"Effect": "Allow", "Action": "*", "Resource": pattern});
            assert_eq!(
                verdict(&statement, "a:B", resource, &Context::unknown()),
                expected,
                "{pattern} {resource}"
            );
        }
    }

    #[test]
    fn actions_and_resources_are_matched_as_iam_does() {
        let table = [
            (
                json!({"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}),
                Verdict::Allowed,
            ),
            (
                json!({"Effect": "Allow", "Action": "EC2:createnetwork*", "Resource": "*"}),
                Verdict::Allowed,
            ),
            (
                json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:ec2:*:*:network-interface/*"}),
                Verdict::Allowed,
            ),
            (
                json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:ec2:*:*:subnet/*"}),
                Verdict::NotAllowed,
            ),
            (
                json!({"Effect": "Allow", "Action": ["s3:*", "rds:*"], "Resource": "*"}),
                Verdict::NotAllowed,
            ),
            (
                json!({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
                Verdict::Allowed,
            ),
            (
                json!({"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"}),
                Verdict::NotAllowed,
            ),
            (
                json!({"Effect": "Allow", "Action": "*", "NotResource": RESOURCE}),
                Verdict::NotAllowed,
            ),
            (
                json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:ec2:*:*:${aws:username}/*"}),
                Verdict::Unknown,
            ),
            (json!([]), Verdict::NotAllowed),
            (
                json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:Create*", "Resource": "*"}]),
                Verdict::Denied,
            ),
            (
                json!([{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:Delete*", "Resource": "*"}]),
                Verdict::Allowed,
            ),
        ];
        for (statements, expected) in table {
            let found = verdict(
                &statements,
                "ec2:CreateNetworkInterface",
                RESOURCE,
                &Context::complete(),
            );
            assert_eq!(found, expected, "{statements}");
        }
    }

    #[test]
    fn conditions_hold_as_iam_says() {
        let context = Context::complete()
            .with("ec2:Vpc", ["arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1"])
            .with("lambda:SubnetIds", ["subnet-1", "subnet-2"])
            .with("aws:MultiFactorAuthPresent", ["true"]);
        let table = [
            (
                json!({"StringEquals": {"EC2:vpc": "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1"}}),
                true,
            ),
            (
                json!({"StringEquals": {"ec2:Vpc": ["x", "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1"]}}),
                true,
            ),
            (json!({"StringEquals": {"ec2:Vpc": "arn:aws:ec2:*"}}), false),
            (json!({"StringLike": {"ec2:Vpc": "arn:aws:ec2:*"}}), true),
            (json!({"ArnLike": {"ec2:Vpc": "arn:aws:ec2:*"}}), false),
            (json!({"ArnEquals": {"ec2:Vpc": "arn:aws:ec2:*:*:vpc/*"}}), true),
            (json!({"ArnNotEquals": {"ec2:Vpc": "arn:aws:ec2:*:*:vpc/*"}}), false),
            (json!({"StringNotEquals": {"ec2:Vpc": "x"}}), true),
            (
                json!({"StringEqualsIgnoreCase": {"aws:MultiFactorAuthPresent": "TRUE"}}),
                true,
            ),
            (json!({"Bool": {"aws:MultiFactorAuthPresent": true}}), true),
            (json!({"Null": {"lambda:VpcIds": "true"}}), true),
            (json!({"Null": {"lambda:SubnetIds": "true"}}), false),
            (json!({"Null": {"lambda:SubnetIds": false}}), true),
            (json!({"StringEquals": {"aws:absent": "x"}}), false),
            (json!({"StringNotEquals": {"aws:absent": "x"}}), true),
            (json!({"StringEqualsIfExists": {"aws:absent": "x"}}), true),
            (
                json!({"ForAllValues:StringEquals": {"lambda:SubnetIds": ["subnet-1", "subnet-2", "subnet-3"]}}),
                true,
            ),
            (
                json!({"ForAllValues:StringEquals": {"lambda:SubnetIds": ["subnet-1"]}}),
                false,
            ),
            (json!({"ForAllValues:StringEquals": {"aws:absent": ["x"]}}), true),
            (
                json!({"ForAnyValue:StringEquals": {"lambda:SubnetIds": ["subnet-2"]}}),
                true,
            ),
            (
                json!({"ForAnyValue:StringEquals": {"lambda:SubnetIds": ["subnet-3"]}}),
                false,
            ),
            (json!({"ForAnyValue:StringEquals": {"aws:absent": ["x"]}}), false),
            (
                json!({"ForAnyValue:StringNotEquals": {"lambda:SubnetIds": ["subnet-2"]}}),
                true,
            ),
            (
                json!({"ForAllValues:StringNotEquals": {"lambda:SubnetIds": ["subnet-2"]}}),
                false,
            ),
            (
                json!({"Bool": {"aws:MultiFactorAuthPresent": true}, "StringEquals": {"ec2:Vpc": "x"}}),
                false,
            ),
        ];
        for (condition, holds) in table {
            let statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
            let expected = if holds { Verdict::Allowed } else { Verdict::NotAllowed };
            assert_eq!(verdict(&statement, "ec2:X", "*", &context), expected, "{condition}");
        }
    }

    #[test]
    fn what_is_not_known_is_neither_allowed_nor_refused() {
        let allow = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
        let allow_here = json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}});
        let deny_elsewhere = json!({"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}});
        let deny_other_action = json!({"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}});
        let table = [
            (json!([allow_here]), Verdict::Unknown),
            (json!([allow_here, allow]), Verdict::Allowed),
            (json!([allow, deny_elsewhere]), Verdict::Unknown),
            (json!([deny_elsewhere]), Verdict::NotAllowed),
            (json!([allow, deny_other_action]), Verdict::Allowed),
        ];
        for (statements, expected) in table {
            assert_eq!(
                verdict(&statements, "ec2:X", "*", &Context::unknown()),
                expected,
                "{statements}"
            );
        }
    }
}
