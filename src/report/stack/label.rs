//! Logical ids that people would choose.

use std::collections::BTreeSet;

/// The logical ids of one template: each is unique, also where only case differs.
#[derive(Clone, Debug, Default)]
pub struct Labels(BTreeSet<String>);

impl Labels {
    /// A logical id that nothing has yet, from these words.
    pub fn take(&mut self, words: &str) -> String {
        let base = pascal(words);
        let numbered = (1_usize..).map(|number| match number {
            1 => base.clone(),
            // A digit at the end would be read as a part of the name.
            number if base.ends_with(|last: char| last.is_ascii_digit()) => format!("{base}x{number}"),
            number => format!("{base}{number}"),
        });
        for label in numbered {
            if self.0.insert(label.to_ascii_lowercase()) {
                return label;
            }
        }
        base
    }
}

/// `rds-lambda-1` is `RdsLambda1`. CloudFormation takes letters and digits of ASCII.
pub fn pascal(words: &str) -> String {
    let mut made = String::new();
    let mut begins = true;
    for character in words.chars() {
        if character.is_ascii_alphanumeric() {
            // Two numbers that follow each other stay apart.
            if begins && character.is_ascii_digit() && made.ends_with(|last: char| last.is_ascii_digit()) {
                made.push('x');
            }
            made.push(if begins {
                character.to_ascii_uppercase()
            } else {
                character
            });
            begins = false;
        } else {
            begins = true;
        }
    }
    if made.starts_with(|first: char| first.is_ascii_alphabetic()) {
        made
    } else {
        format!("Resource{made}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_logical_ids() {
        let table = [
            ("rds-lambda-1", "RdsLambda1"),
            ("rds-lambda-1 from 10.0.0.0/8", "RdsLambda1From10x0x0x0x8"),
            ("orders", "Orders"),
            ("1st", "Resource1st"),
            ("ünïcode", "NCode"),
            ("", "Resource"),
            ("a_b+c=d,e.f@g", "ABCDEFG"),
        ];
        for (name, label) in table {
            assert_eq!(pascal(name), label, "{name}");
        }
    }

    #[test]
    fn no_two_are_alike() {
        let mut labels = Labels::default();
        let taken = ["a-b", "a-b", "aB", "rds-1", "rds-1", "rds+1"].map(|name| labels.take(name));
        assert_eq!(taken, ["AB", "AB2", "AB3", "Rds1", "Rds1x2", "Rds1x3"]);
    }
}
