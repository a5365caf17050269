//! Responses of limited size: an endpoint that sends more than AWS ever does must not exhaust the memory.

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

/// The most that is read of an answer: a page of 1,000 security groups with all of their rules has less.
pub(super) const LARGEST_ANSWER: usize = 64 << 20;

/// The most that is read of an error.
pub(super) const LARGEST_ERROR: usize = 1 << 20;

/// A client whose answers have at most this many bytes.
#[derive(Debug)]
pub(super) struct Bounded(pub(super) SharedHttpClient);

impl HttpClient for Bounded {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(BoundedConnector(self.0.http_connector(settings, components)))
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}

#[derive(Debug)]
struct BoundedConnector(SharedHttpConnector);

impl HttpConnector for BoundedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move { Ok(bounded(answer.await?)) })
    }
}

fn bounded(answer: HttpResponse) -> HttpResponse {
    let most = if answer.status().is_success() {
        LARGEST_ANSWER
    } else {
        LARGEST_ERROR
    };
    answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, most)))
}
