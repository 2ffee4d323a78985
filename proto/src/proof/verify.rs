//! The checks of a proof, in the order in which one rests on the other.

use std::collections::BTreeSet;

use super::{Link, ProofError, Proven, ProvenFeed, ProvenOperation, Subject, VERSION, standing};
use crate::{
    algorithms::Suite,
    attestation,
    edit::{Actor, Edit},
    feed::{Feed, Scope},
    handle::Declared as _,
    id::{DeviceId, FeedId, Hash, RecordId},
    kind::{self, Kind, Shape},
    operation::Operation,
    record::Record,
    records::enrolment,
    root::{Fingerprint, Root},
    signed::{Receipt, TreeHead, Verified},
    tree,
    union::UnionNumber,
    v1::{self, Enrolment},
};

pub fn verify(mut proof: v1::Proof, expected: Fingerprint) -> Result<Proven, ProofError> {
    if proof.version != VERSION {
        return Err(ProofError::Version(proof.version));
    }
    Suite::try_from(proof.algorithms)?;
    let root = root(proof.root.unwrap_or_default())?;
    let found = root.fingerprint();
    if found != expected {
        return Err(ProofError::OtherRoot { found, expected });
    }
    let claims: Vec<_> = proof.feeds.iter_mut().map(|wire| wire.standing.take()).collect();
    let mut feeds: Vec<ProvenFeed> =
        proof.feeds.into_iter().enumerate().map(|(n, wire)| feed(n, wire, &root.network)).collect::<Result<_, _>>()?;
    if !feeds.is_sorted_by(|a, b| a.feed.id < b.feed.id) {
        return Err(ProofError::FeedOrder);
    }
    let subject = subject(proof.subject, &feeds)?;
    standing::take(claims, &mut feeds, &subject, root.device)?;
    let proven = Proven { root, feeds, subject };
    let needed = admitted(&proven)?;
    nothing_else(&proven, &needed)?;
    if let Subject::Record(id) = proven.subject {
        record(&proven, id)?;
    }
    Ok(proven)
}

fn root(wire: v1::ProofRoot) -> Result<Root, ProofError> {
    let wrong = |_| ProofError::Malformed("the root");
    Ok(Root {
        network: wire.network,
        device: DeviceId::try_from(&wire.device[..]).map_err(wrong)?,
        certificate_key: Hash::try_from(&wire.certificate_key[..]).map_err(wrong)?,
    })
}

pub fn hashes(path: &[u8]) -> Result<Vec<Hash>, ProofError> {
    let (chunks, rest) = path.as_chunks::<{ Hash::LEN }>();
    match rest {
        [] => Ok(chunks.iter().copied().map(Hash).collect()),
        _ => Err(ProofError::Malformed("a path")),
    }
}

/// The feed's own part: header, head, and that its operations and receipts stand under that head.
pub fn feed(number: usize, wire: v1::ProofFeed, network: &str) -> Result<ProvenFeed, ProofError> {
    let feed = Feed::parse(wire.header).map_err(|error| ProofError::Header(number, error))?;
    let id = feed.id;
    if feed.network != network {
        return Err(ProofError::Network(id));
    }
    if wire.head.is_some() == wire.operations.is_empty() {
        return Err(ProofError::HeadMissing(id));
    }
    let head = wire.head.map(|signed| TreeHead::verify(signed, id, &feed.device).map(Verified::into_inner));
    let head = head.transpose().map_err(|error| ProofError::Head(id, error))?;
    let mut operations = Vec::with_capacity(wire.operations.len());
    for wire in wire.operations {
        let head = head.as_ref().ok_or(ProofError::HeadMissing(id))?;
        let position = wire.position;
        let operation = Operation::from_wire(wire.operation.unwrap_or_default())
            .map_err(|error| ProofError::Operation(id, position, error))?;
        if !tree::included(operation.leaf(), position, head.size, &hashes(&wire.path)?, head.root) {
            return Err(ProofError::NotIncluded(id, position));
        }
        operations.push(ProvenOperation { position, operation });
    }
    if !operations.is_sorted_by(|a, b| a.position < b.position) {
        return Err(ProofError::OperationOrder(id));
    }
    let mut receipts = Vec::with_capacity(wire.receipts.len());
    for wire in wire.receipts {
        let head = head.as_ref().ok_or(ProofError::HeadMissing(id))?;
        let receipt = receipt(wire.receipt, &feed)?;
        if !tree::consistent(receipt.size, receipt.root, head.size, head.root, &hashes(&wire.path)?) {
            return Err(ProofError::ReceiptHistory(id, receipt.union));
        }
        receipts.push(receipt);
    }
    if !receipts.is_sorted_by(|a, b| a.union < b.union) {
        return Err(ProofError::ReceiptOrder(id));
    }
    Ok(ProvenFeed { feed, head, operations, receipts, standing: None })
}

/// A receipt for this feed, from a union that is meant to have it and does not write it.
fn receipt(signed: Option<v1::Signed>, feed: &Feed) -> Result<Receipt, ProofError> {
    let receipt = Receipt::verify(signed.unwrap_or_default()).map_err(|error| ProofError::Receipt(feed.id, error))?;
    match receipt.feed == feed.id && receipt.size > 0 && feed.confirmed_by(receipt.union) {
        true => Ok(receipt),
        false => Err(ProofError::ReceiptFeed(feed.id)),
    }
}

fn subject(wire: Option<v1::proof::Subject>, feeds: &[ProvenFeed]) -> Result<Subject, ProofError> {
    use v1::proof::Subject as Wire;
    // Which feed a receipt is for, it says itself; its signature is asked for with that feed's header.
    let of = |signed: &v1::Signed| -> Result<&ProvenFeed, ProofError> {
        use prost::Message as _;
        let named = v1::Receipt::decode(signed.message.clone()).ok();
        let named = named.and_then(|r| FeedId::try_from(&r.feed[..]).ok());
        feeds.iter().find(|f| Some(f.feed.id) == named).ok_or(ProofError::NoSubject)
    };
    match wire.ok_or(ProofError::NoSubject)? {
        Wire::Record(id) => Ok(Subject::Record(RecordId::try_from(&id[..]).map_err(|_| ProofError::NoSubject)?)),
        Wire::Receipt(signed) => {
            let feed = &of(&signed)?.feed;
            Ok(Subject::Receipt { feed: feed.id, receipt: receipt(Some(signed), feed)? })
        }
        Wire::Growth(growth) => {
            let feed = &of(growth.older.as_ref().ok_or(ProofError::NoSubject)?)?.feed;
            let (older, newer) = (receipt(growth.older, feed)?, receipt(growth.newer, feed)?);
            let order = |r: &Receipt| (r.size, r.received_at, r.union, r.device, r.signed.message.clone());
            if order(&older) >= order(&newer) {
                return Err(ProofError::GrowthOrder);
            }
            if !tree::consistent(older.size, older.root, newer.size, newer.root, &hashes(&growth.path)?) {
                return Err(ProofError::Contradiction(feed.id));
            }
            Ok(Subject::Growth { feed: feed.id, older, newer })
        }
    }
}

/// A device that has to be enrolled for a union.
type Need = (DeviceId, UnionNumber);

/// Asks whether each feed's device may write it and each receipt's device is a hub of its union. That of each enrolment
/// its own feed is asked too, and that stands one level higher, makes it hold up to the root.
fn admitted(proven: &Proven) -> Result<BTreeSet<Need>, ProofError> {
    let mut needed = BTreeSet::new();
    let mut need = |device: DeviceId, union: UnionNumber, hub: bool| {
        if proven.is_root(&device, union) {
            return Ok(());
        }
        needed.insert((device, union));
        match link(&proven.feeds, &device, union) {
            Some(link) if link.hub || !hub => Ok(()),
            _ => Err(ProofError::NotEnrolled { device, union, hub }),
        }
    };
    let proven_root = proven.root.device;
    for proven in &proven.feeds {
        let feed = &proven.feed;
        if feed.newer.is_some() || !speaks_where_it_may(feed, &proven_root) {
            return Err(ProofError::NotEnrolled { device: feed.device, union: feed.union, hub: true });
        }
        need(feed.device, feed.union, feed.scope.speaks_down())?;
    }
    for receipt in receipts(proven) {
        need(receipt.device, receipt.union, true)?;
        if before_hub(proven, receipt) {
            return Err(ProofError::ReceiptBeforeHub(receipt.feed, receipt.union));
        }
    }
    Ok(needed)
}

/// Whether what a feed speaks to is below its union. Into the branch of the whole country only the root writes.
fn speaks_where_it_may(feed: &Feed, root: &DeviceId) -> bool {
    match feed.scope.branch() {
        None => true,
        Some(UnionNumber::NATION) => feed.union == UnionNumber::NATION && feed.device == *root,
        Some(branch) => branch != feed.union && feed.union.contains(branch),
    }
}

/// All receipts in the file.
fn receipts(proven: &Proven) -> impl Iterator<Item = &Receipt> {
    let subject = match &proven.subject {
        Subject::Record(_) => [None, None],
        Subject::Receipt { receipt, .. } => [Some(receipt), None],
        Subject::Growth { older, newer, .. } => [Some(older), Some(newer)],
    };
    proven.feeds.iter().flat_map(|f| &f.receipts).chain(subject.into_iter().flatten())
}

/// A receipt dated before its hub was enrolled proves nothing: whoever gets the key later can choose the date.
fn before_hub(proven: &Proven, receipt: &Receipt) -> bool {
    let enrolled = link(&proven.feeds, &receipt.device, receipt.union).and_then(|link| link.from);
    enrolled.is_some_and(|from| super::before_day(receipt.received_at, from))
}

/// Days by which honest clocks may differ.
pub const SLACK: i64 = 1;

/// The day of a moment in China; far out of the calendar is a day, too.
pub fn day(millis: i64) -> i64 {
    const CHINA: i64 = 8 * 3_600_000;
    millis.saturating_add(CHINA).div_euclid(86_400_000)
}

/// The enrolment of a device for a union; of several one as a hub. Further devices of the national union are enrolled by
/// the root in the branch of the whole country, all others by the union directly above in their own.
pub fn link(feeds: &[ProvenFeed], device: &DeviceId, union: UnionNumber) -> Option<Link> {
    let by = union.parent().unwrap_or(UnionNumber::NATION);
    let all = feeds.iter().filter(|f| f.feed.union == by);
    let all = all.flat_map(|f| f.operations.iter().map(move |o| (&f.feed, o)));
    let links = all.filter_map(|(feed, o)| enrolment(feed, o)).filter(|l| l.device == *device && l.union == union);
    links.reduce(|best, next| if next.hub && !best.hub { next } else { best })
}

/// What an operation says if it is an enrolment and stands where one counts: in the feed of a union for the branch of
/// one directly below it, about a device of that one.
fn enrolment(feed: &Feed, proven: &ProvenOperation) -> Option<Link> {
    let operation = &proven.operation;
    if operation.kind != Enrolment::NUMBER {
        return None;
    }
    let Scope::Branch(branch) = feed.scope else { return None };
    if operation.destroyed.is_some() || !operation.record.made_by(&feed.device) {
        return None;
    }
    let record = Record::decode(Enrolment::kind(), &operation.payload).ok()?;
    record.validate().ok()?;
    attestation::stands(&record, &feed.network).ok()?;
    let said = record.of::<Enrolment>()?;
    let union = said.get(enrolment::UNION)?;
    if union != branch || union.parent().unwrap_or(UnionNumber::NATION) != feed.union {
        return None;
    }
    Some(Link {
        by: feed.union,
        by_device: feed.device,
        feed: feed.id,
        position: proven.position,
        union,
        device: DeviceId::try_from(said.get(enrolment::DEVICE)?).ok()?,
        hub: said.flag(enrolment::HUB),
        from: said.get(enrolment::FROM_ON),
    })
}

/// Everything in the file serves what it proves: what no check needs could be changed unseen.
fn nothing_else(proven: &Proven, needed: &BTreeSet<Need>) -> Result<(), ProofError> {
    let (record, about) = match &proven.subject {
        Subject::Record(id) => (Some(*id), None),
        Subject::Receipt { feed, .. } | Subject::Growth { feed, .. } => (None, Some(*feed)),
    };
    let standings: BTreeSet<(FeedId, u64)> =
        proven.feeds.iter().filter_map(|f| f.standing.as_ref()).map(|s| (s.feed, s.position)).collect();
    for proven in &proven.feeds {
        let id = proven.feed.id;
        let mut first = None;
        for operation in &proven.operations {
            if record == Some(operation.operation.record) {
                first = first.or(Some(operation.position));
                continue;
            }
            let serves = enrolment(&proven.feed, operation).is_some_and(|l| needed.contains(&(l.device, l.union)));
            if !serves && !standings.contains(&(id, operation.position)) {
                return Err(ProofError::Superfluous(id, operation.position));
            }
        }
        if proven.operations.is_empty() && about != Some(id) {
            return Err(ProofError::SuperfluousFeed(id));
        }
        if proven.receipts.iter().any(|r| first.is_none_or(|first| r.size <= first)) {
            return Err(ProofError::ReceiptCovers(id));
        }
    }
    Ok(())
}

/// The record's operations: of one kind and one union, where that kind may stand, and each readable.
fn record(proven: &Proven, id: RecordId) -> Result<(), ProofError> {
    let mut all = proven.operations();
    let Some((first, said)) = all.next() else { return Err(ProofError::NoRecord(id)) };
    let (number, union) = (said.operation.kind, first.feed.union);
    let kind = kind::numbered(number);
    let other = all.find(|(f, o)| {
        let entry = kind.is_some_and(|k| k.shape == Shape::Entry);
        entry || o.operation.kind != number || f.feed.union != union
    });
    if let Some((feed, operation)) = other {
        let (one, other) = ((first.feed.id, said.position), (feed.feed.id, operation.position));
        return Err(ProofError::Mixed { id, one, other });
    }
    for (feed, operation) in proven.operations() {
        let covers = |r: &&Receipt| r.size > operation.position;
        let early = |r: &&Receipt| super::before(r.received_at, operation.operation.time);
        if let Some(receipt) = feed.receipts.iter().filter(covers).find(early) {
            return Err(ProofError::ReceiptBeforeWriting(feed.feed.id, receipt.union));
        }
    }
    match kind {
        Some(kind) => proven.operations().try_for_each(|(feed, operation)| payload(kind, &feed.feed, operation)),
        // What a newer version declares is not known here: that it was written is proven, what it says cannot be read.
        None => Ok(()),
    }
}

fn payload(kind: &'static Kind, feed: &Feed, proven: &ProvenOperation) -> Result<(), ProofError> {
    let (id, at, operation) = (feed.id, proven.position, &proven.operation);
    // A void says nothing of what the record holds.
    if !feed.scope.holds(kind) || operation.void {
        return Err(ProofError::Kind(id, at));
    }
    if operation.destroyed.is_some() {
        return Ok(());
    }
    match kind.shape {
        Shape::Document => {
            let author = Actor::new(&id, &operation.record);
            let edit = Edit::decode(&operation.payload, author);
            let edit = edit.map_err(|error| ProofError::Payload(id, at, error.to_string()))?;
            // Whoever creates a document makes its id.
            if edit.deps.is_empty() && !operation.record.made_by(&feed.device) {
                return Err(ProofError::RecordId(id, at));
            }
        }
        Shape::Entry => {
            if !operation.record.made_by(&feed.device) {
                return Err(ProofError::RecordId(id, at));
            }
            let record = Record::decode(kind, &operation.payload);
            let record = record.map_err(|error| ProofError::Payload(id, at, error.to_string()))?;
            record.validate().map_err(|refusals| ProofError::Rule(id, at, refusals))?;
        }
    }
    Ok(())
}
