//! In which order entries stand, and how they are told in pages.

use huiliu_node::{
    app::inbox::{self, Argument, Count, Entry, InboxError, Key, Look, Page, SOURCES, Severity, Source, Thing},
    cli::Exit,
};
use huiliu_tests::{
    chain::{Chain, Place, types},
    people::engagement,
};

use crate::{ask, edits, entries, finds};

/// Pages of `most` entries, put together.
fn paged(place: &Place, sources: &[&dyn Source], most: usize) -> Vec<Entry> {
    let (mut all, mut after): (Vec<Entry>, Option<Key>) = (vec![], None);
    loop {
        let page = ask(place, |look| inbox::read_from(sources, look, after.as_ref(), most));
        assert!(page.entries.len() <= most);
        all.extend(page.entries);
        // As it is typed again.
        match page.next {
            Some(next) => after = Some(next.to_string().parse().unwrap()),
            None => return all,
        }
    }
}

#[test]
fn pages_hold_everything_once_and_in_order() {
    let chain = Chain::new(57);
    // Many on one day, some before and after, and probation and consent on the same days.
    for n in 0..40 {
        let person = chain.county.mediator(n);
        let engaged = chain.county.store.write_blocking(move |ledger| engagement(ledger, person, n)).unwrap();
        let ends = match n {
            0..5 => "2025-12-31",
            5..30 => "2026-01-10",
            _ => "2026-02-20",
        };
        edits(&chain.county, "engagement", engaged, "ends_on", ends);
        if n % 3 == 0 {
            edits(&chain.county, "engagement", engaged, "probation_until", "2026-01-10");
        }
    }
    let whole = entries(&chain.county);
    assert_eq!(whole.len(), 40 + 14);
    assert!(whole.is_sorted_by_key(Entry::key));
    for most in [1, 3, 7, 54, 55] {
        assert_eq!(paged(&chain.county, SOURCES, most), whole, "{most} a page");
    }
    let survey = ask(&chain.county, inbox::survey);
    let first = survey.first(10);
    assert_eq!(first.entries, whole[..10]);
    assert_eq!(first.next, Some(whole[9].key()));
    assert_eq!(survey.first(54).next, None);
    let all: u64 = survey.counts.iter().map(|count| count.count).sum();
    assert_eq!(all, 54);
    assert!("nonsense".parse::<Key>().is_err() && "1.1.x.".parse::<Key>().is_err());
}

/// A kind of thing that comes later: its file is all it needs.
struct Training;

impl Source for Training {
    fn codes(&self) -> &'static [&'static str] {
        &["training_due"]
    }

    fn entries(&self, look: &Look<'_>, _: &Page<'_>) -> Result<Vec<Entry>, InboxError> {
        let entry = |days| {
            Entry::new("training_due", Severity::Notice, Thing::Union(look.union))
                .due(look.today.plus_days(days).unwrap_or(look.today))
                .with("days", Argument::Number(days.into()))
        };
        Ok([5, -1].map(entry).into())
    }
}

#[test]
fn a_source_is_added_without_touching_the_frame() {
    let chain = Chain::new(58);
    let person = chain.county.mediator(1);
    let engaged = chain.county.store.write_blocking(move |ledger| engagement(ledger, person, 1)).unwrap();
    edits(&chain.county, "engagement", engaged, "ends_on", "2026-01-03");
    let sources: Vec<&dyn Source> = SOURCES.iter().copied().chain([&Training as &dyn Source]).collect();
    let all = paged(&chain.county, &sources, 1);
    let said: Vec<_> = all.iter().map(|entry| entry.code).collect();
    assert_eq!(said, ["training_due", "engagement_ends", "training_due"]);
    let survey = ask(&chain.county, |look| inbox::survey_of(&sources, look));
    let training = Count { code: "training_due", severity: Severity::Notice, count: 2, more: false };
    assert!(survey.counts.contains(&training), "{:?}", survey.counts);
}

/// However many findings there are, a page reads as many as it shows, and a few.
#[test]
fn findings_are_read_by_the_page() {
    let chain = Chain::new(62);
    for n in 0..30 {
        finds(&chain.city, "FC-16", if n % 2 == 0 { "red" } else { "yellow" });
    }
    chain.settle().unwrap();
    let whole = entries(&chain.county);
    assert_eq!(whole.len(), 30);
    assert!(whole.is_sorted_by_key(Entry::key));
    for most in [1, 4, 15, 29, 30] {
        assert_eq!(paged(&chain.county, SOURCES, most), whole, "{most} a page");
    }
    let findings = SOURCES.iter().find(|source| source.codes().contains(&"finding")).unwrap();
    let keys: Vec<Key> = whole.iter().map(Entry::key).collect();
    for after in [None, keys.first(), keys.get(14), keys.get(20)] {
        let read = ask(&chain.county, |look| findings.entries(look, &Page { after, most: 1 }));
        assert!(read.len() <= 2 * 9, "{} were read", read.len());
    }
}

/// However much else waits, and though it has no date.
#[test]
fn a_red_finding_stands_before_what_has_a_date() {
    let chain = Chain::new(60);
    let county = &chain.county;
    for n in 0..12 {
        let person = county.mediator(n);
        let engaged = county.store.write_blocking(move |ledger| engagement(ledger, person, n)).unwrap();
        // The first of them ended: it needs a person. The others are good to know.
        edits(county, "engagement", engaged, "ends_on", if n == 0 { "2025-12-31" } else { "2026-02-20" });
    }
    finds(&chain.city, "FC-16", "red");
    finds(&chain.city, "FC-02", "blue");
    chain.settle().unwrap();
    let first = ask(county, inbox::survey).first(10);
    assert_eq!((first.entries[0].code, first.entries[0].severity), ("finding", Severity::Urgent));
    assert_eq!(first.entries[1].code, "engagement_ends");
    let whole = entries(county);
    assert_eq!((whole.len(), whole[13].code), (14, "finding"), "what is not urgent and has no date stands last");
    for most in [1, 3, 13] {
        assert_eq!(paged(county, SOURCES, most), whole, "{most} a page");
    }
    // On a page of notices alone, and where a page is empty, something needs a person all the same.
    let last = whole[13].key().to_string();
    for page in [&["--most", "1"][..], &["--after", &last], &["--after", &whole[2].key().to_string(), "--most", "2"]] {
        assert_eq!(types(&county.context(), &[&["inbox"], page].concat()).unwrap(), Exit::Attention, "{page:?}");
    }
    // A day before 1970 is no flag.
    let early = types(&county.context(), &["inbox", "--after", "-365.1.engagement_ends.0"]);
    assert_eq!(early.unwrap(), Exit::Attention);
}
