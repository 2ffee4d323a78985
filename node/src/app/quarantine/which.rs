//! Which operations a person means: `FEED#NUMBER`, `FEED#FROM-TO`, a whole `FEED`, or a record's id.

use huiliu_proto::id::FeedId;

use crate::{
    app::find::{self, SHORTEST, digits},
    store::{
        StoreError, View,
        feeds::{self, FeedRow},
        quarantine,
    },
};

/// A feed, and the first of its operations that is meant with how many; all of them where none was named.
#[derive(Debug, Clone, PartialEq)]
pub struct Which {
    pub feed: FeedRow,
    pub part: Option<(u64, u64)>,
}

#[derive(Debug, thiserror::Error)]
pub enum WhichError {
    /// Neither feed, nor number, nor record.
    #[error("“{0}” names no feed, number or record")]
    Nonsense(String),
    #[error("several feeds begin with “{typed}”")]
    Several { typed: String, feeds: Vec<FeedId> },
    #[error("nothing in quarantine is called “{0}”")]
    Nothing(String),
    #[error("the quarantine cannot be read")]
    Store(#[from] StoreError),
}

impl WhichError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            WhichError::Nonsense(_) => "no_place",
            WhichError::Several { .. } => "several_feeds",
            WhichError::Nothing(_) => "not_held",
            WhichError::Store(_) => "database",
        }
    }
}

pub fn find(conn: &View, typed: &str) -> Result<Which, WhichError> {
    let nonsense = || WhichError::Nonsense(typed.to_owned());
    let (name, part) = match typed.split_once(['#', '＃']) {
        Some((name, part)) => (name, Some(range(part).ok_or_else(nonsense)?)),
        None => (typed, None),
    };
    let digits = digits(name, SHORTEST).ok_or_else(nonsense)?;
    let mut found = find::feeds(conn, &digits)?;
    if found.len() > 1 {
        let feeds = found.iter().map(|row| row.feed.id).collect();
        return Err(WhichError::Several { typed: name.to_owned(), feeds });
    }
    if let Some(feed) = found.pop() {
        return Ok(Which { feed, part });
    }
    // A record's id, where that is what is held.
    let held = if part.is_none() { quarantine::of_prefix(conn, &digits)? } else { None };
    let held = held.ok_or_else(|| WhichError::Nothing(typed.to_owned()))?;
    Ok(Which { feed: feeds::by_no(conn, held.feed)?, part: Some((held.seq, 1)) })
}

/// `7`, or `7-12`: first and how many.
fn range(part: &str) -> Option<(u64, u64)> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    Some((first, last.checked_sub(first)?.checked_add(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_feed_is_read_as_typed() {
        assert_eq!(range("7"), Some((7, 1)));
        assert_eq!(range("7-12"), Some((7, 6)));
        assert_eq!(range("0 - 0"), Some((0, 1)));
        for nonsense in ["", "-", "12-7", "a", "1-", "99999999999999999999", "0-18446744073709551615"] {
            assert_eq!(range(nonsense), None, "{nonsense}");
        }
    }
}
