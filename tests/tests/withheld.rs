//! Who reads what of a county's records: itself all of it, the city what a filing puts before it, the province the people too,
//! and nobody above the secrets of a case.

use huiliu_node::{
    app::{
        export::{self, ExportError},
        find,
        history::{self, Change},
        prove::{self, ProveError},
        values::{Disclosed, Reader},
    },
    keyring::Keyring,
    store::projection::Shown,
};
use huiliu_proto::{
    id::RecordId,
    kind::{Field, Privacy, kinds},
    records::{mediator, work_entry},
};
use huiliu_tests::{
    chain::{Chain, Place},
    people,
};

fn names(fields: &[&Field]) -> Vec<&'static str> {
    fields.iter().map(|field| field.name).collect()
}

/// What somebody does there with a record.
fn at<T>(place: &Place, id: RecordId, does: impl FnOnce(Reader<'_>, &Shown) -> T) -> T {
    let me = place.machine.me();
    let looked = place.store.read(|conn| {
        let shown = find::any(conn, &id.to_string()).expect("it is here").expect("it counts");
        Ok((shown, Keyring::read(conn, &me)?))
    });
    let (shown, keys) = looked.expect("readable");
    does(Reader { union: place.machine.union(), keys: &keys }, &shown)
}

fn read(place: &Place, id: RecordId) -> Disclosed {
    at(place, id, |reader, shown| reader.record(shown))
}

fn steps(place: &Place, id: RecordId) -> Vec<Change> {
    at(place, id, |reader, shown| {
        let page = place.store.read(|conn| Ok(history::page(conn, reader, shown, None, 100))).expect("readable");
        page.expect("a history").steps.into_iter().flat_map(|step| step.changes).collect()
    })
}

fn proves(place: &Place, id: RecordId) -> Result<(), Vec<&'static str>> {
    let root = place.machine.home.root().expect("it has joined");
    at(place, id, |reader, _| match prove::prove(&place.store, reader, root, &id.to_string(), None) {
        Ok(_) => Ok(()),
        Err(ProveError::Withheld(fields)) => Err(names(&fields)),
        Err(error) => panic!("{error:?}"),
    })
}

#[test]
fn a_dossier_is_read_as_far_as_each_level_needs_it() {
    let chain = Chain::new(95);
    let id = chain.county.mediator(1);
    let writes = move |ledger: &mut huiliu_node::ledger::Ledger| {
        people::edit(ledger, "mediator", id, "phone", "13800000001")?;
        people::edit(ledger, "mediator", id, "remarks", "合成数据")
    };
    chain.county.store.write_blocking(writes).expect("written");
    chain.settle().expect("they exchange");
    let (county, city, province) = (&chain.county, &chain.city, &chain.province);

    let own = read(county, id);
    assert_eq!((own.shown.record.read(mediator::PHONE), names(&own.withheld)), (Some("13800000001"), vec![]));
    let filed = read(city, id);
    assert_eq!(names(&filed.withheld), ["phone", "remarks"]);
    assert_eq!(filed.shown.record.read(mediator::PHONE), None);
    assert_eq!(filed.shown.record.read(mediator::NAME), own.shown.record.read(mediator::NAME), "it stands in filings");
    let kept = read(province, id);
    assert_eq!((kept.shown.record.read(mediator::PHONE), names(&kept.withheld)), (Some("13800000001"), vec![]));

    // In a list the province reads them shortened; the union itself does not.
    let line = |place| at(place, id, |reader, shown| reader.line(shown).shown.record);
    let name = own.shown.record.read(mediator::NAME).expect("a name").to_owned();
    let short = format!("{}*", name.chars().next().expect("a character"));
    assert_eq!(line(province).read(mediator::NAME), Some(&short[..]));
    assert_eq!(line(province).read(mediator::PHONE), Some("138****0001"));
    assert_eq!(
        (line(county).read(mediator::NAME), line(city).read(mediator::NAME)),
        (Some(&name[..]), Some(&name[..]))
    );

    // Nor does a list of engagements say in full whom they are of.
    let of = |place: &Place, name: &'static str| {
        at(place, id, |reader, shown| {
            let read = |row: &Shown| reader.line(row).shown;
            let title = place.store.read(|conn| Ok(find::title_as(conn, shown, &read)));
            title.expect("readable").expect("a title") == name
        })
    };
    assert!(of(province, short.clone().leak()) && of(county, name.clone().leak()));

    // Earlier values are values.
    let of_phone = |place| steps(place, id).into_iter().find(|step| step.field == mediator::PHONE.position());
    let (here, above) = (of_phone(county).expect("a step"), of_phone(city).expect("a step"));
    assert_eq!(
        (here.to.is_some(), here.withheld, above.to, above.from.len(), above.withheld),
        (true, false, None, 0, true)
    );

    // A file holds all: it is made where all of it may be read.
    let exports =
        |place: &Place| at(place, id, |reader, shown| export::document(&place.store, reader, shown).map(drop));
    assert!(matches!(exports(city), Err(ExportError::Withheld(fields)) if names(&fields).contains(&"phone")));
    assert!(exports(county).is_ok() && exports(province).is_ok());
    assert_eq!((proves(county, id), proves(province, id)), (Ok(()), Ok(())));
    assert_eq!(proves(city, id), Err(vec!["phone", "remarks"]));
}

#[test]
fn the_secrets_of_a_case_stay_with_who_handles_it() {
    let chain = Chain::new(96);
    let mediator = chain.county.mediator(1);
    let id = chain.county.work(mediator, 1);
    let mut line = people::log_line(mediator, 2);
    [work_entry::SUMMARY.position(), work_entry::MANDATE.position()].into_iter().for_each(|at| line.put(at, None));
    let plain = chain.county.store.write_blocking(move |ledger| people::written(ledger.write_entry(&line)?));
    let plain = plain.expect("written");
    chain.settle().expect("they exchange");
    assert!(read(&chain.county, id).shown.record.read(work_entry::SUMMARY).is_some());
    assert_eq!(proves(&chain.county, id), Ok(()));
    for above in [&chain.city, &chain.province] {
        let disclosed = read(above, id);
        assert_eq!(disclosed.shown.record.read(work_entry::SUMMARY), None);
        assert_eq!(
            (names(&disclosed.withheld), proves(above, id)),
            (vec!["summary", "mandate"], Err(vec!["summary", "mandate"]))
        );
        assert!(steps(above, id).iter().any(|step| step.withheld && step.to.is_none()));
        // An auditor opens down to the signed entry whatever holds no secret.
        assert_eq!(proves(above, plain), Ok(()));
    }
}

/// What is filed is personal, or the mark says nothing.
#[test]
fn only_what_is_personal_is_marked_as_filed() {
    let fields =
        || kinds().iter().flat_map(|kind| kind.fields.iter().flat_map(|f| std::iter::once(f).chain(f.lines())));
    assert!(fields().filter(|field| field.filed).all(|field| field.privacy == Privacy::Personal));
    assert!(fields().any(|field| field.filed));
}
