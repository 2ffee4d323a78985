//! What a new record says beside those that are here already: whether it may put right the one it points back at, what is
//! doubtful about it, and what looks like the same real thing. Asked where a person writes; what others wrote is judged by
//! itself alone, because two machines without a line cannot know of each other.

use std::collections::HashMap;

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    ident::ResidentId,
    kind::{Field, Format, Kind, Privacy, Type},
    lang::Label,
    period::age_on,
    record::{Record, Refusal, Warning},
    records::{allocation, engagement, expenditure, fund_receipt, matching, work_entry},
    rule::{Breach, Rule},
    seal,
    v1::{self, EngagementState},
    value::Value,
};

use super::Ledger;
use crate::store::{Result, beside, projection};

/// Fields with which an entry points back at one of its kind: to take back a part of it, or to say it again.
const TAKES_BACK: [&str; 2] = ["reverses", "corrects"];
const SAYS_AGAIN: [&str; 2] = ["replaces", "supersedes"];
/// What it has to say as the other did, so that it comes off the same figures: kinds, and positions of their fields.
const RESTATED: &[(u32, &[usize])] = &[
    (
        v1::Allocation::NUMBER,
        &[allocation::PROGRAMME.position(), allocation::TO_UNION.position(), allocation::FROM_ALLOCATION.position()],
    ),
    (
        v1::Expenditure::NUMBER,
        &[expenditure::PROGRAMME.position(), expenditure::CATEGORY.position(), expenditure::PAYEE_MEDIATOR.position()],
    ),
    (v1::FundReceipt::NUMBER, &[fund_receipt::PROGRAMME.position(), fund_receipt::ALLOCATION.position()]),
    (v1::Matching::NUMBER, &[matching::PROGRAMME.position(), matching::SOURCE.position()]),
    (
        v1::WorkEntry::NUMBER,
        &[work_entry::MEDIATOR.position(), work_entry::DUTY.position(), work_entry::SUBTYPE.position()],
    ),
];
/// When money moved.
const MOVED: [&str; 3] = ["paid_on", "received_on", "booked_on"];
/// Nobody younger works.
const WORKING_AGE: i32 = 16;
/// Of papers that no index finds, as many of the newest are compared.
const NEWEST: usize = 1000;

/// A paper that is perhaps entered twice. Fields are given by their positions.
struct Paper {
    kind: u32,
    /// By the first of these that is there, others are found.
    by: &'static [usize],
    /// What is the same in both; the first is the paper's own number.
    same: &'static [usize],
}

const PAPERS: [Paper; 3] = [
    Paper {
        kind: v1::Expenditure::NUMBER,
        by: &[
            expenditure::INVOICE_NO.position(),
            expenditure::PAYEE_MEDIATOR.position(),
            expenditure::PROGRAMME.position(),
        ],
        same: &[
            expenditure::VOUCHER_NO.position(),
            expenditure::VOUCHER_LINE.position(),
            expenditure::YEAR.position(),
            expenditure::AMOUNT.position(),
            expenditure::CATEGORY.position(),
        ],
    },
    Paper {
        kind: v1::FundReceipt::NUMBER,
        by: &[fund_receipt::ALLOCATION.position(), fund_receipt::PROGRAMME.position()],
        same: &[
            fund_receipt::BANK_SERIAL.position(),
            fund_receipt::RECEIVED_ON.position(),
            fund_receipt::AMOUNT.position(),
        ],
    },
    Paper {
        kind: v1::Matching::NUMBER,
        by: &[matching::PROGRAMME.position()],
        same: &[matching::VOUCHER_NO.position(), matching::YEAR.position(), matching::AMOUNT.position()],
    },
];

/// This union's people by identity number, for as long as nobody else writes; nothing outside this memory sees the index.
#[derive(Default)]
pub(super) struct Numbers(Option<HashMap<[u8; 17], Vec<RecordId>>>);

impl Numbers {
    /// Another machine has written.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }
}

/// What records that are not in their tables yet take back of others: of each the sums of its quantities.
#[derive(Default)]
pub(crate) struct TakenBack(HashMap<RecordId, Vec<i128>>);

impl TakenBack {
    pub(crate) fn add(&mut self, record: &Record) {
        let Some((_, id)) = back(record) else { return };
        let said: Vec<i128> = quantities(record.kind).map(|field| said(record, field)).collect();
        let sums = self.0.entry(id).or_insert_with(|| vec![0; said.len()]);
        sums.iter_mut().zip(said).for_each(|(sum, said)| *sum += said);
    }

    fn of(&self, id: &RecordId, quantity: usize) -> i128 {
        self.0.get(id).and_then(|sums| sums.get(quantity)).copied().unwrap_or(0)
    }
}

fn said(record: &Record, field: &Field) -> i128 {
    i128::from(record.int(field.name).unwrap_or(0))
}

fn field<'k>(kind: &'k Kind, name: &str) -> Option<&'k Field> {
    kind.field(name).map(|at| &kind.fields[at])
}

/// The fields of a kind with which a later entry points back at the one it puts right.
pub fn corrections(kind: &Kind) -> impl Iterator<Item = &Field> {
    let back = |field: &&Field| TAKES_BACK.contains(&field.name) || SAYS_AGAIN.contains(&field.name);
    kind.fields.iter().filter(|field| field.reference == Some(kind.name)).filter(back)
}

fn back(record: &Record) -> Option<(&'static Field, RecordId)> {
    let kind = record.kind;
    let field = corrections(kind).find(|field| TAKES_BACK.contains(&field.name))?;
    Some((field, RecordId::try_from(record.bytes(field.name)?).ok()?))
}

/// What of it is a quantity that may be taken back.
fn quantities(kind: &Kind) -> impl Iterator<Item = &Field> {
    let counts =
        |f: &&Field| matches!((&f.ty, f.format), (Type::Int, Format::None | Format::Fen)) && f.name != "invoice_total";
    kind.fields.iter().filter(counts).filter(|f| f.name != "voucher_line")
}

impl Ledger {
    /// What of this union an entry takes back, where it is here.
    pub(super) fn takes_back(&self, record: &Record) -> Result<Option<Record>> {
        let Some((_, id)) = back(record) else { return Ok(None) };
        Ok(projection::get_of(&self.conn, record.kind, self.me.union, &id)?.map(|row| row.record))
    }

    /// Why an entry may not take back what it points at: another union's, itself a correction, something else, earlier, or
    /// more than is left of it. `earlier`: what others take back that are to be written before it.
    pub(super) fn taken_back(&self, record: &Record, earlier: &TakenBack) -> Result<Vec<Refusal>> {
        let Some((field_back, id)) = back(record) else { return Ok(vec![]) };
        let kind = record.kind;
        let refuse = |field: &Field, rule: Breach, remedy: (&str, &str)| {
            let empty = Value::Text(String::new());
            let value = kind.field(field.name).and_then(|at| record.values()[at].clone()).unwrap_or(empty);
            field.refuse(&value, rule, Label::new(remedy.0, remedy.1))
        };
        let Some(other) = projection::get_of(&self.conn, kind, self.me.union, &id)? else {
            // That it is not here at all is said already.
            if projection::get(&self.conn, kind, &id)?.is_none() {
                return Ok(vec![]);
            }
            let rule = Rule::new(
                "names_another_unions",
                "所指的记录属于其他工会",
                "the record it points at is another union's",
            );
            return Ok(vec![refuse(field_back, rule.into(), ("请由该工会更正", "let that union correct it"))]);
        };
        let mut refusals = vec![];
        if back(&other.record).is_some() {
            let rule = Rule::new(
                "names_correction",
                "所指的记录本身就是一次更正",
                "the record it points at is itself a correction",
            );
            refusals.push(refuse(field_back, rule.into(), ("请指向最初的记录", "point at the original")));
        }
        let restated = RESTATED.iter().find(|(number, _)| *number == kind.number).map_or(&[][..], |(_, at)| at);
        for at in restated {
            if record.values()[*at] != other.record.values()[*at] {
                let field = &kind.fields[*at];
                let rule = Rule::new("not_as_corrected", "与所更正的记录不一致", "not what the corrected record says");
                refusals.push(refuse(field, rule.into(), ("请照原记录填写", "say it as that one does")));
            }
        }
        for field in MOVED.iter().filter_map(|name| field(kind, name)) {
            if record.int(field.name).zip(other.record.int(field.name)).is_some_and(|(now, then)| now < then) {
                let rule = Rule::new("before_reversed", "早于所冲销的记录", "before the record it reverses");
                refusals.push(refuse(field, rule.into(), ("请核对日期", "check the date")));
            }
        }
        let before = beside::pointing(&self.conn, kind, self.me.union, field_back.name, &id)?;
        for (quantity, field) in quantities(kind).enumerate() {
            let before: i128 = before.iter().map(|row| said(&row.record, field)).sum();
            let left = said(&other.record, field) + before + earlier.of(&id, quantity);
            let said = said(record, field);
            if said < 0 && left + said < 0 {
                let rule = Rule::new(
                    "more_than_left",
                    "超过所更正记录的余数{left}",
                    "more than is left of the corrected record, {left}",
                );
                let rule = rule.value("left", field, i64::try_from(left).unwrap_or(i64::MAX));
                refusals.push(refuse(
                    field,
                    rule,
                    ("请查看原记录此前的更正", "look at what was taken back of it before"),
                ));
            }
        }
        Ok(refusals)
    }

    /// What is doubtful beside other records, or cannot be.
    pub(super) fn doubts(&self, record: &Record) -> Result<(Vec<Refusal>, Vec<Warning>)> {
        let (mut refusals, mut warnings) = (vec![], vec![]);
        let engaged = record.of::<v1::Engagement>().map(|view| {
            (view.get(engagement::MEDIATOR), view.get(engagement::STARTS_ON), engagement::STARTS_ON.declared())
        });
        let worked = record.of::<v1::WorkEntry>().map(|view| {
            (view.get(work_entry::MEDIATOR), view.get(work_entry::DONE_ON), work_entry::DONE_ON.declared())
        });
        // What was said wrong can be taken back as it was said.
        if back(record).is_none()
            && let Some((Some(mediator), Some(day), field)) = engaged.or(worked)
            && let Some(born) = beside::born(&self.conn, &mediator)?
        {
            let value = Value::Int(day.0.into());
            let remedy = Label::new("请核对日期和人员", "check the date and the person");
            if day < born {
                let rule = Rule::new("not_born", "这时该指导员还没有出生", "that mediator was not born then");
                refusals.push(field.refuse(&value, rule, remedy));
            } else if age_on(born, day) < WORKING_AGE {
                let rule = Rule::new("under_sixteen", "这时该指导员未满16周岁", "that mediator was not sixteen then");
                warnings.push(field.warn(&value, rule, remedy));
            }
        }
        warnings.extend(self.passes_over(record)?);
        refusals.extend(self.unrelated(record)?);
        Ok((refusals, warnings))
    }

    /// Records that look like the same real thing: shown to the person, never joined. `id`: of the record, where it is
    /// written.
    pub(super) fn alike(&mut self, record: &Record, id: Option<&RecordId>) -> Result<Vec<RecordId>> {
        if back(record).is_some() {
            return Ok(vec![]);
        }
        let not = id.copied().unwrap_or(RecordId([0; RecordId::LEN]));
        let mut alike: Vec<RecordId> =
            projection::same_thing(&self.conn, record, &not)?.into_iter().map(|row| row.id).collect();
        alike.extend(self.same_number(record, id)?);
        alike.extend(self.same_term(record, &not)?);
        alike.extend(self.same_paper(record, &not)?);
        alike.sort_unstable();
        alike.dedup();
        Ok(alike)
    }

    /// People of this union with the same identity number, which is sealed in every table.
    fn same_number(&mut self, record: &Record, id: Option<&RecordId>) -> Result<Vec<RecordId>> {
        let kind = record.kind;
        let sealed = kind.natural_key.iter().copied().find(|at| kind.fields[*at].privacy == Privacy::Sealed);
        let Some((at, Some(Value::Text(number)))) = sealed.map(|at| (at, &record.values()[at])) else {
            return Ok(vec![]);
        };
        let Ok(number) = number.parse::<ResidentId>() else { return Ok(vec![]) };
        let index = |number: &ResidentId| seal::blind_index(&[0; 32], number.as_str());
        let mut known = match self.own_numbers.0.take() {
            Some(known) => known,
            None => {
                let mut known: HashMap<[u8; 17], Vec<RecordId>> = HashMap::new();
                for (other, sealed) in beside::sealed(&self.conn, kind, self.me.union, kind.fields[at].name)? {
                    let open = self.keys.open(&sealed, &other, kind.fields[at].number);
                    if let Some(number) = open.ok().and_then(|text| text.parse::<ResidentId>().ok()) {
                        known.entry(index(&number)).or_default().push(other);
                    }
                }
                known
            }
        };
        let mut others = known.get(&index(&number)).cloned().unwrap_or_default();
        if let Some(id) = id {
            if !others.contains(id) {
                known.entry(index(&number)).or_default().push(*id);
            }
            others.retain(|other| other != id);
        }
        self.own_numbers.0 = Some(known);
        // What was written in a job that was undone, or says another number by now, is no double.
        let mut alike = vec![];
        for other in others {
            let row = projection::get_of(&self.conn, kind, self.me.union, &other)?;
            let sealed = row.and_then(|row| row.record.bytes(kind.fields[at].name).map(<[u8]>::to_vec));
            let open = sealed.and_then(|sealed| self.keys.open(&sealed, &other, kind.fields[at].number).ok());
            if open
                .and_then(|text| text.parse::<ResidentId>().ok())
                .is_some_and(|same| same.as_str() == number.as_str())
            {
                alike.push(other);
            }
        }
        Ok(alike)
    }

    /// Engagements of the same person by this union whose terms overlap: one head would count twice.
    fn same_term(&self, record: &Record, id: &RecordId) -> Result<Vec<RecordId>> {
        let Some(mediator) = record.read(engagement::MEDIATOR) else { return Ok(vec![]) };
        let term = |record: &Record| {
            let view = record.of::<v1::Engagement>()?;
            let last = view.get(engagement::ENDED_ON).or_else(|| view.get(engagement::ENDS_ON));
            let ended = view.is(engagement::STATE, EngagementState::Ended);
            view.get(engagement::STARTS_ON).zip(last).filter(|_| !ended)
        };
        let Some((from, to)) = term(record) else { return Ok(vec![]) };
        let (kind, name) = (v1::Engagement::kind(), engagement::MEDIATOR.name());
        let others = projection::list_where(&self.conn, kind, name, &Value::Bytes(mediator.to_vec()))?;
        let same = others.into_iter().filter(|row| row.id != *id && row.place.owner == self.me.union);
        let overlaps = same.filter(|row| term(&row.record).is_some_and(|(begins, ends)| begins <= to && from <= ends));
        Ok(overlaps.map(|row| row.id).collect())
    }

    fn same_paper(&self, record: &Record, id: &RecordId) -> Result<Vec<RecordId>> {
        let Some(paper) = PAPERS.iter().find(|paper| paper.kind == record.kind.number) else { return Ok(vec![]) };
        let says = |at: &&usize| record.values()[**at].as_ref().is_some_and(|value| !value.is_empty());
        let Some(by) = paper.by.iter().find(says) else { return Ok(vec![]) };
        // Without the paper's own number nothing tells one from another.
        if !paper.same.first().is_some_and(|at| says(&at)) {
            return Ok(vec![]);
        }
        let name = |at: &usize| record.kind.fields[*at].name;
        let same: Vec<&str> = paper.same.iter().map(name).collect();
        let by = name(by);
        beside::same(&self.conn, record, self.me.union, by, &same, id, NEWEST)
    }
}
