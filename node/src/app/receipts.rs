//! What hubs signed that they hold: listed, checked against the feeds here, and one of them as a file that proves itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use huiliu_proto::{
    id::{DeviceId, FeedId},
    root::Root,
    signed::Receipt,
    union::UnionNumber,
};

use super::find;
use crate::{
    proof::{
        Made, Maker, ProvingError,
        receipts::{self, Confirmed, Judged, Verdict},
    },
    store::{
        Result, StoreError, View,
        feeds::{self, FeedRow},
        receipts as stored,
    },
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    #[error("there is no feed “{0}” here")]
    NoFeed(String),
    #[error("several feeds begin with “{typed}”")]
    SeveralFeeds { typed: String, feeds: Vec<FeedId> },
    #[error("no receipt of {union} for that feed is here")]
    NoReceipt { feed: FeedId, union: UnionNumber },
    #[error("“{0}” is no place in the list of receipts")]
    NoPlace(String),
    #[error("the receipt cannot be proven")]
    Proving(#[from] ProvingError),
    #[error("the receipts cannot be read")]
    Store(#[from] StoreError),
}

impl ReceiptError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            ReceiptError::NoFeed(_) => "unknown_feed",
            ReceiptError::SeveralFeeds { .. } => "several_feeds",
            ReceiptError::NoReceipt { .. } => "no_receipt",
            ReceiptError::NoPlace(_) => "no_such_place",
            ReceiptError::Proving(_) => "not_proven",
            ReceiptError::Store(_) => "database",
        }
    }
}

/// A receipt, and the feed that it is for, where that is here.
#[derive(Debug, Clone)]
pub struct Listed {
    pub receipt: Receipt,
    pub feed: Option<FeedRow>,
}

/// Where a receipt stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReceiptCursor {
    pub feed: FeedId,
    pub union: UnionNumber,
}

impl fmt::Display for ReceiptCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.feed, self.union)
    }
}

impl FromStr for ReceiptCursor {
    type Err = ReceiptError;

    fn from_str(typed: &str) -> Result<ReceiptCursor, ReceiptError> {
        let parts = typed.trim().split_once('@');
        let place = parts
            .and_then(|(feed, union)| Some(ReceiptCursor { feed: feed.parse().ok()?, union: union.parse().ok()? }));
        place.ok_or_else(|| ReceiptError::NoPlace(typed.to_owned()))
    }
}

/// Some of the receipts here.
#[derive(Debug, Clone)]
pub struct Page {
    pub receipts: Vec<Listed>,
    /// The last of them, where there are more.
    pub next: Option<ReceiptCursor>,
}

/// The latest of each level for each feed, the first `most` after a place.
pub fn page(conn: &View, after: Option<ReceiptCursor>, most: usize) -> Result<Page> {
    let mut some = stored::page(conn, after.map(|place| (place.feed, place.union)), most + 1)?;
    let more = some.len() > most;
    some.truncate(most);
    let next = some.last().filter(|_| more).map(|last| ReceiptCursor { feed: last.feed, union: last.union });
    let listed = |receipt: Receipt| Ok(Listed { feed: feeds::by_id(conn, &receipt.feed)?, receipt });
    Ok(Page { receipts: some.into_iter().map(listed).collect::<Result<_>>()?, next })
}

/// What came of checking every receipt, and some of what there is to say of them.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// How many there are, and how many of them need a person.
    pub receipts: u64,
    pub wrong: u64,
    /// Those that need a person, and how much of the own feeds each level has confirmed, both of the same page.
    pub bad: Vec<Judged>,
    pub confirmed: Vec<Confirmed>,
    /// The last place of the page, where there are more.
    pub next: Option<ReceiptCursor>,
}

/// Checks every receipt against the feed here, and tells what there is to say at the first `most` places after one. An
/// enrolled hub's signature under another history is kept as evidence: whoever looks later has to find it.
pub fn verify(store: &Store, root: Option<DeviceId>, after: Option<ReceiptCursor>, most: usize) -> Result<Verified> {
    let (verified, lies) = store.read(|conn| {
        let (mut verified, mut lies) = (Verified::default(), vec![]);
        let wanted = |place: &ReceiptCursor| after.is_none_or(|after| *place > after);
        let mut own = BTreeMap::new();
        for (row, union) in receipts::expected(conn)? {
            let place = ReceiptCursor { feed: row.feed.id, union };
            if wanted(&place) && own.len() <= most {
                own.insert(place, row);
            }
        }
        let (mut bad, mut good) = (BTreeMap::<ReceiptCursor, Judged>::new(), BTreeMap::<ReceiptCursor, Receipt>::new());
        receipts::judge(conn, root, &mut |one| {
            verified.receipts += 1;
            let place = ReceiptCursor { feed: one.receipt.feed, union: one.receipt.union };
            if one.verdict == Verdict::Good {
                if own.contains_key(&place) {
                    good.insert(place, one.receipt);
                }
                return;
            }
            verified.wrong += 1;
            if one.verdict == Verdict::Disagrees {
                lies.push(one.receipt.clone());
            }
            if wanted(&place) && bad.len() <= most {
                bad.insert(place, one);
            }
        })?;
        let places: BTreeSet<ReceiptCursor> = bad.keys().chain(own.keys()).copied().collect();
        let last = places.iter().nth(most.saturating_sub(1)).copied();
        verified.next = last.filter(|_| places.len() > most);
        let here = |place: &ReceiptCursor| verified.next.is_none_or(|last| *place <= last);
        for (place, row) in own.iter().filter(|(place, _)| here(place)) {
            verified.confirmed.push(receipts::confirmed(conn, row, place.union, good.get(place))?);
        }
        verified.bad = bad.into_iter().filter(|(place, _)| here(place)).map(|(_, one)| one).collect();
        Ok((verified, lies))
    })?;
    keep(store, lies)?;
    Ok(verified)
}

/// The one feed whose id begins so.
pub fn feed_named(conn: &View, typed: &str) -> Result<FeedId, ReceiptError> {
    let found = match find::digits(typed, find::SHORTEST) {
        Some(digits) => find::feeds(conn, &digits)?,
        None => vec![],
    };
    match &found[..] {
        [one] => Ok(one.feed.id),
        [] => Err(ReceiptError::NoFeed(typed.to_owned())),
        _ => {
            let feeds = found.iter().map(|row| row.feed.id).collect();
            Err(ReceiptError::SeveralFeeds { typed: typed.to_owned(), feeds })
        }
    }
}

/// The receipt of a union for a feed.
pub fn held(conn: &View, feed: FeedId, union: UnionNumber) -> Result<Receipt, ReceiptError> {
    stored::of(conn, &feed, union)?.ok_or(ReceiptError::NoReceipt { feed, union })
}

/// A receipt with all that it rests on, to keep or to mail.
pub fn export(store: &Store, root: Root, feed: &str, union: UnionNumber) -> Result<(Receipt, Made), ReceiptError> {
    let (receipt, made) = store.read(|conn| {
        let receipt = match feed_named(conn, feed).and_then(|feed| held(conn, feed, union)) {
            Ok(receipt) => receipt,
            Err(error) => return Ok(Err(error)),
        };
        let made = Maker::new(conn, root).receipt(receipt.clone());
        Ok(Ok((receipt, made)))
    })??;
    keep_lies(store, &made)?;
    Ok((receipt, made?))
}

/// Where a hub signed for another history, that is kept as evidence.
pub(super) fn keep_lies(store: &Store, made: &Result<Made, ProvingError>) -> Result<()> {
    keep(
        store,
        match made {
            Err(ProvingError::Contradiction(lie)) => vec![(**lie).clone()],
            Err(ProvingError::Liars(one, other)) => vec![(**one).clone(), (**other).clone()],
            _ => vec![],
        },
    )
}

fn keep(store: &Store, lies: Vec<Receipt>) -> Result<()> {
    if lies.is_empty() {
        return Ok(());
    }
    store.write_blocking(move |ledger| lies.iter().try_for_each(|lie| ledger.keep_lie(lie)))
}
