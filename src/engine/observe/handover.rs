//! Reads the groups of connections that are handed over to infrastructure as code.

use super::{ObserveError, Proxies, Surveyed, survey};
use crate::cloud::Cloud;
use crate::estate::Part;
use crate::handover::{Choice, chosen};
use crate::model::{Named, Origin, SecurityGroup};

/// The groups of connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChosenGroups {
    /// The account and Region.
    pub origin: Origin,
    /// The groups, each once.
    pub groups: Vec<SecurityGroup>,
    /// How many connections they make.
    pub connections: usize,
}

/// The groups of the connections that were chosen.
///
/// # Errors
///
/// What shows them could not be read, or the database or the function is named by the ARN of another account or Region.
pub async fn chosen_groups(cloud: &dyn Cloud, choice: &Choice) -> Result<ChosenGroups, ObserveError> {
    let database = choice.database.as_ref().map(|(_, id)| id);
    let names: Vec<Named<'_>> = database
        .into_iter()
        .chain(&choice.function)
        .map(|name| Named::of(name))
        .collect();
    for named in &names {
        named.check(&cloud.home())?;
    }
    let Surveyed {
        origin,
        estate,
        mut errors,
        ..
    } = survey(cloud, &Proxies::All).await;
    for named in &names {
        named.check(&origin)?;
    }
    // Without one of these lists a group would be left out without a word.
    let is_whole = estate
        .all_unread()
        .all(|(part, _)| matches!(part, Part::Subnets | Part::SubnetGroups | Part::ProxyEndpoints));
    if !is_whole {
        return Err(errors.swap_remove(0).into());
    }
    let (groups, connections) = chosen(&estate, choice);
    Ok(ChosenGroups {
        origin,
        groups,
        connections,
    })
}
