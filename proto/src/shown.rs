//! Text that somebody else may have written, as it may be shown: on a terminal, on a page, in a log.
//!
//! A terminal obeys control characters, and a reader is deceived by characters that cannot be seen. Both are shown as
//! `\u{..}` instead. A value is a `line`: its line breaks are shown too, so that no value puts a line of its own into what
//! a program says. What a program puts together is a `page`: its line breaks are the program's.

use std::{borrow::Cow, fmt::Write as _};

use unicode_normalization::char::is_combining_mark;

/// What a peer says to explain itself is kept and shown up to so many characters.
pub const SAID: usize = 200;
/// Marks above and below one letter that a script needs; Tibetan stacks up to five.
const MARKS: usize = 6;

/// Characters that are not seen themselves and make a text read otherwise than it is stored: marks of direction, joiners
/// and blanks without width, fillers, tags, selectors of variants. The variation selectors of Mongolian (U+180B to
/// U+180D, U+180F) are seen, and stay.
pub fn deceptive(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}'
        | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether a text holds what a person cannot see, or letters under so many marks that they cover what is around them.
/// Line breaks are asked for elsewhere.
pub fn deceives(text: &str) -> bool {
    let mut marks = 0;
    text.chars().any(|c| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        deceptive(c) || marks > MARKS
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Line breaks are shown, as `⏎`.
    Line,
    /// Line breaks stay.
    Page,
    /// Inside the quotes of a JSON text, where an escape is written otherwise; a line break there is layout.
    Json,
}

fn safe(text: &str, form: Form) -> Cow<'_, str> {
    let mut marks = 0;
    let mut bad = |c: char| {
        marks = if is_combining_mark(c) { marks + 1 } else { 0 };
        (c.is_control() && (c != '\n' || form == Form::Line)) || deceptive(c) || marks > MARKS
    };
    let Some(first) = text.char_indices().find(|(_, c)| bad(*c)).map(|(at, _)| at) else { return text.into() };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for (at, c) in text[first..].char_indices() {
        // The first one was asked about already.
        if at > 0 && !bad(c) {
            out.push(c);
        } else if c == '\n' {
            out.push('⏎');
        } else if form == Form::Json {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
        }
    }
    out.into()
}

/// A value: all of it on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    safe(text, Form::Line)
}

/// What a program says, line breaks and all.
pub fn page(text: &str) -> Cow<'_, str> {
    safe(text, Form::Page)
}

/// A JSON text: what is read from it is the same.
pub fn json(text: &str) -> Cow<'_, str> {
    safe(text, Form::Json)
}

/// A line of at most so many characters.
pub fn brief(text: &str, most: usize) -> String {
    // Shown, a character may take ten; nothing behind the first so many is looked at.
    let end = text.char_indices().nth(most).map_or(text.len(), |(at, _)| at);
    let shown = line(&text[..end]);
    let whole = end == text.len() && shown.chars().count() <= most;
    match shown.char_indices().nth(most.saturating_sub(1)) {
        Some((at, _)) if !whole => format!("{}…", &shown[..at]),
        _ => shown.into_owned(),
    }
}

/// What a peer says to explain itself, as it is kept.
pub fn said(text: &str) -> String {
    brief(text, SAID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(line("\u{1b}[2J滨海\u{7}\u{9b}1m"), "\\u{1b}[2J滨海\\u{7}\\u{9b}1m");
        assert_eq!(line("a\u{202e}b\r\n签收"), "a\\u{202e}b\\u{d}⏎签收");
        assert_eq!(line("\u{7f}\u{ad}\u{3164}"), "\\u{7f}\\u{ad}\\u{3164}");
        assert_eq!(page("一\n二\u{1b}c"), "一\n二\\u{1b}c");
        assert!(matches!(line("杨海好（滨海县）ᠮᠣᠩᠭᠣᠯ བསྒྲུབས"), Cow::Borrowed(_)));
        let zalgo = format!("a{}b", "\u{301}".repeat(50));
        assert!(line(&zalgo).matches("\\u{301}").count() == 44, "{}", line(&zalgo));
    }

    #[test]
    fn json_reads_the_same() {
        let text = "\u{1b}[2J\u{9b}\u{202e}\u{e0041}\n好";
        let shown = serde_json_like(text);
        assert!(shown.is_ascii() || !shown.chars().any(|c| c.is_control() || deceptive(c)), "{shown}");
        assert_eq!(json("\"\u{e0041}\u{202e}\""), "\"\\udb40\\udc41\\u202e\"");
    }

    /// As serde_json writes it: C0 is escaped there already.
    fn serde_json_like(text: &str) -> String {
        json(&text.replace('\u{1b}', "\\u001b").replace('\n', "\\n")).into_owned()
    }

    #[test]
    fn what_a_peer_says_is_short() {
        assert_eq!(said(&"长".repeat(300_000)).chars().count(), SAID);
        assert_eq!(said("好\u{1b}"), "好\\u{1b}");
        assert_eq!(brief("abc", 3), "abc");
        assert_eq!(brief("abcd", 3), "ab…");
        assert_eq!(said(&"\u{1b}".repeat(1_000)).chars().count(), SAID);
        assert_eq!((brief("", 0), brief("a\u{1b}", 3)), (String::new(), "a\\…".into()));
    }

    #[test]
    fn what_cannot_be_seen_deceives() {
        for c in
            "\u{200c}\u{200d}\u{ad}\u{3164}\u{2063}\u{34f}\u{180e}\u{fe0f}\u{e0041}\u{e0020}\u{202e}\u{feff}".chars()
        {
            assert!(deceives(&format!("杨{c}海好")), "{:x}", u32::from(c));
        }
        assert!(deceives(&format!("a{}", "\u{30d}".repeat(7))));
        for text in ["杨海好", "买买提·吐尔逊", "བསྒྲུབས", "é", "ᠮᠣᠩᠭᠣᠯ\u{180b}", "㐂𠮷"]
        {
            assert!(!deceives(text), "{text}");
        }
    }
}
