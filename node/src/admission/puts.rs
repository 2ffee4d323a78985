//! What an edit may put into a document.

use huiliu_proto::{
    edit::{Put, Scalar},
    kind::{Kind, Privacy},
    rule::Rule,
    value::Value,
};

use super::{Grounds, Reason, Refusal};

/// Puts of one edit to fields that only a newer version knows: so many, and so many bytes of them.
const MAX_UNKNOWN: usize = 32;
const MAX_UNKNOWN_WEIGHT: u64 = 16 * 1024;

/// The rules of each field that is put, and that a new document has what it must have.
pub(crate) fn puts_allowed(kind: &'static Kind, puts: &[Put], creates: bool) -> Result<(), Refusal> {
    let unknown = puts.iter().filter(|put| kind.field_numbered(put.field).is_none());
    let (count, weight) = unknown.fold((0, 0), |(count, sum), put| (count + 1, sum + put.weight()));
    if count > MAX_UNKNOWN || weight > MAX_UNKNOWN_WEIGHT {
        return Err(Refusal::new(
            Reason::Newer,
            Rule::new(
                "too_many_newer_fields",
                "含有过多本版本不认识的字段；升级本机程序后自动处理",
                "it holds more fields that only a newer version knows than are taken; upgrade this program",
            ),
        ));
    }
    for put in puts {
        let Some(at) = kind.field_numbered(put.field) else { continue };
        let field = &kind.fields[at];
        let rule = |rule: Rule| Err(Refusal::new(Reason::Rule, rule.field("field", field)));
        match value(&put.value) {
            None if field.required => {
                return rule(Rule::new(
                    "required_emptied",
                    "“{field}”为必填项，不能清空",
                    "{field} is required and cannot be emptied",
                ));
            }
            None => {}
            Some(Value::Text(_)) if field.privacy == Privacy::Sealed => {
                return rule(Rule::new("not_sealed", "“{field}”未加密", "{field} is not sealed"));
            }
            Some(value) => {
                if let Err(refusal) = field.check(&value) {
                    return Err(Refusal::new(Reason::Rule, Grounds::Fields(vec![refusal])));
                }
            }
        }
    }
    let missing = kind.fields.iter().find(|f| f.required && !puts.iter().any(|p| p.field == f.number));
    match missing {
        Some(field) if creates => Err(Refusal::new(
            Reason::Rule,
            Rule::new("required", "缺少必填项“{field}”", "{field} is required").field("field", field),
        )),
        _ => Ok(()),
    }
}

pub(crate) fn value(scalar: &Scalar) -> Option<Value> {
    Some(match scalar {
        Scalar::Cleared => return None,
        Scalar::Flag(v) => Value::Bool(*v),
        Scalar::Number(v) => Value::Int(*v),
        Scalar::Text(v) => Value::Text(v.clone()),
        Scalar::Octets(v) => Value::Bytes(v.clone()),
    })
}
