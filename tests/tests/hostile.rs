//! Bytes that break Automerge, sent wherever bytes of a peer are accepted: none of them reaches it, nothing panics,
//! and the hub goes on.

use bytes::Bytes;
use huiliu_node::{
    identity::{Grant, Request, Role},
    ledger::{Incoming, Intake},
    store::{documents, quarantine},
    writer::Threads,
};
use huiliu_proto::{
    edit::{Actor, Edit},
    feed::Feed,
    operation::Operation,
    segment,
    signed::{Receipt, TreeHead},
    v1,
};
use huiliu_tests::{
    forger::Forger,
    people,
    relay::{batches, give, take},
    world::{World, hand_clock},
};
use prost::Message as _;

/// 99 that were found by mutation, and one made by hand (`cycle-119B.bin`).
const INPUTS: usize = 100;
const MEDIATOR: u32 = 2;
const WORK_ENTRY: u32 = 9;

fn inputs() -> Vec<(String, Vec<u8>)> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/data/hostile-automerge");
    let mut all: Vec<(String, Vec<u8>)> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "bin"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    all.sort();
    assert_eq!(all.len(), INPUTS);
    all
}

fn world(dir: &std::path::Path) -> World {
    let (clock, _) = hand_clock();
    let mut world = World::new(dir, 5, clock);
    world.add("100000", Role::Root).unwrap();
    world.add("320000", Role::Hub).unwrap();
    world.add("320900", Role::Hub).unwrap();
    world.add("320922", Role::Node).unwrap();
    world
}

#[test]
fn as_payloads_of_a_device_whose_signatures_are_good() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine("hub-320900").store(Threads::Inline);
    let mut forger = Forger::province(world.machine("node-320922-0"));
    for (name, bytes) in inputs() {
        let salt = Some([0; 16]);
        let edit = Operation::new(MEDIATOR, forger.id(), None, bytes.clone(), salt);
        let entry = Operation::new(WORK_ENTRY, forger.id(), None, bytes.clone(), None);
        // A dossier that exists, and then the bytes as a change to it.
        let id = forger.id();
        let again = Operation::new(MEDIATOR, id, Some(1), bytes, salt);
        let batch = forger.say(&[edit, entry, again]);
        assert!(matches!(take(&city, batch), Intake::Taken { .. }), "{name}: verified bytes are kept");
    }
    let (held, kept) = city.read(|conn| Ok((quarantine::all(conn)?, documents::conflicts(conn, None)?.len()))).unwrap();
    assert_eq!(held.len(), 3 * INPUTS, "each is held back");
    let said = |h: &quarantine::Held| city.read(|conn| quarantine::explain(conn, h)).unwrap().words();
    assert!(held.iter().map(said).all(|said| !said.zh.is_empty() && !said.en.is_empty()), "with a reason in words");
    assert_eq!(kept, 0);
    // The hub goes on: an honest dossier of the same device arrives and counts.
    let county = world.machine("node-320922-0").store(Threads::Inline);
    let id = county.write_blocking(|ledger| people::mediator(ledger, 1)).unwrap();
    batches(&county).iter().flatten().for_each(|batch| give(&city, batch));
    assert!(city.read(|conn| documents::load(conn, "320922".parse().unwrap(), &id)).unwrap().is_some());
}

#[test]
fn as_segments_heads_headers_receipts_and_frames() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path());
    let city = world.machine("hub-320900").store(Threads::Inline);
    let mut forger = Forger::province(world.machine("node-320922-0"));
    let empty = Operation::new(WORK_ENTRY, forger.id(), None, vec![], None);
    let good = forger.say(&[empty]);
    for (name, bytes) in inputs() {
        let raw = Bytes::from(bytes.clone());
        let packed = zstd_of(&bytes);
        for batch in [
            Incoming { segment: raw.clone(), ..good.clone() },
            Incoming { segment: packed.into(), ..good.clone() },
            Incoming { header: raw.clone(), ..good.clone() },
            Incoming { head: v1::Signed { message: raw.clone(), signature: raw.clone() }, ..good.clone() },
        ] {
            assert!(matches!(take(&city, batch), Intake::Refused { .. }), "{name}");
        }
        assert!(Feed::parse(raw.clone()).is_err(), "{name}");
        assert!(segment::unpack(&bytes).is_err(), "{name}");
        let signed = v1::Signed { message: raw.clone(), signature: raw.clone() };
        assert!(Receipt::verify(signed.clone()).is_err(), "{name}");
        assert!(TreeHead::verify(signed, good.feed, &forger.feed.device).is_err(), "{name}");
        assert!(Edit::decode(&bytes, Actor([0; 16])).is_err(), "{name}");
        // Whatever these decode to, they decode to our messages, within bounds, or to an error.
        let _ = v1::Frame::decode(&bytes[..]);
        let _ = v1::Operation::decode(&bytes[..]).map(Operation::from_wire);
    }
    assert!(matches!(take(&city, good), Intake::Taken { .. }), "the same feed is still taken");
}

#[test]
fn as_files_of_joining() {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in inputs() {
        let path = dir.path().join(&name);
        std::fs::write(&path, bytes).unwrap();
        assert!(Request::read(&path).is_err() && Grant::read(&path).is_err(), "{name}");
    }
}

fn zstd_of(bytes: &[u8]) -> Vec<u8> {
    // One raw block in a frame that says its size: RFC 8878, 3.1.1.
    let size = u16::try_from(bytes.len()).unwrap();
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x60];
    frame.extend_from_slice(&size.wrapping_sub(256).to_le_bytes());
    if size < 256 {
        frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, size as u8];
    }
    let header = u32::from(size) << 3 | 1;
    frame.extend_from_slice(&header.to_le_bytes()[..3]);
    frame.extend_from_slice(bytes);
    frame
}
