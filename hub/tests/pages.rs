//! The sessions of the pages, typed: each command of their `console` blocks, in one directory, with hubs on loopback. What
//! is answered must be what the page shows.
//!
//! A page goes on where the one before it ended. A line of `…` stands for lines that are left out. What differs each time
//! (ids, days, fingerprints, sizes of files) is recognised, and takes its place in the commands that follow.
//! `HUILIU_WRITE=1 cargo test -p huiliu-hub --test pages` writes what is answered now into the pages.

mod machine;
mod typed;

use typed::{page::Page, session::Session};

fn type_all(lang: &'static str, names: [&str; 3]) {
    let writing = std::env::var_os("HUILIU_WRITE").is_some();
    let mut session = Session::new(lang, writing);
    let mut mistakes = vec![];
    for name in names {
        let mut page = Page::read(name);
        assert!(!page.steps.is_empty(), "{name} types nothing");
        for step in &mut page.steps {
            if let Err(mistake) = session.step(step) {
                mistakes.push(format!("{name}: {mistake}"));
            }
        }
        if writing {
            page.write();
        }
    }
    assert!(writing || mistakes.is_empty(), "\n{}", mistakes.join("\n\n"));
}

#[test]
fn the_english_pages_show_what_is_answered() {
    type_all("en_US.UTF-8", ["README.md", "docs/trust.md", "docs/operations.md"]);
}

#[test]
fn the_chinese_pages_show_what_is_answered() {
    type_all("zh_CN.UTF-8", ["README.zh-CN.md", "docs/trust.zh-CN.md", "docs/operations.zh-CN.md"]);
}
