//! AWS's errors in the terms of [`Fault`].

use std::error::Error;
use std::sync::LazyLock;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http_body_util::LengthLimitError;
use regex::Regex;

use super::bounded::{LARGEST_ANSWER, LARGEST_ERROR};
use crate::cloud::{CloudError, Fault, Operation};
use crate::units::size;

/// What a failed call means.
pub(super) fn error<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let request_id = error.raw_response().and_then(|response| {
        let headers = response.headers();
        let id = headers
            .get("x-amzn-requestid")
            .or_else(|| headers.get("x-amz-request-id"));
        id.map(str::to_owned)
    });
    CloudError {
        operation,
        fault: fault(operation, error),
        request_id,
        authorization: error.as_service_error().and_then(|error| encoded(error.message()?)),
    }
}

fn fault<E>(operation: Operation, error: &SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::TimeoutError(_) => Fault::TimedOut,
        SdkError::DispatchFailure(failure) => {
            let cause = failure.as_connector_error().and_then(Error::source);
            match cause.and_then(credentials_error) {
                Some(fault) => fault,
                None if failure.is_timeout() => Fault::TimedOut,
                None => Fault::Unreachable(innermost(failure.as_connector_error().map(|error| error as &dyn Error))),
            }
        }
        SdkError::ResponseError(_) if is_too_large(error) => {
            let most = if error
                .raw_response()
                .is_some_and(|response| response.status().is_success())
            {
                LARGEST_ANSWER
            } else {
                LARGEST_ERROR
            };
            Fault::Malformed(format!("it has more than {}", size(most as u64)))
        }
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            let (code, message) = (
                service.err().code().unwrap_or_default(),
                service.err().message().unwrap_or_default(),
            );
            of_code(operation, code, message, status)
        }
        SdkError::ResponseError(response) if response.raw().status().as_u16() >= 500 => {
            Fault::Unavailable(format!("HTTP status {}", response.raw().status()))
        }
        other => match credentials_error(other) {
            Some(fault) => fault,
            None => Fault::Malformed(innermost(Some(other))),
        },
    }
}

fn of_code(operation: Operation, code: &str, message: &str, status: u16) -> Fault {
    let message = without_values(message);
    let said = || {
        if message.is_empty() {
            code.to_owned()
        } else {
            message.to_owned()
        }
    };
    match code {
        // RDS and Lambda try to assume a role right away, and say in many words that they cannot, or not yet.
        "InvalidParameterValue" | "InvalidParameterCombination" | "InvalidParameterValueException"
            if makes_with_a_role(operation) && ROLE.is_match(message) =>
        {
            Fault::RoleNotReady(said())
        }
        "DBClusterNotFoundFault"
        | "DBInstanceNotFound"
        | "DBInstanceNotFoundFault"
        | "DBProxyNotFoundFault"
        | "DBSubnetGroupNotFoundFault"
        | "InvalidGroup.NotFound"
        | "InvalidGroupId.NotFound"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidSubnetID.NotFound"
        | "NoSuchEntity"
        | "NoSuchBucket"
        | "NoSuchKey"
        | "NoSuchVersion"
        | "NotFoundException"
        | "NatGatewayNotFound"
        | "ResourceNotFoundException" => Fault::NotFound(said()),
        // How EC2 words it of all else: `InvalidRouteTableID.NotFound`, `InvalidAllocationID.NotFound`, …
        _ if code.ends_with(".NotFound") && code != "InvalidPermission.NotFound" => Fault::NotFound(said()),
        // RDS and Lambda ask EC2 for a group, and pass on in their own words that EC2 does not find it yet.
        "InvalidParameterValue" if operation.writes() && message.contains("Invalid security group") => {
            Fault::NotFound(said())
        }
        "InvalidParameterValueException" if operation.writes() && message.contains("InvalidGroup.NotFound") => {
            Fault::NotFound(said())
        }
        "ResourceConflictException" if operation == Operation::CreateFunction => Fault::Duplicate(said()),
        "DBProxyAlreadyExists"
        | "DBProxyAlreadyExistsFault"
        | "DBProxyTargetAlreadyRegisteredFault"
        | "EntityAlreadyExists"
        | "InvalidGroup.Duplicate"
        | "InvalidPermission.Duplicate"
        | "RouteAlreadyExists"
        | "ResourceExistsException" => Fault::Duplicate(said()),
        "Resource.AlreadyAssociated"
            if matches!(
                operation,
                Operation::AttachInternetGateway | Operation::AssociateRouteTable
            ) =>
        {
            Fault::Duplicate(said())
        }
        // The range is a subnet's already: perhaps of a request of ours whose answer was lost.
        "InvalidSubnet.Conflict" if operation == Operation::CreateSubnet => Fault::Duplicate(said()),
        "DependencyViolation" => Fault::DependencyViolation(said()),
        "PreconditionFailedException" => Fault::PreconditionFailed(said()),
        "InvalidDBClusterStateFault"
        | "InvalidDBInstanceState"
        | "InvalidDBInstanceStateFault"
        | "InvalidDBProxyState"
        | "InvalidDBProxyStateFault"
        | "DBProxyTargetGroupNotFoundFault"
        | "ConcurrentModification"
        | "EntityTemporarilyUnmodifiable"
        | "ResourceConflictException" => Fault::Busy(said()),
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => access_denied(operation, &said()),
        "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" => Fault::ExpiredCredentials,
        "AuthFailure"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => Fault::InvalidCredentials(said()),
        _ if is_throttling(code) => Fault::Throttled(said()),
        _ if [
            "LimitExceeded",
            "LimitExceededException",
            "QuotaExceeded",
            "QuotaExceededFault",
        ]
        .iter()
        .any(|end| code.ends_with(end)) =>
        {
            Fault::LimitExceeded(said())
        }
        "InvalidAction" | "UnknownOperation" | "UnknownOperationException" => Fault::NotOffered(said()),
        // How a service answers a path that it does not have.
        "" if matches!(status, 404 | 501) => Fault::NotOffered(format!("HTTP status {status}")),
        _ if status == 429 => Fault::Throttled(said()),
        _ if status >= 500 => Fault::Unavailable(format!("{} (HTTP status {status})", said())),
        _ if code.is_empty() => Fault::Malformed(format!("HTTP status {status} without an error code")),
        _ => Fault::Rejected {
            code: code.to_owned(),
            message: message.to_owned(),
        },
    }
}

/// Whether a code says that requests come too fast: such a request was not carried out.
///
/// Source: botocore's `_retry.json`, the SDK's own list, and Lambda's `EC2ThrottledException`.
fn is_throttling(code: &str) -> bool {
    let code = code.strip_prefix("Client.").unwrap_or(code);
    code.starts_with("Throttl")
        || code.ends_with("ThrottledException")
        || matches!(
            code,
            "BandwidthLimitExceeded"
                | "PriorRequestNotComplete"
                | "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
                | "RequestThrottled"
                | "SlowDown"
                | "TooManyRequests"
                | "TooManyRequestsException"
                | "TransactionInProgressException"
        )
}

/// Whether the operation gives a role to a service, which then assumes it.
fn makes_with_a_role(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CreateDbProxy | Operation::CreateFunction | Operation::UpdateFunctionConfiguration
    )
}

/// How RDS and Lambda word that a role does not work, as it does for some seconds after its creation.
static ROLE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?-u:\b(?i:role)\b).*(?i-u:assume|not valid|invalid|does not include|does not have permissions)|(?i-u:not authorized to assume)",
    )
    .expect("the pattern is a literal, which a test reads")
});

/// How AWS words a refusal: `… is not authorized to perform: ACTION on resource: ARN …`.
static REFUSAL: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"not authorized to perform:? (?<action>[A-Za-z0-9-]+:[A-Za-z0-9]+)(?:(?: on resource:? )(?<resource>[^ \t\r\n,]+))?")
        .expect("the pattern is a literal, which a test reads")
});

fn access_denied(operation: Operation, message: &str) -> Fault {
    let captures = REFUSAL.captures(message);
    let named = |name| {
        captures
            .as_ref()
            .and_then(|captures| captures.name(name))
            .map(|found| found.as_str().to_owned())
    };
    let action = named("action").unwrap_or_else(|| operation.iam_action().to_owned());
    let resource = named("resource");
    let on = resource
        .as_ref()
        .map(|resource| format!(" on {resource}"))
        .unwrap_or_default();
    Fault::AccessDenied {
        message: format!(
            "no permission for {action}{on} (AWS says: {})",
            without_encoding(message)
        ),
        action,
        resource,
    }
}

/// Lambda repeats a whole environment, values and all, where it is too large.
fn without_values(message: &str) -> &str {
    let cut = message.find("String measured").unwrap_or(message.len());
    message[..cut].trim_end()
}

/// The encoded message that EC2 adds to a refusal.
fn encoded(message: &str) -> Option<String> {
    static ENCODED: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"Encoded authorization failure message: ?(?<encoded>[A-Za-z0-9_=+/-]+)")
            .expect("the pattern is a literal, which a test reads")
    });
    let captures = ENCODED.captures(message)?;
    Some(captures["encoded"].to_owned())
}

/// EC2 adds hundreds of encoded characters that only `sts:DecodeAuthorizationMessage` can read.
fn without_encoding(message: &str) -> &str {
    let cut = message
        .find("Encoded authorization failure message")
        .unwrap_or(message.len());
    message[..cut].trim_end_matches([' ', '.'])
}

/// The credentials' failure, if the call failed because of it.
fn credentials_error(error: &(dyn Error + 'static)) -> Option<Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(credentials) = error.downcast_ref::<CredentialsError>() {
            let detail = innermost(Some(credentials));
            return Some(match credentials {
                _ if detail.to_ascii_lowercase().contains("expired") => Fault::ExpiredCredentials,
                CredentialsError::CredentialsNotLoaded(_) => Fault::NoCredentials(None),
                _ => Fault::NoCredentials(Some(detail)),
            });
        }
        next = error.source();
    }
    None
}

/// Whether an answer was cut off because it had no end in sight.
fn is_too_large(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// The text of the first cause of an error.
fn innermost(error: Option<&dyn Error>) -> String {
    let Some(mut error) = error else {
        return "no detail given".to_owned();
    };
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const THROTTLED: [(&str, u16); 15] = [
        ("RequestLimitExceeded", 503),
        ("Client.RequestLimitExceeded", 503),
        ("BandwidthLimitExceeded", 509),
        ("Throttling", 400),
        ("ThrottlingException", 400),
        ("ThrottledException", 400),
        ("RequestThrottled", 400),
        ("RequestThrottledException", 400),
        ("EC2ThrottledException", 502),
        ("SlowDown", 503),
        ("TooManyRequests", 429),
        ("TooManyRequestsException", 429),
        ("ProvisionedThroughputExceededException", 400),
        ("PriorRequestNotComplete", 400),
        ("AnyOtherCode", 429),
    ];

    #[test]
    fn a_refusal_names_action_and_resource() {
        let message = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: rds:ModifyDBCluster on resource: \
                       arn:aws:rds:eu-central-1:123456789012:cluster:orders because no identity-based policy allows it";
        let Fault::AccessDenied { action, resource, .. } = access_denied(Operation::ModifyDbInstance, message) else {
            panic!("not a refusal");
        };
        assert_eq!(action, "rds:ModifyDBCluster");
        assert_eq!(
            resource.as_deref(),
            Some("arn:aws:rds:eu-central-1:123456789012:cluster:orders")
        );
    }

    #[test]
    fn a_refusal_without_names_falls_back_on_the_operation() {
        let message = "You are not authorized to perform this operation. Encoded authorization failure message: AbC";
        let fault = access_denied(Operation::CreateSecurityGroup, message);
        let expected =
            "no permission for ec2:CreateSecurityGroup (AWS says: You are not authorized to perform this operation)";
        assert_eq!(fault.to_string(), expected);
    }

    #[test]
    fn the_encoded_message_is_kept_whole() {
        let long = "AbC-_9".repeat(200);
        let table = [
            (
                format!("You are not authorized. Encoded authorization failure message: {long}"),
                Some(long.clone()),
            ),
            (
                format!("Encoded authorization failure message: {long} (more)"),
                Some(long.clone()),
            ),
            ("You are not authorized.".to_owned(), None),
            ("Encoded authorization failure message: $(reboot)".to_owned(), None),
        ];
        for (message, expected) in table {
            assert_eq!(encoded(&message), expected, "{message}");
        }
        let error = CloudError {
            authorization: Some(long.clone()),
            ..CloudError::new(
                Operation::CreateSecurityGroup,
                access_denied(Operation::CreateSecurityGroup, "no"),
            )
        };
        let hint = error.hint().unwrap();
        assert!(
            hint.starts_with("allow the caller ec2:CreateSecurityGroup on "),
            "{hint}"
        );
        assert!(hint.ends_with(&format!("--encoded-message {long}")), "{hint}");
    }

    #[test]
    fn a_role_that_does_not_work_yet_is_distinguished_from_other_mistakes() {
        let table = [
            (
                Operation::CreateFunction,
                "The role defined for the function cannot be assumed by Lambda.",
                true,
            ),
            (
                Operation::CreateFunction,
                "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
                true,
            ),
            (
                Operation::CreateDbProxy,
                "IAM role ARN value is invalid or does not include the required permissions for: RDS_PROXY",
                true,
            ),
            (
                Operation::CreateDbProxy,
                "RDS is not authorized to assume service-linked role",
                true,
            ),
            (
                Operation::CreateDbProxy,
                "The subnets are in one Availability Zone",
                false,
            ),
            (
                Operation::CreateFunction,
                "The runtime parameter of nodejs8.x is no longer supported",
                false,
            ),
            (
                Operation::UpdateFunctionConfiguration,
                "The provided execution role does not have permissions to call CreateNetworkInterface on EC2",
                true,
            ),
            (Operation::ModifyDbCluster, "the role cannot be assumed", false),
        ];
        for (operation, message, expected) in table {
            for code in ["InvalidParameterValue", "InvalidParameterValueException"] {
                let fault = of_code(operation, code, message, 400);
                assert_eq!(matches!(fault, Fault::RoleNotReady(_)), expected, "{message}");
            }
        }
    }

    #[test]
    fn an_environment_that_lambda_repeats_is_not_reported() {
        let message = "Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {\"API_KEY\":\"canary\"}";
        let fault = of_code(
            Operation::UpdateFunctionConfiguration,
            "InvalidParameterValueException",
            message,
            400,
        );
        let text = format!("{fault} {fault:?}");
        assert!(text.contains("4KB limit") && !text.contains("canary"), "{text}");
    }

    #[test]
    fn codes_are_understood() {
        let op = Operation::ModifyDbCluster;
        assert!(matches!(
            of_code(
                op,
                "InvalidParameterValue",
                "Invalid security group , groupId= sg-1",
                400
            ),
            Fault::NotFound(_)
        ));
        assert!(matches!(
            of_code(op, "SecurityGroupLimitExceeded", "", 400),
            Fault::LimitExceeded(_)
        ));
        for (code, status) in THROTTLED {
            let fault = of_code(op, code, "", status);
            assert!(matches!(fault, Fault::Throttled(_)), "{code}: {fault:?}");
        }
        assert!(matches!(of_code(op, "InternalFailure", "", 500), Fault::Unavailable(_)));
        assert!(matches!(
            of_code(op, "InvalidParameterValue", "port", 400),
            Fault::Rejected { .. }
        ));
    }
}
