//! Which operations a person means: `FEED#NUMBER`, `FEED#FROM-TO`, a whole `FEED`, or a record's id.

use anyhow::Result;

use crate::{
    app::find,
    cli::error::{Mistake, both},
    store::{
        View,
        feeds::{self, FeedRow},
        quarantine,
    },
};

/// A feed, and the first of its operations that is meant with how many; all of them where none was named.
pub fn find(conn: &View, typed: &str) -> Result<(FeedRow, Option<(u64, u64)>)> {
    let (name, part) = match typed.split_once(['#', '＃']) {
        Some((name, part)) => (name, Some(range(part).ok_or_else(|| nonsense(typed))?)),
        None => (typed, None),
    };
    let digits = find::digits(name, find::SHORTEST).ok_or_else(|| nonsense(typed))?;
    let all = feeds::all(conn)?;
    let mut found: Vec<FeedRow> = all.into_iter().filter(|f| f.feed.id.to_string().starts_with(&digits)).collect();
    match (found.pop(), found.is_empty()) {
        (Some(row), true) => return Ok((row, part)),
        (Some(_), false) => {
            let what = both(format!("“{name}”对应多条数据流水"), format!("several feeds begin with “{name}”"));
            return Err(Mistake::usage(what, both("请多写几位", "type more of it")).into());
        }
        (None, _) => {}
    }
    // A record's id, where that is what is held.
    let held = if part.is_none() { quarantine::of_prefix(conn, &digits)? } else { None };
    match held {
        Some(held) => Ok((feeds::by_no(conn, held.feed)?, Some((held.seq, 1)))),
        None => Err(Mistake::failed(
            both(format!("待核区没有“{typed}”"), format!("nothing in quarantine is called “{typed}”")),
            both("用 quarantine list 查看", "see `quarantine list`"),
        )
        .into()),
    }
}

/// `7`, or `7-12`: first and how many.
fn range(part: &str) -> Option<(u64, u64)> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    Some((first, last.checked_sub(first)?.checked_add(1)?))
}

fn nonsense(typed: &str) -> Mistake {
    Mistake::usage(
        both(format!("“{typed}”不是数据流水、序号或记录编号"), format!("“{typed}” names no feed, number or record")),
        both(
            "如 99ef0179#7、99ef0179#7-12、99ef0179（整条数据流水）或记录编号的开头几位",
            "such as 99ef0179#7, 99ef0179#7-12, 99ef0179 for a whole feed, or the beginning of a record's id",
        ),
    )
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
