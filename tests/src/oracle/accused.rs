//! Nobody is accused of what he did not do, nor of what did not befall him.

use std::collections::BTreeSet;

use anyhow::{Result, bail};
use huiliu_node::{
    store::{
        View,
        evidence::{self, Evidence, EvidenceKind},
        feeds,
    },
    writer::Store,
};
use huiliu_proto::{
    id::{DeviceId, FeedId},
    union::UnionNumber,
    v1,
};
use prost::Message as _;

use crate::world::Machine;

/// Whether one of two who say different things keeps no rule: which of the two it is nobody can tell, and the words name
/// both.
fn is_word_against_word(conn: &View, split: &Evidence, rogues: &BTreeSet<DeviceId>) -> bool {
    let Some(said) = split.theirs.as_ref().filter(|_| split.what == EvidenceKind::Split) else { return false };
    let receipt = v1::Receipt::decode(&said.message[..]).ok();
    let head = v1::TreeHead::decode(&said.message[..]).ok();
    let feed = head.and_then(|head| FeedId::try_from(&head.feed[..]).ok());
    let writer = feed.and_then(|feed| feeds::by_id(conn, &feed).ok().flatten()).map(|row| row.feed.device);
    let signer = receipt.and_then(|receipt| DeviceId::try_from(&receipt.device[..]).ok());
    [writer, signer].into_iter().flatten().any(|device| rogues.contains(&device))
}

/// The device whose feed it is; of one that is not here nobody knows.
fn writer(conn: &View, feed: &FeedId) -> Option<DeviceId> {
    feeds::by_id(conn, feed).ok().flatten().map(|row| row.feed.device)
}

/// Of which device a piece of evidence says that its disk went back, or that its key is used twice.
fn said_to_be_hurt(conn: &View, machine: &Machine, evidence: &Evidence) -> Option<DeviceId> {
    let me = machine.me().device();
    match evidence.what {
        EvidenceKind::Elsewhere => Some(me),
        EvidenceKind::Fork => writer(conn, &evidence.feed),
        EvidenceKind::Restored => match (evidence.from, &evidence.ours, &evidence.theirs) {
            (None, None, None) => Some(me),
            // A hub that says it has less than it signed for.
            (Some(hub), None, Some(_)) => Some(hub.device),
            _ => writer(conn, &evidence.feed),
        },
        _ => None,
    }
}

/// Who is who in a story.
pub struct Cast<'a> {
    pub rogues: &'a BTreeSet<DeviceId>,
    /// Devices whose disk went back, or was copied.
    pub hurt: &'a BTreeSet<DeviceId>,
    /// Machines that honest hubs enrolled, also those that are still in a cupboard.
    pub enrolled: &'a BTreeSet<(UnionNumber, DeviceId)>,
}

/// Whether a device was enrolled of which the union's other machines had to be told.
fn is_newcomer(machine: &Machine, evidence: &Evidence, cast: &Cast<'_>) -> bool {
    let told = evidence.theirs.as_ref().and_then(|signed| DeviceId::try_from(&signed.message[..]).ok());
    told.is_some_and(|told| told != machine.me().device() && cast.enrolled.contains(&(machine.union(), told)))
}

/// Nobody is accused of lying where nobody lied; nobody is said to have lost a disk, or to work twice, to whom that did
/// not happen; no disk is called altered, and no machine a stranger that is none.
pub fn accuses_nobody(machine: &Machine, store: &Store, cast: &Cast<'_>) -> Result<()> {
    let Cast { rogues, hurt, .. } = cast;
    let lies = [EvidenceKind::Split, EvidenceKind::Withheld, EvidenceKind::Forged, EvidenceKind::Receipt];
    let wrong = store.read(|conn| {
        let wrong = |e: &Evidence| {
            let by_rogue = e.from.is_some_and(|from| rogues.contains(&from.device));
            match e.what {
                EvidenceKind::Altered => true,
                EvidenceKind::Enrolled => !by_rogue && !is_newcomer(machine, e, cast),
                what if lies.contains(&what) => !by_rogue && !is_word_against_word(conn, e, rogues),
                _ => said_to_be_hurt(conn, machine, e).is_some_and(|d| !hurt.contains(&d) && !rogues.contains(&d)),
            }
        };
        Ok(evidence::list(conn, true)?.into_iter().find(|kept| wrong(&kept.evidence)))
    })?;
    match wrong {
        Some(kept) => {
            let (word, detail) = (kept.evidence.what.word(), kept.evidence.detail.en);
            bail!("{} accuses an honest machine of what was not so ({word}): {detail}", machine.name)
        }
        None => Ok(()),
    }
}
