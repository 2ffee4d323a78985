//! What of a line is the same each time, and what is not.

/// Stands for lines that a page leaves out.
const LEFT_OUT: &str = "…";

/// A line without what differs each time, and what that was.
fn shape(line: &str) -> (String, Vec<String>) {
    let mut same = String::new();
    let mut differs = vec![];
    for word in words(line) {
        match named(word) {
            Some(name) => {
                same += name;
                differs.push(word.to_owned());
            }
            // Columns are as wide as what stands in them.
            None if word.starts_with(['─', ' ']) => same += &word[..word.chars().next().map_or(0, char::len_utf8)],
            None => same += word,
        }
    }
    // A file's size goes with what is in it.
    for unit in [" bytes", "字节"] {
        if let Some((before, after)) = same.split_once(unit) {
            same = format!("{}<size>{unit}{after}", before.trim_end_matches(|c: char| c.is_ascii_digit()));
        }
    }
    (same.trim_end().to_owned(), differs)
}

/// A line in pieces: words of letters, digits and hyphens, and of colons before a digit; runs of spaces or rules; and each
/// other character.
fn words(line: &str) -> Vec<&str> {
    let class = |at: usize, c: char| match c {
        ':' if line[at + 1..].starts_with(|next: char| next.is_ascii_digit()) => 1,
        _ if c.is_ascii_alphanumeric() || c == '-' => 1,
        ' ' => 2,
        '─' => 3,
        _ => 0,
    };
    let mut words: Vec<&str> = vec![];
    let (mut start, mut before) = (0, 0);
    for (at, c) in line.char_indices() {
        let class = class(at, c);
        if at > 0 && (class == 0 || before != class) {
            words.push(&line[start..at]);
            start = at;
        }
        before = class;
    }
    words.push(&line[start..]);
    words
}

/// What a word is, where it differs each time.
fn named(word: &str) -> Option<&'static str> {
    let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let parts: Vec<&str> = word.split('-').collect();
    match parts[..] {
        // As long as ids, beginnings of them, and keys are shown; a telephone number and an identity number are neither.
        [hex] if matches!(hex.len(), 8 | 12 | 16 | 32 | 64) && hex.bytes().all(is_hex) => Some("<id>"),
        [time] if time.len() == 5 && time.split(':').all(|part| digits(part, 2)) => Some("<time>"),
        // By the clock; days before this program was written are what somebody typed.
        [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) && year >= "2026" => Some("<day>"),
        ["replaced", day, time] if digits(day, 8) && digits(time, 6) => Some("<kept>"),
        _ if parts.len() > 5 && parts.iter().all(|part| part.len() == 4) => Some("<fingerprint>"),
        _ => None,
    }
}

/// What of the page stands for what of the answer; `None` where the answer is another one.
pub fn compare(page: &[String], answer: &[String]) -> Option<Vec<(String, String)>> {
    match (page, answer) {
        ([], []) => Some(vec![]),
        ([first, rest @ ..], _) if first == LEFT_OUT => {
            (0..=answer.len()).find_map(|left_out| compare(rest, &answer[left_out..]))
        }
        ([first, rest @ ..], [line, others @ ..]) => {
            let ((same, differs), (theirs, found)) = (shape(first), shape(line));
            let begins = same.strip_suffix(LEFT_OUT).is_some_and(|begin| theirs.starts_with(begin));
            if same != theirs && !begins {
                return None;
            }
            let mut pairs: Vec<_> = differs.into_iter().zip(found).collect();
            pairs.extend(compare(rest, others)?);
            Some(pairs)
        }
        _ => None,
    }
}

/// The same line by line, wherever one fits, for an answer that is another one.
pub fn salvage(page: &[String], answer: &[String]) -> Vec<(String, String)> {
    let one = |line: &String| {
        answer.iter().find_map(|theirs| compare(std::slice::from_ref(line), std::slice::from_ref(theirs)))
    };
    page.iter().filter(|line| *line != LEFT_OUT).filter_map(one).flatten().collect()
}

/// The answer with as much left out as the page leaves out.
pub fn shorten(page: &[String], answer: Vec<String>) -> Vec<String> {
    let Some(at) = page.iter().position(|line| line == LEFT_OUT) else { return answer };
    let (head, tail) = (at, page.len() - at - 1);
    if head + tail >= answer.len() {
        return answer;
    }
    let end = answer.len() - tail;
    [&answer[..head], &[LEFT_OUT.to_owned()], &answer[end..]].concat()
}

/// A command with this session's words in the place of the page's.
pub fn spoken(command: &str, names: &[(String, String)]) -> String {
    let word = |word: &str| {
        let mut known = names.iter().rev();
        let found = known.find(|(page, _)| page == word || named(word) == Some("<id>") && page.starts_with(word));
        match found {
            Some((_, ours)) => ours[..word.len().min(ours.len())].to_owned(),
            None => word.to_owned(),
        }
    };
    words(command).into_iter().map(word).collect()
}

/// The numbers in a line.
pub fn numbers(line: &str) -> Vec<u64> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

#[test]
fn what_differs_each_time_is_recognised() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let page = lines(
        "written: mediator 01a1fee3b5c38000\n…\nuntil 2026-11-22 00:15 (2413 bytes; 6 of 7)\nas of 2026-11-22: 1",
    );
    let same = lines(
        "written: mediator 01a1ffec99958000\nmore\nuntil 2027-01-02 10:20 (99 bytes; 6 of 7)\nas of 2027-01-02: 1",
    );
    let names = compare(&page, &same).expect("these are the same");
    assert_eq!(names[0], ("01a1fee3b5c38000".to_owned(), "01a1ffec99958000".to_owned()));
    assert_eq!(spoken("prove 01a1fee3 --as-of 2026-11-22", &names), "prove 01a1ffec --as-of 2027-01-02");
    for other in [
        "written: mediator 01a1ffec99958000",
        "written: mediator 01a1ffec99958000\nuntil 2027-01-02 10:20 (99 bytes; 5 of 7)",
    ] {
        assert_eq!(compare(&page, &lines(other)), None, "{other}");
    }
    for (page, other) in [
        ("phone 13900000001", "phone 13900000002"),
        ("320000199302189078", "320000199302189087"),
        ("born 1993-02-18", "born 1993-02-19"),
        ("ends 2025-11-18", "ends 2026-11-18"),
    ] {
        assert_eq!(compare(&lines(page), &lines(other)), None, "{page} is not {other}");
    }
}
