//! What is sealed is read one field at a time, by who may, for a purpose, and the register says so first.

mod documented;
mod office;
mod program;

use documented::compare;
use office::Office;
use program::MEDIATOR;

const NUMBER: &str = "11010519491231002X";

#[test]
fn a_sealed_field_is_read_by_who_may_and_the_register_says_so() {
    let office = Office::new();
    let id = office.union.add(&MEDIATOR);
    let reveal = ["record", "reveal", &id, "id_no", "--reason", "核对聘任合同"];
    assert_eq!(office.refused(&reveal), "not_logged_in", "an office without accounts reads nothing whole");
    office.begins();
    office.person("李明", &["经办"]);
    office.person("周审", &["经审"]);
    for (person, code) in [("王芳", "may_not_read"), ("周审", "may_not_read")] {
        office.login(person);
        let ran = office.union.run(&reveal);
        assert_eq!((ran.code, office.refused(&reveal).as_str()), (4, code), "{person}");
        assert!(!ran.out.contains(NUMBER) && !ran.err.contains(NUMBER), "{person}");
    }
    office.login("李明");
    let register = || office.union.json(&["record", "list", "access_entry"])["records"].as_array().unwrap().clone();
    let tried = office.union.json(&[&reveal[..], &["--dry-run"]].concat());
    compare("record reveal", &tried);
    assert!(tried["value"].is_null() && register().is_empty(), "{tried}");
    // What is asked wrongly is neither shown nor entered.
    for (arguments, code) in [
        (["record", "reveal", &id, "name", "--reason", "核对"], "not_sealed"),
        (["record", "reveal", &id, "id_no", "--reason", " "], "reason"),
        (["record", "reveal", &id, "id_no", "--reason", "查11010519491231002X"], "personal"),
    ] {
        assert_eq!(office.refused(&arguments), code);
    }
    assert!(register().is_empty());
    let read = office.union.json(&reveal);
    compare("record reveal", &read);
    assert_eq!(read["value"], NUMBER);
    let words = office.done(&reveal).out;
    assert!(words.contains(NUMBER) && words.contains("已记入查阅登记"), "{words}");
    // Each reading is one entry, which the auditor sees: who, whose, what for. The number stands nowhere.
    office.login("周审");
    let entries = register();
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert_eq!(entries[0]["record"], read["entry"]);
    assert_eq!(entries[0]["fields"]["about"].as_str().map(|hex| hex.replace('-', "")), Some(id.replace('-', "")));
    assert_eq!(
        (&entries[0]["fields"]["of_field"], &entries[0]["fields"]["reason"]),
        (&"id_no".into(), &"核对聘任合同".into())
    );
    let shown = office.done(&["record", "show", read["entry"].as_str().unwrap()]).out;
    assert!(shown.contains("经办人：李明") && !shown.contains(NUMBER), "{shown}");
    assert!(!office.done(&["record", "show", &id]).out.contains(NUMBER), "everything else shows its last characters");
    office.done(&["verify"]);
    office.done(&["rebuild"]);
}

/// What cannot be entered is not shown.
#[test]
fn where_nothing_can_be_written_nothing_is_shown() {
    let office = Office::new();
    let id = office.union.add(&MEDIATOR);
    office.begins();
    office.person("李明", &["经办"]);
    office.login("李明");
    office.done(&["account", "list"]);
    let reveal = ["record", "reveal", &id, "id_no", "--reason", "核对聘任合同"];
    // Another program has the database, and does not let go of it.
    let database = rusqlite::Connection::open(office.union.home().join("huiliu.db")).unwrap();
    database.execute_batch("BEGIN IMMEDIATE").unwrap();
    let ran = office.union.run(&reveal);
    assert_ne!(ran.code, 0, "{}", ran.out);
    assert!(!ran.out.contains(NUMBER) && !ran.err.contains(NUMBER), "{}{}", ran.out, ran.err);
    database.execute_batch("ROLLBACK").unwrap();
    office.done(&reveal);
}
