//! A hub in the middle that lies: whatever it does to what passes through it, the level above or the county below sees
//! it, says who it was, and honest data gets through beside it or after it.
//!
//! `HUILIU_SEEDS=50` tells each lie so often.

use huiliu_node::{
    cli::Exit,
    store::{
        evidence::{self, EvidenceKind},
        feeds, receipts,
    },
};
use huiliu_proto::union::UnionNumber;
use huiliu_tests::{
    chain::{Chain, Place},
    disk,
    faces::{self, Deed},
    liar::{Liar, Lie, Side, call_through, garble},
    oracle,
    people::{self, Random},
    talk::{call, talk},
};

fn seeds(short: u64) -> u64 {
    std::env::var("HUILIU_SEEDS").ok().and_then(|v| v.parse().ok()).unwrap_or(short)
}

fn county() -> UnionNumber {
    "320922".parse().unwrap()
}

fn city() -> UnionNumber {
    "320900".parse().unwrap()
}

/// By what a lie shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Evidence against the hub.
    Evidence(EvidenceKind),
    /// The exchange fails, and `status` says with whom.
    Line,
    /// A feed waits, because the hub's device is not the county's.
    Waits,
    /// It changes nothing.
    Harmless,
}

/// By what a lie shows to those above and to those below; nothing where it has nothing to bend there.
fn sign(lie: Lie, side: Side) -> Option<Sign> {
    let forged = Sign::Evidence(EvidenceKind::Forged);
    Some(match (lie, side) {
        (Lie::DropBatches | Lie::Reorder, _) | (Lie::DropAcks, Side::Upper) => Sign::Line,
        // What the hub below has, it says again in every exchange: those above need no acknowledgement.
        (Lie::Replay, _) | (Lie::DropAcks, Side::Lower) => Sign::Harmless,
        (Lie::InventFeed, _) => Sign::Waits,
        // Those above need no receipts of a hub below them.
        (Lie::DropReceipts | Lie::OldStates, Side::Lower) => return None,
        (Lie::DropReceipts, Side::Upper) => Sign::Evidence(EvidenceKind::Withheld),
        (Lie::OldStates, Side::Upper) => Sign::Evidence(EvidenceKind::Restored),
        _ => forged,
    })
}

/// Something of everybody for everybody, in more than one segment.
fn write(chain: &Chain, round: u64) {
    for n in 0..3 {
        let mediator = chain.county.mediator(round * 10 + n);
        for m in 0..3 {
            chain.county.work(mediator, round * 100 + n * 10 + m);
        }
        chain.county.pack();
    }
    for n in 0..2 {
        chain.city.mediator(round * 10 + 7 + n);
        chain.province.store.write_blocking(people::programme).unwrap();
        chain.city.pack();
        chain.province.pack();
    }
}

fn lie_once(chain: &Chain, lie: Lie, side: Side, seed: u64) -> Liar {
    let mut liar = Liar::new(lie, &chain.city.machine, county(), seed);
    let (lower, upper) = match side {
        Side::Lower => (&chain.city, &chain.province),
        Side::Upper => (&chain.county, &chain.city),
    };
    call_through(lower.ends(), upper.ends(), side, &mut |frame| liar.tell(frame)).unwrap();
    liar
}

fn tell(lie: Lie, side: Side, seed: u64) {
    let Some(sign) = sign(lie, side) else { return };
    let said = format!("{lie:?} to {side:?}, seed {seed}");
    let chain = Chain::new(seed);
    write(&chain, 1);
    let victim = match side {
        Side::Lower => {
            talk(chain.county.ends(), chain.city.ends()).unwrap();
            &chain.province
        }
        Side::Upper => {
            // A feed of the province's is on its way to the county, which has not met it.
            talk(chain.city.ends(), chain.province.ends()).unwrap();
            &chain.county
        }
    };
    let liar = lie_once(&chain, lie, side, seed);
    assert!(liar.lies > 0, "{said}: nothing was said that could be bent");
    if sign == Sign::Evidence(EvidenceKind::Withheld) {
        // The hub may only have been slow: two weeks are waited, and the exchanges go well.
        for days in [2, 7, 8] {
            assert!(victim.evidence().is_empty(), "{said}: {:?}", victim.evidence());
            chain.days(days);
            lie_once(&chain, lie, side, seed);
        }
    }
    let hub = chain.city.device();
    match sign {
        Sign::Evidence(what) => {
            let kept = victim.accuses(what, &hub).unwrap_or_else(|| panic!("{said}: {:?}", victim.evidence()));
            assert_eq!(kept.evidence.from.unwrap().union, city(), "{said}");
            assert!(kept.evidence.detail.zh.contains(&city().union_name()), "{said}: {}", kept.evidence.detail.zh);
        }
        Sign::Line => assert!(victim.line_trouble(city()), "{said}"),
        Sign::Waits => {
            let waiting = victim.store.read(feeds::all).unwrap();
            let waits = waiting.iter().find(|f| f.feed.device == hub && f.feed.union == county());
            assert_eq!(
                waits.unwrap_or_else(|| panic!("{said}")).applied,
                0,
                "{said}: what a hub invents counts for nothing"
            );
        }
        Sign::Harmless => assert!(victim.evidence().is_empty(), "{said}: {:?}", victim.evidence()),
    }
    match (sign, side) {
        (Sign::Harmless, _) => {}
        // Of a broken call from below, which is made again, a person is told and not asked.
        (Sign::Line, Side::Lower) => assert_eq!(victim.status(), Exit::Done, "{said}"),
        _ => assert_eq!(victim.status(), Exit::Attention, "{said}"),
    }
    for place in [&chain.county, &chain.province, &chain.nation] {
        // A hub that signs a head of its own feed for what it never said has forked it; nobody else has.
        let its_own = |feed| place.store.read(|c| Ok(feeds::by_id(c, &feed)?.is_some_and(|f| f.feed.device == hub)));
        let forked =
            |k: &evidence::KeptEvidence| k.evidence.what == EvidenceKind::Fork && !its_own(k.evidence.feed).unwrap();
        assert!(!place.evidence().iter().any(forked), "{said}: nobody forked");
    }
    // The lying ends. What was written meanwhile gets through, at every level.
    write(&chain, 2);
    chain.wait(120_000);
    chain.settle().unwrap_or_else(|error| panic!("{said}: {error:#}"));
    chain.holds().unwrap_or_else(|error| panic!("{said}: {error:#}"));
    assert_eq!(chain.province.works(), 18, "{said}");
}

#[test]
fn every_lie_on_the_wire_is_seen_and_named() {
    let cases: Vec<(Lie, Side, u64)> = Lie::ALL
        .into_iter()
        .flat_map(|lie| [Side::Lower, Side::Upper].map(|side| (lie, side)))
        .flat_map(|(lie, side)| (1..=seeds(1)).map(move |seed| (lie, side, seed)))
        .collect();
    let next = std::sync::Mutex::new(cases.iter());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((lie, side, seed)) = { next.lock().unwrap().next() } {
                    tell(*lie, *side, *seed);
                }
            });
        }
    });
}

/// The same over real TLS in the simulated network, with the hub's programs at both ends.
#[test]
fn a_lying_hub_in_the_network_is_seen_and_named() {
    let cases: Vec<(Deed, u64)> =
        Deed::ALL.into_iter().flat_map(|deed| (1..=seeds(1)).map(move |seed| (deed, seed))).collect();
    let next = std::sync::Mutex::new(cases.iter());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some((deed, seed)) = { next.lock().unwrap().next() } {
                    faces::run(*deed, *seed).unwrap_or_else(|error| panic!("{deed:?}, seed {seed}: {error:#}"));
                }
            });
        }
    });
}

/// Whatever happens to frames on the way, a store holds only what the authors of its feeds wrote, and nobody is taken
/// for a device that forked.
#[test]
fn garbled_frames_never_enter_and_accuse_no_author() {
    for seed in 1..=seeds(2) {
        let chain = Chain::new(seed);
        let mut random = Random(seed);
        let mediator = chain.county.mediator(1);
        for round in 0..60 {
            (0..=random.below(3)).for_each(|n| _ = chain.county.work(mediator, round * 10 + n));
            if random.chance(20) {
                chain.city.store.write_blocking(|ledger| people::ruling(ledger, county())).unwrap();
            }
            let (lower, upper) =
                if random.chance(60) { (&chain.county, &chain.city) } else { (&chain.city, &chain.province) };
            let side = if random.chance(50) { Side::Lower } else { Side::Upper };
            let (at, mut n) = (random.below(8), 0);
            let mut cut = false;
            let ended = call_through(lower.ends(), upper.ends(), side, &mut |frame| {
                n += 1;
                let bent = if n == at + 1 { garble(&frame, &mut random) } else { Some(frame) };
                cut |= bent.is_none();
                if cut { vec![] } else { bent.into_iter().collect() }
            });
            ended.unwrap();
            honest(&chain, seed, round);
            let report = call(lower.ends(), upper.ends()).unwrap();
            assert!(report.tally.refused.is_empty(), "seed {seed}, round {round}: {:?}", report.tally.refused);
        }
        chain.settle().unwrap();
        chain.holds().unwrap();
    }
}

/// Everything that is stored of a feed is what its author wrote.
fn honest(chain: &Chain, seed: u64, round: u64) {
    let all = [&chain.nation, &chain.province, &chain.city, &chain.county];
    for author in all {
        for feed in author.store.read(feeds::all).unwrap().into_iter().filter(|f| f.own) {
            for reader in all {
                let Some(there) = reader.store.read(|c| feeds::by_id(c, &feed.feed.id)).unwrap() else { continue };
                let what = format!("seed {seed}, round {round}: {} of {}", reader.machine.name, author.machine.name);
                assert!(there.size() <= feed.size(), "{what}");
                let root = author.store.read(|c| feeds::root_at(c, &feed, there.size())).unwrap();
                assert_eq!(there.edge.root(), root, "{what}");
            }
        }
        let forked =
            author.evidence().into_iter().find(|k| matches!(k.evidence.what, EvidenceKind::Fork | EvidenceKind::Split));
        assert!(forked.is_none(), "seed {seed}, round {round}: {forked:?}");
    }
}

/// Receipts for what is said down, and claims, cost nothing where all is well.
#[test]
fn an_idle_exchange_stays_one_round_trip() {
    let chain = Chain::new(13);
    write(&chain, 1);
    chain.settle().unwrap();
    let receipts = chain.county.store.read(receipts::all).unwrap();
    let above = |r: &&huiliu_proto::signed::Receipt| r.union == "320000".parse().unwrap();
    let city = chain.city.store.read(feeds::owned).unwrap();
    let down = receipts.iter().filter(above).filter(|r| city.iter().any(|f| f.feed.id == r.feed)).count();
    assert!(down > 0, "the province's receipts for what the city says came down");
    for side in [Side::Lower, Side::Upper] {
        let (mut frames, mut bytes) = (0, 0);
        let mut count = |frame: huiliu_proto::v1::Frame| {
            frames += 1;
            bytes += prost::Message::encoded_len(&frame);
            vec![frame]
        };
        call_through(chain.county.ends(), chain.city.ends(), side, &mut count).unwrap();
        // A hello each, and the caller's goodbye.
        assert_eq!(frames, if side == Side::Lower { 2 } else { 1 });
        assert!(bytes < 512, "{bytes}");
    }
}

#[test]
fn evidence_survives_a_restart_and_is_bounded() {
    let chain = Chain::new(12);
    for seed in 0..30 {
        write(&chain, seed);
        talk(chain.city.ends(), chain.province.ends()).unwrap();
        lie_once(&chain, Lie::FlipSegment, Side::Upper, seed);
    }
    let kept = chain.county.evidence().len();
    assert!((1..=16).contains(&kept), "{kept}");
    let again = Place::new(&chain.county.machine);
    assert_eq!(again.evidence().len(), kept);
    disk::save(&chain.county.machine.home.dir).unwrap();
    oracle::verifies(&again.machine, &again.store).unwrap();
}
