//! Restored backups, cloned disks, hubs from yesterday, lost machines: nothing is lost, nothing counts twice, and
//! nothing happens in silence.

use std::{collections::BTreeSet, fs};

use huiliu_hub::authority;
use huiliu_node::{
    app::{repair, void},
    identity::Role,
    ledger::{Incoming, Intake, Ledger, WriteOutcome},
    store::{
        evidence::{self, EvidenceKind, Peer},
        feeds::{self, FeedRow},
        invitations, projection, strays,
    },
    sync::exchange::End,
};
use huiliu_proto::{
    feed::Scope,
    handle::Draft,
    id::Hash,
    kind::{Reach, Shape, kind},
    operation::Operation,
    records::stray_return,
    token::TokenId,
    tree,
    v1::{self, Refusal, StrayReturn},
};
use huiliu_tests::{
    forger::Forger,
    oracle, people,
    place::{Place, Story, back_to, clone_of, database_back_to, save},
    relay::take,
    talk,
};
use prost::Message as _;

/// A county with a second machine.
fn two_machines() -> (Story, Place) {
    let mut story = Story::new();
    story.world.add("320922", Role::Node).unwrap();
    let second = Place::new(story.world.machine("node-320922-1"));
    (story, second)
}

/// A token that was used is open again in yesterday's database: it lets no second machine in.
#[test]
fn what_is_put_back_by_hand_opens_no_used_token() {
    let mut story = Story::new();
    let mediator = story.city.mediator(1);
    let now = (story.world.clock)();
    let below = "320922".parse().unwrap();
    let invitation = authority::new_invitation(TokenId([7; 6]), below, Hash([1; 32]), now, now + 1000);
    story.city.store().write_blocking(move |ledger| invitations::add(ledger.conn(), &invitation)).unwrap();
    save(&mut story.city);
    let device = story.county.machine.me().device();
    let used =
        move |ledger: &mut Ledger| invitations::used(ledger.conn(), &TokenId([7; 6]), &device, &Hash([2; 32]), now);
    story.city.store().write_blocking(used).unwrap();
    story.city.work(mediator, 1);
    story.settle(&[]);
    // The second time it signed nothing in between; so does a database look where the program was killed as it noticed.
    for time in 1..=2 {
        database_back_to(&mut story.city);
        let all = story.city.store().read(invitations::all).unwrap();
        let open = all.iter().filter(|one| one.used.is_none() && one.revoked_at.is_none()).count();
        assert_eq!((all.len(), open), (1, 0), "put back for time {time}");
        let told = story.city.store().read(|conn| evidence::list(conn, false)).unwrap();
        let detail = &told.iter().find(|kept| kept.evidence.what == EvidenceKind::Restored).unwrap().evidence.detail;
        assert!(detail.zh.contains("少1条") && detail.zh.contains("加入码已全部作废"), "{detail:?}");
    }
    // Noticed, it is not noticed again: neither when it is opened, nor of a copy that was computed anew.
    let incarnation = story.city.incarnation();
    story.city.close();
    let home = &story.city.machine.home;
    repair::rebuild(home, &story.city.machine.me(), &mut ()).unwrap();
    story.city.open();
    assert_eq!(story.city.incarnation(), incarnation);
}

#[test]
fn a_restored_database_shows_and_goes_on_in_a_new_incarnation() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    save(&mut story.county);
    works.extend((3..7).map(|n| story.county.work(mediator, n)));
    story.county.rename(mediator, "后来的名字");
    story.settle(&[]);
    database_back_to(&mut story.county);
    assert_eq!(story.county.saw(), [EvidenceKind::Restored]);
    assert_ne!(story.county.incarnation(), 0);
    // Written before anybody was asked: it cannot clash with what was signed before.
    works.insert(story.county.work(mediator, 8));
    story.settle(&[]);
    assert_eq!(story.county.name(mediator), "后来的名字");
    for place in [&story.county, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
    }
    assert_eq!(story.county.saw(), [EvidenceKind::Restored], "no fork came of it");
    assert_eq!(story.city.saw(), [EvidenceKind::Restored], "the level above hears of it");
    story.holds(&[]);
    // Opened again, it is not taken for restored a second time.
    let incarnation = story.county.incarnation();
    story.county.close();
    story.county.open();
    assert_eq!(story.county.incarnation(), incarnation);
}

#[test]
fn a_restored_disk_that_asks_first_takes_its_own_back() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    save(&mut story.county);
    works.extend((3..7).map(|n| story.county.work(mediator, n)));
    story.settle(&[]);
    back_to(&mut story.county);
    assert!(story.county.saw().is_empty(), "nothing here can tell");
    story.county.talk(&story.city);
    assert_eq!(story.county.saw(), [EvidenceKind::Elsewhere]);
    assert_ne!(story.county.incarnation(), 0);
    works.insert(story.county.work(mediator, 8));
    story.settle(&[]);
    for place in [&story.county, &story.city, &story.province] {
        assert_eq!(place.works(), works);
    }
    story.holds(&[]);
}

#[test]
fn a_restored_disk_that_writes_first_says_it_again() {
    for written in [1, 9] {
        let mut story = Story::new();
        let mediator = story.county.mediator(1);
        let other = story.county.mediator(2);
        let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
        story.settle(&[]);
        save(&mut story.county);
        works.extend((3..7).map(|n| story.county.work(mediator, n)));
        story.county.rename(mediator, "甲");
        story.settle(&[]);
        back_to(&mut story.county);
        // More, or fewer, than were written before the disk was restored; edits that follow each other among them.
        story.county.rename(other, "乙");
        story.county.rename(other, "丙");
        let third = story.county.mediator(3);
        story.county.rename(third, "丁");
        works.extend((20..20 + written).map(|n| story.county.work(mediator, n)));
        story.settle(&[]);
        for place in [&story.county, &story.city, &story.province] {
            assert_eq!(place.works(), works, "{}", place.machine.name);
            let names = [mediator, other, third].map(|id| place.name(id));
            assert_eq!(names, ["甲", "丙", "丁"], "{}", place.machine.name);
        }
        assert!(story.county.saw().contains(&EvidenceKind::Fork));
        for place in [&story.city, &story.province] {
            assert!(
                place.saw().iter().any(|what| matches!(what, EvidenceKind::Fork | EvidenceKind::Restored)),
                "{}",
                place.machine.name
            );
        }
        story.holds(&[]);
    }
}

#[test]
fn a_dossier_changed_on_both_sides_of_a_restore_shows_both() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    story.settle(&[]);
    save(&mut story.county);
    story.county.rename(mediator, "甲");
    story.settle(&[]);
    back_to(&mut story.county);
    story.county.rename(mediator, "乙");
    story.settle(&[]);
    for place in [&story.county, &story.city] {
        let open = place.store().read(|c| huiliu_node::store::documents::conflicts(c, Some(&mediator))).unwrap();
        assert_eq!(open.len(), 1, "a person decides between two names");
        assert_eq!(open[0].values.len(), 2);
    }
    story.holds(&[]);
}

#[test]
fn a_cloned_disk_with_both_machines_at_work() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    works.insert(story.county.work(mediator, 3));
    let clone = clone_of(&mut story.county, 99);
    for round in 0..4 {
        works.extend((0..3).map(|n| story.county.work(mediator, 10 + round * 10 + n)));
        works.extend((0..2).map(|n| clone.work(mediator, 50 + round * 10 + n)));
        if round % 2 == 0 {
            story.county.talk(&story.city);
        }
        clone.talk(&story.city);
    }
    story.settle(&[&clone]);
    for place in [&story.county, &clone, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
    }
    assert!(clone.saw().contains(&EvidenceKind::Fork), "{:?}", clone.saw());
    assert!(story.city.saw().iter().any(|what| matches!(what, EvidenceKind::Fork | EvidenceKind::Restored)));
    assert!(
        story.county.saw().contains(&EvidenceKind::Elsewhere),
        "the first machine hears that its key is used elsewhere"
    );
    assert_ne!(clone.incarnation(), story.county.incarnation());
    story.holds(&[&clone]);
}

/// A clone had gone on anew and written an edit that followed one in the feed it had left; that one was cut off later.
/// The two were then said under one number, and which of them counted depended on the order of arrival.
#[test]
fn what_followed_an_edit_that_is_cut_off_is_said_again_too() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    story.settle(&[]);
    let mut clone = clone_of(&mut story.county, 98);
    clone.rename(mediator, "甲");
    clone.rename(mediator, "乙");
    clone.close();
    fs::remove_file(clone.machine.home.dir.join("memory.json")).unwrap();
    clone.open();
    assert_ne!(clone.incarnation(), 0);
    clone.rename(mediator, "丙");
    clone.rename(mediator, "丁");
    // The other machine's history of the feed they share is the one that the city has.
    let works: BTreeSet<_> = (0..4).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    story.settle(&[&clone]);
    for place in [&story.county, &clone, &story.city, &story.province] {
        assert_eq!(place.name(mediator), "丁", "{}", place.machine.name);
        assert_eq!(place.works(), works, "{}", place.machine.name);
        let open = place.store().read(|c| huiliu_node::store::documents::conflicts(c, Some(&mediator))).unwrap();
        assert!(open.is_empty(), "one machine wrote all of it: {open:?}");
    }
    story.holds(&[&clone]);
    clone.rename(mediator, "戊");
    story.settle(&[&clone]);
    assert_eq!(story.province.name(mediator), "戊");
    story.holds(&[&clone]);
}

#[test]
fn a_hub_from_yesterday_is_refilled_from_below_and_above() {
    for whole in [false, true] {
        let mut story = Story::new();
        let mediator = story.county.mediator(1);
        let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
        let own = story.city.mediator(7);
        story.settle(&[]);
        save(&mut story.city);
        works.extend((3..7).map(|n| story.county.work(mediator, n)));
        works.insert(story.city.work(own, 30));
        story.world.add("320923", Role::Node).unwrap();
        let second = Place::new(story.world.machine("node-320923-0"));
        let far = second.mediator(5);
        works.insert(second.work(far, 40));
        story.settle(&[&second]);
        if whole {
            back_to(&mut story.city)
        } else {
            database_back_to(&mut story.city)
        }
        // It writes of its own before anybody could tell it what it had written; one of its counties writes too.
        works.insert(story.city.work(own, 31));
        works.insert(story.county.work(mediator, 41));
        // The county enrolled since is a stranger until its enrolment has come back from above.
        story.city.talk(&story.province);
        story.settle(&[&second]);
        for place in [&story.city, &story.province] {
            assert_eq!(place.works(), works, "{} whole {whole}", place.machine.name);
        }
        assert!(!story.city.saw().is_empty());
        story.holds(&[&second]);
    }
}

#[test]
fn a_hub_has_not_gone_back_because_another_conversation_was_quicker() {
    let story = Story::new();
    story.settle(&[]);
    let (county, city) = ((&story.county.machine, story.county.store()), (&story.city.machine, story.city.store()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    // Whether the county knew of the other conversation's receipt when it called.
    for knew in [false, true] {
        runtime.block_on(async {
            let before = talk::known(county, city, true).await.unwrap();
            let above = talk::known(city, county, false).await.unwrap();
            story.county.mediator(u64::from(knew));
            assert_eq!(talk::session(county, city, false).await.unwrap().end, End::Done);
            let below = if knew { talk::known(county, city, true).await.unwrap() } else { before };
            let ended = talk::converse(county, city, false, (below, above)).await.unwrap();
            assert!(ended.tally.refused.is_empty(), "{ended:?}");
        });
        let says: &[EvidenceKind] = if knew { &[EvidenceKind::Restored] } else { &[] };
        assert_eq!(story.county.saw(), says, "knew: {knew}");
    }
}

#[test]
fn a_national_hub_from_yesterday_says_again_what_only_those_below_still_have() {
    assert_eq!(kind("programme").unwrap().shape, Shape::Entry);
    // What it wrote since is shorter, as long, and longer than what those below remember.
    for (remembered, written) in [(3, 1), (2, 2), (1, 3), (5, 0)] {
        let mut story = Story::new();
        let programme = |story: &Story| story.nation.store().write_blocking(people::programme).unwrap();
        let mut all = BTreeSet::from([programme(&story)]);
        story.settle(&[]);
        save(&mut story.nation);
        all.extend((0..remembered).map(|_| programme(&story)));
        story.settle(&[]);
        back_to(&mut story.nation);
        all.extend((0..written).map(|_| programme(&story)));
        story.settle(&[]);
        story.settle(&[]);
        for place in [&story.nation, &story.province, &story.city, &story.county] {
            let shown =
                place.store().read(|c| projection::list(c, kind("programme").unwrap(), None, None, 100)).unwrap();
            let shown: BTreeSet<_> = shown.into_iter().map(|row| row.id).collect();
            assert_eq!(shown, all, "{} {remembered} {written}", place.machine.name);
        }
        story.holds(&[]);
    }
}

#[test]
fn a_lost_machine_is_replaced_and_the_unions_history_comes_back() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    let works: BTreeSet<_> = (0..5).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    story.world.add("320922", Role::Node).unwrap();
    story.county.close();
    fs::remove_dir_all(&story.county.machine.home.dir).unwrap();
    story.county = Place::new(story.world.machine("node-320922-1"));
    story.settle(&[]);
    assert_eq!(story.county.works(), works);
    story.county.rename(mediator, "新机所写");
    story.settle(&[]);
    assert_eq!(story.province.name(mediator), "新机所写");
    story.holds(&[]);
}

/// A hub that told other levels one history of a feed gives it up while a line to a machine with that history stands: as
/// each end thought that the other had all it has, the line stood for ever and nothing was said.
#[test]
fn a_history_that_is_given_up_while_a_line_stands_is_told() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    story.settle(&[]);
    save(&mut story.city);
    save(&mut story.county);
    let mut works: BTreeSet<_> = (0..3).map(|n| story.county.work(mediator, n)).collect();
    story.settle(&[]);
    // Both go back to where they were before; the province has what both have forgotten.
    back_to(&mut story.city);
    back_to(&mut story.county);
    works.extend((10..15).map(|n| story.county.work(mediator, n)));
    story.county.talk_while(&story.city, || story.city.talk(&story.province));
    story.settle(&[]);
    for place in [&story.county, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
    }
    story.holds(&[]);
}

/// The later incarnation comes first: that it left the earlier one before its end shows when that end comes.
#[test]
fn a_level_above_hears_of_a_clone_whatever_comes_first() {
    let mut story = Story::new();
    let mediator = story.county.mediator(1);
    story.settle(&[]);
    let mut clone = clone_of(&mut story.county, 97);
    clone.close();
    fs::remove_file(clone.machine.home.dir.join("memory.json")).unwrap();
    clone.open();
    clone.work(mediator, 1);
    clone.talk(&story.city);
    story.city.talk(&story.province);
    assert!(story.province.saw().is_empty());
    story.county.work(mediator, 2);
    story.settle(&[&clone]);
    for place in [&story.city, &story.province] {
        assert_eq!(place.saw(), [EvidenceKind::Restored], "{}", place.machine.name);
    }
    story.holds(&[&clone]);
}

/// The disk of a machine goes back, and that of the hub above: only the other machine of the union still has what was
/// written. The hub takes the new history, so the other machine yields to it, and gives back what it cuts off.
#[test]
fn what_only_another_machine_of_the_union_has_comes_back() {
    let (mut story, mut second) = two_machines();
    let mediator = second.mediator(1);
    let mut works = BTreeSet::from([second.work(mediator, 0)]);
    story.settle(&[&second]);
    save(&mut second);
    save(&mut story.city);
    works.extend((1..4).map(|n| second.work(mediator, n)));
    second.rename(mediator, "甲");
    second.talk(&story.city);
    story.county.talk(&story.city);
    back_to(&mut second);
    database_back_to(&mut story.city);
    works.insert(second.work(mediator, 9));
    second.talk(&story.city);
    story.settle(&[&second]);
    story.settle(&[&second]);
    for place in [&story.county, &second, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
        assert_eq!(place.name(mediator), "甲", "{}", place.machine.name);
    }
    assert!(second.saw().contains(&EvidenceKind::Elsewhere), "{:?}", second.saw());
    story.holds(&[&second]);
    // It is said once: nothing more is written however often they meet.
    let sizes =
        |place: &Place| place.store().read(|c| Ok(feeds::all(c)?.iter().map(FeedRow::size).sum::<u64>())).unwrap();
    let before = [&story.county, &second, &story.city].map(sizes);
    story.settle(&[&second]);
    assert_eq!([&story.county, &second, &story.city].map(sizes), before);
}

/// What somebody else of the union has voided is given back too: the void may be taken back.
#[test]
fn what_was_voided_by_another_machine_comes_back_as_well() {
    let (mut story, mut second) = two_machines();
    let mediator = second.mediator(1);
    story.settle(&[&second]);
    save(&mut second);
    save(&mut story.city);
    let voided = second.work(mediator, 1);
    let mut works = BTreeSet::from([voided, second.work(mediator, 2)]);
    second.talk(&story.city);
    story.county.talk(&story.city);
    let void = move |ledger: &mut Ledger| void::void(ledger, voided, "重复录入").map(drop);
    story.county.store().write_blocking(void).unwrap();
    back_to(&mut second);
    database_back_to(&mut story.city);
    works.insert(second.work(mediator, 9));
    second.talk(&story.city);
    story.settle(&[&second]);
    story.settle(&[&second]);
    story.county.store().write_blocking(move |l| void::reinstate(l, voided, "作废有误").map(drop)).unwrap();
    story.settle(&[&second]);
    for place in [&story.county, &second, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
    }
    story.holds(&[&second]);
}

/// The other machine has changed the dossier after that, and goes on in a new incarnation in the job in which it gives
/// back what it cut off: nobody takes it for restored.
#[test]
fn a_machine_that_gives_back_and_goes_on_anew_is_not_accused() {
    let (mut story, mut second) = two_machines();
    let mediator = second.mediator(1);
    story.settle(&[&second]);
    save(&mut second);
    save(&mut story.city);
    let mut works = BTreeSet::from([second.work(mediator, 1)]);
    second.rename(mediator, "甲");
    second.talk(&story.city);
    story.county.talk(&story.city);
    story.county.rename(mediator, "乙");
    works.insert(story.county.work(mediator, 2));
    back_to(&mut second);
    database_back_to(&mut story.city);
    works.insert(second.work(mediator, 9));
    second.talk(&story.city);
    story.settle(&[&second]);
    story.settle(&[&second]);
    assert_ne!(story.county.incarnation(), 0);
    let device = story.county.machine.me().device();
    for place in [&story.county, &second, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
        assert!(place.names(mediator).contains("乙"), "{}", place.machine.name);
        let of_it = |c: &huiliu_node::store::View| {
            let about: Vec<_> = evidence::list(c, false)?.into_iter().map(|kept| kept.evidence.feed).collect();
            Ok(feeds::all(c)?
                .into_iter()
                .filter(|row| row.feed.device == device && about.contains(&row.feed.id))
                .count())
        };
        assert_eq!(place.store().read(of_it).unwrap(), 0, "{}", place.machine.name);
    }
    story.holds(&[&second]);
}

/// What a device still has is not said again because somebody gives it back, nor what it never signed.
#[test]
fn what_is_given_back_without_need_changes_nothing() {
    let mut story = Story::new();
    story.world.add("320922", Role::Node).unwrap();
    let second = Place::new(story.world.machine("node-320922-1"));
    let mediator = second.mediator(1);
    second.rename(mediator, "甲");
    second.rename(mediator, "乙");
    story.settle(&[&second]);
    let row = |place: &Place| {
        let device = second.machine.me().device();
        let all = place.store().read(feeds::all).unwrap();
        all.into_iter().find(|row| row.feed.device == device && row.feed.scope == Scope::Own(Reach::Province)).unwrap()
    };
    let held = row(&story.county);
    let proof = |change: &dyn Fn(&mut Operation)| {
        let head = held.head.clone().unwrap();
        let operations = (0..held.size()).map(|position| {
            let read = story.county.store().read(|c| {
                let path = tree::inclusion(&mut feeds::StoredLeaves { conn: c, no: held.no }, position, head.size)?;
                Ok((feeds::operation(c, held.no, position)?.unwrap(), path))
            });
            let (mut operation, path) = read.unwrap();
            change(&mut operation);
            let path: Vec<u8> = path.iter().flat_map(|hash| hash.0).collect();
            v1::ProofOperation { position, operation: Some(operation.to_wire()), path: path.into() }
        });
        let operations = operations.collect();
        let header = held.feed.header.clone();
        let whole = v1::ProofFeed { header, head: Some(head.signed), operations, ..v1::ProofFeed::default() };
        whole.encode_to_vec()
    };
    let other = |operation: &mut Operation| operation.time += 1;
    for proof in [proof(&|_| ()), proof(&other), vec![7; 40]] {
        let mut said = Draft::<StrayReturn>::new();
        said.set(stray_return::DEVICE, held.feed.device.to_vec()).set(stray_return::IN_FEED, held.feed.id.to_vec());
        said.set(stray_return::PROOF, proof);
        let written =
            story.county.store().write_blocking(move |ledger| ledger.write_entry(&said.into_record())).unwrap();
        assert!(matches!(written, WriteOutcome::Written { .. }), "{written:?}");
    }
    story.settle(&[&second]);
    let got = second.store().read(|c| strays::returned_to(c, &held.feed.device, 10)).unwrap();
    assert_eq!(got.len(), 3, "they have arrived");
    assert_eq!(second.name(mediator), "乙");
    assert_eq!(row(&second).size(), held.size());
    assert_eq!((second.incarnation(), second.saw()), (0, vec![]));
    story.holds(&[&second]);
}

/// One machine of a union changes a dossier on top of what another one wrote, and that is cut off and said again: the
/// change of the first would wait for ever for what is nowhere any more.
#[test]
fn what_another_machine_wrote_after_an_edit_that_is_cut_off_stays() {
    let mut story = Story::new();
    story.world.add("320922", Role::Node).unwrap();
    let second = Place::new(story.world.machine("node-320922-1"));
    let mediator = story.county.mediator(1);
    story.settle(&[&second]);
    save(&mut story.city);
    save(&mut story.county);
    let mut works = BTreeSet::from([story.county.work(mediator, 1)]);
    story.settle(&[]);
    back_to(&mut story.city);
    back_to(&mut story.county);
    story.county.rename(mediator, "甲");
    story.county.talk(&story.city);
    second.talk(&story.city);
    second.rename(mediator, "乙");
    works.insert(second.work(mediator, 2));
    story.settle(&[&second]);
    for place in [&story.county, &second, &story.city, &story.province] {
        assert_eq!(place.works(), works, "{}", place.machine.name);
        let names: BTreeSet<String> = place.names(mediator);
        assert!(names.contains("乙"), "{}: {names:?}", place.machine.name);
    }
    story.holds(&[&second]);
    second.rename(mediator, "丙");
    story.settle(&[&second]);
    assert_eq!(story.province.names(mediator), BTreeSet::from(["丙".to_owned()]));
    story.holds(&[&second]);
}

/// A statement that came back after a province's disk was lost was taken as it stands, though what it rests on had been
/// taken back since.
#[test]
fn a_province_from_yesterday_states_what_its_records_say_now() {
    for (above_first, more) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut story = Story::new();
        let mediator = story.county.mediator(1);
        story.county.work(mediator, 0);
        story.settle(&[]);
        save(&mut story.province);
        let wrong = story.county.work(mediator, 12);
        story.settle(&[]);
        back_to(&mut story.province);
        story.county.store().write_blocking(move |ledger| people::correction(ledger, wrong)).unwrap();
        if more {
            story.county.work(mediator, 24);
        }
        story.county.talk(&story.city);
        if above_first {
            story.province.talk(&story.nation);
        }
        story.city.talk(&story.province);
        story.settle(&[]);
        story.holds(&[]);
        let all = [&story.nation, &story.province, &story.city, &story.county];
        oracle::sums_agree(&all.map(|place| (place.machine.clone(), place.store().clone()))).unwrap();
    }
}

/// A feed was asked for from its beginning once, and was found to be as it is. When its device came back with another
/// history much later, that was called forged and was never put together.
#[test]
fn what_was_compared_once_says_nothing_of_another_history() {
    let story = Story::new();
    let county = &story.county.machine;
    let from = Some(Peer { union: county.union(), device: county.me().device() });
    let hand = |batch: &Incoming| take(story.city.store(), Incoming { from, ..batch.clone() });
    let said = |seed: u8| {
        let mut forger = Forger::province(county);
        let mut batch = |count: u8| {
            let entries = (0..count).map(|n| Operation::new(9, forger.id(), None, vec![seed, n], None));
            let entries: Vec<Operation> = entries.collect();
            forger.say(&entries)
        };
        [batch(3), batch(3), batch(2)]
    };
    let (here, other) = (said(1), said(2));
    for batch in &here[..2] {
        assert!(matches!(hand(batch), Intake::Taken { .. }));
    }
    assert_eq!(hand(&other[2]), Intake::Again, "another history may be about");
    for batch in &here[..2] {
        assert!(matches!(hand(batch), Intake::Taken { .. }), "it was as it is here");
    }
    assert_eq!(hand(&other[2]), Intake::Again, "and now it may be again");
    assert!(matches!(hand(&other[0]), Intake::Refused { reason: Refusal::Fork, .. }));
    assert_eq!(story.city.saw(), [EvidenceKind::Fork]);
}
