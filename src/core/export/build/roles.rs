//! Roles and their policies.

use super::Builder;
use crate::adopt::is_connect_policy;
use crate::export::{Attachment, InlinePolicy, Json, Known, OtherRole, Role, RoleRef};
use crate::model::{Place, last_segment};
use crate::naming::created;
use crate::ownership::is_managed;

/// The path in a role's ARN: `arn:aws:iam::123456789012:role/service/name` has `/service/`.
fn path_of(arn: &str) -> String {
    let resource = arn.split_once(":role").map_or("/", |(_, resource)| resource);
    let end = resource.rfind('/').map_or(0, |at| at + 1);
    let path = &resource[..end];
    if path.is_empty() { "/" } else { path }.to_owned()
}

impl Builder<'_> {
    /// A role of our making, if the tags of the one with this name prove it; it is exported with all of its policies.
    pub(super) fn own_role(&mut self, name: &str) -> Option<RoleRef> {
        let found = self.details.roles.get(name).filter(|found| is_managed(&found.tags))?;
        let reference = RoleRef::Exported(name.to_owned());
        if self.export.roles.iter().any(|role| role.name == name) {
            return Some(reference);
        }
        let exists = !self.details.planned.roles.contains(name);
        let values = self.values();
        self.export.roles.push(Role {
            name: name.to_owned(),
            arn: found.arn.clone(),
            exists,
            path: path_of(&found.arn),
            description: found.description.clone().filter(|text| !text.is_empty()),
            trust: Json::refer(&found.trust, &values),
            max_session: found.max_session,
            boundary: found.boundary.clone(),
            tags: super::tags(&found.tags),
        });
        for (policy, document) in &found.inline {
            self.add_policy(reference.clone(), name, policy, document, &values);
        }
        let mut attached = found.attached.clone();
        attached.sort();
        let attached = attached.into_iter().map(|policy| Attachment {
            role: name.to_owned(),
            policy,
            exists,
        });
        self.export.attachments.extend(attached);
        Some(reference)
    }

    fn add_policy(&mut self, role: RoleRef, name: &str, policy: &str, document: &str, values: &[Known]) {
        let key = (name.to_owned(), policy.to_owned());
        self.export.policies.push(InlinePolicy {
            role,
            role_name: name.to_owned(),
            name: policy.to_owned(),
            exists: !self.details.planned.policies.contains(&key),
            document: Json::refer(document, values),
        });
    }

    /// The policies of our making on a role of another owner, by which it may connect through a proxy of these connections.
    pub(super) fn policies_on_other(&mut self, arn: &str) {
        let name = last_segment(arn);
        if self.export.other_roles.iter().any(|role| role.arn == arn) {
            return;
        }
        let Some(found) = self.details.roles.get(name) else {
            return;
        };
        let place = self.place();
        let of_proxies: Vec<String> = self
            .on
            .keys()
            .map(|proxy| created::connect_policies(&place.1, proxy))
            .collect();
        let ours: Vec<(String, String)> = found
            .inline
            .iter()
            .filter(|(policy, document)| {
                let is_for = of_proxies.iter().any(|prefix| policy.starts_with(prefix.as_str()));
                is_for && is_connect_policy(Place::of(&place.0), policy, document)
            })
            .cloned()
            .collect();
        if ours.is_empty() {
            return;
        }
        let values = self.values();
        self.export.other_roles.push(OtherRole {
            name: name.to_owned(),
            arn: arn.to_owned(),
        });
        for (policy, document) in &ours {
            self.add_policy(RoleRef::Other(arn.to_owned()), name, policy, document, &values);
        }
    }

    /// An ARN of the export's account and Region, and the Region.
    fn place(&self) -> (String, String) {
        let chain = self.found.chains.first();
        let arn = chain
            .map(|chain| chain.observation.database.arn.clone())
            .unwrap_or_default();
        let region = Place::of(&arn).region.to_owned();
        (arn, region)
    }
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn paths_of_roles_come_from_their_arns() {
        let table = [
            ("arn:aws:iam::123456789012:role/r", "/"),
            ("arn:aws:iam::123456789012:role/service/apps/r", "/service/apps/"),
            ("", "/"),
        ];
        for (arn, path) in table {
            assert_eq!(path_of(arn), path, "{arn}");
        }
    }
}
