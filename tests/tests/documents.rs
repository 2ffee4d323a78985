//! Devices of one union edit the same dossiers without hearing of each other. Whatever they wrote and in whatever
//! order it arrives, every level shows the same, and where people must decide it shows both values.

use huiliu_node::{
    ledger::{Incoming, Ledger},
    store::{documents, projection, quarantine},
    writer::{Store, Threads},
};
use huiliu_proto::{id::RecordId, kind::kind, lang::Lang};
use huiliu_tests::{
    people::{self, Random},
    relay::{batches, give},
    world::{World, hand_clock},
};
use proptest::prelude::*;

/// What a level shows: each dossier's fields and the values in dispute.
type Shown = Vec<(RecordId, Vec<String>, Vec<String>)>;

fn shown(store: &Store) -> Shown {
    store
        .read(|conn| {
            assert_eq!(quarantine::all(conn)?, vec![], "nothing honest is held back");
            let rows = projection::list(conn, kind("mediator").unwrap(), None, None, 1000)?;
            rows.into_iter()
                .map(|row| {
                    let fields = row.record.kind.fields.iter().zip(row.record.values());
                    let fields = fields.map(|(f, v)| v.as_ref().map_or(String::new(), |v| f.show(v, Lang::En)));
                    let fields: Vec<String> = fields.collect();
                    let disputes = documents::conflicts(conn, Some(&row.id))?;
                    let disputes = disputes.into_iter().map(|c| format!("{} {}", c.field, c.values.len())).collect();
                    Ok((row.id, fields, disputes))
                })
                .collect()
        })
        .unwrap()
}

/// One step of a history: a device edits a field of a dossier, or hears everything the other has written so far.
#[derive(Debug, Clone)]
enum Step {
    Edit { device: usize, dossier: usize, field: usize, value: u64 },
    Hear { device: usize },
}

const FIELDS: [&str; 4] = ["name", "phone", "major", "prior_unit"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let edit = (0..2usize, 0..2usize, 0..4usize, 0..4u64).prop_map(|(device, dossier, field, value)| Step::Edit {
        device,
        dossier,
        field,
        value,
    });
    let hear = (0..2usize).prop_map(|device| Step::Hear { device });
    proptest::collection::vec(prop_oneof![5 => edit, 1 => hear], 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_order_of_arrival_shows_the_same(history in steps(), order in any::<u64>()) {
        let dir = tempfile::tempdir().unwrap();
        let (clock, _) = hand_clock();
        let world = World::with_two_machines(dir.path(), 3, clock);
        let devices = [
            world.machine("node-320922-0").store(Threads::Inline),
            world.machine("node-320922-1").store(Threads::Inline),
        ];
        // Each device makes a dossier; the second hears of both before they part.
        let dossiers: Vec<RecordId> = (0..2)
            .map(|n| devices[n].write_blocking(move |l| people::mediator(l, n as u64)).unwrap())
            .collect();
        // Sibling devices trust what the city enrolled.
        let enrolments = batches(&world.machine("hub-320900").store(Threads::Inline));
        let above = batches(&world.machine("hub-320000").store(Threads::Inline));
        let top = batches(&world.machine("hub-100000").store(Threads::Inline));
        for device in &devices {
            top.iter().chain(&above).chain(&enrolments).flatten().for_each(|batch| give(device, batch));
        }
        let hear = |device: usize| {
            batches(&devices[1 - device]).iter().flatten().for_each(|batch| give(&devices[device], batch));
        };
        hear(0);
        hear(1);
        for step in &history {
            match *step {
                Step::Hear { device } => hear(device),
                Step::Edit { device, dossier, field, value } => {
                    let (id, field) = (dossiers[dossier], FIELDS[field]);
                    let text = if field == "phone" { format!("1390000000{value}") } else { format!("词{value}") };
                    devices[device]
                        .write_blocking(move |l| people::edit(l, "mediator", id, field, &text))
                        .unwrap();
                    // Packed one by one, so that the orders of arrival are many.
                    devices[device].write_blocking(Ledger::prepare_outgoing).unwrap();
                }
            }
        }
        hear(0);
        hear(1);
        let expected = shown(&devices[0]);
        prop_assert_eq!(&expected, &shown(&devices[1]));
        // Two hubs hear the same feeds, each feed in order, the feeds mixed at random.
        let feeds: Vec<Vec<Incoming>> = devices.iter().flat_map(batches).collect();
        for hub in ["hub-320900", "hub-320000"] {
            let store = world.machine(hub).store(Threads::Inline);
            enrolments.iter().chain(&above).chain(&top).flatten().for_each(|batch| give(&store, batch));
            let mut random = Random(order ^ hub.len() as u64 ^ u64::from(hub.as_bytes()[6]));
            let mut next = vec![0; feeds.len()];
            while next.iter().zip(&feeds).any(|(n, f)| *n < f.len()) {
                let at = random.below(feeds.len() as u64) as usize;
                if let Some(batch) = feeds[at].get(next[at]) {
                    give(&store, batch);
                    next[at] += 1;
                }
            }
            prop_assert_eq!(&expected, &shown(&store), "{}", hub);
        }
    }
}

#[test]
fn two_dates_are_shown_until_a_person_writes_one_and_words_merge() {
    let dir = tempfile::tempdir().unwrap();
    let (clock, _) = hand_clock();
    let world = World::with_two_machines(dir.path(), 4, clock);
    let a = world.machine("node-320922-0").store(Threads::Inline);
    let b = world.machine("node-320922-1").store(Threads::Inline);
    for hub in ["hub-100000", "hub-320000", "hub-320900"] {
        let said = batches(&world.machine(hub).store(Threads::Inline));
        for store in [&a, &b] {
            said.iter().flatten().for_each(|batch| give(store, batch));
        }
    }
    let id = a.write_blocking(|l| people::mediator(l, 1)).unwrap();
    batches(&a).iter().flatten().for_each(|batch| give(&b, batch));
    a.write_blocking(move |l| people::edit(l, "mediator", id, "education", "本科")).unwrap();
    a.write_blocking(move |l| people::edit(l, "mediator", id, "phone", "13900000001")).unwrap();
    b.write_blocking(move |l| people::edit(l, "mediator", id, "education", "研究生")).unwrap();
    b.write_blocking(move |l| people::edit(l, "mediator", id, "phone", "13900000002")).unwrap();
    batches(&a).iter().flatten().for_each(|batch| give(&b, batch));
    batches(&b).iter().flatten().for_each(|batch| give(&a, batch));
    let dispute = |store: &Store| store.read(|conn| documents::conflicts(conn, Some(&id))).unwrap();
    let open = dispute(&a);
    assert_eq!(open.len(), 1, "the phone merged by itself, the education did not");
    assert_eq!(open[0].values.len(), 2);
    let devices: std::collections::BTreeSet<_> = open[0].values.iter().map(|v| v.1.unwrap()).collect();
    assert_eq!(devices.len(), 2, "each value with the device that wrote it");
    assert_eq!(open, dispute(&b));
    b.write_blocking(move |l| people::edit(l, "mediator", id, "education", "研究生")).unwrap();
    batches(&b).iter().flatten().for_each(|batch| give(&a, batch));
    assert_eq!((dispute(&a), dispute(&b)), (vec![], vec![]), "a person decided");
    assert_eq!(shown(&a), shown(&b));
}
