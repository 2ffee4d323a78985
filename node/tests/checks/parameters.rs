//! Numbers that unions set: from which day, and for whom.

use huiliu_node::{
    app::parameters::{Proposed, SetError, compose},
    check::check,
};
use huiliu_proto::{id::RecordId, period::Day, record::Record, union::UnionNumber, value::Value};

use crate::hub::*;

fn local(hub: &Hub, by: i64, rule: &str, name: &str, value: i64, from: &str) -> Id {
    let fields: Fields<'_> =
        &[("rule", &rule), ("name", &name), ("value", &value), ("effective_from", &day(from)), ("doc_no", &"演1号")];
    hub.add("local_parameter", by, fields)
}

/// A payment is measured by the number that held on its day.
#[test]
fn a_number_holds_from_its_day_on() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(FUNING, "2026-12-31");
    hub.heard(BINHAI, "2026-12-31");
    allocation(&hub, YANCHENG, FUNING, &p, 100, "2026-02-27", None);
    allocation(&hub, YANCHENG, BINHAI, &p, 100, "2026-03-02", None);
    parameter(&hub, JIANGSU, "FC-01", "grace", 5, "2026-03-01");
    let found = hub.found("FC-01", YANCHENG, "2026-03-10");
    assert_eq!((i64::from(found.subject), result(&found, "due")), (BINHAI, "2026-03-09"));
    assert_eq!(found.parameters, [("grace", 5)]);
    let all = hub.run("FC-01", YANCHENG, "2026-03-31").found;
    assert_eq!(all.iter().map(|f| f.parameters[0].1).collect::<Vec<_>>(), [20, 5]);
}

#[test]
fn what_another_province_sets_holds_there_alone() {
    let hub = Hub::new();
    let p = programme(&hub);
    hub.heard(BINHAI, "2026-12-31");
    allocation(&hub, YANCHENG, BINHAI, &p, 100, "2026-03-02", None);
    parameter(&hub, 330_000, "FC-01", "grace", 5, "2020-01-01");
    hub.clear("FC-01", YANCHENG, "2026-03-30");
    // A county's own is for what it runs itself, and a city's for what the city does.
    local(&hub, BINHAI, "FC-01", "grace", 5, "2020-01-01");
    hub.clear("FC-01", YANCHENG, "2026-03-30");
    local(&hub, YANCHENG, "FC-01", "grace", 5, "2020-01-01");
    hub.found("FC-01", YANCHENG, "2026-03-10");
}

#[test]
fn a_union_below_can_only_be_stricter() {
    let hub = Hub::new();
    let set = |by: i64, value: i64, from: &str| {
        let by: UnionNumber = by.try_into().unwrap();
        let proposed = Proposed {
            check: check("FC-09").unwrap(),
            name: "limit",
            value,
            from: Day(day(from)),
            until: None,
            doc_no: "演1号",
            remarks: None,
        };
        compose(&hub.conn.0, by, RecordId([0x50; 16]), &proposed)
    };
    let said = |record: Result<Record, SetError>| {
        let record = record.unwrap();
        assert!(record.validate().is_ok(), "{:?}", record.validate());
        (record.kind.name, record.get("value").cloned())
    };
    // The check's own number is nobody's rule: a province may set another either way, a county only a stricter one.
    assert_eq!(said(set(JIANGSU, 67, "2026-01-01")), ("parameter", Some(Value::Int(67))));
    assert_eq!(said(set(BINHAI, 45, "2026-01-01")), ("local_parameter", Some(Value::Int(45))));
    assert!(matches!(set(BINHAI, 66, "2026-01-01"), Err(SetError::Laxer { holds: 65, .. })));
    parameter(&hub, NATION, "FC-09", "limit", 60, "2027-01-01");
    let laxer = set(JIANGSU, 62, "2026-01-01");
    let day = "2027-01-01".parse().unwrap();
    assert!(matches!(laxer, Err(SetError::Laxer { holds: 60, on, .. }) if on == day), "{laxer:?}");
    said(set(JIANGSU, 60, "2027-01-01"));
    assert!(matches!(set(JIANGSU, 100_001, "2026-01-01"), Err(SetError::Range { least: 0, most: 100_000 })));
    assert!(matches!(set(BINHAI, -1, "2026-01-01"), Err(SetError::Range { .. })));
    // Another machine of the union, its clock ahead, has set a number from the same day: its word would hold.
    let ahead = parameter(&hub, JIANGSU, "FC-09", "limit", 58, "2027-01-01");
    hub.change("parameter", &ahead, "record", &vec![0x90_u8; 16]);
    let unheard = set(JIANGSU, 55, "2027-01-01");
    assert!(matches!(unheard, Err(SetError::SaidLater { holds: 58, on }) if on == day), "{unheard:?}");
    said(set(JIANGSU, 55, "2027-01-02"));
}
