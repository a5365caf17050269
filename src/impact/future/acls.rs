//! Network ACLs.

use super::{About, Future, Ids, Known, Layer, Ways};
use crate::account::{AclRule, NetworkAclAssociation, NetworkAclEntry};

impl Future {
    /// Creates a network ACL, without entries.
    pub fn create_acl(&mut self, by: &str, id: &str, vpc: Known<String>) {
        match vpc {
            Ok(vpc_id) if self.has_vpc(&vpc_id) => {
                self.touch(by, About::Vpc(vpc_id.clone()), Layer::Network);
                self.document.network_acls.push(NetworkAclEntry {
                    network_acl_id: id.to_owned(),
                    vpc_id,
                    is_default: false,
                    associations: Vec::new(),
                    entries: Vec::new(),
                });
            }
            Ok(_) => {}
            Err(why) => self.doubt(by, About::Everything, Layer::Network, Ways::ANY, why),
        }
    }

    /// Deletes a network ACL. Its subnets get the default one of the VPC.
    pub fn delete_acl(&mut self, by: &str, id: &str) {
        let Some(place) = self.place_of_acl(by, id) else { return };
        self.document.network_acls.remove(place);
    }

    /// Takes entries off a network ACL and adds others.
    pub fn change_acl(&mut self, by: &str, id: &str, (remove, add): (&[AclRule], &[AclRule])) {
        if remove.is_empty() && add.is_empty() {
            return;
        }
        let Some(place) = self.place_of_acl(by, id) else { return };
        let entries = &mut self.document.network_acls[place].entries;
        let is_at = |one: &AclRule, other: &AclRule| one.rule_number == other.rule_number && one.egress == other.egress;
        entries.retain(|entry| !remove.iter().any(|rule| is_at(entry, rule)));
        for rule in add {
            entries.retain(|entry| !is_at(entry, rule));
            entries.push(rule.clone());
        }
    }

    /// Notes that entries of a network ACL are not known.
    pub fn doubtful_acl(&mut self, by: &str, id: Option<&str>, why: &str) {
        let about = match id {
            Some(id) => self.vpc_of_acl(id).map_or(About::Everything, About::Vpc),
            None => About::Everything,
        };
        self.doubt(by, about, Layer::Network, Ways::ANY, why);
    }

    /// Makes a network ACL that of these subnets; those that it was of besides them get the default one of the VPC.
    pub fn set_acl_subnets(&mut self, by: &str, id: &str, subnets: Ids) {
        let Some(place) = self.place_of_acl(by, id) else { return };
        if let Some(why) = subnets.more.or(subnets.fewer) {
            return self.doubtful_acl(by, Some(id), &why);
        }
        self.document.network_acls[place].associations.clear();
        for subnet in subnets.ids {
            self.associate_acl(by, id, &subnet);
        }
    }

    /// Makes a network ACL that of a subnet.
    pub fn associate_acl(&mut self, by: &str, id: &str, subnet: &str) {
        let Some(place) = self.place_of_acl(by, id) else { return };
        if self.vpc_of_subnet(subnet).is_none() {
            let why = format!("{by} is of subnet {subnet}, which was not found in the account");
            return self.doubtful_acl(by, Some(id), &why);
        }
        for acl in &mut self.document.network_acls {
            acl.associations.retain(|association| association.subnet_id != subnet);
        }
        self.document.network_acls[place]
            .associations
            .push(NetworkAclAssociation {
                subnet_id: subnet.to_owned(),
            });
    }

    /// Gives a subnet the default network ACL of its VPC.
    pub fn dissociate_acl(&mut self, by: &str, id: &str, subnet: &str) {
        let Some(place) = self.place_of_acl(by, id) else { return };
        let associations = &mut self.document.network_acls[place].associations;
        associations.retain(|association| association.subnet_id != subnet);
    }

    fn vpc_of_acl(&self, id: &str) -> Option<String> {
        let acl = self.document.network_acls.iter().find(|acl| acl.network_acl_id == id)?;
        Some(acl.vpc_id.clone())
    }

    /// Where a network ACL is, noting that it is changed. One that was not found can be of any VPC.
    fn place_of_acl(&mut self, by: &str, id: &str) -> Option<usize> {
        let place = self
            .document
            .network_acls
            .iter()
            .position(|acl| acl.network_acl_id == id);
        if let Some(place) = place {
            let vpc = self.document.network_acls[place].vpc_id.clone();
            self.touch(by, About::Vpc(vpc), Layer::Network);
        } else {
            let why = format!("{by} changes network ACL {id}, which was not found in the account");
            self.doubt(by, About::Everything, Layer::Network, Ways::ANY, why);
        }
        place
    }
}
