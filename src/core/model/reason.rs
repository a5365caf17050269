//! Why a function is in its state, or its last update failed, and what to do.
//!
//! Source: docs/attaching.md; the codes are those of Lambda's API reference (`StateReasonCode`,
//! `LastUpdateStatusReasonCode`).

/// What fixes the cause with this code, where that is known.
pub fn remedy(code: &str) -> Option<&'static str> {
    Some(match code {
        "Idle" => "invoke it: the first invocation fails while its network interface comes back, later ones work",
        "Creating" | "Restoring" => "wait: this finishes by itself and can take minutes",
        "EniLimitExceeded" => {
            "raise the quota of network interfaces of the VPC (Service Quotas, Lambda, L-9FEE3D26), or reuse the subnets and groups of another function"
        }
        "SubnetOutOfIPAddresses" => "free addresses in the subnets, or attach the function to larger ones",
        "InsufficientRolePermissions" => {
            "attach the managed policy AWSLambdaVPCAccessExecutionRole to the execution role (`aws iam attach-role-policy`), then update the function again"
        }
        "InvalidSecurityGroup" => "attach it with groups that exist: one of its groups was deleted",
        "InvalidSubnet" => "attach it to subnets that exist: one of its subnets was deleted",
        "InvalidConfiguration" => "check that its subnets and groups exist and are in one VPC",
        "KMSKeyAccessDenied" => "allow the execution role to use the key of the environment",
        "KMSKeyNotFound" | "InvalidStateKMSKey" | "DisabledKMSKey" => {
            "enable the key of the environment, or name another one"
        }
        "ImageDeleted" | "InvalidImage" | "ImageAccessDenied" => {
            "restore the container image, allow Lambda to read it, or use another one"
        }
        "EFSIOError" | "EFSMountConnectivityError" | "EFSMountFailure" | "EFSMountTimeout" => {
            "check that its subnets and groups can reach the file system on port 2049"
        }
        "InvalidRuntime" => "choose a runtime that Lambda supports",
        "InvalidZipFileException" | "FunctionError" => "deploy its code again",
        "InternalError" => "repeat the update: AWS failed",
        _ => return None,
    })
}

/// A reason as text: AWS's own, the code, and what fixes it.
pub fn explained(reason: Option<&str>, code: Option<&str>) -> Option<String> {
    let remedy = code.and_then(remedy);
    let said = match (reason, code) {
        (Some(reason), Some(code)) => format!("{} ({code})", reason.trim_end_matches('.')),
        (Some(reason), None) => reason.to_owned(),
        (None, Some(code)) => code.to_owned(),
        (None, None) => return None,
    };
    Some(match remedy {
        Some(remedy) => format!("{said}; {remedy}"),
        None => said,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_reported_with_what_fixes_them() {
        let table = [
            (None, None, None),
            (Some("It is so."), None, Some("It is so.")),
            (None, Some("Novel"), Some("Novel")),
            (Some("It is so."), Some("Novel"), Some("It is so (Novel)")),
        ];
        for (reason, code, expected) in table {
            assert_eq!(explained(reason, code).as_deref(), expected);
        }
        let full = explained(Some("The subnet is full."), Some("SubnetOutOfIPAddresses")).unwrap();
        assert!(
            full.starts_with("The subnet is full (SubnetOutOfIPAddresses); free addresses"),
            "{full}"
        );
    }

    #[test]
    fn what_the_guide_names_has_a_remedy() {
        for code in [
            "Idle",
            "EniLimitExceeded",
            "SubnetOutOfIPAddresses",
            "InsufficientRolePermissions",
            "InvalidSecurityGroup",
            "InvalidSubnet",
        ] {
            assert!(remedy(code).is_some(), "{code}");
        }
    }
}
