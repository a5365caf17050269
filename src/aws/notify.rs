//! Publishes a notice of `drift` to a topic of SNS, or puts it on an event bus.

use super::{Configuration, called, fault};
use crate::cloud::{Answer, CloudError, Fault, Operation};
use crate::model::Place;

/// The source of our events.
const SOURCE: &str = "autoconnect";
/// Their type.
const DETAIL_TYPE: &str = "Autoconnect Drift";

/// Where a notice goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient<'a> {
    /// A topic of SNS, by its ARN.
    Topic(&'a str),
    /// An event bus of `EventBridge`, by its name or ARN.
    Bus(&'a str),
}

/// Sends a notice, a JSON document, to one recipient, which is in the Region of its ARN. A topic gets the subject, too.
///
/// # Errors
///
/// The configuration has no Region, or the call fails.
pub async fn notify(configuration: &Configuration, to: Recipient<'_>, subject: String, text: String) -> Answer<()> {
    let (operation, place) = match to {
        Recipient::Topic(topic) => (Operation::Publish, Place::of(topic)),
        Recipient::Bus(bus) => (Operation::PutEvents, Place::of(bus)),
    };
    let mut configuration = configuration.clone();
    if !place.region.is_empty() {
        configuration.region = Some(place.region.to_owned());
    }
    let shared = super::load(&configuration)
        .await
        .map_err(|fault| CloudError::new(operation, fault))?;
    match to {
        Recipient::Topic(topic) => {
            let client = aws_sdk_sns::Client::new(&shared);
            let call = client.publish().topic_arn(topic).subject(subject).message(text);
            called(operation, async {
                call.send().await.map_err(|error| fault::error(operation, &error))
            })
            .await?;
            Ok(())
        }
        Recipient::Bus(bus) => {
            let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
                .event_bus_name(bus)
                .source(SOURCE)
                .detail_type(DETAIL_TYPE)
                .detail(text)
                .build();
            let client = aws_sdk_eventbridge::Client::new(&shared);
            let call = client.put_events().entries(entry);
            let answer = called(operation, async {
                call.send().await.map_err(|error| fault::error(operation, &error))
            })
            .await?;
            // The call succeeds also where the event was not taken.
            match answer
                .entries
                .unwrap_or_default()
                .into_iter()
                .find_map(|entry| Some((entry.error_code?, entry.error_message)))
            {
                None => Ok(()),
                Some((code, message)) => {
                    let message = message.unwrap_or_default();
                    Err(CloudError::new(operation, Fault::Rejected { code, message }))
                }
            }
        }
    }
}
