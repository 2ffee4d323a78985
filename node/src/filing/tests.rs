//! What became of filings, for every order of submitting and reviewing that happens.

use huiliu_proto::{
    organisation::{Relation, Said},
    v1::UnionRelationType,
};

use super::*;

const COUNTY: u64 = 320_922;
const CITY: u64 = 320_900;
const PROVINCE: u64 = 320_000;

fn union(code: u64) -> UnionNumber {
    code.try_into().expect("a code of this test")
}

fn version(id: u8, year: i64) -> Version {
    Version {
        id: RecordId([id; 16]),
        owner: union(COUNTY),
        type_: 2,
        year,
        month: None,
        census_on: Day(20_000),
        full_time: 1,
        part_time: 0,
        certified: None,
        funded_heads: 1,
        enterprises: None,
        supersedes: None,
    }
}

/// Reviews in the order in which they were made: by whom, of which filing, which action.
fn reviews(steps: &[(u64, u8, ReviewAction)]) -> Vec<Review> {
    let made = steps.iter().zip(100..).map(|((by, filing, action), id)| Review {
        id: RecordId([id; 16]),
        by: union(*by),
        filing: RecordId([*filing; 16]),
        action: i64::from(i32::from(*action)),
        register_no: (*action == ReviewAction::Filed).then(|| format!("备{filing}")),
        reasons: (*action == ReviewAction::SentBack).then(|| "名册不全".to_owned()),
    });
    made.collect()
}

fn words(versions: &[Version], steps: &[(u64, u8, ReviewAction)]) -> Vec<(&'static str, bool)> {
    let standings = standings(versions.to_vec(), &reviews(steps), &Organisation::default());
    standings.iter().map(|s| (s.state.word(), s.holds)).collect()
}

#[test]
fn one_version_holds_whatever_happens() {
    use ReviewAction::{Filed, SentBack, TakenIn};
    let (a, b, c) = (version(1, 2025), version(2, 2025), version(3, 2025));
    let (one, two, three) = ([a.clone()], [a.clone(), b.clone()], [a, b, c]);
    assert_eq!(words(&one, &[]), [("submitted", true)]);
    assert_eq!(words(&one, &[(CITY, 1, TakenIn)]), [("taken_in", true)]);
    assert_eq!(words(&one, &[(CITY, 1, TakenIn), (CITY, 1, Filed)]), [("filed", true)]);
    assert_eq!(words(&one, &[(CITY, 1, SentBack)]), [("returned", true)]);
    // Sent back and submitted anew.
    assert_eq!(words(&two, &[(CITY, 1, SentBack)]), [("superseded", false), ("submitted", true)]);
    // A correction of what is on file holds once it is accepted.
    assert_eq!(words(&two, &[(CITY, 1, Filed)]), [("filed", true), ("submitted", false)]);
    assert_eq!(words(&two, &[(CITY, 1, Filed), (CITY, 2, SentBack)]), [("filed", true), ("returned", false)]);
    assert_eq!(words(&two, &[(CITY, 1, Filed), (CITY, 2, Filed)]), [("superseded", false), ("filed", true)]);
    // Two devices filed without a line; the earlier one was accepted.
    assert_eq!(
        words(&three, &[(CITY, 1, SentBack), (CITY, 2, Filed)]),
        [("superseded", false), ("filed", true), ("submitted", false)]
    );
}

#[test]
fn the_union_with_which_it_files_decides() {
    use ReviewAction::{Filed, SentBack};
    let mut known = Organisation::default();
    known.relate(Relation {
        said: Said { by: union(PROVINCE), record: RecordId([9; 16]) },
        union: union(COUNTY),
        relation: UnionRelationType::FilesWith,
        other: union(PROVINCE),
        other_name: None,
        from: Day(0),
        until: None,
        doc_no: "苏工发1".into(),
        replaces: None,
    });
    let word = |steps: &[(u64, u8, ReviewAction)]| {
        let standings = standings(vec![version(1, 2025)], &reviews(steps), &known);
        standings[0].state.word()
    };
    assert_eq!(desk(&known, &version(1, 2025)), Some(union(PROVINCE)));
    assert_eq!((word(&[(PROVINCE, 1, Filed)]), word(&[(100_000, 1, Filed)])), ("filed", "submitted"));
    assert_eq!(
        word(&[(CITY, 1, Filed), (PROVINCE, 1, SentBack)]),
        "filed",
        "what the city decided before it heard stands"
    );
    // A union that has no hub answers nobody.
    let mut relation = known.relations(union(COUNTY)).next().cloned().expect("the one above");
    (relation.other, relation.said.record) = (union(3_320_900), RecordId([10; 16]));
    known.relate(relation.clone());
    relation.said.record = RecordId([11; 16]);
    known.relate(Relation { relation: UnionRelationType::LedBy, ..relation });
    let day = clock::day(version(1, 2025).id.time());
    assert_eq!(known.on(day).filing_desk(union(COUNTY)), Some(union(3_320_900)));
    assert_eq!(desk(&known, &version(1, 2025)), Some(union(CITY)));
}

#[test]
fn only_the_union_directly_above_decides_and_only_once() {
    use ReviewAction::{Filed, SentBack, TakenIn};
    let one = [version(1, 2025)];
    assert_eq!(words(&one, &[(PROVINCE, 1, Filed)]), [("submitted", true)]);
    assert_eq!(words(&one, &[(COUNTY, 1, Filed)]), [("submitted", true)]);
    assert_eq!(words(&one, &[(CITY, 1, Filed), (CITY, 1, SentBack)]), [("filed", true)]);
    assert_eq!(words(&one, &[(CITY, 1, SentBack), (CITY, 1, TakenIn)]), [("returned", true)]);
}

#[test]
fn other_years_and_types_are_other_filings() {
    let mut hire = version(3, 2025);
    hire.type_ = 1;
    let all = [version(1, 2024), version(2, 2025), hire];
    assert_eq!(words(&all, &[]), [("submitted", true); 3]);
}
