//! That one receipt's history goes on where another's ended. Two that contradict each other are kept as evidence.

use huiliu_proto::{
    id::FeedId,
    proof::{ProofError, Subject},
    root::Root,
    signed::Receipt,
    union::UnionNumber,
};

use super::receipts::{self, ReceiptError, held};
use crate::{
    proof::{Made, Maker, ProvingError},
    store::{StoreError, View, feeds, receipts as stored},
    writer::Store,
};

#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error("the two receipts are not for one feed")]
    TwoFeeds,
    #[error("it is one and the same receipt; there is nothing to compare")]
    Same,
    /// The feed has to be named: so many fit.
    #[error("own feeds for which both unions have signed: {0}")]
    WhichFeed(usize),
    #[error("a receipt is missing")]
    Receipt(#[from] ReceiptError),
    #[error("it cannot be proven")]
    Proving(#[from] ProvingError),
    #[error("the receipts cannot be read")]
    Store(#[from] StoreError),
}

impl CompareError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            CompareError::TwoFeeds => "two_feeds",
            CompareError::Same => "same_receipt",
            CompareError::WhichFeed(_) => "which_feed",
            CompareError::Receipt(error) => error.code(),
            CompareError::Proving(_) => "not_proven",
            CompareError::Store(_) => "database",
        }
    }
}

/// A receipt: one that was kept, or the latest here of a union.
#[derive(Debug, Clone)]
pub enum Side {
    Kept(Box<Receipt>),
    Of(UnionNumber),
}

/// What was shown, and the file that proves it.
#[derive(Debug)]
pub struct Grown {
    pub feed: FeedId,
    pub older: Receipt,
    pub newer: Receipt,
    pub file: Vec<u8>,
}

/// Compares two receipts for one feed; `feed` is the beginning of its id, needed where both unions hold several.
pub fn compare(store: &Store, root: Root, sides: [Side; 2], feed: Option<&str>) -> Result<Grown, CompareError> {
    let made = store.read(|conn| {
        let both = both(conn, &sides, feed);
        Ok(both.map(|(old, new)| Maker::new(conn, root).growth(old, new)))
    })??;
    receipts::keep_lies(store, &made)?;
    let Made { file, proven } = made?;
    match proven.subject {
        Subject::Growth { feed, older, newer } => Ok(Grown { feed, older, newer, file }),
        _ => Err(ProvingError::Damaged(ProofError::NoSubject).into()),
    }
}

fn both(conn: &View, sides: &[Side; 2], feed: Option<&str>) -> Result<(Receipt, Receipt), CompareError> {
    let feed = match (sides, feed) {
        ([Side::Kept(receipt), _] | [_, Side::Kept(receipt)], _) => receipt.feed,
        (_, Some(typed)) => receipts::feed_named(conn, typed)?,
        ([Side::Of(old), Side::Of(new)], None) => common(conn, *old, *new)?,
    };
    let pick = |side: &Side| match side {
        Side::Kept(receipt) => Ok((**receipt).clone()),
        Side::Of(union) => held(conn, feed, *union),
    };
    let (old, new) = (pick(&sides[0])?, pick(&sides[1])?);
    if old.feed != new.feed {
        return Err(CompareError::TwoFeeds);
    }
    if old == new {
        return Err(CompareError::Same);
    }
    Ok((old, new))
}

/// The feed of this device for which both unions have signed, if there is but one.
fn common(conn: &View, old: UnionNumber, new: UnionNumber) -> Result<FeedId, CompareError> {
    let mut found = vec![];
    for own in feeds::owned(conn)? {
        let id = own.feed.id;
        if stored::of(conn, &id, old)?.is_some() && stored::of(conn, &id, new)?.is_some() {
            found.push(id);
        }
    }
    match found[..] {
        [one] => Ok(one),
        _ => Err(CompareError::WhichFeed(found.len())),
    }
}
