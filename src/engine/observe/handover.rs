//! Reads the groups of connections that are handed over to infrastructure as code.

use super::{ObserveError, Proxies, Surveyed, survey};
use crate::cloud::Cloud;
use crate::export::Wanted;
use crate::handover::chosen;
use crate::model::{Origin, SecurityGroup};

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

/// The groups of the connections that are asked for.
///
/// # Errors
///
/// What shows them could not be read, or what was named is in another account or Region.
pub async fn chosen_groups(cloud: &dyn Cloud, wanted: &Wanted) -> Result<ChosenGroups, ObserveError> {
    let Surveyed {
        origin,
        estate,
        mut errors,
        ..
    } = survey(cloud, &Proxies::All).await;
    wanted.check(&origin)?;
    // Without one of these lists a group would be left out without a word.
    if !estate.shows_all_connections() {
        return Err(errors.swap_remove(0).into());
    }
    let (groups, connections) = chosen(&estate, wanted);
    Ok(ChosenGroups {
        origin,
        groups,
        connections,
    })
}
