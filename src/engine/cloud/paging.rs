//! Lists that come in pages, and that must end.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::{Answer, CloudError, Fault, Operation};

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the next page begins; none on the last one.
    pub next: Option<String>,
}

impl<T> From<Vec<T>> for Page<T> {
    fn from(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// The answer to a request for one page, of the largest size. The request's `from` is the `next` of the page before.
pub type Listed<T> = Answer<Page<T>>;

/// No list of an account has more pages.
pub const MOST_PAGES: usize = 10_000;

/// The pages of one list that were read so far.
#[derive(Debug)]
pub struct Pages {
    operation: Operation,
    /// The tokens that led to them, each by its hash.
    tokens: HashSet<u64>,
}

impl Pages {
    /// None yet.
    pub fn of(operation: Operation) -> Self {
        Self {
            operation,
            tokens: HashSet::new(),
        }
    }

    /// Notes a page with the token of the next one, and returns whether there is one.
    ///
    /// # Errors
    ///
    /// The token has led to a page before, or there are more pages than any account has.
    pub fn turn(&mut self, next: Option<&str>) -> Answer<bool> {
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            return Ok(false);
        };
        let mut hasher = DefaultHasher::new();
        next.hash(&mut hasher);
        let wrong = if !self.tokens.insert(hasher.finish()) {
            "the list does not end: a page refers to one that was read before".to_owned()
        } else if self.tokens.len() >= MOST_PAGES {
            format!("the list has more than {MOST_PAGES} pages")
        } else {
            return Ok(true);
        };
        Err(CloudError::new(self.operation, Fault::Malformed(wrong)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends() {
        let mut pages = Pages::of(Operation::ListFunctions);
        assert_eq!(pages.turn(Some("a")), Ok(true));
        assert_eq!(pages.turn(Some("b")), Ok(true));
        assert_eq!(pages.turn(Some("")), Ok(false));
        assert_eq!(pages.turn(None), Ok(false));
    }

    #[test]
    fn a_token_that_comes_again_is_an_error() {
        for tokens in [&["a", "a"][..], &["a", "b", "a"], &["a", "b", "c", "b"]] {
            let mut pages = Pages::of(Operation::ListFunctions);
            let (last, before) = tokens.split_last().unwrap();
            for token in before {
                assert_eq!(pages.turn(Some(token)), Ok(true));
            }
            let error = pages.turn(Some(last)).unwrap_err();
            assert_eq!(error.code(), "malformed-answer", "{error}");
        }
    }

    #[test]
    fn tokens_without_an_end_are_an_error() {
        let mut pages = Pages::of(Operation::ListFunctions);
        let failed = (0..2 * MOST_PAGES).position(|number| pages.turn(Some(&number.to_string())).is_err());
        assert_eq!(failed, Some(MOST_PAGES - 1));
    }
}
