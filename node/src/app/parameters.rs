//! Setting a number that a check uses: by the national and the provincial unions for everyone below, by any other for the
//! checks that it runs itself, and there never laxer than what holds.

use huiliu_proto::{
    handle::Draft,
    id::RecordId,
    period::Day,
    record::Record,
    records::{local_parameter, parameter as parameter_field},
    union::{Level, UnionNumber},
    v1::{LocalParameter, Parameter},
};

use crate::{
    check::{
        Check, Stricter,
        setting::{self, Source},
    },
    store::{
        StoreError, View,
        parameters::{self, Published},
    },
};

/// The largest number that means anything.
pub const MOST: i64 = 100_000;

pub struct Proposed<'a> {
    pub check: &'static Check,
    pub name: &'a str,
    pub value: i64,
    pub from: Day,
    /// The last day.
    pub until: Option<Day>,
    pub doc_no: &'a str,
    pub remarks: Option<&'a str>,
}

#[derive(Debug, thiserror::Error)]
pub enum SetError {
    #[error("{rule} has no parameter of that name")]
    Unknown { rule: &'static str },
    #[error("not a whole number from 0 to {MOST}")]
    Range,
    /// What holds that day is stricter, and was set above.
    #[error("laxer than {holds}, which holds on {on}")]
    Laxer { holds: i64, on: Day, stricter: Stricter },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The entry that says so.
pub fn compose(conn: &View, by: UnionNumber, proposed: &Proposed<'_>) -> Result<Record, SetError> {
    let Proposed { check, name, value, from, until, .. } = *proposed;
    let parameter = check.parameters.iter().find(|p| p.name == name).ok_or(SetError::Unknown { rule: check.id })?;
    if !(0..=MOST).contains(&value) {
        return Err(SetError::Range);
    }
    let downwards = by.level() <= Level::Province;
    let record = RecordId([0xff; 16]);
    let doc_no = proposed.doc_no.to_owned();
    // As it would be resolved once it is said: made after everything that is there.
    let mut all = parameters::of_rule(conn, check.id, by)?;
    all.push(Published { by, record, name: name.to_owned(), value, from, until, doc_no, downwards });
    all.sort_by_key(|one| (one.by.ancestors().count(), !one.downwards, one.record));
    let settings = setting::resolve(parameter, &all);
    let last = until.unwrap_or(setting::LAST);
    let heard = |source: &Source| matches!(source, Source::Set { record: said, .. } if *said == record);
    // Its own later words may follow; a stricter word from above may not stand in its way.
    let above = |source: &Source| !matches!(source, Source::Set { by: said, .. } if *said == by);
    let unheard = settings.iter().find(|s| s.since <= last && from <= s.until && !heard(&s.source) && above(&s.source));
    if let Some(stands) = unheard {
        return Err(SetError::Laxer { holds: stands.value, on: stands.since.max(from), stricter: parameter.stricter });
    }
    // Two kinds that say the same to others.
    macro_rules! said {
        ($kind:ty, $field:ident) => {{
            let mut said = Draft::<$kind>::new();
            said.set($field::RULE, check.id).set($field::NAME, parameter.name).set($field::VALUE, value);
            said.set($field::EFFECTIVE_FROM, from).set($field::DOC_NO, proposed.doc_no);
            if let Some(until) = until {
                said.set($field::EFFECTIVE_UNTIL, until);
            }
            if let Some(remarks) = proposed.remarks {
                said.set($field::REMARKS, remarks);
            }
            said.into_record()
        }};
    }
    Ok(if downwards { said!(Parameter, parameter_field) } else { said!(LocalParameter, local_parameter) })
}
