//! Everything that is known here about one record.

use huiliu_proto::{
    id::{DeviceId, FeedId, RecordId},
    kind::Field,
    value::Value,
};

use super::{
    values::{self, Disclosed, Reader},
    voided::{self, Word},
};
use crate::{
    admission::Grounds,
    ledger::corrections,
    operator::{self, Who},
    store::{
        Result, View, beside,
        documents::{self, Conflict},
        feeds,
        projection::Shown,
        quarantine::{self, Held},
        voids::{self, State},
    },
};

/// Everything known about a record.
pub struct Known {
    pub id: RecordId,
    /// As this union may read it.
    pub shown: Option<Shown>,
    /// Fields that say something which is not read here.
    pub withheld: Vec<&'static Field>,
    /// Of the operation that said it; of a document, the one that created it.
    pub origin: Option<(DeviceId, FeedId, u64)>,
    /// Who did that, as the device says.
    pub who: Option<Who>,
    /// Edits of a document since then.
    pub edits: usize,
    pub conflicts: Vec<Conflict>,
    pub held: Vec<(Grounds, Held)>,
    pub standing: State,
    /// What was said of whether it stands.
    pub voids: Vec<Word>,
    /// Entries that put it right, as far as they are here.
    pub corrected_by: Vec<RecordId>,
}

/// Of a record that counts here, or of one that is only in quarantine, by its id.
pub fn known(conn: &View, reader: Reader<'_>, found: std::result::Result<Shown, RecordId>) -> Result<Known> {
    let (id, shown, withheld) = match found {
        Ok(shown) => {
            let Disclosed { shown, withheld } = reader.record(&shown);
            (shown.id, Some(shown), withheld)
        }
        Err(id) => (id, None, vec![]),
    };
    let origin = match &shown {
        Some(shown) => {
            let feed = feeds::by_no(conn, shown.place.feed)?.feed;
            Some((feed.device, feed.id, shown.place.seq))
        }
        None => None,
    };
    let who = match &shown {
        Some(shown) => match feeds::operation(conn, shown.place.feed, shown.place.seq)? {
            Some(operation) => Some(operator::Names::new(conn).who(shown.place.owner, &operation)?),
            None => None,
        },
        None => None,
    };
    let edits = match &shown {
        Some(shown) => documents::edits(conn, shown.place.owner, &id)?.len().saturating_sub(1),
        None => 0,
    };
    let conflicts = documents::conflicts(conn, Some(&id))?;
    let held = quarantine::of_record(conn, &id)?.into_iter();
    let held = held.map(|held| Ok((quarantine::explain(conn, &held)?, held))).collect::<Result<_>>()?;
    let (standing, voids) = match &shown {
        Some(shown) => {
            let owner = shown.place.owner;
            (voids::state(conn, owner, &id)?, voided::words(conn, owner, &id)?)
        }
        None => (State::Stands, vec![]),
    };
    let corrected_by = shown.as_ref().map_or(Ok(vec![]), |shown| corrected_by(conn, shown))?;
    Ok(Known { id, shown, withheld, origin, who, edits, conflicts, held, standing, voids, corrected_by })
}

/// Entries of the same union that point back at this one.
fn corrected_by(conn: &View, shown: &Shown) -> Result<Vec<RecordId>> {
    let kind = shown.record.kind;
    let mut found = vec![];
    for field in corrections(kind) {
        let pointing = beside::pointing(conn, kind, shown.place.owner, field.name, &shown.id)?;
        found.extend(pointing.into_iter().map(|row| row.id));
    }
    Ok(found)
}

impl Known {
    pub fn conflict(&self, field: &Field) -> Option<&Conflict> {
        self.conflicts.iter().find(|c| c.field == field.number)
    }

    /// The values of a field on which devices disagree, with who wrote each; none where they are withheld.
    pub fn standing(&self, reader: Reader<'_>, field: &Field) -> Vec<(Option<Value>, Option<DeviceId>)> {
        let (Some(conflict), Some(shown)) = (self.conflict(field), &self.shown) else { return vec![] };
        let owner = shown.place.owner;
        if reader.withholds(owner, field) {
            return vec![];
        }
        let read = |value: Value| reader.value(owner, &self.id, field, &value);
        let values = conflict.values.iter();
        values.map(|(value, device)| (values::value_of(field, value).and_then(read), *device)).collect()
    }
}
