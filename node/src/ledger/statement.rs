//! The provincial union's statements: figures of records that do not travel to the nation, with the feeds they rest on.

use std::collections::BTreeMap;

use huiliu_proto::{
    handle::{Draft, Row},
    id::Hash,
    kind::Reach,
    period::Month,
    record::Record,
    records::{statement, statement_basis, statement_figure},
    union::{Level, UnionNumber},
    v1::{Statement, StatementFigure},
};

use super::{Ledger, WriteOutcome};
use crate::{
    rollup,
    store::{
        Result, View, feeds,
        rollups::{self, CARRY, Figure, MOST_CARRIED, Stated},
        unfinished,
    },
};

/// The number of statements written in one job.
const STATEMENTS: usize = 16;
/// While a line stays open, a union's month is stated so often at most.
const STATEMENT_INTERVAL_MS: i64 = 3_600_000;
/// With more feeds than this, a statement names them by their digest alone.
const MOST_LISTED: usize = 64;

/// Which of the statements that are out of date are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// None: nobody is about to read them.
    Never,
    /// While a line stays open: of a union and month that were never stated, or not within the last hour.
    Live,
    /// All: an exchange begins, or is one that ends.
    AtOnce,
}

/// Unions and months of which a statement is to be written now; asked without writing anything.
pub(crate) fn to_write(conn: &View, pace: Pace, now: i64) -> Result<Vec<(UnionNumber, i32)>> {
    let due = match pace {
        Pace::Never => return Ok(vec![]),
        Pace::AtOnce => return rollups::due(conn),
        Pace::Live => rollups::due_since(conn)?,
    };
    let mut ripe = vec![];
    for due in due {
        let waits = match due.stated {
            None => false,
            Some(stated) => {
                let at = stated.time(conn, now)?;
                // One from the future was written by a clock that has been put back since, and holds nothing up.
                at <= now && now.saturating_sub(at) < STATEMENT_INTERVAL_MS
            }
        };
        if !waits {
            ripe.push((due.union, due.month));
        }
    }
    Ok(ripe)
}

impl Ledger {
    /// Writes statements that are out of date, a bounded number. Returns how many it wrote or could not write.
    pub fn write_statements(&mut self, pace: Pace) -> Result<usize> {
        let me = self.me().union;
        if me.level() != Level::Province {
            return Ok(0);
        }
        // Another program may have left a part of something to be applied, or this one when it was last ended.
        self.has_lag()?;
        let mut tried = 0;
        for (union, month) in to_write(self.conn(), pace, self.now())? {
            if self.unsayable.contains(&(union, month)) {
                continue;
            }
            // Its figures rest on more, or on less, than has been judged so far.
            if unfinished::any_of(self.conn(), union)?
                || feeds::of_union(self.conn(), union)?.iter().any(|row| self.slices.lagging(row.no))
            {
                continue;
            }
            let holds = self.statement_holds(union, month)?;
            if holds || self.state(union, month)? {
                rollups::clear_due(self.conn(), union, month)?;
            }
            tried += usize::from(!holds);
            if tried == STATEMENTS {
                break;
            }
        }
        Ok(tried)
    }

    /// Writes one. One that cannot be written stays due, so that the union's figures are shown as of an earlier day; it is tried
    /// again when its figures have moved, or by the next program.
    fn state(&mut self, union: UnionNumber, month: i32) -> Result<bool> {
        let record = self.statement(union, month)?;
        let WriteOutcome::Refused(refusals) = self.write_entry(&record)? else { return Ok(true) };
        tracing::error!(?refusals, %union, month, "a month could not be stated");
        self.unsayable.insert((union, month));
        Ok(false)
    }

    /// A union's month is to be stated anew.
    pub(super) fn is_due(&mut self, union: UnionNumber, month: i32) -> Result<()> {
        self.unsayable.remove(&(union, month));
        rollups::add_due(&self.conn, union, month)
    }

    /// What is done before an exchange: all statements that are out of date, key grants, packing and signing. Of much a
    /// bounded part; then it says that there is more.
    pub fn prepare_outgoing(&mut self) -> Result<bool> {
        self.prepare_outgoing_at(Pace::AtOnce)
    }

    /// The same, with statements at this pace.
    pub fn prepare_outgoing_at(&mut self, pace: Pace) -> Result<bool> {
        let mut more = false;
        if !self.revoked()? {
            more = self.as_nobody(|ledger| {
                let tried = ledger.write_statements(pace)?;
                ledger.grant_keys().map(|()| tried == STATEMENTS)
            })?;
        }
        Ok(self.pack_some()? || more)
    }

    /// What the records say now: a union's own figures of a month that do not travel further.
    fn figures(&self, union: UnionNumber, month: i32) -> Result<BTreeMap<u32, Stated>> {
        let cells = rollups::month(self.conn(), union, month)?;
        let local = |m: &u32| rollup::measure(*m).is_some_and(|m| m.reach == Reach::Province);
        let stated = |f: Figure| Stated { own: f.own, shared: f.shared };
        Ok(cells.into_iter().filter(|(m, _)| local(m)).map(|(measure, figure)| (measure, stated(figure))).collect())
    }

    /// Whether the latest statement agrees with the records; a figure of zero may be left out.
    pub(crate) fn statement_holds(&self, union: UnionNumber, month: i32) -> Result<bool> {
        let mut said = rollups::statement(self.conn(), union, month, None)?;
        let mut now = self.figures(union, month)?;
        said.retain(|_, value| *value != Stated::default());
        now.retain(|_, value| *value != Stated::default() && sayable(value.own));
        Ok(said == now)
    }

    fn statement(&self, union: UnionNumber, month: i32) -> Result<Record> {
        let mut statement = Draft::<Statement>::new();
        statement.set(statement::UNION, union).set(statement::MONTH, Month(month));
        statement.set(statement::REVISION, rollups::next_revision(self.conn(), union, month)?);
        let figures = self.figures(union, month)?.into_iter();
        let figures: Vec<_> = figures.map(|(measure, stated)| line(measure, stated)).collect();
        statement.set(statement::FIGURES, figures);
        let mut rows = feeds::of_union(self.conn(), union)?;
        rows.retain(|row| row.applied > 0);
        rows.sort_by_key(|row| row.feed.id);
        let mut digest = vec![];
        let mut basis = vec![];
        for row in &rows {
            let root = if row.applied == row.size() {
                row.edge.root()
            } else {
                feeds::root_at(self.conn(), row, row.applied)?
            };
            digest.extend_from_slice(row.feed.id.as_bytes());
            digest.extend_from_slice(&row.applied.to_be_bytes());
            digest.extend_from_slice(root.as_bytes());
            let line = Row::default().with(statement_basis::FEED, row.feed.id.to_vec());
            basis.push(line.with(statement_basis::SIZE, row.applied as i64).with(statement_basis::ROOT, root.to_vec()));
        }
        statement.set(statement::FEEDS, rows.len() as i64).set(statement::DIGEST, Hash::of(&[&digest]).to_vec());
        if (1..=MOST_LISTED).contains(&basis.len()) {
            statement.set(statement::BASIS, basis);
        }
        Ok(statement.into_record())
    }
}

/// Whether a figure fits into a statement.
fn sayable(own: i128) -> bool {
    own.div_euclid(CARRY).unsigned_abs() <= u128::from(MOST_CARRIED)
}

/// A figure as it is stated; a part that is nought is left out.
fn line(measure: u32, stated: Stated) -> Row<StatementFigure> {
    let some = |n: i128| i64::try_from(n).ok().filter(|n| *n != 0);
    let (value, carried) = (stated.own.rem_euclid(CARRY) as i64, stated.own.div_euclid(CARRY));
    // Most figures are small, also those below nought: only what does not fit is carried.
    let (value, carry) = match i64::try_from(stated.own) {
        Ok(n) if i128::from(n.unsigned_abs()) < CARRY => (Some(n), None),
        _ if !sayable(stated.own) => (None, None),
        _ => (Some(value), some(carried)),
    };
    Row::default()
        .with(statement_figure::MEASURE, i64::from(measure))
        .with_some(statement_figure::VALUE, value)
        .with_some(statement_figure::CARRY, carry)
        .with_some(statement_figure::SHARED, some(stated.shared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_to_be_stated_is_not_known() {
        let most = (i128::from(MOST_CARRIED) + 1) * CARRY - 1;
        let said = |own| {
            let line = line(1, Stated { own, shared: 0 });
            (line.view().get(statement_figure::VALUE), line.view().get(statement_figure::CARRY))
        };
        assert_eq!(said(most), (Some((CARRY - 1) as i64), Some(MOST_CARRIED as i64)));
        assert_eq!(said(-i128::from(MOST_CARRIED) * CARRY), (Some(0), Some(-(MOST_CARRIED as i64))));
        assert_eq!(said(most + 1), (None, None));
        assert_eq!(said(7), (Some(7), None));
    }
}
