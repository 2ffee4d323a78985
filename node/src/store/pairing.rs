//! Money that is paired without a reference: an allocation that no receipt names, and a receipt of that union which names
//! none, under one bank serial, or of one programme and amount on near days. Narrower than FC-02, which asks no programme.

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::Kind,
    records::fund_receipt,
    union::UnionNumber,
    v1::{Allocation, FundReceipt},
};

use super::{Result, View, naming::Naming, tables};

/// As many are asked for of one record.
const MOST: i64 = 100;

/// Neither names the other, nor was taken back.
const UNNAMED: &str = "r.allocation IS NULL AND r.reverses IS NULL AND a.reverses IS NULL
    AND NOT EXISTS (SELECT 1 FROM fund_receipt n WHERE n.allocation = a.record AND n.owner = a.to_union)
    AND NOT EXISTS (SELECT 1 FROM fund_receipt b WHERE b.reverses = r.record AND b.owner = r.owner)
    AND NOT EXISTS (SELECT 1 FROM allocation b WHERE b.reverses = a.record AND b.owner = a.owner)";
/// A serial first: what has it as well as the amount is told once. The + keeps SQLite to the serial's index.
const SERIAL: &str = "r.bank_serial = a.bank_serial AND +r.owner = a.to_union";
const AMOUNT: &str = "r.owner = a.to_union AND r.programme = a.programme AND r.amount = a.amount AND abs(r.received_on - a.paid_on) <= ?3
    AND (a.bank_serial IS NULL OR a.bank_serial <> r.bank_serial)";

/// The receipts that may be the other half of an allocation.
pub fn receipts(conn: &View, allocation: &RecordId, owner: UnionNumber, days: i64) -> Result<Vec<Naming>> {
    let of = "r.record, r.owner FROM allocation a CROSS JOIN fund_receipt r WHERE a.record = ?1 AND a.owner = ?2";
    halves(conn, of, (allocation, owner, days), FundReceipt::kind())
}

/// The allocations that may be the other half of a receipt.
pub fn allocations(conn: &View, receipt: &RecordId, owner: UnionNumber, days: i64) -> Result<Vec<Naming>> {
    let of = "a.record, a.owner FROM fund_receipt r CROSS JOIN allocation a WHERE r.record = ?1 AND r.owner = ?2";
    halves(conn, of, (receipt, owner, days), Allocation::kind())
}

fn halves(
    conn: &View,
    of: &str,
    (record, owner, days): (&RecordId, UnionNumber, i64),
    kind: &'static Kind,
) -> Result<Vec<Naming>> {
    let mut found = vec![];
    // Both kinds call them so.
    for (field, alike) in [(fund_receipt::BANK_SERIAL.name(), SERIAL), (fund_receipt::AMOUNT.name(), AMOUNT)] {
        let sql = format!("SELECT {of} AND {alike} AND {UNNAMED} ORDER BY 1, 2 LIMIT ?4");
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query((record.as_bytes(), i64::from(owner), days, MOST))?;
        while let Some(row) = rows.next()? {
            let owner = tables::union(row.get(1)?)?;
            found.push(Naming { record: *record, by: RecordId(row.get(0)?), kind, owner, field });
        }
    }
    Ok(found)
}
