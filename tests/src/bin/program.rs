//! `huiliu-hub` itself, for tests of this package, which cannot reach another package's programs; and `panic`, which
//! breaks down with a person's data in hand.

use std::{path::Path, process::ExitCode};

use huiliu_node::{
    cli::crash,
    clock,
    identity::Home,
    store::projection,
    writer::{Store, Threads},
};
use huiliu_proto::{kind::kind, lang::Lang, value::Value};

mod hub {
    include!("../../../hub/src/main.rs");

    pub fn run() -> ExitCode {
        main()
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [_, "panic", home, how] => panic_with_data(Path::new(home), how),
        _ => hub::run(),
    }
}

fn panic_with_data(home: &Path, how: &str) -> ExitCode {
    crash::guard(Lang::En);
    let home = Home::open(home).expect("there is a home");
    let store = Store::of(&home, clock::system(), clock::random(), Threads::Own).expect("the store opens");
    let mediators = kind("mediator").expect("declared");
    let all = store.read(|conn| projection::list(conn, mediators, None, None, 9)).expect("it can be read");
    let phone = all.iter().find_map(|shown| match shown.record.get("phone") {
        Some(Value::Text(text)) => Some(format!("电话{text}")),
        _ => None,
    });
    let phone = phone.expect("somebody has a telephone");
    match how {
        // The standard library quotes the text that is cut in the middle of a character.
        "cut" => println!("{}", &phone[..1]),
        "message" => panic!("{phone}"),
        "debug" => panic!("{all:?}"),
        "write" => {
            let answer = store.write_blocking::<(), _>(move |_| panic!("{phone}"));
            println!("{}", answer.expect_err("it was undone"));
        }
        _ => panic!("a text of the program"),
    }
    ExitCode::SUCCESS
}
