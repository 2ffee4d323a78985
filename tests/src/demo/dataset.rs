//! The demo's year of eight unions: CSV files built into the program, read as a clerk would type them.
//!
//! Every cell goes through the parsing that the command line uses, every row through the ledger's own rules. A row that
//! does not pass is an error of the data set and stops the demo. What the files mean is in `demo/README.md`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use anyhow::{Context as _, anyhow, bail};
use huiliu_node::{
    app::calendar::Notice,
    clock, filing,
    ledger::{Ledger, WriteOutcome},
    store::{Result, StoreError},
    writer::Store,
};
use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::{Field, Kind, Shape, kind},
    lang::Lang,
    period::Day,
    record::Record,
    union::UnionNumber,
    v1::{Allocation, Programme},
    value::Value,
};
use indicatif::ProgressBar;

use super::federation::Federation;

/// Records that share a transaction: few enough that a progress bar moves, many enough that commits cost nothing.
const TOGETHER: usize = 400;

macro_rules! files {
    ($($union:literal: $($name:literal)*;)*) => {
        &[$($(($union, $name, include_str!(concat!("../../data/demo/", $union, "/", $name, ".csv"))),)*)*]
    };
}

/// Union, name, content; in the order in which they are recorded. A test compares the list with the directory.
const FILES: &[(u64, &str, &str)] = files! {
    100000: "01-programme" "15-allocation";
    320000: "03-mediator" "04-engagement" "06-assignment" "07-certificate" "10-work_entry" "11-budget"
        "11-budget.lines" "12-fund_receipt" "13-matching" "14-expenditure" "15-allocation" "16-filing";
    320900: "03-mediator" "04-engagement" "06-assignment" "07-certificate" "10-work_entry" "11-budget"
        "11-budget.lines" "12-fund_receipt" "13-matching" "14-expenditure" "15-allocation" "16-filing";
    320922: "02-union" "03-mediator" "04-engagement" "05-payer_share" "06-assignment" "07-certificate"
        "08-enterprise" "09-rating" "09-rating.items" "10-work_entry" "11-budget" "11-budget.lines" "12-fund_receipt"
        "13-matching" "14-expenditure" "16-filing";
    320923: "02-union" "03-mediator" "04-engagement" "06-assignment" "07-certificate" "08-enterprise"
        "10-work_entry" "11-budget" "11-budget.lines" "12-fund_receipt" "13-matching" "14-expenditure" "16-filing";
    110000: "03-mediator" "04-engagement" "06-assignment" "07-certificate" "10-work_entry" "11-budget"
        "11-budget.lines" "12-fund_receipt" "13-matching" "14-expenditure" "14-expenditure.shares" "15-allocation"
        "16-filing";
    110117: "02-union" "03-mediator" "04-engagement" "06-assignment" "07-certificate" "08-enterprise"
        "10-work_entry" "11-budget" "11-budget.lines" "12-fund_receipt" "13-matching" "14-expenditure" "16-filing";
    110102: "02-union" "03-mediator" "04-engagement" "05-payer_share" "06-assignment" "07-certificate"
        "08-enterprise" "10-work_entry" "11-budget" "11-budget.lines" "12-fund_receipt" "13-matching"
        "14-expenditure" "14-expenditure.shares" "16-filing";
};

const PLANTED: &str = include_str!("../../data/demo/planted.csv");

/// What one union has to record, in order.
#[derive(Debug)]
pub struct Year {
    pub union: UnionNumber,
    pub rows: Vec<Row>,
}

/// One record to be.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its name in the data set; nothing the program ever sees.
    pub key: String,
    pub kind: &'static Kind,
    cells: Vec<(usize, Cell)>,
    /// Of a filing: heads to declare instead of those that were counted.
    declare_funded: Option<i64>,
}

#[derive(Debug, Clone)]
enum Cell {
    Said(Value),
    /// Points at the record with this key.
    Key(String),
    Lines(Vec<Vec<Option<Value>>>),
}

/// A case that was planted, or one that only looks like it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    pub rule: String,
    pub innocent: bool,
    pub union: UnionNumber,
    /// A union that must find it, for those it concerns below.
    pub level: UnionNumber,
    pub keys: Vec<String>,
    pub zh: String,
    pub en: String,
}

/// Which record came of which key.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    ids: HashMap<String, RecordId>,
    keys: BTreeMap<RecordId, String>,
}

impl Keys {
    pub fn id(&self, key: &str) -> Option<RecordId> {
        self.ids.get(key).copied()
    }

    pub fn key(&self, id: &RecordId) -> Option<&str> {
        self.keys.get(id).map(String::as_str)
    }

    pub fn add(&mut self, key: String, id: RecordId) {
        self.keys.insert(id, key.clone());
        self.ids.insert(key, id);
    }

    pub fn merge(&mut self, other: Keys) {
        self.ids.extend(other.ids);
        self.keys.extend(other.keys);
    }
}

/// All unions of the data set, each after the union above it.
pub fn years() -> anyhow::Result<Vec<Year>> {
    let mut years: Vec<Year> = vec![];
    for (code, name, text) in FILES {
        let union = UnionNumber::try_from(*code)?;
        if years.last().is_none_or(|y| y.union != union) {
            years.push(Year { union, rows: vec![] });
        }
        let year = years.last_mut().expect("pushed on the line above");
        read(name, text, &mut year.rows).with_context(|| format!("{code}/{name}.csv"))?;
    }
    Ok(years)
}

fn read(name: &str, text: &str, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let (_, name) = name.split_once('-').context("no number before the kind")?;
    let (name, table) = name.split_once('.').map_or((name, None), |(name, table)| (name, Some(table)));
    let kind = kind(name).with_context(|| format!("no record kind {name}"))?;
    match table {
        None => read_rows(kind, text, rows),
        Some(table) => read_lines(kind, table, text, rows),
    }
}

/// Rows of one kind, the fields named in the first line.
pub fn read_rows(kind: &'static Kind, text: &str, rows: &mut Vec<Row>) -> anyhow::Result<()> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers()?.clone();
    for line in reader.records() {
        let line = line?;
        let key = line.get(0).context("no key")?.to_owned();
        let mut row = Row { key, kind, cells: vec![], declare_funded: None };
        for (column, cell) in columns.iter().zip(&line).skip(1).filter(|(_, cell)| !cell.is_empty()) {
            if (kind.name, column) == ("filing", "declare_funded") {
                row.declare_funded = Some(cell.parse()?);
                continue;
            }
            let at = kind.field(column).with_context(|| format!("{} has no field {column}", kind.name))?;
            let cell = match cell.strip_prefix('@') {
                Some(key) if kind.fields[at].reference.is_some() => Cell::Key(key.to_owned()),
                _ => Cell::Said(typed(&kind.fields[at], cell).with_context(|| row.key.clone())?),
            };
            row.cells.push((at, cell));
        }
        rows.push(row);
    }
    Ok(())
}

/// The lines of one field, added to the entries they belong to.
fn read_lines(kind: &'static Kind, table: &str, text: &str, rows: &mut [Row]) -> anyhow::Result<()> {
    let at = kind.field(table).with_context(|| format!("{} has no field {table}", kind.name))?;
    let fields = kind.fields[at].lines();
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers()?.clone();
    let mut tables: HashMap<String, Vec<Vec<Option<Value>>>> = HashMap::new();
    for line in reader.records() {
        let line = line?;
        let of = line.get(0).context("no key")?;
        let mut values = vec![None; fields.len()];
        for (column, cell) in columns.iter().zip(&line).skip(1).filter(|(_, cell)| !cell.is_empty()) {
            let n = fields.iter().position(|f| f.name == column);
            let n = n.with_context(|| format!("{table} has no field {column}"))?;
            values[n] = Some(typed(&fields[n], cell).with_context(|| of.to_owned())?);
        }
        tables.entry(of.to_owned()).or_default().push(values);
    }
    for row in rows.iter_mut().filter(|r| r.kind == kind) {
        if let Some(lines) = tables.remove(&row.key) {
            row.cells.push((at, Cell::Lines(lines)));
        }
    }
    match tables.into_keys().next() {
        None => Ok(()),
        Some(key) => bail!("lines of {key}, which does not exist"),
    }
}

/// As somebody would type it at the command line.
fn typed(field: &Field, cell: &str) -> anyhow::Result<Value> {
    field.parse(cell).map_err(|refusal| anyhow!(refusal.say(Lang::En)))
}

pub fn planted() -> anyhow::Result<Vec<Planted>> {
    let mut reader = csv::Reader::from_reader(PLANTED.as_bytes());
    let mut all = vec![];
    for line in reader.records() {
        let line = line?;
        let [rule, role, union, level, keys, zh, en] = std::array::from_fn(|n| line.get(n).unwrap_or_default());
        all.push(Planted {
            rule: rule.into(),
            innocent: role != "planted",
            union: union.parse()?,
            level: level.parse()?,
            keys: keys.split_whitespace().map(str::to_owned).collect(),
            zh: zh.into(),
            en: en.into(),
        });
    }
    Ok(all)
}

/// What the levels above said before anybody below booked it.
pub struct Said {
    pub calendars: u64,
    pub programmes: u64,
    pub allocations: u64,
}

impl Said {
    pub fn all(&self) -> u64 {
        self.calendars + self.programmes + self.allocations
    }
}

/// Days off, programmes and allocations, from the top down: what is booked below points at them, so they have to be there
/// before. Their rows are taken out of the years; the hubs do not serve any more in the end.
pub async fn say_downwards(
    federation: &mut Federation,
    years: &mut [Year],
    keys: &mut Keys,
    bar: &ProgressBar,
) -> anyhow::Result<Said> {
    let mut said = Said { calendars: 0, programmes: 0, allocations: 0 };
    for year in [2025, 2026] {
        let notice = Notice::of_year(year)?.to_record(UnionNumber::NATION)?;
        federation.member(UnionNumber::NATION)?.store.write(move |ledger| ledger.write_entry(&notice)).await?;
        said.calendars += 1;
    }
    federation.start_hubs().await?;
    for year in years {
        if year.union.parent().is_some() {
            federation.call(year.union).await?;
            bar.inc(1);
        }
        let downwards = |row: &Row| matches!(row.kind.number, Programme::NUMBER | Allocation::NUMBER);
        let (early, rest): (Vec<Row>, _) = std::mem::take(&mut year.rows).into_iter().partition(downwards);
        year.rows = rest;
        let programmes = early.iter().filter(|row| row.kind.number == Programme::NUMBER).count() as u64;
        said.programmes += programmes;
        said.allocations += early.len() as u64 - programmes;
        record(&federation.member(year.union)?.store, &early, keys, &ProgressBar::hidden()).await?;
    }
    federation.stop().await;
    Ok(said)
}

/// Records rows in this union's store, some hundreds a transaction. `keys` must know what the rows point at and learns
/// what they became; `bar` moves on.
pub async fn record(store: &Store, rows: &[Row], keys: &mut Keys, bar: &ProgressBar) -> anyhow::Result<()> {
    for some in rows.chunks(TOGETHER) {
        let rows: Arc<[Row]> = some.into();
        let known = Arc::new(std::mem::take(keys));
        let look = Arc::clone(&known);
        let written = store.write(move |ledger| {
            let mut new = Keys::default();
            for row in rows.iter() {
                let id = row.write(ledger, &look, &new)?;
                new.add(row.key.clone(), id);
            }
            Ok(new)
        });
        let written = written.await;
        // The closure is gone, and with it the only other holder.
        *keys = Arc::try_unwrap(known).unwrap_or_else(|shared| (*shared).clone());
        keys.merge(written?);
        bar.inc(some.len() as u64);
    }
    Ok(())
}

impl Row {
    /// The filing with its roster and numbers, as they are in this union's records on the census day.
    fn freeze(&self, ledger: &Ledger, said: &Record) -> Result<Record> {
        let refused = |why: String| StoreError::Refused(format!("{}: {why}", self.key));
        let need = |name: &str| said.int(name).ok_or_else(|| refused(format!("no {name}")));
        let ask = filing::Ask {
            type_: need("type")?,
            year: need("year")?,
            census_on: i32::try_from(need("census_on")?).map(Day).map_err(|_| refused("census_on".into()))?,
            declared: self.declare_funded,
            note: said.text("note").map(str::to_owned),
        };
        let today = clock::day(ledger.now());
        let draft = filing::draft(ledger.conn(), ledger.me().union, today, &ask);
        draft.map(|d| d.record).map_err(|error| refused(error.to_string()))
    }

    fn write(&self, ledger: &mut Ledger, known: &Keys, new: &Keys) -> Result<RecordId> {
        let mut values = vec![];
        for (at, cell) in &self.cells {
            let value = match cell {
                Cell::Said(value) => value.clone(),
                Cell::Lines(lines) => Value::Lines(lines.clone()),
                Cell::Key(key) => {
                    let id = new.id(key).or(known.id(key));
                    let id = id.ok_or_else(|| StoreError::Refused(format!("{}: no record {key}", self.key)))?;
                    Value::Bytes(id.to_vec())
                }
            };
            values.push((*at, Some(value)));
        }
        let outcome = match self.kind.shape {
            Shape::Document => ledger.write_document(self.kind, None, values)?,
            Shape::Entry => {
                let mut record = Record::new(self.kind);
                values.into_iter().for_each(|(at, value)| record.put(at, value));
                if self.kind.name == "filing" {
                    record = self.freeze(ledger, &record)?;
                }
                ledger.write_entry(&record)?
            }
        };
        match outcome {
            WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id) => Ok(id),
            WriteOutcome::Refused(refusals) => {
                let said: Vec<String> = refusals.iter().map(|r| r.say(Lang::En)).collect();
                Err(StoreError::Refused(format!("{}: {}", self.key, said.join(" "))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use huiliu_node::{rollup, store::rollups};
    use huiliu_proto::period::Month;

    use crate::demo::federation;

    #[test]
    fn all_files_are_built_in() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/demo");
        let mut there = vec![];
        for union in std::fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()) {
            for file in std::fs::read_dir(&union).unwrap().map(|e| e.unwrap().path()) {
                if file.extension().is_some_and(|e| e == "csv") {
                    let union = union.file_name().unwrap().to_str().unwrap();
                    there.push(format!("{union}/{}", file.file_stem().unwrap().to_str().unwrap()));
                }
            }
        }
        let mut built: Vec<String> = FILES.iter().map(|(union, name, _)| format!("{union}/{name}")).collect();
        there.sort_unstable();
        built.sort_unstable();
        assert_eq!(built, there);
    }

    #[test]
    fn planted_cases_name_records_that_exist() {
        let keys: std::collections::HashSet<String> =
            years().unwrap().into_iter().flat_map(|y| y.rows).map(|r| r.key).collect();
        let planted = planted().unwrap();
        assert_eq!(planted.iter().filter(|p| !p.innocent).count(), 8);
        for case in planted {
            let strangers: Vec<_> = case.keys.iter().filter(|k| !keys.contains(*k)).collect();
            assert!(strangers.is_empty(), "{} {:?}", case.rule, strangers);
        }
    }

    /// The table of demo/README.md: full-time, part-time and counted for the fund at the end of 2025.
    const COUNTS: [(u64, i128, i128, i128); 7] = [
        (110_000, 3, 0, 3),
        (110_102, 18, 0, 18),
        (110_117, 15, 264, 12),
        (320_000, 3, 0, 3),
        (320_900, 3, 0, 3),
        (320_922, 22, 84, 22),
        (320_923, 10, 30, 10),
    ];

    #[tokio::test]
    async fn every_row_passes_and_the_totals_are_those_of_the_readme() {
        let dir = tempfile::tempdir().unwrap();
        let mut years = years().unwrap();
        let unions: Vec<UnionNumber> = years.iter().map(|year| year.union).collect();
        let bar = ProgressBar::hidden();
        let time = federation::not_before("2026-03-31".parse().unwrap(), clock::system());
        let mut federation = Federation::found(dir.path(), &unions, time, &bar).await.unwrap();
        let mut common = Keys::default();
        let said = say_downwards(&mut federation, &mut years, &mut common, &bar).await.unwrap();
        assert_eq!((said.calendars, said.programmes), (2, 2));
        let month = |text: &str| text.parse::<Month>().unwrap().0;
        for year in &years[1..] {
            let store = federation.member(year.union).unwrap().store.clone();
            let mut keys = common.clone();
            record(&store, &year.rows, &mut keys, &bar).await.unwrap();
            let sums = store.read(|conn| rollups::sums(conn, year.union, 0, month("2025-12"))).unwrap();
            let total = |measure| sums.get(&measure).map_or(0, |s| s.0);
            let (_, full, part, funded) = COUNTS.into_iter().find(|c| c.0 == u64::from(year.union)).unwrap();
            assert_eq!(
                (total(rollup::FULL_TIME), total(rollup::PART_TIME), total(rollup::FUNDED)),
                (full, part, funded),
                "{}",
                year.union
            );
            let gone = if year.union.get() == 320_922 { 11 } else { i128::from(year.union.get() == 320_923) };
            let ever = year.rows.iter().filter(|row| row.kind.name == "engagement").count() as i128;
            assert_eq!(ever, full + part + gone, "{}", year.union);
            let grades = [rollup::GRADE_A, rollup::GRADE_B, rollup::GRADE_C].map(total);
            assert_eq!(grades, if year.union.get() == 320_922 { [136, 178, 116] } else { [0; 3] }, "{}", year.union);
            let sums = store.read(|conn| rollups::sums(conn, year.union, 0, month("2026-03"))).unwrap();
            let total = |measure| sums.get(&measure).map_or(0, |s| s.0);
            let money = total(rollup::RECEIVED) + total(rollup::MATCHED) - total(rollup::SPENT);
            let passed = total(rollup::ALLOCATED);
            assert_eq!(total(rollup::BALANCE), money - passed, "{}", year.union);
        }
    }
}
