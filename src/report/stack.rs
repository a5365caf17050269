//! What `export` writes for AWS CloudFormation and for the CDK: one template, and two ways to write it down.
//!
//! Source: docs/export.md, "CloudFormation and the CDK".

mod build;
mod cdk;
mod cloudformation;
mod label;

pub use build::template;
pub use cdk::cdk;
pub use cloudformation::{cloudformation, resources_to_import};

use crate::model::{Origin, Side};

/// A value in a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
    /// A truth value.
    Bool(bool),
    /// `null`, which only policy documents have.
    Null,
    /// A list.
    List(Vec<Value>),
    /// An object, its keys in order. They are those of CloudFormation, which the CDK begins with a small letter.
    Object(Vec<(&'static str, Value)>),
    /// A part of a policy document, whose keys are the same everywhere.
    Document(Vec<(String, Value)>),
    /// The value of a parameter.
    Parameter(String),
    /// An attribute of a resource.
    Attribute {
        /// Its logical id.
        of: String,
        /// The attribute, as CloudFormation names it.
        name: &'static str,
    },
    /// What `Ref` of a resource gives.
    Ref(String),
    /// A security group that is not part of the template.
    OtherGroup {
        /// The id of its construct in the CDK.
        label: String,
        /// Its id in EC2.
        id: String,
    },
    /// `Fn::Sub`: a text with references.
    Sub(Vec<Part>),
}

/// A part of a text with references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// As it is.
    Literal(String),
    /// `AWS::AccountId` or `AWS::Region`.
    Pseudo(&'static str),
    /// An attribute of a resource.
    Attribute {
        /// Its logical id.
        of: String,
        /// The attribute.
        name: &'static str,
    },
    /// `Ref` of a parameter or a resource.
    Ref(String),
    /// The last part of the ARN of a proxy of the template, `prx-…`, by which IAM names it.
    ProxyId(String),
}

impl Value {
    /// A text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A parameter of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its logical id.
    pub id: String,
    /// Its type.
    pub kind: &'static str,
    /// What it is.
    pub description: String,
    /// The value where none is given; none where it is not known.
    pub default: Option<String>,
}

/// A resource of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its logical id.
    pub id: String,
    /// Its type, such as `AWS::EC2::SecurityGroup`.
    pub kind: &'static str,
    /// The logical ids of resources that come before it, and that it does not refer to.
    pub after: Vec<String>,
    /// Its properties.
    pub properties: Vec<(&'static str, Value)>,
    /// By what an import finds it; none where it does not exist, or its id is not known.
    pub import: Option<Vec<(&'static str, String)>>,
}

/// A value that other stacks can refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its logical id.
    pub id: String,
    /// What it is.
    pub description: String,
    /// Its value.
    pub value: Value,
}

/// What the owner of a resource has to write into its own template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForOwner {
    /// The kind of resource.
    pub side: Side,
    /// The resource, as text.
    pub resource: String,
    /// Its subnets, where they are written with its groups.
    pub subnets: Vec<String>,
    /// Whether it uses IPv6 in dual-stack subnets.
    pub ipv6_allowed: bool,
    /// All of its groups: an id, or the name of an output.
    pub groups: Vec<OwnersGroup>,
}

/// A group of a resource that is not part of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnersGroup {
    /// By its id.
    Id(String),
    /// By the output of this template that has its id.
    Output(String),
}

/// A template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// The account and Region that it was made from.
    pub origin: Origin,
    /// What it is.
    pub description: String,
    /// What its reader should know, a sentence each.
    pub notes: Vec<String>,
    /// What the owners of other resources have to write.
    pub owners: Vec<ForOwner>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
    /// The resources, each after those that it refers to.
    pub resources: Vec<Resource>,
    /// The outputs.
    pub outputs: Vec<Output>,
}
