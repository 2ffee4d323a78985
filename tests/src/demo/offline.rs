//! What Binhai writes while the line is gone: some days in enterprises, and a change in one dossier.

use anyhow::{Context as _, bail};
use huiliu_node::{ledger::WriteOutcome, rollup, store::projection, writer::Store};
use huiliu_proto::{kind::kind, lang::Lang, union::UnionNumber, value::Value};
use indicatif::ProgressBar;

use super::dataset::{self, Keys};

pub const COUNTY: u64 = 320_922;
/// The hub that is cut off.
pub const CITY: u64 = 320_900;
/// The measure that moves, and by how much these lines move it.
pub const MEASURE: u32 = rollup::TOPICS;
pub const MOVES: i64 = 17;

const WORK: &str = "\
key,mediator,duty,subtype,done_on,minutes,enterprise,topics_collected,topics,summary
offline-w-1,@binhai-m-001,宣传指导,征集议题,2026-03-30,120,@binhai-e-001,5,薪酬激励,断网期间在一车间征集薪酬议题5条。
offline-w-2,@binhai-m-002,宣传指导,征集议题,2026-03-30,90,@binhai-e-002,4,工时休假,断网期间征集轮休议题4条。
offline-w-3,@binhai-m-003,宣传指导,征集议题,2026-03-31,90,@binhai-e-003,6,劳动安全卫生,断网期间征集安全卫生议题6条。
offline-w-4,@binhai-m-006,宣传指导,征集议题,2026-03-31,60,@binhai-e-004,2,保险福利,断网期间征集福利议题2条。
";
const DOSSIER: &str = "binhai-m-001";
const REMARK: &str = "2026年3月断网期间补记：已完成当季培训（演示）";

/// Returns how many operations were written.
pub async fn work(store: &Store, keys: &mut Keys) -> anyhow::Result<u64> {
    let kind = kind("work_entry").context("work entries are declared")?;
    let mut rows = vec![];
    dataset::read_rows(kind, WORK, &mut rows)?;
    dataset::record(store, &rows, keys, &ProgressBar::hidden()).await?;
    let id = keys.id(DOSSIER).context("the dossier was recorded")?;
    let (kind, at) = dossier()?;
    let edited =
        store.write(move |ledger| ledger.write_document(kind, Some(id), vec![(at, Some(Value::Text(REMARK.into())))]));
    match edited.await? {
        WriteOutcome::Written { .. } => Ok(rows.len() as u64 + 1),
        WriteOutcome::Unchanged(_) => bail!("the dossier said so already"),
        WriteOutcome::Refused(refusals) => {
            bail!("{}", refusals.iter().map(|r| r.say(Lang::En)).collect::<Vec<_>>().join(" "))
        }
    }
}

fn dossier() -> anyhow::Result<(&'static huiliu_proto::kind::Kind, usize)> {
    let kind = kind("mediator").context("mediators are declared")?;
    Ok((kind, kind.field("remarks").context("mediators have remarks")?))
}

/// Whether this store shows the dossier as it was changed.
pub fn seen(store: &Store, keys: &Keys) -> anyhow::Result<bool> {
    let (kind, _) = dossier()?;
    let id = keys.id(DOSSIER).context("the dossier was recorded")?;
    let row = store.read(|conn| projection::get(conn, kind, &id))?;
    Ok(row.is_some_and(|row| row.record.text("remarks") == Some(REMARK)))
}

pub fn county() -> anyhow::Result<UnionNumber> {
    Ok(UnionNumber::try_from(COUNTY)?)
}

pub fn city() -> anyhow::Result<UnionNumber> {
    Ok(UnionNumber::try_from(CITY)?)
}
