//! Whose credentials a run uses.
//!
//! As with the AWS CLI: those of an explicit profile; else those of the environment; else those of the profile that the
//! environment names, or of `default`; else those of a web identity, a container or an instance.

use std::env;

use aws_config::SdkConfig;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileLoadError, ProfileSet};
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;

use crate::cloud::Fault;
use crate::model::is_url;

/// The variables that name a profile, in the order in which they count.
const VARIABLES: [&str; 2] = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];

/// The profile that was named, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// It was named for this run: it wins over credentials in the environment.
    pub(super) is_explicit: bool,
    by: &'static str,
}

/// The profile that counts, if one is named.
pub(super) fn named(explicit: Option<&str>) -> Option<Named> {
    if let Some(name) = explicit {
        return Some(Named {
            name: name.to_owned(),
            is_explicit: true,
            by: "--profile, or the key profile of a manifest,",
        });
    }
    VARIABLES.into_iter().find_map(|by| {
        Some(Named {
            name: variable(by)?,
            is_explicit: false,
            by,
        })
    })
}

/// A variable of the environment that is set to something.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Whether the profile exists. Without it the credentials would come from somewhere else, of another account perhaps.
///
/// # Errors
///
/// [`Fault::UnknownProfile`], or the files cannot be read.
pub(super) async fn check(named: Option<&Named>) -> Result<(), Fault> {
    let Some(named) = named else {
        return Ok(());
    };
    let loaded = load().await;
    let profiles = loaded.map_err(|error| {
        let mut text = error.to_string();
        if let Some(source) = std::error::Error::source(&error) {
            text = format!("{text}: {source}");
        }
        Fault::ProfileFiles(text)
    })?;
    if let Some(profile) = profiles.get_profile(&named.name) {
        let url = profile.get("endpoint_url").filter(|url| !is_url(url));
        return url.map_or(Ok(()), |url| {
            Err(Fault::BadEndpoint {
                by: format!("endpoint_url of profile {}", named.name),
                url: url.to_owned(),
            })
        });
    }
    Err(Fault::UnknownProfile {
        name: named.name.clone(),
        by: named.by.to_owned(),
        similar: similar(&named.name, &profiles),
        known: known(&profiles),
    })
}

#[expect(
    clippy::default_trait_access,
    reason = "the library does not name the types of the environment and the files"
)]
async fn load() -> Result<ProfileSet, ProfileFileLoadError> {
    aws_config::profile::load(&Default::default(), &Default::default(), &Default::default(), None).await
}

fn known(profiles: &ProfileSet) -> Vec<String> {
    let mut known: Vec<String> = profiles.profiles().map(str::to_owned).collect();
    known.sort();
    known
}

/// The name that was meant, perhaps.
fn similar(name: &str, profiles: &ProfileSet) -> Option<String> {
    const ALIKE: f64 = 0.75;
    let likeness = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let nearest = profiles.profiles().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    nearest.filter(|nearest| likeness(nearest) >= ALIKE).map(str::to_owned)
}

/// The SDK passes over an endpoint that is no URL, and over half a key: the run would then reach another account.
///
/// # Errors
///
/// [`Fault::BadEndpoint`] and [`Fault::NoCredentials`].
pub(super) fn check_environment(has_profile: bool) -> Result<(), Fault> {
    let ignores = variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|text| text.eq_ignore_ascii_case("true"));
    let urls = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut urls: Vec<(String, String)> = urls
        .filter(|(name, value)| name.starts_with("AWS_ENDPOINT_URL") && !value.trim().is_empty())
        .collect();
    urls.sort();
    if let Some((by, url)) = urls.into_iter().find(|(_, url)| !ignores && !is_url(url)) {
        return Err(Fault::BadEndpoint { by, url });
    }
    let secret = variable("AWS_SECRET_ACCESS_KEY").or_else(|| variable("SECRET_ACCESS_KEY"));
    match (variable("AWS_ACCESS_KEY_ID"), secret) {
        (Some(_), None) if !has_profile => Err(Fault::NoCredentials(Some(
            "AWS_ACCESS_KEY_ID is set, and AWS_SECRET_ACCESS_KEY is not".to_owned(),
        ))),
        _ => Ok(()),
    }
}

/// The credentials of a profile, whatever the environment has. As with the AWS CLI, a profile that only has settings
/// leaves them to the container or the instance.
pub(super) fn credentials(name: &str, shared: &SdkConfig, http: SharedHttpClient) -> SharedCredentialsProvider {
    let configuration = ProviderConfig::without_region()
        .with_region(shared.region().cloned())
        .with_use_fips(shared.use_fips())
        .with_use_dual_stack(shared.use_dual_stack())
        .with_http_client(http);
    let configuration = match shared.timeout_config() {
        Some(timeouts) => configuration.with_timeout_config(timeouts.clone()),
        None => configuration,
    };
    let of_profile = ProfileFileCredentialsProvider::builder()
        .configure(&configuration)
        .profile_name(name)
        .build();
    let of_container = EcsCredentialsProvider::builder().configure(&configuration).build();
    let of_instance = ImdsCredentialsProvider::builder().configure(&configuration).build();
    SharedCredentialsProvider::new(
        CredentialsProviderChain::first_try("Profile", of_profile)
            .or_else("EcsContainer", of_container)
            .or_else("Ec2InstanceMetadata", of_instance),
    )
}
