//! A hub in the middle that lies: whatever it does to what passes through it, the level above or the county below sees
//! it, says who it was, and honest data gets through beside it or after it.
//!
//! `HUILIU_SEEDS=50` tells each lie so often.

use huiliu_hub::authority;
use huiliu_node::{
    cli::{Desk, Exit, desk::Program, status::Status},
    ledger::Incoming,
    store::{
        evidence::{Neighbour, What},
        feeds, receipts,
    },
};
use huiliu_proto::{feed::Scope, lang::Lang, operation::Operation, region::RegionCode};
use huiliu_tests::{
    chain::{Chain, Place},
    disk,
    faces::{self, Deed},
    forger::Forger,
    liar::{Liar, Lie, Side, call_through, garble},
    oracle,
    people::{self, Dice},
    relay,
    talk::{call, talk},
};

fn seeds(short: u64) -> u64 {
    std::env::var("HUILIU_SEEDS").ok().and_then(|v| v.parse().ok()).unwrap_or(short)
}

fn county() -> RegionCode {
    "320922".parse().unwrap()
}

fn city() -> RegionCode {
    "320900".parse().unwrap()
}

/// How `status` ends.
fn status(place: &Place) -> Exit {
    let machine = &place.machine;
    let desk = Desk {
        program: Program::Node,
        lang: Lang::Zh,
        json: true,
        dir: machine.home.dir.clone(),
        clock: machine.clock.clone(),
        dice: machine.dice.clone(),
    };
    Status {}.run(&desk).unwrap()
}

/// By what a lie shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// Evidence against the hub.
    Evidence(What),
    /// The exchange fails, and `status` says with whom.
    Line,
    /// A feed waits, because the hub's device is not the county's.
    Waits,
    /// It changes nothing.
    Harmless,
}

/// By what a lie shows to those above and to those below; nothing where it has nothing to bend there.
fn sign(lie: Lie, side: Side) -> Option<Sign> {
    let forged = Sign::Evidence(What::Forged);
    Some(match (lie, side) {
        (Lie::DropBatches | Lie::Reorder, _) | (Lie::DropAcks, Side::Upper) => Sign::Line,
        // What the hub below has, it says again in every exchange: those above need no acknowledgement.
        (Lie::Replay, _) | (Lie::DropAcks, Side::Lower) => Sign::Harmless,
        (Lie::InventFeed, _) => Sign::Waits,
        // Those above need no receipts of a hub below them.
        (Lie::DropReceipts | Lie::OldStates, Side::Lower) => return None,
        (Lie::DropReceipts, Side::Upper) => Sign::Evidence(What::Withheld),
        (Lie::OldStates, Side::Upper) => Sign::Evidence(What::Restored),
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
    for place in [&chain.city, &chain.province] {
        for _ in 0..2 {
            place.store.write_blocking(people::programme).unwrap();
            place.pack();
        }
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
        Side::Upper => &chain.county,
    };
    let liar = lie_once(&chain, lie, side, seed);
    assert!(liar.lies > 0, "{said}: nothing was said that could be bent");
    if sign == Sign::Evidence(What::Withheld) {
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
    if sign != Sign::Harmless {
        assert_eq!(status(victim), Exit::Attention, "{said}");
    }
    for place in [&chain.county, &chain.province, &chain.nation] {
        assert!(!place.evidence().iter().any(|k| k.evidence.what == What::Fork), "{said}: nobody forked");
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

/// Feeds of a union, those below it and those above it.
fn comes_from(row: &feeds::FeedRow, union: RegionCode) -> bool {
    union.contains(row.feed.union) && row.feed.union != union
}

/// A hub with two faces: one county sees one, the province the other. What the county writes is handed on.
struct TwoFaces {
    chain: Chain,
    shown: Place,
}

impl TwoFaces {
    fn new(seed: u64) -> TwoFaces {
        let chain = Chain::new(seed);
        let shown = chain.city.twin(seed);
        TwoFaces { chain, shown }
    }

    /// The county writes and talks to the face it knows; the other face hands that on to the province.
    fn exchange(&self) {
        let TwoFaces { chain, shown } = self;
        let mediator = chain.county.mediator(self.chain.county.works() as u64);
        chain.county.work(mediator, 1);
        for _ in 0..2 {
            talk(chain.county.ends(), shown.ends()).unwrap();
        }
        relay::hand_on(&shown.store, &chain.city.store, |row| comes_from(row, city()));
        talk(chain.city.ends(), chain.province.ends()).unwrap();
        talk(chain.province.ends(), chain.nation.ends()).unwrap();
    }

    /// From now on one face is shown to all.
    fn ends(&self) {
        for _ in 0..3 {
            self.chain.wait(120_000);
            self.chain.settle().unwrap();
        }
        self.chain.holds().unwrap();
        assert_eq!(self.chain.province.works(), self.chain.county.works());
    }
}

#[test]
fn two_stories_are_seen_by_the_level_above() {
    // The county is told something else, or more.
    for more in [false, true] {
        let faces = TwoFaces::new(3);
        let TwoFaces { chain, shown } = &faces;
        faces.exchange();
        shown.enrols(county(), [1; 32]);
        if !more {
            chain.city.enrols(county(), [2; 32]);
        }
        for _ in 0..2 {
            faces.exchange();
        }
        assert!(chain.province.accuses(What::Split, &chain.city.device()).is_none(), "it may be on its way");
        chain.wait(120_000);
        faces.exchange();
        let hub = chain.city.device();
        let kept =
            chain.province.accuses(What::Split, &hub).unwrap_or_else(|| panic!("{:?}", chain.province.evidence()));
        assert_eq!(kept.evidence.from, Some(Neighbour { union: city(), device: hub }));
        assert!(kept.evidence.ours.is_some() && kept.evidence.theirs.is_some(), "both signed words are kept");
        assert!(kept.evidence.detail.zh.contains(&county().union_name()), "{}", kept.evidence.detail.zh);
        assert_eq!(status(&chain.province), Exit::Attention);
        faces.exchange();
        chain.wait(120_000);
        faces.exchange();
        let splits = chain.province.evidence().iter().filter(|k| k.evidence.what == What::Split).count();
        assert_eq!(splits, 1, "said once");
        faces.ends();
    }
}

#[test]
fn two_stories_are_seen_by_the_county_below() {
    let faces = TwoFaces::new(4);
    let TwoFaces { chain, shown } = &faces;
    shown.enrols(county(), [1; 32]);
    chain.city.enrols(county(), [2; 32]);
    faces.exchange();
    // What the province has signed for is passed on, as it must be if the county's own receipts are to be.
    let signed = chain.city.store.read(receipts::all).unwrap();
    shown.store.write_blocking(move |ledger| signed.iter().try_for_each(|r| receipts::put(ledger.conn(), r))).unwrap();
    talk(chain.county.ends(), shown.ends()).unwrap();
    chain.wait(120_000);
    talk(chain.county.ends(), shown.ends()).unwrap();
    let kept = chain.county.accuses(What::Split, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.detail.zh.contains("江苏省"), "{}", kept.evidence.detail.zh);
    assert_eq!(status(&chain.county), Exit::Attention);
    faces.ends();
}

#[test]
fn two_stories_are_seen_even_if_all_receipts_are_kept_back() {
    let faces = TwoFaces::new(5);
    let TwoFaces { chain, shown } = &faces;
    shown.enrols(county(), [1; 32]);
    let branch = |row: &feeds::FeedRow| row.feed.scope == Scope::Branch(county());
    let spoken = shown.store.read(feeds::all).unwrap().into_iter().find(branch).unwrap().feed.id;
    for days in [0, 2, 7, 8] {
        chain.days(days);
        talk(chain.county.ends(), shown.ends()).unwrap();
    }
    let kept =
        chain.county.evidence().into_iter().find(|k| k.evidence.what == What::Withheld && k.evidence.feed == spoken);
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert_eq!(kept.evidence.from.unwrap().device, chain.city.device());
    assert_eq!(status(&chain.county), Exit::Attention);
    faces.ends();
}

#[test]
fn what_is_never_passed_on_is_missed_by_the_county() {
    let chain = Chain::new(6);
    let mediator = chain.county.mediator(1);
    chain.county.work(mediator, 1);
    // A week without a line between city and province is nothing to accuse anybody of.
    for days in [0, 1, 3, 3] {
        chain.days(days);
        talk(chain.county.ends(), chain.city.ends()).unwrap();
        assert!(chain.county.evidence().is_empty());
    }
    chain.settle().unwrap();
    chain.days(30);
    talk(chain.county.ends(), chain.city.ends()).unwrap();
    assert!(chain.county.evidence().is_empty(), "the line came back: {:?}", chain.county.evidence());
    chain.county.work(mediator, 2);
    for days in [0, 2, 7, 8] {
        chain.days(days);
        assert!(chain.county.evidence().is_empty());
        talk(chain.county.ends(), chain.city.ends()).unwrap();
    }
    let kept = chain.county.accuses(What::Withheld, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.detail.zh.contains("江苏省"), "{}", kept.evidence.detail.zh);
    assert_eq!(status(&chain.county), Exit::Attention);
    // Confirmed at last, the matter is settled by itself.
    chain.settle().unwrap();
    assert!(chain.county.evidence().is_empty());
    assert_eq!(status(&chain.county), Exit::Done);
    chain.holds().unwrap();
}

#[test]
fn a_county_that_was_away_for_weeks_accuses_nobody() {
    let chain = Chain::new(7);
    let mediator = chain.county.mediator(1);
    for n in 0..3 {
        chain.county.work(mediator, n);
        chain.county.pack();
        chain.days(20);
        chain.settle().unwrap();
        for place in [&chain.nation, &chain.province, &chain.city, &chain.county] {
            assert!(place.evidence().is_empty(), "{}: {:?}", place.machine.name, place.evidence());
        }
    }
    chain.holds().unwrap();
}

#[test]
fn a_machine_that_the_hub_enrols_for_the_county_is_shown_to_the_county() {
    let mut chain = Chain::new(8);
    let spare = chain.city.machine.clone();
    let request = {
        let machine = chain.world.add("320922", huiliu_node::identity::Role::Node).unwrap();
        Place::new(machine)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let asked = request.machine.home.request().unwrap();
    runtime.block_on(authority::enrol(&spare.home, &chain.city.store, &asked, &spare.clock)).unwrap();
    // It writes in the county's name, and that counts: nobody above can tell.
    let mediator = request.mediator(9);
    request.work(mediator, 9);
    talk(request.ends(), chain.city.ends()).unwrap();
    chain.settle().unwrap();
    let kept = chain.county.accuses(What::Enrolled, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.detail.zh.contains(&request.device().to_string()[..16]));
    assert_eq!(status(&chain.county), Exit::Attention);
    assert!(request.accuses(What::Enrolled, &chain.city.device()).is_none(), "it knows itself and those before it");
    // Acknowledged, it stays so, also when all is computed again.
    let settled = chain.county.store.write_blocking(move |ledger| {
        huiliu_node::store::evidence::settle(ledger.conn(), kept.no, ledger.now(), "是本单位的新机器")
    });
    assert!(settled.unwrap());
    chain.county.store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
    chain.settle().unwrap();
    assert!(chain.county.evidence().is_empty());
    assert_eq!(status(&chain.county), Exit::Done);
}

#[test]
fn what_a_hub_signs_itself_in_the_countys_name_waits_at_every_level() {
    let chain = Chain::new(9);
    let mut forger = Forger::of(&chain.city.machine, county(), Scope::Own(huiliu_proto::kind::Reach::Nation));
    let number = huiliu_proto::kind::kind("expenditure").unwrap().number;
    let id = forger.id();
    let batch = forger.say(&[Operation::new(number, id, None, vec![], None)]);
    let from = Some(Neighbour { union: city(), device: chain.city.device() });
    relay::give(&chain.province.store, &Incoming { from, ..batch.clone() });
    talk(chain.province.ends(), chain.nation.ends()).unwrap();
    for place in [&chain.province, &chain.nation] {
        let there = place.store.read(|c| feeds::by_id(c, &batch.feed)).unwrap().unwrap();
        assert_eq!((there.size(), there.applied), (1, 0), "{}", place.machine.name);
        assert_eq!(status(place), Exit::Attention);
    }
    let mediator = chain.county.mediator(1);
    chain.county.work(mediator, 1);
    chain.settle().unwrap();
    assert_eq!(chain.province.works(), 1, "honest data gets through beside it");
}

#[test]
fn a_hub_that_shows_yesterday_is_noticed_and_refilled() {
    let mut chain = Chain::new(10);
    let mediator = chain.county.mediator(1);
    chain.settle().unwrap();
    let yesterday = chain.city.twin(77);
    (0..5).for_each(|n| _ = chain.county.work(mediator, n));
    chain.settle().unwrap();
    assert!(chain.county.evidence().is_empty());
    talk(chain.county.ends(), yesterday.ends()).unwrap();
    let kept = chain.county.accuses(What::Restored, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert_eq!(kept.evidence.from.unwrap().union, city());
    assert!(kept.evidence.theirs.is_some(), "its own receipt speaks against it");
    assert_eq!(status(&chain.county), Exit::Attention);
    // Restored honestly, it has everything again.
    chain.city = yesterday;
    chain.settle().unwrap();
    chain.holds().unwrap();
    let kept = chain.county.evidence();
    assert_eq!(kept.iter().filter(|k| k.evidence.what == What::Restored).count(), 1, "said once: {kept:?}");
}

/// Whatever happens to frames on the way, a store holds only what the authors of its feeds wrote, and nobody is taken
/// for a device that forked.
#[test]
fn garbled_frames_never_enter_and_accuse_no_author() {
    for seed in 1..=seeds(2) {
        let chain = Chain::new(seed);
        let mut dice = Dice(seed);
        let mediator = chain.county.mediator(1);
        for round in 0..60 {
            (0..=dice.below(3)).for_each(|n| _ = chain.county.work(mediator, round * 10 + n));
            if dice.chance(20) {
                chain.city.store.write_blocking(people::programme).unwrap();
            }
            let (lower, upper) =
                if dice.chance(60) { (&chain.county, &chain.city) } else { (&chain.city, &chain.province) };
            let side = if dice.chance(50) { Side::Lower } else { Side::Upper };
            let (at, mut n) = (dice.below(8), 0);
            let mut cut = false;
            let ended = call_through(lower.ends(), upper.ends(), side, &mut |frame| {
                n += 1;
                let bent = if n == at + 1 { garble(&frame, &mut dice) } else { Some(frame) };
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
        let forked = author.evidence().into_iter().find(|k| matches!(k.evidence.what, What::Fork | What::Split));
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
        lie_once(&chain, Lie::FlipSegment, Side::Upper, seed);
    }
    let kept = chain.county.evidence().len();
    assert!((1..=16).contains(&kept), "{kept}");
    let again = Place::new(&chain.county.machine);
    assert_eq!(again.evidence().len(), kept);
    disk::save(&chain.county.machine.home.dir).unwrap();
    oracle::verifies(&again.machine, &again.store).unwrap();
}
