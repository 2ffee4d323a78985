//! `union show`: what a union is called and is, and in what relation it stands to others, on a day.

use anyhow::Result;
use huiliu_proto::{
    kind::Field,
    lang::Lang,
    organisation::{Fact, Relation},
    period::Day,
    records::{union_fact, union_relation},
    v1::UnionRelationType,
};
use serde_json::{Map, Value as Json, json};

use crate::{
    app::organisation::{self, Link, Standing},
    cli::{
        CommandContext,
        error::{CommandError, Exit, both},
        record::view,
        table::{Cell, Table, choice_name},
    },
};

#[derive(Debug, clap::Args)]
pub struct Show {
    /// A number, a region code, a name or its beginning, or the initials of its pinyin
    #[arg(value_name = "UNION")]
    union: String,
    /// As it was, or will be, on this day; without it, today
    #[arg(long, value_name = "DATE")]
    on: Option<String>,
}

fn day(typed: &str) -> Result<Day, CommandError> {
    typed.parse().map_err(|_| {
        CommandError::usage(
            both(format!("“{typed}”不是日期"), format!("“{typed}” is not a date")),
            both("请按 2026-03-31 填写", "write it as 2026-03-31"),
        )
    })
}

impl Show {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let on = self.on.as_deref().map_or_else(|| Ok(context.today()), day)?;
        let opened = context.open()?;
        let union = opened.union(&self.union)?;
        let standing = opened.look(|conn| Ok(organisation::show(conn, union, on)?))?;
        context.answer(|| json_of(&standing), || words(context, &standing))?;
        Ok(Exit::Done)
    }
}

/// What is said of a union, by the declared fields that say it.
type Said = Vec<(&'static Field, Json, String)>;

/// The facts that a text or a choice states.
fn said(lang: Lang, texts: [Option<&str>; 3], level: Option<i32>, form: Option<i32>, chair_seat: Option<i32>) -> Said {
    let fields = [union_fact::NAME.declared(), union_fact::SHORT_NAME.declared(), union_fact::CODE.declared()];
    let text = |(field, text): (&'static Field, Option<&str>)| Some((field, text?.into(), text?.to_owned()));
    let mut said: Said = fields.into_iter().zip(texts).filter_map(text).collect();
    let choices = [
        (union_fact::LEVEL.declared(), level),
        (union_fact::FORM.declared(), form),
        (union_fact::CHAIR_SEAT.declared(), chair_seat),
    ];
    for (field, number) in choices {
        let Some(number) = number.map(i64::from) else { continue };
        let label = field.choice(number).map_or_else(|| number.to_string(), |one| one.label.get(lang).to_owned());
        said.push((field, choice_name(field, number), label));
    }
    said
}

fn profile(standing: &Standing, lang: Lang) -> Said {
    let of = &standing.profile;
    let texts = [Some(&*of.name), of.short.as_deref(), of.code.as_deref()];
    said(lang, texts, of.level.map(i32::from), of.form.map(i32::from), of.chair_seat.map(i32::from))
}

fn fact(of: &Fact, lang: Lang) -> Said {
    let texts = [of.name.as_deref(), of.short.as_deref(), of.code.as_deref()];
    said(lang, texts, of.level.map(i32::from), of.form.map(i32::from), of.chair_seat.map(i32::from))
}

fn type_label(context: &CommandContext, relation: UnionRelationType) -> String {
    let choice = union_relation::TYPE.declared().choice(i32::from(relation).into());
    choice.map_or_else(String::new, |choice| context.label(&choice.label).to_owned())
}

fn words(context: &CommandContext, standing: &Standing) -> String {
    let mut lines = vec![format!("{}（{}）  {}", standing.profile.name, standing.union, standing.on)];
    for (field, _, shown) in profile(standing, context.lang).into_iter().skip(1) {
        lines.push(format!("{}{}{shown}", context.label(&field.label), context.pick("：", ": ")));
    }
    let mut link = |heading: (&str, &str), link: &Link| {
        let since = link.word.as_ref().map(|word| format!("  {}", period(context, word)));
        let heading = context.pick(heading.0, heading.1);
        lines.push(format!("{heading}{}（{}）{}", link.name, link.union, since.unwrap_or_default()));
    };
    let one = [
        (("组织上级：", "led by: "), &standing.led_by),
        (("经费上级：", "funded by: "), &standing.funded_by),
        (("备案上级：", "files with: "), &standing.files_with),
    ];
    one.into_iter().for_each(|(heading, of)| of.iter().for_each(|of| link(heading, of)));
    standing.guided_by.iter().for_each(|of| link(("业务指导：", "guided by: "), of));
    standing.posted_by.iter().for_each(|of| link(("派驻关系：", "posted by: "), of));
    if let Some(division) = standing.division {
        lines.push(match context.lang {
            Lang::Zh => format!("所属师：{division}（本机尚不知其工会编号）"),
            Lang::En => format!("of the division: {division} (whose union's number is not known here)"),
        });
    }
    let facts = facts(context, &standing.facts);
    let relations = relations(context, &standing.relations);
    lines.extend([facts, relations].into_iter().filter(|table| !table.is_empty()).map(|table| table.words()));
    lines.join("\n")
}

/// From when to when, by which document.
fn period(context: &CommandContext, word: &Relation) -> String {
    let doc_no = &word.doc_no;
    match (context.lang, word.until) {
        (Lang::Zh, None) => format!("自{}起，{doc_no}", word.from),
        (Lang::Zh, Some(until)) => format!("{}至{until}，{doc_no}", word.from),
        (Lang::En, None) => format!("from {}, {doc_no}", word.from),
        (Lang::En, Some(until)) => format!("{} to {until}, {doc_no}", word.from),
    }
}

fn facts(context: &CommandContext, facts: &[Fact]) -> Table {
    let mut table = Table::new()
        .column("from", context.pick("自", "from"))
        .column("says", context.pick("变更事项", "fact"))
        .column("doc_no", context.pick("文号", "document no."))
        .column("by", context.pick("填写工会", "said by"))
        .column("record", context.pick("记录", "record"));
    for one in facts {
        let said = fact(one, context.lang).into_iter();
        let says = said.map(|(field, _, shown)| format!("{} {shown}", context.label(&field.label)));
        table.row(vec![
            Cell::same(one.from.to_string()),
            Cell::same(says.collect::<Vec<_>>().join(context.pick("，", ", "))),
            Cell::same(one.doc_no.as_str()),
            Cell::same(context.called(one.said.by)),
            Cell::same(view::short(&one.said.record)),
        ]);
    }
    table
}

fn relations(context: &CommandContext, relations: &[(Relation, String)]) -> Table {
    let mut table = Table::new()
        .column("from", context.pick("自", "from"))
        .column("until", context.pick("至", "until"))
        .column("type", context.pick("关系", "relation"))
        .column("other", context.pick("对方工会", "other union"))
        .column("doc_no", context.pick("文号", "document no."))
        .column("by", context.pick("填写工会", "said by"))
        .column("record", context.pick("记录", "record"));
    for (one, name) in relations {
        table.row(vec![
            Cell::same(one.from.to_string()),
            Cell::same(one.until.map(|day| day.to_string()).unwrap_or_default()),
            Cell::same(type_label(context, one.relation)),
            Cell::same(format!("{name}（{}）", one.other)),
            Cell::same(one.doc_no.as_str()),
            Cell::same(context.called(one.said.by)),
            Cell::same(view::short(&one.said.record)),
        ]);
    }
    table
}

fn link_json(link: &Link) -> Json {
    let word = link.word.as_ref();
    json!({
        "union": u64::from(link.union), "number": link.union.to_string(), "name": link.name,
        "from": word.map(|word| word.from.to_string()), "until": word.and_then(|word| word.until).map(|day| day.to_string()),
        "doc_no": word.map(|word| &word.doc_no), "record": word.map(|word| word.said.record.to_string()),
    })
}

fn json_of(standing: &Standing) -> Json {
    let several = |links: &[Link]| links.iter().map(link_json).collect::<Vec<_>>();
    let fields =
        |said: Said| said.into_iter().map(|(field, json, _)| (field.name.to_owned(), json)).collect::<Map<_, _>>();
    let fact = |of: &Fact| {
        json!({
            "record": of.said.record.to_string(), "by": u64::from(of.said.by), "from": of.from.to_string(),
            "doc_no": of.doc_no, "fields": fields(fact(of, Lang::En)),
        })
    };
    let relation = |(of, name): &(Relation, String)| {
        json!({
            "record": of.said.record.to_string(), "by": u64::from(of.said.by), "from": of.from.to_string(),
            "until": of.until.map(|day| day.to_string()), "doc_no": of.doc_no,
            "type": choice_name(union_relation::TYPE.declared(), i32::from(of.relation).into()),
            "union": u64::from(of.other), "name": name,
        })
    };
    json!({
        "union": u64::from(standing.union), "number": standing.union.to_string(), "on": standing.on.to_string(),
        "fields": fields(profile(standing, Lang::En)),
        "above": standing.above.iter().map(|above| u64::from(*above)).collect::<Vec<_>>(),
        "led_by": standing.led_by.as_ref().map(link_json), "funded_by": standing.funded_by.as_ref().map(link_json),
        "files_with": standing.files_with.as_ref().map(link_json), "guided_by": several(&standing.guided_by),
        "posted_by": several(&standing.posted_by), "division": standing.division,
        "facts": standing.facts.iter().map(fact).collect::<Vec<_>>(),
        "relations": standing.relations.iter().map(relation).collect::<Vec<_>>(),
    })
}
