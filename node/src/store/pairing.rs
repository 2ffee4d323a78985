//! Money that is paired without a reference: an allocation that no receipt names, and a receipt of that union which names
//! none, under one bank serial, or of one programme and amount on near days. Narrower than FC-02, which asks no programme.
//! What was corrected in part is paired by what is left of it.

use std::collections::BTreeSet;

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    records::fund_receipt,
    union::UnionNumber,
    v1::{Allocation, FundReceipt},
};

use super::{Result, View, naming::Naming, tables};

/// As many are asked for of one record.
const MOST: i64 = 100;
/// As many records are gone through from one on.
const MOST_OF_A_WEB: usize = 500;

/// A record and whose it is.
pub type Half = (RecordId, UnionNumber);

/// An allocation and a receipt that may be of one money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub allocation: Half,
    pub receipt: Half,
    /// What is left of each, in fen.
    pub gave: i64,
    pub got: i64,
    /// Under which both are booked; without it they are paired by amount and day.
    pub serial: Option<String>,
}

impl Pair {
    fn field(&self) -> &'static str {
        // Both kinds call them so.
        match self.serial {
            Some(_) => fund_receipt::BANK_SERIAL.name(),
            None => fund_receipt::AMOUNT.name(),
        }
    }

    /// The receipt, as what stands beside the allocation.
    pub fn of_allocation(&self) -> Naming {
        let (by, owner) = self.receipt;
        Naming { record: self.allocation.0, by, kind: FundReceipt::kind(), owner, field: self.field() }
    }

    /// The allocation, as what stands beside the receipt.
    pub fn of_receipt(&self) -> Naming {
        let (by, owner) = self.allocation;
        Naming { record: self.receipt.0, by, kind: Allocation::kind(), owner, field: self.field() }
    }
}

const GAVE: &str = "(a.amount + coalesce((SELECT sum(b.amount) FROM allocation b
    WHERE b.reverses = a.record AND b.owner = a.owner), 0))";
const GOT: &str = "(r.amount + coalesce((SELECT sum(b.amount) FROM fund_receipt b
    WHERE b.reverses = r.record AND b.owner = r.owner), 0))";
/// Neither names the other; of what was taken back whole nothing is left.
const UNNAMED: &str = "r.allocation IS NULL AND r.reverses IS NULL AND a.reverses IS NULL
    AND NOT EXISTS (SELECT 1 FROM fund_receipt n WHERE n.allocation = a.record AND n.owner = a.to_union)";
/// A serial first: what has it as well as the amount is told once. The + keeps SQLite to the serial's index.
const SERIAL: &str = "r.bank_serial = a.bank_serial AND +r.owner = a.to_union";
const NEAR: &str = "r.owner = a.to_union AND r.programme = a.programme AND abs(r.received_on - a.paid_on) <= ?3
    AND (a.bank_serial IS NULL OR a.bank_serial <> r.bank_serial)";

/// The receipts that may be the other half of an allocation.
pub fn receipts(conn: &View, allocation: Half, days: i64) -> Result<Vec<Pair>> {
    pairs(conn, "allocation a CROSS JOIN fund_receipt r WHERE a.record = ?1 AND a.owner = ?2", allocation, days)
}

/// The allocations that may be the other half of a receipt.
pub fn allocations(conn: &View, receipt: Half, days: i64) -> Result<Vec<Pair>> {
    pairs(conn, "fund_receipt r CROSS JOIN allocation a WHERE r.record = ?1 AND r.owner = ?2", receipt, days)
}

fn pairs(conn: &View, of: &str, (record, owner): Half, days: i64) -> Result<Vec<Pair>> {
    let amount = format!("{NEAR} AND {GAVE} IN (r.amount, {GOT})");
    let mut found = vec![];
    for (serial, alike) in [(true, SERIAL), (false, &*amount)] {
        let sql = format!(
            "SELECT a.record, a.owner, r.record, r.owner, {GAVE}, {GOT}, r.bank_serial FROM {of} AND {alike} AND {UNNAMED}
                AND ?3 IS NOT NULL AND {GAVE} > 0 AND {GOT} > 0 ORDER BY a.record, a.owner, r.record, r.owner LIMIT ?4"
        );
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query((record.as_bytes(), i64::from(owner), days, MOST))?;
        while let Some(row) = rows.next()? {
            found.push(Pair {
                allocation: (RecordId(row.get(0)?), tables::union(row.get(1)?)?),
                receipt: (RecordId(row.get(2)?), tables::union(row.get(3)?)?),
                gave: row.get(4)?,
                got: row.get(5)?,
                serial: if serial { row.get(6)? } else { None },
            });
        }
    }
    Ok(found)
}

/// All pairs that hang together with an allocation: those of its receipts, those of their other allocations, and so on.
pub fn web(conn: &View, allocation: Half, days: i64) -> Result<Vec<Pair>> {
    let (mut web, mut asked) = (vec![], BTreeSet::new());
    let mut open = vec![(true, allocation)];
    while let Some((gave, half)) = open.pop() {
        if asked.len() >= MOST_OF_A_WEB || !asked.insert((gave, half)) {
            continue;
        }
        let found = if gave { receipts(conn, half, days)? } else { allocations(conn, half, days)? };
        open.extend(found.iter().map(|pair| if gave { (false, pair.receipt) } else { (true, pair.allocation) }));
        if gave {
            web.extend(found);
        }
    }
    Ok(web)
}
