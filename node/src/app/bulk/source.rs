//! Lines of a file as records: CSV with a heading of field names or labels, or a JSON object a line. What is read of one line
//! is bounded, whatever the file is.

use std::{
    collections::{HashMap, HashSet},
    io::{BufRead as _, BufReader, Read},
};

use huiliu_proto::{
    id::RecordId,
    kind::{Field, Kind, Type, kind},
    lang::Label,
    record::{Record, Refusal},
    value::Value,
};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value as Json;

use super::{BulkError, Line, LineProblem, Problem};
use crate::{
    app::{find, unions},
    store::{self, View},
    writer::Store,
};

/// Bytes of one line.
const LINE: usize = 1 << 20;
/// Some programs begin a file of UTF-8 with it.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// Names that were looked up, kept until there are so many.
const NAMES: usize = 100_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
}

/// A file that is being read.
pub struct Source {
    reader: BufReader<Box<dyn Read>>,
    format: Format,
    splitter: Splitter,
    /// The field of each column.
    columns: Option<Vec<usize>>,
    /// Lines that have been read.
    line: u64,
    names: HashMap<(&'static str, String), Found>,
    /// What was read cannot be gone on from.
    ended: bool,
}

/// The number of a record's first line, and its text, or why there is none.
type Raw = (u64, Result<String, LineProblem>);

/// Which record a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    None,
    One(RecordId),
    Several,
}

/// So many records, good or not.
pub(super) struct Batch {
    pub read: u64,
    pub lines: Vec<Line>,
    pub problems: Vec<Problem>,
}

/// LineProblem a field was given, as text.
type Cells = Vec<(usize, String)>;
/// The number of a record's line, and what its fields are given, or why it cannot be read.
type Typed = (u64, Result<Cells, LineProblem>);

/// Whether a cell in quotes is open, which may go on behind the end of a line.
#[derive(Default)]
struct Quotes {
    open: bool,
    /// The byte before closed them: another one right behind it is a quotation mark that is meant.
    closed: bool,
    /// The byte before is not the end of a cell.
    within: bool,
}

impl Quotes {
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            let mark = *byte == b'"';
            if self.open {
                (self.open, self.closed) = (!mark, mark);
            } else {
                self.open = mark && (self.closed || !self.within);
                self.closed = false;
            }
            self.within = self.open || !matches!(byte, b',' | b'\n');
        }
    }
}

impl Source {
    pub fn new(inner: Box<dyn Read>, format: Format) -> Source {
        let reader = BufReader::new(inner);
        Source {
            reader,
            format,
            splitter: Splitter::new(),
            columns: None,
            line: 0,
            names: HashMap::new(),
            ended: false,
        }
    }

    /// The next records, at most so many.
    pub(super) fn batch(&mut self, store: &Store, kind: &'static Kind, most: usize) -> Result<Batch, BulkError> {
        let mut batch = Batch { read: 0, lines: vec![], problems: vec![] };
        let mut read: Vec<(u64, Cells)> = vec![];
        while (batch.read as usize) < most && !self.ended {
            match self.next(kind)? {
                None => break,
                Some((line, Ok(cells))) => {
                    batch.read += 1;
                    read.push((line, cells));
                }
                Some((line, Err(what))) => {
                    batch.read += 1;
                    batch.problems.push(Problem { line, what });
                }
            }
        }
        let names = &mut self.names;
        if names.len() > NAMES {
            names.clear();
        }
        let parsed = store.read(|conn| {
            read.into_iter()
                .map(|(line, cells)| Ok((line, record(conn, names, kind, &cells)?)))
                .collect::<store::Result<Vec<_>>>()
        })?;
        for (line, (record, wrong)) in parsed {
            match wrong.is_empty() {
                true => batch.lines.push(Line { line, record }),
                false => batch.problems.extend(wrong.into_iter().map(|what| Problem { line, what })),
            }
        }
        Ok(batch)
    }

    /// The next record's text: a line that is not empty, or several where a cell in quotes goes on.
    fn text(&mut self) -> Result<Option<Raw>, BulkError> {
        let (mut bytes, mut quotes, mut first) = (vec![], Quotes::default(), 0);
        if self.ended {
            return Ok(None);
        }
        loop {
            let before = bytes.len();
            let left = (LINE + 1 - before) as u64;
            let count = self.reader.by_ref().take(left).read_until(b'\n', &mut bytes)?;
            if count == 0 && before == 0 {
                return Ok(None);
            }
            if count > 0 {
                self.line += 1;
                first = if before == 0 { self.line } else { first };
            }
            if bytes.len() > LINE {
                self.ended = true;
                return Ok(Some((first, Err(LineProblem::CutOff))));
            }
            if self.line == 1 && bytes.starts_with(BOM) {
                bytes.drain(..BOM.len());
            }
            if self.format == Format::Csv {
                quotes.read(&bytes[before..]);
                if quotes.open && count > 0 {
                    continue;
                }
                // The file's end is no cell's end: the lines in between are in it.
                if quotes.open {
                    self.ended = true;
                    return Ok(Some((first, Err(LineProblem::CutOff))));
                }
            }
            match String::from_utf8(std::mem::take(&mut bytes)) {
                Ok(text) if text.trim().is_empty() => {}
                Ok(text) => return Ok(Some((first, Ok(text)))),
                Err(_) => return Ok(Some((first, Err(LineProblem::Unreadable)))),
            }
        }
    }

    /// The next record.
    fn next(&mut self, kind: &'static Kind) -> Result<Option<Typed>, BulkError> {
        loop {
            let Some((line, text)) = self.text()? else {
                return match (self.format, &self.columns) {
                    (Format::Csv, None) => Err(BulkError::Heading),
                    _ => Ok(None),
                };
            };
            let text = match (text, self.format, &self.columns) {
                (Ok(text), ..) => text,
                (Err(_), Format::Csv, None) => return Err(BulkError::Heading),
                (Err(what), ..) => return Ok(Some((line, Err(what)))),
            };
            if self.format == Format::JsonLines {
                return Ok(Some((line, object(kind, text.trim()))));
            }
            let cells = self.splitter.cells(&text);
            let Some(columns) = &self.columns else {
                match heading(kind, &cells) {
                    Ok(columns) => self.columns = Some(columns),
                    Err(what) => {
                        self.ended = true;
                        return Ok(Some((line, Err(what))));
                    }
                }
                continue;
            };
            if cells.iter().all(|cell| cell.trim().is_empty()) {
                continue;
            }
            if cells.len() != columns.len() {
                let what = LineProblem::Cells { expected: columns.len(), found: cells.len() };
                return Ok(Some((line, Err(what))));
            }
            let given = columns.iter().zip(&cells).filter(|(_, cell)| !cell.trim().is_empty());
            return Ok(Some((line, Ok(given.map(|(at, cell)| (*at, cell.to_owned())).collect()))));
        }
    }
}

/// Takes records of CSV apart. It is made once for a file: making one costs more than a record.
struct Splitter(csv_core::Reader);

impl Splitter {
    fn new() -> Splitter {
        // An old Mac's line ends are part of a cell, whose rules refuse them: nothing behind them is left out.
        Splitter(csv_core::ReaderBuilder::new().terminator(csv_core::Terminator::Any(b'\n')).build())
    }

    /// The cells of one record.
    fn cells(&mut self, text: &str) -> Vec<String> {
        let text = text.trim_end_matches(['\r', '\n']);
        self.0.reset();
        // Cells are no longer than what they are read from, and there is one more than there are commas, or fewer.
        let mut out = vec![0; text.len()];
        let mut ends = vec![0; text.bytes().filter(|byte| *byte == b',').count() + 1];
        let (_, _, written, read) = self.0.read_record(text.as_bytes(), &mut out, &mut ends);
        let (_, _, _, last) = self.0.read_record(&[], &mut out[written..], &mut ends[read..]);
        let mut start = 0;
        let cell = |end: &usize| {
            let cell = String::from_utf8_lossy(&out[start..*end]).into_owned();
            start = *end;
            cell
        };
        ends[..read + last].iter().map(cell).collect()
    }
}

/// A field of a file's heading: its name, or its label in either language. A table in a record is not read from a file.
fn field_named(kind: &Kind, name: &str) -> Result<usize, LineProblem> {
    let name = name.trim_start_matches('\u{feff}').trim();
    let fields = &kind.fields;
    let by_label = || fields.iter().position(|f| f.label.zh == name || f.label.en.eq_ignore_ascii_case(name));
    let at = fields.iter().position(|f| f.name == name).or_else(by_label);
    at.filter(|at| fields[*at].lines().is_empty()).ok_or_else(|| LineProblem::NoField(name.to_owned()))
}

fn heading(kind: &Kind, record: &[String]) -> Result<Vec<usize>, LineProblem> {
    let mut columns = vec![];
    for name in record {
        let at = field_named(kind, name)?;
        if columns.contains(&at) {
            return Err(LineProblem::Twice(name.clone()));
        }
        columns.push(at);
    }
    Ok(columns)
}

/// A JSON object with all that it says, also where it says one name twice.
struct Members(Vec<(String, Json)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Members, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = vec![];
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Object)
    }
}

fn object(kind: &Kind, text: &str) -> Result<Cells, LineProblem> {
    let Members(members) = serde_json::from_str(text).map_err(|_| LineProblem::Unreadable)?;
    let (mut cells, mut named): (Cells, HashSet<usize>) = (vec![], HashSet::new());
    for (name, value) in members {
        let at = field_named(kind, &name)?;
        if !named.insert(at) {
            return Err(LineProblem::Twice(name));
        }
        let text = match value {
            Json::Null => continue,
            Json::String(text) if text.trim().is_empty() => continue,
            Json::String(text) => text,
            Json::Bool(flag) => if flag { "yes" } else { "no" }.to_owned(),
            // As it is typed: money in yuan.
            Json::Number(number) => number.to_string(),
            Json::Array(choices) if choices.iter().all(Json::is_string) => {
                choices.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("、")
            }
            Json::Array(_) | Json::Object(_) => return Err(LineProblem::Unreadable),
        };
        cells.push((at, text));
    }
    Ok(cells)
}

fn record(
    conn: &View,
    names: &mut HashMap<(&'static str, String), Found>,
    of: &'static Kind,
    cells: &Cells,
) -> store::Result<(Record, Vec<LineProblem>)> {
    let (mut record, mut wrong) = (Record::new(of), vec![]);
    for (at, text) in cells {
        let field = &of.fields[*at];
        match field.reference.and_then(kind).filter(|_| matches!(field.ty, Type::Reference)) {
            None => match unions::parse(conn, field, text)? {
                Ok(value) => record.put(*at, Some(value)),
                Err(refusal) => wrong.push(LineProblem::Field(refusal)),
            },
            Some(target) => match referred(conn, names, target, text.trim())? {
                Found::One(id) => record.put(*at, Some(Value::Bytes(id.to_vec()))),
                Found::Several => wrong.push(LineProblem::Ambiguous { field: field.name, typed: text.clone() }),
                Found::None => wrong.push(LineProblem::Field(missing(field, target, text))),
            },
        }
    }
    Ok((record, wrong))
}

fn missing(field: &Field, target: &Kind, text: &str) -> Refusal {
    let rule = Label::new("本机没有这条记录", "there is no such record here");
    let (zh, en) = (&target.label.zh, &target.label.en);
    let remedy = Label::new(
        format!("请先填写该“{zh}”，或核对其编号和名称"),
        format!("write that {en} first, or compare its id and name"),
    );
    field.refuse(&Value::Text(text.trim().to_owned()), rule, remedy)
}

/// The record that is meant: by its whole id, or by its name or number.
fn referred(
    conn: &View,
    names: &mut HashMap<(&'static str, String), Found>,
    target: &'static Kind,
    typed: &str,
) -> store::Result<Found> {
    if let Ok(id) = typed.parse::<RecordId>() {
        // Whether it is here is asked with the other rules.
        return Ok(Found::One(id));
    }
    let key = (target.name, typed.to_owned());
    if let Some(found) = names.get(&key) {
        return Ok(*found);
    }
    let found = match &find::named(conn, target, typed)?[..] {
        [] => Found::None,
        [one] => Found::One(one.id),
        _ => Found::Several,
    };
    names.insert(key, found);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raws(text: &str) -> Vec<Raw> {
        let mut source = Source::new(Box::new(std::io::Cursor::new(text.as_bytes().to_vec())), Format::Csv);
        std::iter::from_fn(|| source.text().unwrap()).collect()
    }

    #[test]
    fn a_cell_in_quotes_goes_on_and_lines_are_counted() {
        let lines: Vec<u64> =
            raws("a,b\r\n\r\n1,\"x\r\ny\"\r\n2,5\" pipe\n\n3,\"a \"\"b\"\"\n,\"\n4,\"\"").iter().map(|r| r.0).collect();
        assert_eq!(lines, [1, 3, 5, 7, 9]);
        let mut splitter = Splitter::new();
        for (text, cells) in [
            ("1,\"x\ny\",\"a\"\"b\"\n", &["1", "x\ny", "a\"b"][..]),
            ("1,2\r\n", &["1", "2"]),
            ("张三,男\r李四,女\n", &["张三", "男\r李四", "女"]),
            ("\"open, 2\n", &["open, 2"]),
            (",", &["", ""]),
        ] {
            assert_eq!(splitter.cells(text), cells, "{text:?}");
        }
        let quoted = "\u{feff}\"a\nb\",c\n1,2\n";
        assert_eq!(raws(quoted).iter().map(|r| r.0).collect::<Vec<_>>(), [1, 3], "a mark before the first quote");
    }

    #[test]
    fn what_is_read_of_a_line_is_bounded() {
        let read = raws(&format!("a\n\"{}", "x\n".repeat(LINE)));
        assert_eq!(read.len(), 2);
        assert_eq!(read[1], (2, Err(LineProblem::CutOff)), "what follows it is not read");
        let read = raws("a,b\n1,2\n3,\"4\n5,6\n");
        assert_eq!(read[2..], [(3, Err(LineProblem::CutOff))], "nor what is within it");
    }
}
