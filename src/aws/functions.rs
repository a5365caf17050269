//! Lambda functions.

use std::collections::BTreeMap;

use aws_sdk_lambda::Client;
use aws_sdk_lambda::operation::get_function_configuration::GetFunctionConfigurationOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Environment, FunctionCode, FunctionConfiguration, FunctionVersion, Runtime, VpcConfig, VpcConfigResponse,
};

use super::{done, fault, page, starter};
use crate::cloud::{Answer, CloudError, Fault, FunctionChange, Listed, ListedFunction, NewLambda, Operation, Versions};
use crate::model::{Code, Function, FunctionState, FunctionVpc, GroupId, GroupList, LastUpdateStatus, SubnetId};
use crate::naming::created;

/// The largest page that Lambda gives.
const PAGE: i32 = 50;

/// What Lambda calls the version that is not published: the function itself.
const LATEST: &str = "$LATEST";

pub(super) async fn get_function_configuration(client: &Client, name: &str) -> Answer<Function> {
    let operation = Operation::GetFunctionConfiguration;
    let answer = client
        .get_function_configuration()
        .function_name(name)
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    function(answer)
}

pub(super) async fn tags(client: &Client, arn: &str) -> Answer<BTreeMap<String, String>> {
    let call = client.list_tags().resource(arn).send();
    let answer = call.await.map_err(|error| fault::error(Operation::ListTags, &error))?;
    Ok(answer.tags.unwrap_or_default().into_iter().collect())
}

pub(super) async fn list_functions(
    client: &Client,
    versions: Versions,
    from: Option<String>,
) -> Listed<ListedFunction> {
    let request = client.list_functions().max_items(PAGE).set_marker(from);
    let request = match versions {
        Versions::Latest => request,
        Versions::All => request.function_version(FunctionVersion::All),
    };
    page!(Operation::ListFunctions, request, functions, next_marker, |found| {
        let version = found.version.clone().filter(|version| version != LATEST);
        Ok(ListedFunction {
            function: listed(found)?,
            version: version.filter(|_| versions == Versions::All),
        })
    })
}

/// All of `VpcConfig` is sent as it was read, except the groups: Lambda could take anything that is left out for a
/// change. Lists that are sent empty detach. Of the environment too, all is sent, as it was read and with what is new.
pub(super) async fn update_function_configuration(
    client: &Client,
    name: &str,
    change: FunctionChange<'_>,
    revision: Option<&str>,
) -> Answer<()> {
    let request = client
        .update_function_configuration()
        .function_name(name)
        .set_revision_id(revision.map(str::to_owned));
    let vpc_config = |subnets: &[SubnetId], groups: Vec<String>, ipv6| {
        VpcConfig::builder()
            .set_subnet_ids(Some(subnets.iter().map(ToString::to_string).collect()))
            .set_security_group_ids(Some(groups))
            .set_ipv6_allowed_for_dual_stack(ipv6)
            .build()
    };
    let request = match change {
        FunctionChange::Vpc(vpc, groups) => {
            let groups = groups.iter().map(ToString::to_string).collect();
            request.vpc_config(vpc_config(&vpc.subnets, groups, vpc.ipv6_allowed))
        }
        FunctionChange::Detached => request.vpc_config(vpc_config(&[], Vec::new(), None)),
        FunctionChange::Environment(environment) => {
            let variables = environment.iter();
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
            request.environment(Environment::builder().set_variables(Some(variables.collect())).build())
        }
    };
    done(Operation::UpdateFunctionConfiguration, request.send()).await
}

pub(super) async fn create_function(client: &Client, new: &NewLambda) -> Answer<String> {
    let operation = Operation::CreateFunction;
    let code = starter::package()
        .map_err(|error| CloudError::new(operation, Fault::Malformed(format!("the package: {error}"))))?;
    let config = VpcConfig::builder()
        .set_subnet_ids(Some(new.subnets.iter().map(ToString::to_string).collect()))
        .security_group_ids(new.group.as_str())
        .build();
    let answer = client
        .create_function()
        .function_name(&new.name)
        .description("Made by autoconnect")
        .runtime(Runtime::from(new.runtime.as_str()))
        .handler(created::HANDLER)
        .role(&new.role)
        .code(FunctionCode::builder().zip_file(Blob::new(code)).build())
        .vpc_config(config)
        .set_tags(Some(new.tags.clone().into_iter().collect()))
        .send()
        .await
        .map_err(|error| fault::error(operation, &error))?;
    let missing = || CloudError::new(operation, Fault::Malformed("it has no FunctionArn".to_owned()));
    answer.function_arn.ok_or_else(missing)
}

/// Where a function is attached. One that was detached keeps a `VpcConfig` with empty lists.
fn attached(config: VpcConfigResponse) -> Option<FunctionVpc> {
    let subnets: Vec<SubnetId> = config
        .subnet_ids
        .unwrap_or_default()
        .into_iter()
        .map(SubnetId::from)
        .collect();
    let groups = config.security_group_ids.unwrap_or_default();
    (!subnets.is_empty()).then(|| FunctionVpc {
        vpc: config.vpc_id.unwrap_or_default().into(),
        subnets,
        groups: GroupList::as_read(groups.into_iter().map(GroupId::from)),
        ipv6_allowed: config.ipv6_allowed_for_dual_stack,
    })
}

/// A function as Lambda lists it: the same fields in another type, without its environment.
fn listed(found: FunctionConfiguration) -> Answer<Function> {
    let answer = GetFunctionConfigurationOutput::builder()
        .set_function_name(found.function_name)
        .set_function_arn(found.function_arn)
        .set_role(found.role)
        .set_runtime(found.runtime)
        .set_handler(found.handler)
        .set_code_sha256(found.code_sha256)
        .set_timeout(found.timeout)
        .set_capacity_provider_config(found.capacity_provider_config)
        .set_vpc_config(found.vpc_config)
        .set_revision_id(found.revision_id)
        .set_state(found.state)
        .set_state_reason(found.state_reason)
        .set_last_update_status(found.last_update_status)
        .set_last_update_status_reason(found.last_update_status_reason)
        .build();
    let function = function(answer)?;
    Ok(Function {
        environment: None,
        ..function
    })
}

fn function(answer: GetFunctionConfigurationOutput) -> Answer<Function> {
    let missing = |field: &str| {
        CloudError::new(
            Operation::GetFunctionConfiguration,
            Fault::Malformed(format!("it has no {field}")),
        )
    };
    let vpc = answer.vpc_config.and_then(attached);
    Ok(Function {
        name: answer.function_name.ok_or_else(|| missing("FunctionName"))?,
        arn: answer.function_arn.ok_or_else(|| missing("FunctionArn"))?,
        exists: true,
        vpc,
        state: FunctionState::from_api(answer.state.as_ref().map_or("unknown", |state| state.as_str())),
        state_reason: answer.state_reason,
        state_reason_code: answer.state_reason_code.map(|code| code.as_str().to_owned()),
        last_update: answer
            .last_update_status
            .map(|status| LastUpdateStatus::from_api(status.as_str())),
        last_update_reason: answer.last_update_status_reason,
        last_update_reason_code: answer
            .last_update_status_reason_code
            .map(|code| code.as_str().to_owned()),
        revision_id: answer.revision_id,
        role: answer.role,
        code: Code {
            runtime: answer.runtime.map(|runtime| runtime.as_str().to_owned()),
            handler: answer.handler,
            sha256: answer.code_sha256,
        },
        timeout: answer.timeout.and_then(|seconds| u32::try_from(seconds).ok()),
        capacity_provider: answer
            .capacity_provider_config
            .and_then(|config| config.lambda_managed_instances_capacity_provider_config)
            .map(|config| config.capacity_provider_arn),
        // Without a permission on its key, AWS gives an error in place of the variables.
        environment: match answer.environment {
            Some(environment) if environment.error.is_some() => None,
            Some(environment) => Some(crate::model::Environment::as_read(
                environment.variables.unwrap_or_default(),
            )),
            None => Some(crate::model::Environment::default()),
        },
    })
}
