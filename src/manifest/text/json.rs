//! JSON. `serde_json` gives no lines of what it reads, so the lines that it has taken are counted.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Read};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::{Mistake, Spot};
use super::{Field, Found, Kind, Node};

pub fn read(kind: Kind, text: &str) -> Result<Node, Mistake> {
    let line = Cell::new(1);
    let source = Counted {
        rest: text.as_bytes(),
        is_at_end: false,
        line: &line,
    };
    let mut reader = serde_json::Deserializer::from_reader(source);
    let seed = Seed {
        line: &line,
        kind,
        depth: 0,
    };
    let read = seed.deserialize(&mut reader);
    read.and_then(|node| reader.end().map(|()| node)).map_err(|error| {
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = error.to_string();
        let message = message.strip_suffix(&place).unwrap_or(&message);
        Mistake::at(Spot::Line(error.line().max(1)), message)
    })
}

/// A text that is read byte by byte. A line begins with the byte after a newline: `serde_json` may have to look at the
/// newline behind a number before it knows the number's end.
struct Counted<'a> {
    rest: &'a [u8],
    is_at_end: bool,
    line: &'a Cell<usize>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (Some((byte, rest)), Some(place)) = (self.rest.split_first(), buffer.first_mut()) else {
            return Ok(0);
        };
        if self.is_at_end {
            self.line.set(self.line.get() + 1);
        }
        (*place, self.rest, self.is_at_end) = (*byte, rest, *byte == b'\n');
        Ok(1)
    }
}

#[derive(Clone, Copy)]
struct Seed<'a> {
    line: &'a Cell<usize>,
    kind: Kind,
    depth: usize,
}

impl Seed<'_> {
    fn spot(self) -> Spot {
        Spot::Line(self.line.get())
    }

    fn node(self, found: Found) -> Node {
        Node {
            spot: self.spot(),
            found,
        }
    }

    fn below<E: Error>(self) -> Result<Self, E> {
        if self.depth == self.kind.deepest() {
            return Err(E::custom(self.kind.too_deep()));
        }
        Ok(Self {
            depth: self.depth + 1,
            ..self
        })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Node, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(self.node(Found::Nothing))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(self.node(Found::Flag(flag)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(self.node(Found::Number(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(self.node(Found::Number(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(self.node(Found::Number(number.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(self.node(Found::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Node, A::Error> {
        let (spot, below) = (self.spot(), self.below()?);
        let mut list = Vec::new();
        while let Some(node) = values.next_element_seed(below)? {
            list.push(node);
        }
        let found = Found::List(list);
        Ok(Node { spot, found })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Node, A::Error> {
        let (spot, below) = (self.spot(), self.below()?);
        let mut table = Vec::new();
        while let Some(key) = fields.next_key::<String>()? {
            table.push(Field {
                key,
                spot: self.spot(),
                node: fields.next_value_seed(below)?,
            });
        }
        let found = Found::Table(table);
        Ok(Node { spot, found })
    }
}
