//! What contradicts the tags of a resource.

use std::fmt;

use crate::model::Direction;

/// A fact by which a resource with our tags is not one that this program created for what was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// One of our tags is missing, or says something else.
    Tag {
        /// Its key.
        key: &'static str,
        /// Its value.
        found: Option<String>,
        /// The value that was expected.
        expected: String,
    },
    /// The name is none that a new group of this side gets.
    Name {
        /// The name.
        found: String,
        /// The pattern of such names.
        pattern: String,
    },
    /// The description is none that this program writes for this side; EC2 cannot change a description.
    Description(String),
    /// The account file leaves the description out.
    NoDescription,
    /// A rule names a group, and the set has no such other end.
    NoPartner {
        /// The name of the group that is missing.
        name: String,
    },
    /// The group at the other end of the set is not ours.
    Partner {
        /// That group.
        group: String,
        /// Why it is not.
        why: Vec<Contradiction>,
    },
    /// Neither the group nor the one at the other end of the set names the other, and one of them names another group.
    NotTied {
        /// Which way.
        direction: Direction,
        /// The group at the other end of the set.
        partner: String,
    },
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag {
                key,
                found: Some(found),
                expected,
            } => write!(f, "its tag {key} is {found:?}, not {expected:?}"),
            Self::Tag { key, expected, .. } => write!(f, "it has no tag {key}={expected}"),
            Self::Name { found, pattern } => {
                write!(
                    f,
                    "its name is {found:?}, and autoconnect creates {pattern} for this side"
                )
            }
            Self::Description(found) => write!(f, "its description {found:?} is not one that autoconnect writes"),
            Self::NoDescription => f.write_str("its description is not known"),
            Self::NoPartner { name } => {
                write!(
                    f,
                    "its rules name a group, and the group {name} of its set does not exist"
                )
            }
            Self::Partner { group, why } => {
                let why: Vec<String> = why.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "group {group} at the other end is not ours: of that group, {}",
                    why.join(", and ")
                )
            }
            Self::NotTied { direction, partner } => write!(
                f,
                "no {direction} rule names {partner}, the other end of its set, and {partner} does not name it back"
            ),
        }
    }
}
