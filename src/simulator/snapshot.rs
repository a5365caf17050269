//! What the other commands read of an account, as a document that they can read instead (`--offline`).
//!
//! It holds no secret and no function's environment: neither is read or saved. Each part adds what it has
//! read to the document; a part that may not be read is reported, and leaves a gap.

mod databases;
mod functions;
mod identity;
mod msk;
mod network;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::slice;

use crate::account::AccountDocument;
use crate::cloud::{Answer, Cloud, CloudError, DescribedSubnet, Fault, Operation};
use crate::concurrent::bounded;
use crate::model::{Place, VpcId};
use crate::observe::{Lists, ObserveError, known_proxies, lists, patiently};

/// How many resources are asked for at once, where each has a call of its own. Lambda allows 15 calls a second in all.
const AT_ONCE: usize = 5;

/// A document, with what it lacks.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// What was read.
    pub document: AccountDocument,
    /// What could not be read.
    pub gaps: Vec<String>,
    /// The same, to note each once.
    noted: BTreeSet<String>,
}

/// Reads an account and Region; of one VPC only, if it is named.
///
/// # Errors
///
/// A list cannot be read, nothing shows which account this is, or the VPC does not exist.
pub async fn snapshot(cloud: &dyn Cloud, vpc: Option<&VpcId>) -> Result<Snapshot, ObserveError> {
    let Lists {
        clusters,
        instances,
        subnet_groups,
        proxies,
        functions,
        groups,
        subnets,
        tagged,
    } = lists(cloud).await;
    let (clusters, instances, mut proxies) = (clusters?, instances?, known_proxies(proxies)?);
    let (listed, groups, subnets) = (functions?, groups?, subnets?);
    let arns = clusters.iter().map(|cluster| &cluster.arn);
    let arns = arns.chain(instances.iter().map(|instance| &instance.arn));
    let arns = arns
        .chain(listed.iter().map(|function| &function.arn))
        .chain(proxies.iter().map(|proxy| &proxy.arn));
    let (account, region) = place(arns, &subnets).ok_or_else(|| {
        let message = "the account has no resource whose ARN gives its account ID and Region".to_owned();
        CloudError::new(Operation::DescribeSubnets, Fault::Malformed(message))
    })?;
    let mut snapshot = Snapshot {
        document: AccountDocument::empty(account, region),
        gaps: Vec::new(),
        noted: BTreeSet::new(),
    };
    let is_in = |id: &VpcId| vpc.is_none_or(|vpc| vpc == id);

    let targets = proxies.iter_mut().filter(|proxy| is_in(&proxy.vpc)).map(async |proxy| {
        proxy.targets = patiently(cloud, || cloud.describe_db_proxy_targets(&proxy.name)).await?;
        Answer::Ok(())
    });
    bounded(AT_ONCE, targets).await.into_iter().collect::<Answer<()>>()?;
    let mut vpcs = network::vpcs_of(&subnets, &groups, &is_in);
    if let Some(vpc) = vpc
        && vpcs.is_empty()
    {
        // A VPC of AWS has at least its default group; one of a file may have nothing.
        if cloud.describe_vpcs(slice::from_ref(vpc)).await?.is_empty() {
            return Err(ObserveError::NoSuchVpc {
                vpc: vpc.clone(),
                account: snapshot.document.account_id,
                region: snapshot.document.region,
                others: network::vpcs_of(&subnets, &groups, &|_| true),
            });
        }
        vpcs.push(vpc.clone());
    }
    let listing = network::listing(&groups, &is_in);
    snapshot.network(cloud, &vpcs, &listing).await?;
    snapshot.made_for_internet(cloud, &vpcs).await;
    snapshot.groups(groups.iter().filter(|group| is_in(&group.vpc)));
    snapshot
        .group_rules(cloud, groups.iter().filter(|group| is_in(&group.vpc)))
        .await;
    snapshot.interfaces(cloud).await;
    snapshot.databases(clusters, instances, subnet_groups?, &is_in);
    let proxies = proxies.into_iter().filter(|proxy| is_in(&proxy.vpc)).collect();
    snapshot.proxies(cloud, proxies).await;
    snapshot.msk(cloud, vpc).await;
    let vpc_of: BTreeMap<_, _> = subnets
        .iter()
        .map(|listed| (&listed.subnet.id, &listed.subnet.vpc))
        .collect();
    let of_function = |function: &crate::model::Function| {
        let subnet = function.vpc.as_ref().and_then(|vpc| vpc.subnets.first());
        subnet.and_then(|id| vpc_of.get(id).copied()).cloned()
    };
    let polled_for = snapshot.polled_for();
    let listed = listed.into_iter().filter(|function| match of_function(function) {
        Some(id) => is_in(&id),
        // A function in no VPC is of none: it belongs to the whole account, or to a cluster that is polled for it.
        None => vpc.is_none() || (function.vpc.is_none() && polled_for.contains(&function.arn)),
    });
    let listed = listed.collect();
    let tagged = snapshot.read(tagged);
    snapshot.functions(cloud, listed, &tagged).await?;
    snapshot.users(cloud).await;
    snapshot.secrets(cloud).await;
    snapshot.roles(cloud).await;
    snapshot.endpoint_services(cloud).await;
    snapshot.quotas(cloud).await;
    Ok(snapshot)
}

/// Account and Region, from whatever contains them.
fn place<'a>(mut arns: impl Iterator<Item = &'a String>, subnets: &[DescribedSubnet]) -> Option<(String, String)> {
    let of_arn = |arn: &'a String| {
        let Place { region, account, .. } = Place::of(arn);
        (!region.is_empty() && !account.is_empty()).then(|| (account.to_owned(), region.to_owned()))
    };
    arns.find_map(of_arn).or_else(|| {
        let subnet = &subnets.first()?.subnet;
        let zone = subnet
            .availability_zone
            .trim_end_matches(|c: char| c.is_ascii_lowercase());
        Some((subnet.owner.clone()?, zone.to_owned()))
    })
}

impl Snapshot {
    /// What was read; nothing and a gap where it was not.
    fn read<T: Default>(&mut self, answer: Answer<T>) -> T {
        answer.unwrap_or_else(|error| {
            self.gap(&error);
            T::default()
        })
    }

    /// The ids of the groups that are in it.
    fn group_ids(&self) -> BTreeSet<String> {
        let groups = self.document.security_groups.iter();
        groups.map(|group| group.group_id.clone()).collect()
    }

    /// The account's quota of groups; where it could not be read, the file has AWS's default.
    async fn quotas(&mut self, cloud: &dyn Cloud) {
        match patiently(cloud, || cloud.groups_per_interface()).await {
            Ok(most) => self.document.quotas.security_groups_per_network_interface = most,
            Err(error) => self.gap(&error),
        }
    }

    /// Notes what could not be read; a resource that is gone now is no gap.
    fn gap(&mut self, error: &CloudError) {
        let text = error.to_string();
        if !error.is_not_found() {
            self.note_gap(text);
        }
    }
}

impl Snapshot {
    /// Notes a gap once.
    fn note_gap(&mut self, text: String) {
        if self.noted.insert(text.clone()) {
            self.gaps.push(text);
        }
    }
}
