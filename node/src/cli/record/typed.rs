//! `field=value` as a person types it: names in either language, values as the field's format allows, records by id,
//! by the beginning of an id, or by name.

use anyhow::Result;
use huiliu_proto::{
    kind::{Field, Kind, Type, kind},
    lang::{self, Label},
    record::Refusal,
    rules::NO_SUCH_RECORD,
    value::Value,
};

use super::{all_or_refused, find};
use crate::cli::{
    CommandContext,
    error::{CommandError, both},
};
use crate::{app::unions, store::View};

pub use crate::app::write::Put as Typed;

/// The equals sign may be full-width, as a Chinese keyboard makes it.
fn pair(text: &str) -> Result<(&str, &str), CommandError> {
    text.split_once(['=', '＝']).map(|(name, value)| (name.trim(), value)).ok_or_else(|| {
        CommandError::usage(
            both(format!("“{text}”不是“字段=值”"), format!("“{text}” is not field=value")),
            both("请写成 字段=值，值里有空格时加引号", "write field=value, in quotes where the value has blanks"),
        )
    })
}

pub(super) fn field_named(fields: &[Field], name: &str) -> Option<usize> {
    let by_label = || fields.iter().position(|f| f.label.zh == name || f.label.en.eq_ignore_ascii_case(name));
    fields.iter().position(|f| f.name == name).or_else(by_label)
}

fn no_field(of: &Label, name: &str, kind: &Kind) -> CommandError {
    CommandError::usage(
        both(format!("“{}”没有字段“{name}”", of.zh), format!("{} has no field “{name}”", lang::a(&of.en))),
        both(
            format!("运行 record add {} 查看所有字段", kind.name),
            format!("run `record add {}` to see all fields", kind.name),
        ),
    )
}

/// Reads `field=value` pairs. All refusals come together, so that a person corrects them in one go.
pub fn fields(context: &CommandContext, conn: &View, kind: &'static Kind, pairs: &[String]) -> Result<Vec<Typed>> {
    let (mut values, mut refusals): (Vec<Typed>, _) = (vec![], vec![]);
    for text in pairs {
        let (name, typed) = pair(text)?;
        let at = field_named(&kind.fields, name).ok_or_else(|| no_field(&kind.label, name, kind))?;
        let field = &kind.fields[at];
        if matches!(field.ty, Type::Lines(_)) {
            let (zh, en) = ("明细要逐行填写", "a table is written line by line");
            let hint = format!("--line {}:{}=…", field.name, field.lines().first().map_or("", |f| f.name));
            return Err(CommandError::usage(both(zh, en), both(hint.clone(), hint)).into());
        }
        if values.iter().any(|(other, _)| *other == at) {
            let what = both(
                format!("字段“{}”写了两次", field.label.zh),
                format!("the field “{}” is given twice", field.label.en),
            );
            return Err(CommandError::usage(what, both("请只写一次", "give it once")).into());
        }
        // A sealed number need not stand in the shell's history.
        let asked = field.sealed() && typed == "-";
        let line = if asked { Some(context.line()?) } else { None };
        match value(conn, field, line.as_deref().unwrap_or(typed))? {
            Ok(value) => values.push((at, value)),
            Err(refusal) => refusals.push(refusal),
        }
    }
    all_or_refused(values, refusals)
}

/// Reads `table:field=value,field=value` lines into the tables of an entry.
pub fn lines(conn: &View, kind: &'static Kind, typed: &[String]) -> Result<Vec<Typed>> {
    let (mut tables, mut refusals): (Vec<Typed>, Vec<Refusal>) = (vec![], vec![]);
    for text in typed {
        let Some((table, cells)) = text.split_once([':', '：']) else {
            let what = both(format!("“{text}”不是“明细:字段=值”"), format!("“{text}” is not table:field=value"));
            return Err(
                CommandError::usage(what, both("如 --line lines:amount=100", "as in --line lines:amount=100")).into()
            );
        };
        let at = field_named(&kind.fields, table.trim()).filter(|at| !kind.fields[*at].lines().is_empty());
        let at = at.ok_or_else(|| no_field(&kind.label, table, kind))?;
        let columns = kind.fields[at].lines();
        let mut line = vec![None; columns.len()];
        for cell in cells_of(columns, cells) {
            let (name, typed) = pair(&cell)?;
            let column = field_named(columns, name).ok_or_else(|| no_field(&kind.fields[at].label, name, kind))?;
            match value(conn, &columns[column], typed)? {
                Ok(value) => line[column] = value,
                Err(refusal) => refusals.push(refusal),
            }
        }
        match tables.iter_mut().find(|(other, _)| *other == at) {
            Some((_, Some(Value::Lines(lines)))) => lines.push(line),
            _ => tables.push((at, Some(Value::Lines(vec![line])))),
        }
    }
    all_or_refused(tables, refusals)
}

/// Splits at commas, but only where a field follows: a comma may also stand in a value.
fn cells_of(columns: &[Field], text: &str) -> Vec<String> {
    let mut cells: Vec<String> = vec![];
    for piece in text.split([',', '，']) {
        let begins = pair(piece).is_ok_and(|(name, _)| field_named(columns, name).is_some());
        match cells.last_mut() {
            Some(last) if !begins => {
                last.push(',');
                last.push_str(piece);
            }
            _ => cells.push(piece.to_owned()),
        }
    }
    cells
}

/// `None` where nothing was typed: the field is emptied.
fn value(conn: &View, field: &Field, typed: &str) -> Result<Result<Option<Value>, Refusal>> {
    if typed.trim().is_empty() {
        return Ok(Ok(None));
    }
    let (Type::Reference, Some(target)) = (&field.ty, field.reference.and_then(kind)) else {
        return Ok(unions::parse(conn, field, typed)?.map(Some));
    };
    match find::of_kind(conn, target, typed.trim())? {
        Some(id) => Ok(Ok(Some(Value::Bytes(id.to_vec())))),
        None => {
            let remedy = Label::new(
                format!("请先填写该记录，或用 record list {} 查找编号", target.name),
                format!("write that record first, or find its id with `record list {}`", target.name),
            );
            Ok(Err(field.refuse(&Value::Text(typed.trim().to_owned()), NO_SUCH_RECORD, remedy)))
        }
    }
}

#[cfg(test)]
mod tests {
    use huiliu_proto::{
        handle::Declared as _,
        records::{budget, mediator},
        v1::Mediator,
    };

    use super::*;

    #[test]
    fn pairs_and_cells() {
        assert_eq!(pair("name=a=b").ok(), Some(("name", "a=b")));
        assert_eq!(pair("姓名＝杨海好").ok(), Some(("姓名", "杨海好")));
        assert!(pair("name").is_err());
        let columns = budget::LINES.declared().lines();
        let cells = cells_of(columns, "category=薪酬或补贴,subject=50504,amount=3,000");
        assert_eq!(cells, ["category=薪酬或补贴", "subject=50504", "amount=3,000"]);
    }

    #[test]
    fn names_in_either_language() {
        let fields = &Mediator::kind().fields;
        for name in ["name", "姓名"] {
            assert_eq!(field_named(fields, name), Some(mediator::NAME.position()));
        }
        assert_eq!(field_named(fields, "Resident Identity Number"), Some(mediator::ID_NO.position()));
        assert_eq!(field_named(fields, "nothing"), None);
    }
}
