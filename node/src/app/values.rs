//! Values of records, as far as whoever sits at this machine may read them (GLOSSARY: withheld). A union reads all that it wrote
//! itself. Of what a union below wrote, the secrets of a case stay below; what is personal is read as far as a filing puts it
//! before those above, and by the province, which keeps the database of mediators: there in lists with names and numbers
//! shortened, and whole where one record is opened. What is sealed shows its last characters, and is read whole in `reveal.rs`.
//!
//! This is what the programs show. Whoever copies the database of a hub has what was sent to it.

use huiliu_proto::{
    edit::Scalar,
    id::RecordId,
    kind::{Field, Privacy, Type},
    record::Record,
    union::{Level, UnionNumber},
    value::Value,
};

use crate::{admission, keyring::Keyring, store::projection::Shown};

/// A document's value. SQL keeps a flag as a number, and so may a conflict.
pub fn value_of(field: &Field, scalar: &Scalar) -> Option<Value> {
    match admission::value(scalar)? {
        Value::Int(n) if matches!(field.ty, Type::Bool) => Some(Value::Bool(n != 0)),
        value => Some(value),
    }
}

/// A union that reads, with the keys it holds.
#[derive(Clone, Copy)]
pub struct Reader<'k> {
    pub union: UnionNumber,
    pub keys: &'k Keyring,
}

/// A record as it is read here.
#[derive(Debug, Clone)]
pub struct Disclosed {
    /// Without what is withheld.
    pub shown: Shown,
    /// Fields that say something, and do not say it here.
    pub withheld: Vec<&'static Field>,
}

impl Reader<'_> {
    /// Whether it stands above that union. What was written above is for those below.
    pub fn is_above(&self, owner: UnionNumber) -> bool {
        self.union != owner && self.union.contains(owner)
    }

    /// Whether what a union wrote in a field is kept from this one.
    pub fn withholds(&self, owner: UnionNumber, field: &Field) -> bool {
        if !self.is_above(owner) {
            return false;
        }
        match field.privacy {
            Privacy::Public | Privacy::Internal | Privacy::Sealed => false,
            // Bytes that point at nothing hold what others wrote, whatever it is.
            Privacy::Personal if matches!(field.ty, Type::Bytes) => true,
            Privacy::Personal => self.union.level() != Level::Province && !field.filed,
            Privacy::Case => true,
        }
    }

    /// The same, where any column of a table counts.
    pub fn withholds_any(&self, owner: UnionNumber, field: &Field) -> bool {
        self.withholds(owner, field) || field.lines().iter().any(|column| self.withholds(owner, column))
    }

    /// A record whole: what this union may read of it.
    pub fn record(&self, shown: &Shown) -> Disclosed {
        let mut shown = shown.clone();
        let withheld = self.withhold(shown.place.owner, &shown.id, &mut shown.record);
        Disclosed { shown, withheld }
    }

    /// Takes out of a record what is withheld, opens what is sealed, and says which fields it emptied.
    pub fn withhold(&self, owner: UnionNumber, id: &RecordId, record: &mut Record) -> Vec<&'static Field> {
        let mut withheld = vec![];
        for (at, field) in record.kind.fields.iter().enumerate() {
            let Some(value) = &record.values()[at] else { continue };
            let value = self.value(owner, id, field, value);
            if value.is_none() {
                withheld.push(field);
            }
            record.put(at, value);
        }
        withheld
    }

    /// A record as it stands in a list: the province reads names and numbers of its unions' people there in a shortened form.
    pub fn line(&self, shown: &Shown) -> Disclosed {
        let mut disclosed = self.record(shown);
        let owner = shown.place.owner;
        if !self.is_above(owner) || self.union.level() != Level::Province {
            return disclosed;
        }
        let personal = |(_, field): &(usize, &Field)| field.privacy == Privacy::Personal;
        for (at, field) in shown.record.kind.fields.iter().enumerate().filter(personal) {
            if let Some(Value::Text(text)) = &shown.record.values()[at] {
                disclosed.shown.record.put(at, Some(Value::Text(field.shortened(text))));
            }
        }
        disclosed
    }

    /// One value; `None` where it is withheld.
    pub fn value(&self, owner: UnionNumber, id: &RecordId, field: &Field, value: &Value) -> Option<Value> {
        if self.withholds(owner, field) {
            return None;
        }
        if let Value::Lines(lines) = value {
            let kept: Vec<bool> = field.lines().iter().map(|column| !self.withholds(owner, column)).collect();
            let keep = |line: &Vec<Option<Value>>| {
                line.iter().zip(&kept).map(|(cell, keep)| cell.clone().filter(|_| *keep)).collect()
            };
            return Some(Value::Lines(lines.iter().map(keep).collect()));
        }
        Some(opened(self.keys, id, field, value))
    }
}

/// Opens a sealed value, where this union wrote it or was granted the key: what is shown of it are its last characters.
pub(super) fn opened(keys: &Keyring, id: &RecordId, field: &Field, value: &Value) -> Value {
    let Value::Bytes(sealed) = value else { return value.clone() };
    if !field.sealed() {
        return value.clone();
    }
    match keys.open(sealed, id, field.number) {
        Ok(text) => {
            // Sealed by a peer, so that nobody on the way could look at it.
            let text = Value::Text(text.to_string());
            match field.check(&text) {
                Ok(_) => text,
                Err(_) => {
                    tracing::warn!(record = %id, field = field.name, "what is sealed is nothing this field takes");
                    value.clone()
                }
            }
        }
        Err(error) => {
            // Another union's, or another device's of this union, with a key that was not granted to this one.
            tracing::debug!(record = %id, field = field.name, %error, "a sealed value cannot be opened");
            value.clone()
        }
    }
}
