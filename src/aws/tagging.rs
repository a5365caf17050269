//! The tags of many resources, from the Resource Groups Tagging API.

use std::collections::BTreeMap;

use aws_sdk_resourcegroupstagging::Client;
use aws_sdk_resourcegroupstagging::types::ResourceTagMapping;

use super::page;
use crate::cloud::{Answer, CloudError, Fault, Listed, Operation, TaggedResource};

/// The largest page that the API gives.
const PAGE: i32 = 100;

/// The types of resources whose tags their own services give only one by one.
const TYPES: [&str; 2] = ["lambda:function", "rds:db-proxy"];

pub(super) async fn get_resources(client: &Client, from: Option<String>) -> Listed<TaggedResource> {
    let request = client
        .get_resources()
        .resources_per_page(PAGE)
        .set_resource_type_filters(Some(TYPES.map(str::to_owned).to_vec()))
        .set_pagination_token(from);
    page!(
        Operation::GetResources,
        request,
        resource_tag_mapping_list,
        pagination_token,
        tagged
    )
}

fn tagged(found: ResourceTagMapping) -> Answer<TaggedResource> {
    let missing = || Fault::Malformed("it has no ResourceARN".to_owned());
    let arn = found
        .resource_arn
        .ok_or_else(|| CloudError::new(Operation::GetResources, missing()))?;
    let tags = found.tags.unwrap_or_default().into_iter();
    let tags: BTreeMap<String, String> = tags.map(|tag| (tag.key, tag.value)).collect();
    Ok(TaggedResource { arn, tags })
}
