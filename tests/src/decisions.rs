//! What a union above says of the devices below it.

use huiliu_proto::{
    handle::{Draft, Row},
    period::Day,
    record::Record,
    records::{quarantine_ruling, revocation, revocation_last},
    union::UnionNumber,
    v1::{QuarantineRuling, Revocation, Ruling},
};

use crate::forger::Forger;

/// A device of a union is revoked; so much of its feeds stays.
pub fn revocation(of: &Forger, union: UnionNumber, stays: &[(&Forger, u64)]) -> Record {
    let mut said = Draft::<Revocation>::new();
    said.set(revocation::UNION, union).set(revocation::DEVICE, of.device().to_vec());
    said.set(revocation::REVOKED_ON, Day(20_500)).set(revocation::REASON, "丢失");
    let line = |(forger, size): &(&Forger, u64)| {
        let line = Row::default().with(revocation_last::FEED, forger.feed.id.to_vec());
        line.with(revocation_last::SIZE, *size as i64)
    };
    if !stays.is_empty() {
        said.set(revocation::LAST, stays.iter().map(line).collect::<Vec<_>>());
    }
    said.into_record()
}

/// A ruling on `count` operations of a feed from `first` on; each replaces those before.
pub fn ruling(on: &Forger, union: UnionNumber, (first, count): (u64, u64), ruling: Ruling, revision: i64) -> Record {
    let mut said = Draft::<QuarantineRuling>::new();
    said.set(quarantine_ruling::UNION, union).set(quarantine_ruling::IN_FEED, on.feed.id.to_vec());
    said.set(quarantine_ruling::FIRST, first as i64).set(quarantine_ruling::COUNT, count as i64);
    said.set(quarantine_ruling::RULING, ruling).set(quarantine_ruling::REASON, "经查");
    said.set(quarantine_ruling::REVISION, revision);
    said.into_record()
}
