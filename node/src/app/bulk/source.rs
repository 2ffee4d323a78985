//! Lines of a file as records: CSV with a heading of field names or labels, or a JSON object a line. What is read of one line
//! is bounded, whatever the file is.

use std::io::{BufRead as _, BufReader, Read};

use huiliu_proto::kind::Kind;

use super::{
    BulkError, Line, LineProblem, Problem,
    cells::{self, Cells, Given, Names, field_named},
    object,
};
use crate::{store, writer::Store};

/// Bytes of one line.
const LINE: usize = 1 << 20;
/// Some programs begin a file of UTF-8 with it.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// Bytes of the lines of one batch, beyond which no further is read: what is read of a table is many times as large.
const BATCH_BYTES: usize = 2 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    JsonLines,
}

impl Format {
    /// As its beginning tells: a heading of CSV names fields, and no field's name begins with a brace or a bracket.
    pub fn told(beginning: &[u8]) -> Format {
        let text = beginning.strip_prefix(BOM).unwrap_or(beginning).trim_ascii_start();
        match text.first() {
            Some(b'{' | b'[') => Format::JsonLines,
            _ => Format::Csv,
        }
    }
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
    /// Bytes of the batch that is being read.
    bytes: usize,
    names: Names,
    /// What was read cannot be gone on from.
    ended: bool,
}

/// The number of a record's first line, and its text, or why there is none.
type Raw = (u64, Result<String, LineProblem>);

/// So many records, good or not.
pub(super) struct Batch {
    pub read: u64,
    pub lines: Vec<Line>,
    pub problems: Vec<Problem>,
}

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
            bytes: 0,
            names: Names::default(),
            ended: false,
        }
    }

    /// The next records, at most so many.
    pub(super) fn batch(&mut self, store: &Store, kind: &'static Kind, most: usize) -> Result<Batch, BulkError> {
        let mut batch = Batch { read: 0, lines: vec![], problems: vec![] };
        let mut read: Vec<(u64, Cells)> = vec![];
        self.bytes = 0;
        while (batch.read as usize) < most && self.bytes < BATCH_BYTES && !self.ended {
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
        names.bound();
        let parsed = store.read(|conn| {
            read.into_iter()
                .map(|(line, cells)| Ok((line, cells::record(conn, names, kind, cells)?)))
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
                self.bytes += count;
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
                return Ok(Some((line, object::read(&kind.fields, text.trim()))));
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
            return Ok(Some((line, Ok(given.map(|(at, cell)| (*at, Given::Text(cell.to_owned()))).collect()))));
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

fn heading(kind: &Kind, record: &[String]) -> Result<Vec<usize>, LineProblem> {
    // A line of cells has no place for a table.
    if let Some(table) = kind.fields.iter().find(|field| field.required && !field.lines().is_empty()) {
        return Err(LineProblem::Table(table.name.to_owned()));
    }
    let mut columns = vec![];
    for name in record {
        let at = field_named(&kind.fields, name)?;
        if !kind.fields[at].lines().is_empty() {
            return Err(LineProblem::Table(name.clone()));
        }
        if columns.contains(&at) {
            return Err(LineProblem::Twice(name.clone()));
        }
        columns.push(at);
    }
    Ok(columns)
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
    fn a_stream_tells_its_format() {
        for json in ["{\"name\":1}", "\u{feff}\n  {}", "[", " [{}]"] {
            assert_eq!(Format::told(json.as_bytes()), Format::JsonLines, "{json}");
        }
        for csv in ["name,{}", "", "\u{feff}名称,uscc"] {
            assert_eq!(Format::told(csv.as_bytes()), Format::Csv, "{csv}");
        }
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
