//! `record show`: one record, who wrote it and where it stands; values on which devices disagree, all of them.

use anyhow::Result;
use huiliu_proto::{
    kind::{Field, kind, numbered},
    lang::Lang,
    records::finding,
    shown,
    v1::Finding,
    value::Value,
};
use serde_json::{Value as Json, json};

use super::{edit::mender, find, view, void};
use crate::{
    app::show::{self, Known},
    check::argument,
    cli::{
        CommandContext,
        context::OpenHome,
        duty,
        error::{Exit, grounds_json},
        login,
        table::{Cell, Table},
    },
    store::voids::State,
};

#[derive(Debug, clap::Args)]
pub struct Show {
    /// The record's id, or the beginning of it
    id: String,
}

impl Show {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let known = opened.look(|conn| {
            let found = find::any(conn, &self.id)?;
            Ok(show::known(conn, opened.reader(), found)?)
        })?;
        let hands = match &known.shown {
            Some(shown) => opened.look(|conn| Ok(duty::signed(context, conn, shown.place.owner, &known.id)?))?,
            None => None,
        };
        let words = words(context, &opened, &known, hands.as_ref().map(|(words, _)| words.as_str()))?;
        let voids = void::history_json(&opened, &known.voids)?;
        let mut answer = json(&opened, &known, voids);
        if let Some((_, hands)) = hands {
            answer["hands"] = hands;
        }
        context.answer(|| answer, || words)?;
        let settled = known.conflicts.is_empty() && known.held.is_empty() && known.standing != State::Disputed;
        Ok(if settled { Exit::Done } else { Exit::Attention })
    }
}

fn words(context: &CommandContext, opened: &OpenHome, known: &Known, hands: Option<&str>) -> Result<String> {
    let mut text = String::new();
    if let (Some(shown), Some((device, feed, seq))) = (&known.shown, &known.origin) {
        let kind = shown.record.kind;
        let owner = shown.place.owner;
        text += &format!("{} {}\n", context.label(&kind.label), known.id);
        text += &format!("{}{}（{owner}）\n", context.pick("单位：", "union: "), context.called(owner));
        text += &format!("{}{}\n", context.pick("写入设备：", "written by device: "), &device.to_string()[..16]);
        if let Some(who) = &known.who {
            text += &format!("{}{}\n", context.pick("经办人：", "operator: "), login::words(context, who));
        }
        if let Some(hands) = hands {
            text += &format!("{}{hands}\n", context.pick("复核：", "two persons: "));
        }
        text += &format!("{}{feed} #{seq}\n", context.pick("数据流水：", "feed: "));
        if known.edits > 0 {
            let since = context.pick("此后的修改：{}次，见 record history", "edits since: {}, see `record history`");
            text += &format!("{}\n", since.replace("{}", &known.edits.to_string()));
        }
        for line in void::history(context, opened, known.standing, &known.voids)? {
            text += &format!("{line}\n");
        }
        if !known.corrected_by.is_empty() {
            let by: Vec<String> = known.corrected_by.iter().map(view::short).collect();
            let by = by.join(context.pick("、", ", "));
            text += &format!("{}{by}\n", context.pick("已有更正（红冲）：", "put right by: "));
        }
        if shown.record.is::<Finding>() {
            text += &format!("{}\n", argument::sentence(&shown.record, context.lang));
        }
        let mut table =
            Table::new().column("field", context.pick("字段", "field")).column("value", context.pick("值", "value"));
        for (at, (field, value)) in kind.fields.iter().zip(shown.record.values()).enumerate() {
            if other_language(field, context.lang) {
                continue;
            }
            let label = context.label(&field.label);
            let standing = known.standing(opened.reader(), field);
            if !standing.is_empty() {
                for (value, device) in standing {
                    let value = one(context, opened, field, value.as_ref())?;
                    let device = device.map_or_else(|| "?".to_owned(), |d| d.to_string()[..16].to_owned());
                    let by = context
                        .pick("（设备 {} 所写，待选定）", " (by device {}; to be decided)")
                        .replace("{}", &device);
                    table.row(vec![Cell::same(label), Cell::same(value + &by)]);
                }
            } else if let Some(value) = value {
                let value = match value {
                    Value::Lines(lines) => {
                        let arguments = [finding::PARAMETERS, finding::RESULTS].into_iter();
                        match arguments.filter(|_| shown.record.is::<Finding>()).find(|list| list.position() == at) {
                            Some(list) => Cell::lines(&argument::lines(&shown.record, list, context.lang)),
                            None => lines_of(context, opened, field, lines)?,
                        }
                    }
                    value => Cell::same(one(context, opened, field, Some(value))?),
                };
                table.row(vec![Cell::same(label), value]);
            } else if known.withheld.iter().any(|kept| kept.number == field.number) {
                table.row(vec![Cell::same(label), Cell::same(view::withheld(context.lang))]);
            }
        }
        text += &table.words();
    } else {
        text += &format!("{}{}", context.pick("记录 ", "record "), known.id);
    }
    for (why, held) in &known.held {
        let kind = numbered(held.kind).map_or_else(|| held.kind.to_string(), |k| context.label(&k.label).to_owned());
        let heading = context.pick("待核（不计入任何统计）", "in quarantine, and in no total");
        text += &format!("\n{heading}：{kind} #{}：{}", held.seq, shown::line(context.label(&why.words())));
    }
    if let (false, Some(shown)) = (known.conflicts.is_empty(), &known.shown) {
        let mender = mender(shown.record.kind, &known.id, context.lang);
        text += &match context.lang {
            Lang::Zh => format!("\n各设备填写不一致：用 {mender} 写入正确的值"),
            Lang::En => format!("\ndevices disagree: write the right value with {mender}"),
        };
    }
    Ok(text)
}

/// Sentences are kept in both languages, in a field each: only one of them is for this reader.
fn other_language(field: &Field, lang: Lang) -> bool {
    field.name.ends_with(lang.pick("_en", "_zh"))
}

fn one(context: &CommandContext, opened: &OpenHome, field: &Field, value: Option<&Value>) -> Result<String> {
    match value {
        Some(value @ Value::Int(day)) if field.past && *day > i64::from(context.today().0) => {
            let late = context.pick("（晚于今天，请核对）", " (later than today: look at it again)");
            Ok(field.show(value, context.lang) + late)
        }
        Some(value) => opened.look(|conn| view::words(conn, field, value, context.lang)),
        None => Ok(context.pick("（空）", "(empty)").to_owned()),
    }
}

/// A table inside an entry, a line a line.
fn lines_of(context: &CommandContext, opened: &OpenHome, field: &Field, lines: &[Vec<Option<Value>>]) -> Result<Cell> {
    let mut rows = vec![];
    for (n, line) in lines.iter().enumerate() {
        let mut cells = vec![];
        for (column, value) in field.lines().iter().zip(line) {
            let Some(value) = value else { continue };
            if other_language(column, context.lang) {
                continue;
            }
            // Evidence of a finding names the kind of its record.
            let of = match value {
                Value::Text(name) if column.name == "kind" => kind(name),
                _ => None,
            };
            let shown = match of {
                Some(of) => context.label(&of.label).to_owned(),
                None => one(context, opened, column, Some(value))?,
            };
            cells.push(format!("{} {shown}", context.label(&column.label)));
        }
        rows.push(format!("{}. {}", n + 1, cells.join(context.pick("，", ", "))));
    }
    Ok(Cell::lines(&rows))
}

fn json(opened: &OpenHome, known: &Known, voids: Json) -> Json {
    let mut object = match &known.shown {
        Some(shown) => view::disclosed(shown, &known.withheld),
        None => json!({ "record": known.id.to_string() }),
    };
    if let Some((device, feed, seq)) = &known.origin {
        object["device"] = device.to_string().into();
        object["feed"] = feed.to_string().into();
        object["seq"] = (*seq).into();
    }
    if let Some(who) = &known.who {
        object["operator"] = login::json(who);
    }
    object["edits"] = known.edits.into();
    object["corrected_by"] = known.corrected_by.iter().map(ToString::to_string).collect();
    let conflict = |field: &Field| {
        let values = known.standing(opened.reader(), field).into_iter().map(|(value, device)| {
            json!({
                "value": value.map(|v| view::json(field, &v)),
                "device": device.map(|d| d.to_string()),
            })
        });
        json!({ "field": field.name, "values": values.collect::<Vec<_>>() })
    };
    let fields = known.shown.iter().flat_map(|s| &s.record.kind.fields).filter(|f| known.conflict(f).is_some());
    object["conflicts"] = fields.map(conflict).collect();
    let held = known.held.iter().map(|(why, held)| {
        json!({ "seq": held.seq, "reason": held.reason, "detail": why.words().en, "rules": grounds_json(why) })
    });
    object["quarantined"] = held.collect();
    object["standing"] = void::state_word(known.standing).into();
    object["voids"] = voids;
    object
}

#[cfg(test)]
mod tests {
    use huiliu_proto::handle::Declared as _;

    use super::*;

    #[test]
    fn a_reader_meets_sentences_in_one_language() {
        let finding = Finding::kind();
        let shown = |lang| {
            let kept = finding.fields.iter().filter(move |field| !other_language(field, lang));
            kept.map(|field| field.name).filter(|name| name.starts_with("summary")).collect::<Vec<_>>()
        };
        assert_eq!((shown(Lang::Zh), shown(Lang::En)), (vec!["summary_zh"], vec!["summary_en"]));
        // Each sentence is there in both, so that nobody misses one.
        for kind in huiliu_proto::kind::kinds() {
            let fields = || kind.fields.iter().flat_map(|f| std::iter::once(f).chain(f.lines()));
            for field in fields().filter(|f| f.name.ends_with("_zh") || f.name.ends_with("_en")) {
                let stem = &field.name[..field.name.len() - 3];
                let both = ["_zh", "_en"].map(|end| fields().any(|f| f.name == format!("{stem}{end}")));
                assert_eq!(both, [true, true], "{}.{}", kind.name, field.name);
            }
        }
    }
}
