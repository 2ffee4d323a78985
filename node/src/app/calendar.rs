//! The days off and the working weekends of a year, as they were proclaimed: published by the national union for all, and
//! by a provincial union for its own region.
//!
//! A notice is a short text: `year 2025`, `doc_no …`, then `off DAY`, `off FROM TO` and `works DAY`; a line that begins
//! with # is a remark. Those that this program brings along lie in `node/data`.

use std::{
    fmt,
    io::{ErrorKind, Read},
    str::FromStr,
};

use huiliu_proto::{
    handle::{Declared as _, Draft, Row},
    period::Day,
    record::Record,
    records::{calendar, calendar_day},
    union::{Level, UnionNumber},
    v1::{Calendar, DayKind},
    value::Value,
};

use super::Mode;
use crate::{
    ledger::WriteOutcome,
    store::{self, View, calendars, projection},
    writer::Store,
};

const BUILT_IN: [(i32, &str); 3] = [
    (2024, include_str!("../../data/calendar-2024.txt")),
    (2025, include_str!("../../data/calendar-2025.txt")),
    (2026, include_str!("../../data/calendar-2026.txt")),
];

/// A run of days off is no longer than this: a year mistyped would make a long one.
const LONGEST: i32 = 30;
/// A notice is no longer than this.
pub const MAX_BYTES: usize = 64 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub year: i32,
    pub doc_no: String,
    pub days: Vec<(Day, DayKind)>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoticeError {
    #[error("there is no notice of {0} in this program")]
    NotBuiltIn(i32),
    #[error("line {0} of the notice cannot be read")]
    Line(usize),
    #[error("the notice names no year or no document number")]
    Incomplete,
    #[error("only the national and the provincial unions publish days off")]
    NotAPublisher,
    #[error("the notice is longer than {MAX_BYTES} bytes")]
    TooLong,
    /// The union has published the year's under an id that comes after all that this machine gives: on a machine whose
    /// clock is ahead. The last one of a year holds.
    #[error("{0} was published by a machine whose clock is ahead; what is published here would not be heard")]
    SaidLater(String),
    #[error("“{0}” is no place in the list of years")]
    NoPlace(String),
}

impl NoticeError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            NoticeError::NotBuiltIn(_) => "no_notice",
            NoticeError::Line(_) | NoticeError::Incomplete | NoticeError::TooLong => "notice",
            NoticeError::NotAPublisher => "not_a_publisher",
            NoticeError::SaidLater(_) => "said_later",
            NoticeError::NoPlace(_) => "no_such_place",
        }
    }
}

/// The years that this program has the notices of.
pub fn built_in() -> impl Iterator<Item = i32> {
    BUILT_IN.iter().map(|(year, _)| *year)
}

impl Notice {
    /// The one of a year that this program brings along.
    pub fn of_year(year: i32) -> Result<Notice, NoticeError> {
        let known = BUILT_IN.iter().find(|(known, _)| *known == year);
        known.map_or(Err(NoticeError::NotBuiltIn(year)), |(_, text)| Notice::parse(text))
    }

    /// One that somebody wrote, whole.
    pub fn read(file: impl Read) -> std::io::Result<Result<Notice, NoticeError>> {
        let mut bytes = vec![];
        file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > MAX_BYTES {
            return Ok(Err(NoticeError::TooLong));
        }
        let text = String::from_utf8(bytes).map_err(|error| std::io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(Notice::parse(&text))
    }

    pub fn parse(text: &str) -> Result<Notice, NoticeError> {
        let (mut year, mut doc_no, mut days) = (None, None, vec![]);
        for (at, line) in text.lines().enumerate() {
            let wrong = || NoticeError::Line(at + 1);
            let line = line.trim().trim_start_matches('\u{feff}');
            let Some((word, rest)) = line.split_once(char::is_whitespace) else {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                return Err(wrong());
            };
            let rest = rest.trim();
            let day = |text: &str| text.parse::<Day>().map_err(|_| wrong());
            match word {
                _ if word.starts_with('#') => {}
                "year" => year = Some(rest.parse::<i32>().map_err(|_| wrong())?),
                "doc_no" => doc_no = Some(rest.to_owned()),
                "works" => days.push((day(rest)?, DayKind::MakeUpDay)),
                "off" => {
                    let (from, to) = rest.split_once(char::is_whitespace).unwrap_or((rest, rest));
                    let (from, to) = (day(from)?, day(to.trim())?);
                    if !(0..LONGEST).contains(&to.0.saturating_sub(from.0)) {
                        return Err(wrong());
                    }
                    days.extend((from.0..=to.0).map(|day| (Day(day), DayKind::DayOff)));
                }
                _ => return Err(wrong()),
            }
        }
        let (Some(year), Some(doc_no)) = (year, doc_no) else { return Err(NoticeError::Incomplete) };
        days.sort_by_key(|(day, _)| *day);
        Ok(Notice { year, doc_no, days })
    }

    /// The entry that publishes it.
    pub fn to_record(&self, by: UnionNumber) -> Result<Record, NoticeError> {
        if by.level() > Level::Province {
            return Err(NoticeError::NotAPublisher);
        }
        let mut said = Draft::<Calendar>::new();
        said.set(calendar::YEAR, self.year.into()).set(calendar::DOC_NO, self.doc_no.as_str());
        let line =
            |(day, kind): &(Day, DayKind)| Row::default().with(calendar_day::DAY, *day).with(calendar_day::KIND, *kind);
        said.set(calendar::DAYS, self.days.iter().map(line).collect::<Vec<_>>());
        Ok(said.into_record())
    }
}

/// Publishes it for this machine's union.
pub fn publish(store: &Store, notice: Notice, mode: Mode) -> store::Result<Result<WriteOutcome, NoticeError>> {
    mode.run(store, move |ledger| {
        let (me, next) = (ledger.me().union, ledger.next_id());
        let record = match notice.to_record(me) {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        let year = Value::Int(i64::from(notice.year));
        let of_year = projection::list_where(ledger.conn(), Calendar::kind(), calendar::YEAR.name(), &year)?;
        let later = of_year.iter().filter(|row| row.place.owner == me && row.id > next).max_by_key(|row| row.id);
        if let Some(row) = later {
            let doc_no = row.record.read(calendar::DOC_NO).unwrap_or_default();
            return Ok(Err(NoticeError::SaidLater(doc_no.to_owned())));
        }
        Ok(Ok(ledger.write_entry(&record)?))
    })
}

/// Where a year stands in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoticeCursor {
    pub year: i64,
    pub by: UnionNumber,
}

impl fmt::Display for NoticeCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.year, self.by)
    }
}

impl FromStr for NoticeCursor {
    type Err = NoticeError;

    fn from_str(typed: &str) -> Result<NoticeCursor, NoticeError> {
        let parts = typed.trim().split_once('@');
        let place = parts.and_then(|(year, by)| Some(NoticeCursor { year: year.parse().ok()?, by: by.parse().ok()? }));
        place.ok_or_else(|| NoticeError::NoPlace(typed.to_owned()))
    }
}

/// What a union has published of a year.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Year {
    pub year: i64,
    pub by: UnionNumber,
    pub doc_no: String,
    pub days_off: usize,
    pub make_up_days: usize,
}

/// Some of the years of which days off are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub years: Vec<Year>,
    /// The last of them, where there are more.
    pub next: Option<NoticeCursor>,
}

/// The years of which a union knows the days off, the first `most` after a place: of each publisher and year the notice that
/// holds, the last one.
pub fn page(conn: &View, union: UnionNumber, after: Option<NoticeCursor>, most: usize) -> store::Result<Page> {
    let place = |row: &projection::Shown| NoticeCursor {
        year: row.record.read(calendar::YEAR).unwrap_or_default(),
        by: row.place.owner,
    };
    let after = after.map(|place| (place.year, place.by));
    let mut known = calendars::that_hold(conn, union, after, most.saturating_add(1))?;
    let more = known.len() > most;
    known.truncate(most);
    let next = known.last().filter(|_| more).map(place);
    let year = |row: &projection::Shown| Year {
        year: place(row).year,
        by: place(row).by,
        doc_no: row.record.read(calendar::DOC_NO).unwrap_or_default().to_owned(),
        days_off: count(&row.record, DayKind::DayOff),
        make_up_days: count(&row.record, DayKind::MakeUpDay),
    };
    Ok(Page { years: known.iter().map(year).collect(), next })
}

/// How many days of a kind a notice names.
fn count(entry: &Record, kind: DayKind) -> usize {
    let days = entry.of::<Calendar>().into_iter().flat_map(|said| said.lines(calendar::DAYS));
    days.filter(|line| line.is(calendar_day::KIND, kind)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_come_along_can_be_published() {
        let counts: Vec<(i32, usize, usize)> = built_in()
            .map(|year| {
                let notice = Notice::of_year(year).expect("it can be read");
                assert_eq!(notice.year, year);
                let record = notice.to_record(UnionNumber::NATION).expect("a record");
                assert!(record.validate().is_ok(), "{:?}", record.validate());
                let off = notice.days.iter().filter(|(_, kind)| *kind == DayKind::DayOff).count();
                (year, off, notice.days.len() - off)
            })
            .collect();
        // As the notices count them themselves; of 1 January and 10 June 2024 and 1 January 2025 one day each.
        assert_eq!(
            counts,
            [
                (2024, 1 + 8 + 3 + 5 + 1 + 3 + 7, 8),
                (2025, 1 + 8 + 3 + 5 + 3 + 8, 5),
                (2026, 3 + 9 + 3 + 5 + 3 + 3 + 7, 6)
            ]
        );
        assert_eq!(Notice::of_year(1999), Err(NoticeError::NotBuiltIn(1999)));
    }

    #[test]
    fn a_notice_that_cannot_be_read_says_where() {
        for (text, expected) in [
            ("", NoticeError::Incomplete),
            ("year 2027", NoticeError::Incomplete),
            ("# 春节\n\nyear 2027\noff yesterday", NoticeError::Line(4)),
            ("off 2027-02-06 2028-02-12", NoticeError::Line(1)),
            ("off 2027-02-06 2027-02-05", NoticeError::Line(1)),
            ("rest 2027-02-06", NoticeError::Line(1)),
        ] {
            assert_eq!(Notice::parse(text), Err(expected), "{text}");
        }
        // A byte more than may be: half a notice is none.
        let long = "# 春节\n".repeat(MAX_BYTES / 9) + "year 2027\ndoc_no 演发明电〔2026〕1号\n#";
        assert!(long.len() > MAX_BYTES);
        assert_eq!(Notice::read(long.as_bytes()).expect("it can be read"), Err(NoticeError::TooLong));
        let whole = &long[long.len() - MAX_BYTES..];
        let whole = whole.split_once('\n').map_or("", |(_, rest)| rest);
        assert_eq!(Notice::read(whole.as_bytes()).expect("it can be read").map(|notice| notice.year), Ok(2027));
        let county: UnionNumber = 320_922u64.try_into().expect("a union");
        let notice = Notice::of_year(2026).expect("built in");
        assert!(matches!(notice.to_record(county), Err(NoticeError::NotAPublisher)));
    }
}
