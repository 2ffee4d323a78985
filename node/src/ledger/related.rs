//! What is said of a union's relations and facts beside what was said of them before, and money that does not come from where
//! a union's money comes from. Asked where a person writes: another machine may have said something else meanwhile, which
//! is then for the inbox.

use huiliu_proto::{
    handle::{Declared, Field, Typed},
    id::RecordId,
    kind,
    lang::Label,
    organisation::{Fact, Relation, Said},
    record::{Record, Refusal, Warning},
    records::{allocation, union_fact, union_relation},
    rule::{Breach, Rule},
    value::Value,
};

use super::Ledger;
use crate::{
    clock,
    store::{Result, projection, records::organisation},
};

/// The id of what is about to be written: after all others.
const NEXT: RecordId = RecordId([0xff; RecordId::LEN]);

fn refuse<K: Declared, T: Typed>(
    record: &Record,
    field: Field<K, T>,
    rule: impl Into<Breach>,
    remedy: (&str, &str),
) -> Refusal {
    let empty = Value::Text(String::new());
    let value = record.of::<K>().and_then(|view| view.value(field)).unwrap_or(&empty);
    field.declared().refuse(value, rule, Label::new(remedy.0, remedy.1))
}

impl Ledger {
    /// Why a relation between unions, or a fact about one, cannot be beside the others.
    pub(super) fn unrelated(&self, record: &Record) -> Result<Vec<Refusal>> {
        let said = Said { by: self.me.union, record: NEXT };
        if let Some(relation) = Relation::read(said, record) {
            return self.not_so_related(record, relation);
        }
        match Fact::read(said, record) {
            Some(fact) => self.not_so_called(record, fact),
            None => Ok(vec![]),
        }
    }

    fn not_so_related(&self, record: &Record, relation: Relation) -> Result<Vec<Refusal>> {
        let mut refusals = vec![];
        if let Some(id) = relation.replaces
            && let Some(other) = projection::get_of(&self.conn, record.kind, self.me.union, &id)?
                .and_then(|row| Relation::read(Said { by: self.me.union, record: id }, &row.record))
                .filter(|other| (other.union, other.relation) != (relation.union, relation.relation))
        {
            let rule = Rule::new(
                "replaces_another_relation",
                "所指的一条说的是其他工会或其他类型的关系（{doc_no}）",
                "the one it points at is about another union, or of another type ({doc_no})",
            );
            let remedy = ("请指明同一工会、同一类型的一条", "name one of the same union and type");
            refusals.push(refuse(record, union_relation::REPLACES, rule.plain("doc_no", other.doc_no), remedy));
        }
        refusals.extend(self.not_own(record, union_relation::REPLACES.declared(), relation.replaces)?);
        let mut all = organisation::of(&self.conn, relation.union)?;
        all.relate(relation.clone());
        for before in all.overlapping_with(&relation) {
            let rule = Rule::new(
                "relation_overlaps",
                "与自{from}起的一条（{doc_no}）时间重叠",
                "speaks of days of which the one that begins on {from} does ({doc_no})",
            );
            let remedy = (
                "请改填日期；或用“替代”指明那一条，重新填写其起止",
                "give other dates; or name that one in “replaces”, and say it again with other dates",
            );
            let rule = rule.plain("from", before.from.to_string()).plain("doc_no", &before.doc_no);
            refusals.push(refuse(record, union_relation::FROM, rule, remedy));
        }
        if all.on(relation.from).unfounded(relation.union).iter().any(|one| one.said == relation.said) {
            let rule = Rule::new(
                "not_above_then",
                "这一天起，对方不是该工会的组织上级，也不在其组织上级之上",
                "on that day it neither leads the union nor is above the one that does",
            );
            let remedy = ("请核对组织领导关系", "look at who leads it");
            refusals.push(refuse(record, union_relation::OTHER, rule, remedy));
        }
        Ok(refusals)
    }

    fn not_so_called(&self, record: &Record, fact: Fact) -> Result<Vec<Refusal>> {
        let mut refusals = self.not_own(record, union_fact::REPLACES.declared(), fact.replaces)?;
        let mut all = organisation::of(&self.conn, fact.union)?;
        all.state(fact.clone());
        for before in all.contradicting_with(&fact) {
            let rule = Rule::new(
                "fact_said_already",
                "自同一日起已填有同类事项（{doc_no}）",
                "the same fact is said from that day on already ({doc_no})",
            );
            let remedy = (
                "请核对日期；更正的，用“替代”指明那一条",
                "look at the date; to put that right, name it in “replaces”",
            );
            refusals.push(refuse(record, union_fact::FROM, rule.plain("doc_no", &before.doc_no), remedy));
        }
        Ok(refusals)
    }

    /// What another union said, this one cannot put right.
    fn not_own(&self, record: &Record, field: &kind::Field, replaces: Option<RecordId>) -> Result<Vec<Refusal>> {
        let Some(id) = replaces else { return Ok(vec![]) };
        // That it is not here at all is said already.
        let here = projection::get(&self.conn, record.kind, &id)?.is_some();
        if !here || projection::get_of(&self.conn, record.kind, self.me.union, &id)?.is_some() {
            return Ok(vec![]);
        }
        let rule =
            Rule::new("replaces_another_unions", "所指的一条是其他工会填的", "another union said the one it points at");
        let remedy = Label::new("请由该工会更正", "let that union put it right");
        Ok(vec![field.refuse(&Value::Bytes(id.to_vec()), rule, remedy)])
    }

    /// Whether money passes over a level, or does not come from the union that funds the other.
    pub(super) fn passes_over(&self, record: &Record) -> Result<Vec<Warning>> {
        let Some(union) = record.read(allocation::TO_UNION) else { return Ok(vec![]) };
        let day = record.read(allocation::PAID_ON).unwrap_or_else(|| clock::day(self.now()));
        let funder = organisation::of(&self.conn, union)?.on(day).funder(union);
        let directly = union.parent() == Some(self.me.union);
        let rule: Breach = match funder {
            Some(funder) if funder == self.me.union => return Ok(vec![]),
            // One that has no hub writes no allocation: the union above both does.
            Some(funder) if directly && funder.may_have_hub() => Rule::new(
                "another_funds",
                "付款当日，该工会的经费上级是{union}",
                "on the day it is paid, that union's money comes from {union}",
            )
            .union(funder),
            _ if directly => return Ok(vec![]),
            _ => Rule::new(
                "level_passed_over",
                "不是直接下级，属于越级拨付",
                "not directly below: a level is passed over",
            )
            .into(),
        };
        let field = allocation::TO_UNION.declared();
        Ok(vec![field.warn(&Value::Int(i64::from(union)), rule, Label::new("请确认", "please confirm"))])
    }
}
