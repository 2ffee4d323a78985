//! What a hub in the middle can do without bending a bit: tell two stories, keep back, show yesterday, enrol a machine of
//! its own. Who sees it, and that honest hubs, slow lines and counties that were away are accused of nothing.

use huiliu_hub::authority;
use huiliu_node::{
    cli::Exit,
    ledger::Incoming,
    store::{
        evidence::{EvidenceKind, Peer},
        feeds, receipts,
    },
};
use huiliu_proto::{feed::Scope, kind::kind, operation::Operation, signed::SigningKey, union::UnionNumber};
use huiliu_tests::{
    chain::{Chain, Place},
    forger::{Forger, attested},
    relay::{self, batches, give, take},
    talk::talk,
};

fn county() -> UnionNumber {
    "320922".parse().unwrap()
}

fn city() -> UnionNumber {
    "320900".parse().unwrap()
}

/// Feeds of a union, those below it and those above it.
fn comes_from(row: &feeds::FeedRow, union: UnionNumber) -> bool {
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
        assert!(chain.province.accuses(EvidenceKind::Split, &chain.city.device()).is_none(), "it may be on its way");
        chain.wait(120_000);
        faces.exchange();
        let hub = chain.city.device();
        let kept = chain
            .province
            .accuses(EvidenceKind::Split, &hub)
            .unwrap_or_else(|| panic!("{:?}", chain.province.evidence()));
        assert_eq!(kept.evidence.from, Some(Peer { union: city(), device: hub }));
        assert!(kept.evidence.ours.is_some() && kept.evidence.theirs.is_some(), "both signed words are kept");
        assert!(kept.evidence.detail.zh.contains(&county().union_name()), "{}", kept.evidence.detail.zh);
        assert_eq!(chain.province.status(), Exit::Attention);
        faces.exchange();
        chain.wait(120_000);
        faces.exchange();
        let splits = chain.province.evidence().iter().filter(|k| k.evidence.what == EvidenceKind::Split).count();
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
    let kept = chain.county.accuses(EvidenceKind::Split, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.detail.zh.contains("江苏省"), "{}", kept.evidence.detail.zh);
    assert_eq!(chain.county.status(), Exit::Attention);
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
    let kept = chain
        .county
        .evidence()
        .into_iter()
        .find(|k| k.evidence.what == EvidenceKind::Withheld && k.evidence.feed == spoken);
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert_eq!(kept.evidence.from.unwrap().device, chain.city.device());
    assert_eq!(chain.county.status(), Exit::Attention);
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
    let kept = chain.county.accuses(EvidenceKind::Withheld, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.detail.zh.contains("江苏省"), "{}", kept.evidence.detail.zh);
    assert_eq!(chain.county.status(), Exit::Attention);
    // Confirmed at last, the matter is settled by itself.
    chain.settle().unwrap();
    assert!(chain.county.evidence().is_empty());
    assert_eq!(chain.county.status(), Exit::Done);
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
    let kept = chain.county.accuses(EvidenceKind::Enrolled, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert!(kept.evidence.detail.zh.contains(&request.device().to_string()[..16]));
    assert_eq!(chain.county.status(), Exit::Attention);
    assert!(
        request.accuses(EvidenceKind::Enrolled, &chain.city.device()).is_none(),
        "it knows itself and those before it"
    );
    // Acknowledged, it stays so, also when all is computed again.
    let settled = chain.county.store.write_blocking(move |ledger| {
        huiliu_node::store::evidence::settle(ledger.conn(), kept.no, ledger.now(), "是本单位的新机器")
    });
    assert!(settled.unwrap());
    chain.county.store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
    chain.settle().unwrap();
    assert!(chain.county.evidence().is_empty());
    assert_eq!(chain.county.status(), Exit::Done);
}

#[test]
fn what_a_hub_signs_itself_in_the_countys_name_waits_at_every_level() {
    let chain = Chain::new(9);
    let mut forger = Forger::of(&chain.city.machine, county(), Scope::Own(huiliu_proto::kind::Reach::Nation));
    let number = kind("expenditure").unwrap().number;
    let id = forger.id();
    let batch = forger.say(&[Operation::new(number, id, None, vec![], None)]);
    let from = Some(Peer { union: city(), device: chain.city.device() });
    give(&chain.province.store, &Incoming { from, ..batch.clone() });
    talk(chain.province.ends(), chain.nation.ends()).unwrap();
    for place in [&chain.province, &chain.nation] {
        let there = place.store.read(|c| feeds::by_id(c, &batch.feed)).unwrap().unwrap();
        assert_eq!((there.size(), there.applied), (1, 0), "{}", place.machine.name);
        assert_eq!(place.status(), Exit::Attention);
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
    let kept = chain.county.accuses(EvidenceKind::Restored, &chain.city.device());
    let kept = kept.unwrap_or_else(|| panic!("{:?}", chain.county.evidence()));
    assert_eq!(kept.evidence.from.unwrap().union, city());
    assert!(kept.evidence.theirs.is_some(), "its own receipt speaks against it");
    assert_eq!(chain.county.status(), Exit::Attention);
    // Restored honestly, it has everything again.
    chain.city = yesterday;
    chain.settle().unwrap();
    chain.holds().unwrap();
    let kept = chain.county.evidence();
    assert_eq!(kept.iter().filter(|k| k.evidence.what == EvidenceKind::Restored).count(), 1, "said once: {kept:?}");
}

/// What the hub enrolled in another feed was raised or not by which feed came first, and a rebuild raised it then.
#[test]
fn a_machine_enrolled_in_another_feed_is_shown_whichever_comes_first() {
    for forged_first in [true, false] {
        let mut chain = Chain::new(9);
        let late = Place::new(chain.world.add("320922", huiliu_node::identity::Role::Node).unwrap());
        let mut forger =
            Forger::of(&chain.city.machine, chain.city.machine.union(), Scope::Branch(late.machine.union()));
        let made_up = SigningKey::from_seed(&[77; 32]);
        let id = forger.id();
        let enrolment = attested(&made_up, late.machine.union(), false);
        let number = kind("enrolment").unwrap().number;
        let forged = forger.say(&[Operation::new(number, id, None, enrolment.encode(), None)]);
        // What is not meant for it is not taken.
        let hear = |place: &Place| batches(&place.store).into_iter().flatten().for_each(|b| drop(take(&late.store, b)));
        hear(&chain.nation);
        hear(&chain.province);
        if forged_first {
            give(&late.store, &forged);
            hear(&chain.city);
        } else {
            hear(&chain.city);
            give(&late.store, &forged);
        }
        let shown = || -> Vec<String> {
            let kept = late.evidence().into_iter().filter(|k| k.evidence.what == EvidenceKind::Enrolled);
            kept.map(|k| k.evidence.detail.en).collect()
        };
        let before = shown();
        assert!(matches!(&before[..], [one] if one.contains(&made_up.device().to_string()[..16])), "{before:?}");
        late.store.write_blocking(|ledger| ledger.rebuild(&mut |_| ())).unwrap();
        assert_eq!(shown(), before);
    }
}
