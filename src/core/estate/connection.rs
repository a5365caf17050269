//! A connection by its names, before anything of it is read.

use std::fmt;

use crate::model::{DatabaseKind, Elsewhere, Named, Origin, last_segment};

/// Which function, which database, and through which proxy.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Connection {
    /// Cluster or instance.
    pub kind: DatabaseKind,
    /// The database's identifier or ARN.
    pub database: String,
    /// The proxy between them.
    pub proxy: Option<String>,
    /// The function's name, partial ARN or ARN.
    pub function: String,
}

impl Connection {
    /// Whether it has both ends. One that has not stands for a resource with groups that belong to no connection.
    pub fn is_whole(&self) -> bool {
        !self.database.is_empty() && !self.function.is_empty()
    }

    /// Reads the tag `autoconnect:connection`; none where it has another form.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let mut parts = tag.split(':');
        let (kind, database) = parts.next()?.split_once('/')?;
        let kind = match kind {
            "cluster" => DatabaseKind::Cluster,
            "instance" => DatabaseKind::Instance,
            _ => return None,
        };
        let mut next = parts.next()?;
        let proxy = next.strip_prefix("proxy/").map(str::to_owned);
        if proxy.is_some() {
            next = parts.next()?;
        }
        let function = next.strip_prefix("function/")?;
        let is_whole = parts.next().is_none() && !database.is_empty() && !function.is_empty();
        is_whole.then(|| Self {
            kind,
            database: database.to_owned(),
            proxy,
            function: function.to_owned(),
        })
    }
}

impl Connection {
    /// Whether what was named by ARNs can be where it is looked for, as far as that is known.
    ///
    /// # Errors
    ///
    /// Something is in another partition, Region or account.
    pub fn check(&self, here: &Origin) -> Result<(), Elsewhere> {
        Named::of(&self.database).check(here)?;
        Named::of(&self.function).check(here)
    }
}

/// As in the tag `autoconnect:connection`; of a single resource only that.
impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.database.is_empty() {
            parts.push(format!(
                "{}/{}",
                self.kind,
                last_segment(&self.database).to_ascii_lowercase()
            ));
        }
        if let Some(proxy) = &self.proxy {
            parts.push(format!("proxy/{}", proxy.to_ascii_lowercase()));
        }
        if !self.function.is_empty() {
            parts.push(format!("function/{}", last_segment(&self.function)));
        }
        f.write_str(&parts.join(":"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_as_they_are_written() {
        for tag in [
            "cluster/orders:function/checkout",
            "instance/ledger:proxy/p:function/f_1",
        ] {
            assert_eq!(Connection::from_tag(tag).unwrap().to_string(), tag);
        }
        for tag in [
            "",
            "cluster/orders",
            "table/a:function/f",
            "cluster/:function/f",
            "cluster/a:function/f:more",
            "cluster/a:proxy/p",
        ] {
            assert_eq!(Connection::from_tag(tag), None, "{tag}");
        }
    }
}
