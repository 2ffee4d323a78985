//! Records of people and enterprises that do not exist.

use huiliu_node::{
    ledger::{Ledger, WriteOutcome},
    store::{Result, StoreError, projection},
};
use huiliu_proto::{
    id::{RecordId, hex},
    kind::{Shape, kind},
    record::Record,
    union::UnionNumber,
    value::Value,
};

/// Random numbers that a seed repeats.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    pub fn roll(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}

/// A record from what a clerk would type.
pub fn record(name: &str, fields: &[(&str, &str)]) -> Record {
    let kind = kind(name).unwrap_or_else(|| panic!("no kind {name}"));
    let mut record = Record::new(kind);
    for (field, text) in fields {
        let at = kind.field(field).unwrap_or_else(|| panic!("no field {name}.{field}"));
        let value = kind.fields[at].parse(text).unwrap_or_else(|refusal| panic!("{}", refusal.say(Default::default())));
        record.put(at, Some(value));
    }
    record
}

/// Writes a record from what a clerk would type. Panics where it is refused: a test's own records are good.
pub fn write(ledger: &mut Ledger, name: &str, fields: &[(&str, &str)]) -> Result<RecordId> {
    let kind = kind(name).unwrap_or_else(|| panic!("no kind {name}"));
    let mut values = vec![];
    for (field, text) in fields {
        let at = kind.field(field).unwrap_or_else(|| panic!("no field {name}.{field}"));
        let value = kind.fields[at].parse(text).unwrap_or_else(|refusal| panic!("{}", refusal.say(Default::default())));
        values.push((at, Some(value)));
    }
    let outcome = match kind.shape {
        Shape::Document => ledger.write_document(kind, None, values)?,
        Shape::Entry => {
            let mut record = Record::new(kind);
            for (at, value) in values {
                record.put(at, value);
            }
            ledger.write_entry(&record)?
        }
    };
    written(outcome)
}

/// Changes one field of a document; nothing is written where it says so already.
pub fn edit(ledger: &mut Ledger, name: &str, id: RecordId, field: &str, text: &str) -> Result<()> {
    let kind = kind(name).unwrap_or_else(|| panic!("no kind {name}"));
    let at = kind.field(field).unwrap_or_else(|| panic!("no field {name}.{field}"));
    let value = kind.fields[at].parse(text).unwrap_or_else(|refusal| panic!("{}", refusal.say(Default::default())));
    match ledger.write_document(kind, Some(id), vec![(at, Some(value))])? {
        WriteOutcome::Unchanged(_) => Ok(()),
        other => written(other).map(|_| ()),
    }
}

/// The id of what was written; an error where it was refused.
pub fn written(outcome: WriteOutcome) -> Result<RecordId> {
    match outcome {
        WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id) => Ok(id),
        WriteOutcome::Refused(refusals) => {
            Err(StoreError::Refused(refusals.iter().map(|r| r.say(Default::default())).collect::<Vec<_>>().join(" ")))
        }
    }
}

/// A resident identity number with a right check digit, of nobody.
pub fn identity_number(n: u64) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("3200001985{:02}{:02}{:03}", n / 28 % 12 + 1, n % 28 + 1, n / 336 % 499 * 2 + 1);
    let sum: u32 = body.bytes().zip(WEIGHTS).map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
    let check = b"10X98765432"[sum as usize % 11];
    format!("{body}{}", char::from(check))
}

pub fn mediator(ledger: &mut Ledger, n: u64) -> Result<RecordId> {
    let id_no = identity_number(n);
    let born = format!("{}-{}-{}", &id_no[6..10], &id_no[10..12], &id_no[12..14]);
    write(
        ledger,
        "mediator",
        &[
            ("name", &format!("测试员{n}")),
            ("id_no", &id_no),
            ("sex", "男"),
            ("born", &born),
            ("education", "大专"),
            ("phone", "13900000000"),
        ],
    )
}

pub fn engagement(ledger: &mut Ledger, mediator: RecordId, n: u64) -> Result<RecordId> {
    write(
        ledger,
        "engagement",
        &[
            ("mediator", &hex(mediator.as_bytes())),
            ("employment", "专职"),
            ("channel", "1"),
            ("tier", "COUNTY_TIER"),
            ("funded", "是"),
            ("contract_no", &format!("合{n}")),
            ("starts_on", "2025-01-01"),
            ("ends_on", "2027-12-31"),
            ("state", "在聘"),
            ("other_employment", "NO_OTHER_POST"),
        ],
    )
}

/// A line of the log.
pub fn log_line(mediator: RecordId, n: u64) -> Record {
    record(
        "work_entry",
        &[
            ("mediator", &hex(mediator.as_bytes())),
            ("duty", "参加协商"),
            ("subtype", "现场指导协商"),
            ("done_on", &format!("2025-{:02}-{:02}", n % 12 + 1, n / 12 % 28 + 1)),
            ("place", "测试企业"),
            ("guided", &(n % 3 + 1).to_string()),
            ("workers_helped", &(n % 40 + 1).to_string()),
            ("summary", &format!("指导第{n}次集体协商，议题为工资增幅与加班")),
            ("mandate", "企业工会委托"),
        ],
    )
}

pub fn work_entry(ledger: &mut Ledger, mediator: RecordId, n: u64) -> Result<RecordId> {
    written(ledger.write_entry(&log_line(mediator, n))?)
}

pub fn expenditure(ledger: &mut Ledger, programme: RecordId, mediator: RecordId, n: u64) -> Result<RecordId> {
    write(
        ledger,
        "expenditure",
        &[
            ("programme", &hex(programme.as_bytes())),
            ("year", "2025"),
            ("category", "薪酬或补贴"),
            ("subject", "50504"),
            ("amount", &format!("{}.{:02}", 3000 + n % 500, n % 100)),
            ("paid_on", &format!("2025-{:02}-15", n % 12 + 1)),
            ("service_month", &format!("2025-{:02}", n % 12 + 1)),
            ("payee_mediator", &hex(mediator.as_bytes())),
            ("method", "转账"),
            ("voucher_no", &format!("记-{n:06}")),
        ],
    )
}

/// Takes a line of the log back: another one carries the difference.
pub fn correction(ledger: &mut Ledger, line: RecordId) -> Result<()> {
    take_back(ledger, line, "work_entry", "corrects", &["guided", "workers_helped"]).map(drop)
}

/// Takes an expenditure back, where it is here.
pub fn reversal(ledger: &mut Ledger, spent: RecordId) -> Result<Option<RecordId>> {
    take_back(ledger, spent, "expenditure", "reverses", &["amount"])
}

fn take_back(ledger: &mut Ledger, id: RecordId, name: &str, by: &str, numbers: &[&str]) -> Result<Option<RecordId>> {
    let kind = kind(name).unwrap_or_else(|| panic!("no kind {name}"));
    let Some(said) = projection::get(ledger.conn(), kind, &id)? else { return Ok(None) };
    let mut back = said.record.clone();
    back.set(by, Value::Bytes(id.to_vec()));
    if kind.field("reason").is_some() {
        back.set("reason", Value::Text("重复".into()));
    }
    for field in numbers {
        back.set(field, Value::Int(-int(&said.record, field)));
    }
    written(ledger.write_entry(&back)?).map(Some)
}

pub fn programme(ledger: &mut Ledger) -> Result<RecordId> {
    write(
        ledger,
        "programme",
        &[
            ("code", "CS-2025"),
            ("name", "测试专项经费"),
            ("year", "2025"),
            ("source", "全国总工会"),
            ("purpose", "专职集体协商指导员补助"),
        ],
    )
}

/// Something that any hub may say to a branch below it, and that changes nothing: a ruling on a feed that nobody has.
pub fn ruling(ledger: &mut Ledger, branch: UnionNumber) -> Result<RecordId> {
    written(ledger.write_entry(&ruling_on(branch))?)
}

pub fn ruling_on(branch: UnionNumber) -> Record {
    let mut record = Record::new(kind("quarantine_ruling").expect("rulings are declared"));
    record.set("union", Value::Int(i64::from(branch)));
    record.set("in_feed", Value::Bytes(vec![7; 16]));
    record.set("first", Value::Int(0));
    record.set("count", Value::Int(1));
    record.set("ruling", Value::Int(2));
    record.set("reason", Value::Text("测试".into()));
    record
}

/// A value of a record's field, as a number.
pub fn int(record: &Record, field: &str) -> i64 {
    match record.get(field) {
        Some(Value::Int(v)) => *v,
        _ => 0,
    }
}
