//! Counts and logs every request that is sent, each attempt and each page.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use tracing::debug;

use crate::cloud::ApiCalls;

/// How many requests were sent.
#[derive(Debug, Default)]
pub(super) struct Meter {
    read: AtomicU64,
    write: AtomicU64,
}

impl Meter {
    pub(super) fn calls(&self) -> ApiCalls {
        ApiCalls {
            read: self.read.load(Ordering::Relaxed),
            write: self.write.load(Ordering::Relaxed),
        }
    }
}

/// When the attempt began.
#[derive(Debug)]
struct Began(Instant);

impl Storable for Began {
    type Storer = StoreReplace<Self>;
}

#[derive(Clone, Debug)]
pub(super) struct Interceptor {
    meter: Arc<Meter>,
}

impl Interceptor {
    pub(super) fn new(meter: Arc<Meter>) -> Self {
        Self { meter }
    }
}

/// AWS names what reads by its verb.
fn writes(operation: &str) -> bool {
    !["Describe", "Get", "List"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

impl Intercept for Interceptor {
    fn name(&self) -> &'static str {
        "autoconnect::meter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let writes = cfg.load::<Metadata>().is_some_and(|metadata| writes(metadata.name()));
        let counter = if writes { &self.meter.write } else { &self.meter.read };
        counter.fetch_add(1, Ordering::Relaxed);
        cfg.interceptor_state().store_put(Began(Instant::now()));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        cfg: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let metadata = cfg.load::<Metadata>();
        let response = context.response();
        let request_id = response.and_then(|response| {
            let headers = response.headers();
            headers
                .get("x-amzn-requestid")
                .or_else(|| headers.get("x-amz-request-id"))
        });
        debug!(
            service = metadata.map(Metadata::service),
            operation = metadata.map(Metadata::name),
            attempt = cfg.load::<RequestAttempts>().map(RequestAttempts::attempts),
            duration_ms = cfg.load::<Began>().map(|began| began.0.elapsed().as_secs_f64() * 1e3),
            status = response.map(|response| response.status().as_u16()),
            request_id,
            "attempt"
        );
        Ok(())
    }
}
