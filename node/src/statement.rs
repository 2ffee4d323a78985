//! The provincial union's statements: figures of records that do not travel to the nation, with the feeds they rest on.

use std::collections::BTreeMap;

use huiliu_proto::{
    kind::{Reach, kind},
    record::Record,
    union::{Level, UnionNumber},
    value::Value,
};

use crate::{
    ledger::Ledger,
    rollup,
    store::{Result, StoreError, feeds, rollups},
};

impl Ledger {
    /// Writes the statements that are out of date. Returns how many.
    pub fn write_statements(&mut self) -> Result<usize> {
        let me = self.me().union;
        if me.level() != Level::Province {
            return Ok(0);
        }
        let mut written = 0;
        for (union, month) in rollups::due(self.conn())? {
            if !self.statement_holds(union, month)? {
                let record = self.statement(union, month)?;
                self.write_entry(&record)?;
                written += 1;
            }
            rollups::clear_due(self.conn(), union, month)?;
        }
        Ok(written)
    }

    /// What is done before an exchange and while one lasts: statements, key grants, packing and signing.
    pub fn tend(&mut self) -> Result<()> {
        if !self.revoked()? {
            self.write_statements()?;
            self.grant_keys()?;
        }
        self.pack_all()
    }

    /// What the records say now: a union's own figures of a month that do not travel further.
    fn figures(&self, union: UnionNumber, month: i32) -> Result<BTreeMap<u32, i64>> {
        let cells = rollups::month(self.conn(), union, month)?;
        let local = |m: &u32| rollup::measure(*m).is_some_and(|m| m.reach == Reach::Province);
        Ok(cells.into_iter().filter(|(m, ..)| local(m)).map(|(measure, own, _)| (measure, own)).collect())
    }

    /// Whether the latest statement says what the records say; a figure of nought need not be said.
    pub(crate) fn statement_holds(&self, union: UnionNumber, month: i32) -> Result<bool> {
        let mut said = rollups::statement(self.conn(), union, month, None)?;
        let mut now = self.figures(union, month)?;
        said.retain(|_, value| *value != 0);
        now.retain(|_, value| *value != 0);
        Ok(said == now)
    }

    fn statement(&self, union: UnionNumber, month: i32) -> Result<Record> {
        let kind = kind("statement").ok_or(StoreError::Damaged("the kind of statements is not declared"))?;
        let mut record = Record::new(kind);
        record.set("union", Value::Int(i64::from(union)));
        record.set("month", Value::Int(i64::from(month)));
        let figures = self.figures(union, month)?;
        let figures = figures.into_iter().map(|(m, v)| vec![Some(Value::Int(i64::from(m))), Some(Value::Int(v))]);
        record.set("figures", Value::Lines(figures.collect()));
        let mut basis = vec![];
        for row in feeds::of_union(self.conn(), union)? {
            if row.applied > 0 {
                basis.push(vec![
                    Some(Value::Bytes(row.feed.id.to_vec())),
                    Some(Value::Int(row.applied as i64)),
                    Some(Value::Bytes(feeds::root_at(self.conn(), &row, row.applied)?.to_vec())),
                ]);
            }
        }
        record.set("basis", Value::Lines(basis));
        Ok(record)
    }
}
