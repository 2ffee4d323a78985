use std::collections::BTreeSet;

use proptest::{prelude::*, sample};

use super::*;
use UnionRelationType::{FilesWith, FundedBy, GuidedBy, LedBy, PostedBy};

fn union(number: &str) -> UnionNumber {
    number.parse().expect("a number of this test")
}

fn unions<const N: usize>(numbers: [&str; N]) -> Vec<UnionNumber> {
    numbers.map(union).to_vec()
}

fn said(by: &str, record: u8) -> Said {
    Said { by: union(by), record: RecordId([record; 16]) }
}

/// By the nation, from a day on.
fn relation(record: u8, of: &str, relation: UnionRelationType, other: &str, from: i32) -> Relation {
    Relation {
        said: said("100000", record),
        union: union(of),
        relation,
        other: union(other),
        other_name: None,
        from: Day(from),
        until: None,
        doc_no: "工发1".into(),
        replaces: None,
    }
}

fn fact(record: u8, of: &str, from: i32) -> Fact {
    Fact {
        said: said("100000", record),
        union: union(of),
        from: Day(from),
        name: None,
        short: None,
        code: None,
        level: None,
        form: None,
        chair_seat: None,
        doc_no: "工发1".into(),
        replaces: None,
    }
}

fn division(name: &str) -> Profile {
    Profile { name: name.into(), form: Some(UnionForm::DivisionUnion), ..Profile::built_in(UnionNumber::CORPS) }
}

fn ancestors(all: &Organisation, of: &str, day: i32) -> Vec<UnionNumber> {
    all.on(Day(day)).ancestors(union(of)).collect()
}

#[test]
fn a_city_of_the_corps_is_led_by_its_division() {
    let mut all = Organisation::default();
    assert_eq!(ancestors(&all, "659001", 0), unions(["660000", "100000"]), "nobody has registered the division");
    all.list(union("660000-018"), division("第十八师总工会"));
    all.list(union("660000-002"), division("新疆生产建设兵团第八师总工会"));
    assert_eq!(ancestors(&all, "659001", 0), unions(["660000-002", "660000", "100000"]));
    assert_eq!(ancestors(&all, "659001-001", 0), unions(["659001", "660000-002", "660000", "100000"]));
    assert_eq!(ancestors(&all, "659002", 0), unions(["660000", "100000"]));
    // Where only its machine is known; where two are called so; and where a word says otherwise.
    let mut elsewhere = Organisation::default();
    elsewhere.enrol(union("660000-002"), Names { name: "第八师总工会".into(), short: None });
    assert_eq!(elsewhere.on(Day(0)).parent(union("659001")), Some(union("660000-002")));
    elsewhere.list(union("660000-003"), division("第八师总工会"));
    assert_eq!(elsewhere.on(Day(0)).parent(union("659001")), Some(UnionNumber::CORPS));
    elsewhere.relate(relation(1, "659001", LedBy, "660000-003", 10));
    assert_eq!(elsewhere.on(Day(10)).parent(union("659001")), Some(union("660000-003")));
    assert_eq!(elsewhere.on(Day(9)).parent(union("659001")), Some(UnionNumber::CORPS));
}

#[test]
fn one_funds_and_takes_filings_and_each_holds_until_the_next() {
    let mut all = Organisation::default();
    all.relate(relation(1, "320922", FundedBy, "320000", 10));
    all.relate(Relation { until: Some(Day(29)), ..relation(2, "320922", FundedBy, "100000", 20) });
    all.relate(relation(3, "320922", FilesWith, "320000", 15));
    let of = union("320922");
    let funders = [9, 10, 19, 20, 29, 30].map(|day| all.on(Day(day)).funder(of).expect("one above").to_string());
    assert_eq!(funders, ["320900", "320000", "320000", "100000", "100000", "320900"]);
    assert_eq!([14, 15].map(|day| all.on(Day(day)).filing_desk(of)), [Some(union("320900")), Some(union("320000"))]);
    assert_eq!(all.on(Day(15)).parent(of), Some(union("320900")), "who leads is another matter");
    assert_eq!(all.on(Day(15)).word(of, FilesWith).map(|word| word.said.record), Some(RecordId([3; 16])));
    assert_eq!((all.on(Day(20)).funder(UnionNumber::NATION), all.overlapping(of).len()), (None, 0));
    // Put right, it speaks no more; another union's word about it changes nothing of that.
    all.relate(Relation { replaces: Some(RecordId([1; 16])), ..relation(4, "320922", FundedBy, "320900", 10) });
    assert_eq!(all.on(Day(10)).funder(of), Some(union("320900")));
    let other = Relation {
        said: said("320000", 5),
        replaces: Some(RecordId([4; 16])),
        ..relation(5, "320922", FundedBy, "320000", 40)
    };
    all.relate(other);
    assert_eq!(all.on(Day(10)).word(of, FundedBy).map(|word| word.said.record), Some(RecordId([4; 16])));
}

#[test]
fn what_speaks_of_the_same_days_is_named() {
    let mut all = Organisation::default();
    let of = union("320922");
    let pairs = |all: &Organisation| -> Vec<(u8, u8)> {
        let first = |one: &Relation| one.said.record.0[0];
        all.overlapping(of).into_iter().map(|(a, b)| (first(a), first(b))).collect()
    };
    all.relate(Relation { until: Some(Day(30)), ..relation(1, "320922", FundedBy, "320000", 10) });
    all.relate(relation(2, "320922", FundedBy, "100000", 30));
    all.relate(relation(3, "320922", FilesWith, "100000", 30));
    all.relate(relation(4, "320922", GuidedBy, "320000-001", 10));
    all.relate(relation(5, "320922", GuidedBy, "320000-002", 20));
    assert_eq!(pairs(&all), [(1, 2)], "the last day is one of both");
    all.relate(relation(6, "320922", GuidedBy, "320000-002", 50));
    all.relate(relation(7, "320922", FilesWith, "320000", 30));
    assert_eq!(pairs(&all), [(1, 2), (5, 6), (3, 7)]);
    let guides = all.on(Day(60)).several(of, GuidedBy);
    assert_eq!(guides.iter().map(|one| one.said.record.0[0]).collect::<Vec<_>>(), [4, 6], "each once");
    assert!(all.on(Day(60)).several(of, PostedBy).is_empty());
}

#[test]
fn who_leads_in_a_circle_leads_nobody() {
    let mut all = Organisation::default();
    for (record, of, by) in
        [(1, "660000-001", "660000-002"), (2, "660000-002", "660000-003"), (3, "660000-003", "660000-001")]
    {
        all.relate(relation(record, of, LedBy, by, 0));
    }
    all.relate(relation(4, "660000-004", LedBy, "660000-001", 0));
    assert_eq!(ancestors(&all, "660000-002", 0), unions(["660000", "100000"]));
    assert_eq!(ancestors(&all, "660000-004", 0), unions(["660000-001", "660000", "100000"]));
    assert_eq!(all.on(Day(0)).unfounded(union("660000-002")).len(), 1);
    assert!(all.on(Day(0)).unfounded(union("660000-004")).is_empty());
    // Who is not above, funds nobody.
    all.relate(relation(5, "659001", FundedBy, "660000-001", 0));
    assert_eq!(all.on(Day(0)).funder(union("659001")), Some(UnionNumber::CORPS));
    assert_eq!(all.on(Day(0)).unfounded(union("659001")).len(), 1);
    all.relate(relation(6, "659001", LedBy, "660000-001", 5));
    assert_eq!(all.on(Day(5)).funder(union("659001")), Some(union("660000-001")));
    assert_eq!(all.on(Day(5)).filing_desk(union("659001")), Some(union("660000-001")));
}

#[test]
fn a_union_is_called_what_it_was_called_that_day() {
    let mut all = Organisation::default();
    let text = |text: &str| Some(text.to_owned());
    all.list(union("320922-001"), Profile { short: text("东坎镇"), ..division("滨海县东坎镇总工会") });
    all.state(Fact {
        name: text("滨海县东坎街道总工会"), short: text("东坎街道"), ..fact(1, "320922-001", 10)
    });
    all.state(Fact { chair_seat: Some(ChairSeat::VacantChair), ..fact(2, "320922-001", 20) });
    all.state(Fact { name: text("滨海区总工会"), code: text("320982"), ..fact(3, "320922", 30) });
    let town = |day| all.on(Day(day)).profile(union("320922-001"));
    assert_eq!((town(9).name, town(9).short), ("滨海县东坎镇总工会".into(), text("东坎镇")));
    assert_eq!((town(10).name, town(10).chair_seat), ("滨海县东坎街道总工会".into(), None));
    assert_eq!((town(20).short, town(20).chair_seat), (text("东坎街道"), Some(ChairSeat::VacantChair)));
    let county = |day| all.on(Day(day)).profile(union("320922"));
    assert_eq!((county(29).name, county(29).code), ("滨海县总工会".into(), text("320922")));
    assert_eq!((county(30).name, county(30).code, county(30).short), ("滨海区总工会".into(), text("320982"), None));
    assert_eq!(county(30).level, Some(UnionRank::CountyRank));
    assert!(all.contradicting(union("320922")).is_empty());
    all.state(Fact { name: text("滨海市总工会"), ..fact(4, "320922", 30) });
    assert_eq!(all.contradicting(union("320922")).len(), 1);
    assert_eq!(all.spoken_of().collect::<Vec<_>>(), unions(["320922", "320922-001"]));
    // Who says it a thousand times is told of a hundred.
    (10..30).for_each(|n| all.state(Fact { name: text("又一名称"), ..fact(n, "320922", 30) }));
    assert_eq!(all.contradicting(union("320922")).len(), MOST_PAIRS);
    let last = Fact { name: text("又一名称"), ..fact(30, "320922", 30) };
    assert_eq!(all.contradicting_with(&last).count(), 22);
}

const SOME: [&str; 9] =
    ["100000", "660000", "659001", "659002", "660000-001", "660000-002", "660000-003", "659001-001", "320922"];
const DAYS: i32 = 24;

prop_compose! {
    fn any_relation()(
        record in 1u8..30, by in sample::select(&SOME[..2]), of in sample::select(&SOME[1..]), kind in 0usize..5,
        other in sample::select(&SOME[..]), from in 2i32..20, lasts in proptest::option::of(0i32..8),
        replaces in proptest::option::weighted(0.1, 1u8..30),
    ) -> Relation {
        Relation {
            said: said(by, record),
            until: lasts.map(|days| Day(from + days)),
            replaces: replaces.map(|id| RecordId([id; 16])),
            ..relation(record, of, [LedBy, FundedBy, FilesWith, GuidedBy, PostedBy][kind], other, from)
        }
    }
}

prop_compose! {
    fn any_fact()(record in 30u8..60, of in sample::select(&SOME[..]), from in 2i32..20, name in "[甲乙丙]", what in 0u8..4) -> Fact {
        Fact {
            name: (what < 2).then(|| name.clone()),
            code: (what == 2).then(|| name.clone()),
            chair_seat: (what > 0).then_some(ChairSeat::FullTimeChair),
            ..fact(record, of, from)
        }
    }
}

/// All that can be asked of all unions on all days.
fn answers(all: &Organisation) -> Vec<String> {
    let on = |day: i32| SOME.map(move |of| (union(of), all.on(Day(day))));
    let answer = |(of, on): (UnionNumber, OnDay<'_>)| {
        let above: Vec<UnionNumber> = on.ancestors(of).collect();
        let several = [GuidedBy, PostedBy].map(|relation| on.several(of, relation));
        format!(
            "{above:?} {:?} {:?} {several:?} {:?} {:?}",
            on.funder(of),
            on.filing_desk(of),
            on.profile(of),
            on.unfounded(of)
        )
    };
    let each = (0..DAYS).flat_map(on).map(answer);
    let wrong = SOME.iter().map(|of| format!("{:?} {:?}", all.overlapping(union(of)), all.contradicting(union(of))));
    each.chain(wrong).collect()
}

proptest! {
    #[test]
    fn the_order_in_which_it_is_put_in_says_nothing(
        relations in proptest::collection::vec(any_relation(), 0..14), facts in proptest::collection::vec(any_fact(), 0..6),
        seed in any::<u64>(), registered in any::<bool>(),
    ) {
        // One record says one thing.
        let mut known = BTreeSet::new();
        let relations: Vec<Relation> = relations.into_iter().filter(|one| known.insert(one.said)).collect();
        let facts: Vec<Fact> = facts.into_iter().filter(|one| known.insert(one.said)).collect();
        let (mut one, mut other) = (Organisation::default(), Organisation::default());
        if registered {
            one.list(union("660000-001"), division("第八师总工会"));
        }
        relations.iter().cloned().for_each(|relation| one.relate(relation));
        facts.iter().cloned().for_each(|fact| one.state(fact));
        let mut shuffled: Vec<usize> = (0..relations.len()).collect();
        shuffled.sort_by_key(|at| seed.rotate_left(*at as u32 * 7).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        facts.iter().rev().cloned().for_each(|fact| other.state(fact));
        shuffled.iter().for_each(|at| other.relate(relations[*at].clone()));
        if registered {
            other.list(union("660000-001"), division("第八师总工会"));
        }
        prop_assert_eq!(answers(&one), answers(&other));
    }

    #[test]
    fn nothing_is_its_own_ancestor_and_one_funds_each(relations in proptest::collection::vec(any_relation(), 0..16)) {
        let mut all = Organisation::default();
        all.list(union("660000-001"), division("第八师总工会"));
        relations.into_iter().for_each(|relation| all.relate(relation));
        for day in 0..DAYS {
            let on = all.on(Day(day));
            for of in SOME.map(union) {
                let above: Vec<UnionNumber> = on.ancestors(of).take(SOME.len() + 1).collect();
                let each: BTreeSet<UnionNumber> = above.iter().copied().chain([of]).collect();
                prop_assert_eq!(each.len(), above.len() + 1, "{} on {}: {:?}", of, day, above);
                prop_assert_eq!(above.last().copied(), (of != UnionNumber::NATION).then_some(UnionNumber::NATION));
                // Exchange goes by the number: all above by that are above here, in their order.
                let by_number: Vec<UnionNumber> = of.ancestors().collect();
                let among: Vec<UnionNumber> = above.iter().copied().filter(|one| by_number.contains(one)).collect();
                prop_assert_eq!(among, by_number);
                for desk in [on.funder(of), on.filing_desk(of)] {
                    prop_assert_eq!(desk.is_some(), of != UnionNumber::NATION);
                    prop_assert!(desk.is_none_or(|desk| above.contains(&desk)));
                }
            }
        }
    }

    #[test]
    fn ends_and_beginnings_meet(relations in proptest::collection::vec(any_relation(), 0..16)) {
        let mut all = Organisation::default();
        relations.into_iter().for_each(|relation| all.relate(relation));
        for of in SOME.map(union) {
            for day in 1..DAYS {
                let (before, on) = (all.on(Day(day - 1)), all.on(Day(day)));
                // Who funds changes on the first day of a word, or after the last of one; or with who leads.
                let turns = all.relations(of).any(|one| one.from == Day(day) || one.until == Some(Day(day - 1)));
                let led: fn(OnDay<'_>, UnionNumber) -> Vec<UnionNumber> = |on, of| on.ancestors(of).collect();
                let same = led(before, of) == led(on, of);
                prop_assert!(turns || !same || before.funder(of) == on.funder(of), "{} on {}", of, day);
                // What begins that day and may hold, holds, unless another began with it.
                let begun = all.relations(of).filter(|one| one.relation == FundedBy && one.from == Day(day));
                let fit: Vec<UnionNumber> = begun.map(|one| one.other).filter(|one| led(on, of).contains(one)).collect();
                prop_assert!(fit.is_empty() || on.funder(of).is_some_and(|funder| fit.contains(&funder)));
            }
        }
    }
}
