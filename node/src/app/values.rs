//! Values of records, as far as this machine may read them.

use huiliu_proto::{
    edit::Scalar,
    id::RecordId,
    kind::{Field, Type},
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

/// Opens a sealed value, where this union wrote it or was granted the key: what is shown of it are its last characters.
pub fn opened(keys: &Keyring, id: &RecordId, field: &Field, value: &Value) -> Value {
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

/// The same for a whole record.
pub fn opened_record(keys: &Keyring, shown: &Shown) -> Shown {
    let mut shown = shown.clone();
    for (at, field) in shown.record.kind.fields.iter().enumerate() {
        if let Some(value) = &shown.record.values()[at] {
            let value = opened(keys, &shown.id, field, value);
            shown.record.put(at, Some(value));
        }
    }
    shown
}
