//! `inbox`: what waits for a person, a page at a time; and the same for `status`, in words and for programs.

mod words;

use anyhow::Result;
use huiliu_proto::{
    id::RecordId,
    kind::numbered,
    lang::{Label, Lang, count},
    records::{finding, proposal},
    shown,
    value::Value,
};
use serde_json::{Map, Value as Json, json};

use super::{
    CommandContext,
    context::OpenHome,
    duty,
    error::{CommandError, Exit, both},
    record::{edit, view},
    table::{both_languages, brief, choice_name},
    union,
};
use crate::{
    app::find,
    app::inbox::{self, Argument, Count, Entry, Key, Look, Severity, Thing},
    check,
    store::{View, projection},
};

/// As wide as a sentence that somebody else wrote may be in a line.
const SENTENCE: usize = 120;

#[derive(Debug, clap::Args)]
pub struct Inbox {
    /// Go on after this place
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    after: Option<String>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    most: u16,
}

impl Inbox {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let after = self.after.as_deref().map(key).transpose()?;
        let (page, lines, needed) = opened.look(|conn| {
            let look = look(context, &opened, conn)?;
            let (survey, most) = (inbox::survey(&look)?, usize::from(self.most));
            let page = match &after {
                // What was counted holds it.
                None if most < inbox::COUNTED => survey.first(most),
                after => inbox::read(&look, after.as_ref(), most)?,
            };
            let lines = lines(context, conn, &page.entries)?;
            Ok((page, lines, survey.needs_a_person()))
        })?;
        context.answer(|| json_of(&page), || lines.join("\n"))?;
        context.note_next(page.next.as_ref());
        if page.next.is_none() && page.entries.is_empty() && !context.json {
            context.note(context.pick("没有待办事项", "nothing waits"));
        }
        Ok(if needed { Exit::Attention } else { Exit::Done })
    }
}

fn key(typed: &str) -> Result<Key> {
    let wrong = |_| {
        CommandError::usage(
            both(format!("“{typed}”不是待办的位置"), format!("“{typed}” is no place in the inbox")),
            both("位置由上一页给出", "the page before gives it"),
        )
    };
    Ok(typed.parse().map_err(wrong)?)
}

/// Whose inbox it is.
pub fn look<'a>(context: &CommandContext, opened: &'a OpenHome, conn: &'a View) -> Result<Look<'a>> {
    Ok(Look {
        conn,
        home: &opened.home,
        union: opened.me.union,
        device: opened.me.device(),
        hub: opened.home.config.hub,
        account: opened.account(conn)?,
        today: context.today(),
        now: (context.clock)(),
    })
}

/// A line an entry: how grave, by when, what, and what to do.
pub fn lines(context: &CommandContext, conn: &View, entries: &[Entry]) -> Result<Vec<String>> {
    entries.iter().map(|entry| line(context, conn, entry)).collect()
}

fn line(context: &CommandContext, conn: &View, entry: &Entry) -> Result<String> {
    let grave = match entry.severity {
        Severity::Urgent => context.pick("紧急：", "urgent: "),
        Severity::Attention => context.pick("需要处理：", "to do: "),
        Severity::Notice => context.pick("提醒：", "note: "),
    };
    let due = entry.due.map_or_else(String::new, |day| format!("{day} "));
    let mut arguments = vec![("id", typed(&entry.thing))];
    for (name, argument) in &entry.arguments {
        arguments.push((name, said(context.lang, conn, argument)?));
        if let ("days", Argument::Number(days)) = (*name, argument) {
            arguments.push(("left", left(context.lang, *days)));
        }
        if let Argument::Union(union) = argument {
            arguments.push(("code", union.to_string()));
        }
        if let (Argument::Kind(number), Thing::Record { id, .. }) = (argument, &entry.thing)
            && let Some(kind) = numbered(*number)
        {
            arguments.push(("mender", edit::mender(kind, id, context.lang)));
        }
    }
    let Some(row) = words::of(entry.code) else {
        // Of a source that this page has no words for the values are shown.
        let values: Vec<String> = arguments.iter().map(|(name, value)| format!("{name} {value}")).collect();
        return Ok(format!("{grave}{due}{}：{}", entry.code, values.join("，")));
    };
    let (what, todo) = row.said(context.lang, &arguments);
    Ok(format!("{grave}{due}{what}{}{todo}", context.pick("；", "; ")))
}

/// How many days are left, or have gone by.
fn left(lang: Lang, days: i64) -> String {
    let n = days.unsigned_abs();
    match (lang, days < 0) {
        (Lang::Zh, false) => format!("还有{n}天"),
        (Lang::Zh, true) => format!("已过{n}天"),
        (Lang::En, false) => format!("{} left", count(n, "day", "days")),
        (Lang::En, true) => format!("{} ago", count(n, "day", "days")),
    }
}

/// What a person types for it.
fn typed(thing: &Thing) -> String {
    match thing {
        Thing::Record { id, .. } => view::short(id),
        Thing::Operations { feed, first } => format!("{}#{first}", &feed.to_string()[..16]),
        Thing::Feed(feed) => feed.to_string()[..16].to_owned(),
        Thing::Evidence(no) => no.to_string(),
        Thing::Union(union) => union.to_string(),
        Thing::Device(device) => device.to_string()[..16].to_owned(),
        Thing::Machine => String::new(),
    }
}

fn said(lang: Lang, conn: &View, argument: &Argument) -> Result<String> {
    Ok(match argument {
        Argument::Count(n) => n.to_string(),
        Argument::More(n) => format!("{}{n}", lang.pick("至少", "at least ")),
        Argument::Number(n) => n.to_string(),
        Argument::Day(day) => day.to_string(),
        Argument::Moment(at) => crate::clock::moment(*at),
        Argument::Union(union) => match lang {
            Lang::Zh => union::called(conn, *union),
            Lang::En => format!("{} {union}", union::called(conn, *union)),
        },
        Argument::Device(device) => device.to_string()[..16].to_owned(),
        Argument::Record(id) => title(conn, id)?,
        Argument::Kind(number) => {
            numbered(*number).map_or_else(|| number.to_string(), |kind| kind.label.get(lang).to_owned())
        }
        Argument::Rule(rule) => match check::check(rule) {
            Some(check) => format!("{rule} {}", check.title.get(lang)),
            None => shown::line(rule).into_owned(),
        },
        Argument::Grade(choice) => grade(*choice, lang),
        Argument::Reason(reason) => pick(&reason.label(), lang),
        Argument::Evidence(what) => pick(&what.label(), lang),
        Argument::Act(act) => duty::act(*act).map_or_else(String::new, |act| act.label.get(lang).to_owned()),
        Argument::Account(id) => title(conn, id)?,
        Argument::Text(text) => brief(text, SENTENCE),
        Argument::Said(label) => brief(label.get(lang), SENTENCE),
        Argument::Paths(paths) => paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" "),
    })
}

fn pick(label: &Label, lang: Lang) -> String {
    label.get(lang).to_owned()
}

fn title(conn: &View, id: &RecordId) -> Result<String> {
    let title = projection::find(conn, id)?.map(|found| find::title(conn, &found)).transpose()?;
    Ok(title.filter(|title| !title.is_empty()).unwrap_or_else(|| view::short(id)))
}

/// A choice of a finding's severity.
fn grade(choice: i64, lang: Lang) -> String {
    finding::SEVERITY.declared().show(&Value::Int(choice), lang)
}

/// An entry for a program.
fn entry(entry: &Entry) -> Json {
    let about = match &entry.thing {
        Thing::Record { owner, id } => json!({ "record": id.to_string(), "owner": u64::from(*owner) }),
        Thing::Operations { feed, first } => json!({ "feed": feed.to_string(), "first": first }),
        Thing::Feed(feed) => json!({ "feed": feed.to_string() }),
        Thing::Evidence(no) => json!({ "evidence": no }),
        Thing::Union(union) => json!({ "union": u64::from(*union) }),
        Thing::Device(device) => json!({ "device": device.to_string() }),
        Thing::Machine => json!({}),
    };
    let arguments = entry.arguments.iter().map(|(name, argument)| ((*name).to_owned(), value(argument)));
    json!({
        "code": entry.code, "severity": entry.severity.word(), "due": entry.due.map(|day| day.to_string()),
        "about": about, "arguments": arguments.collect::<Map<_, _>>(), "key": entry.key().to_string(),
    })
}

fn value(argument: &Argument) -> Json {
    match argument {
        Argument::Count(n) | Argument::More(n) => (*n).into(),
        Argument::Number(n) | Argument::Moment(n) => (*n).into(),
        Argument::Day(day) => day.to_string().into(),
        Argument::Union(union) => u64::from(*union).into(),
        Argument::Device(device) => device.to_string().into(),
        Argument::Record(id) | Argument::Account(id) => id.to_string().into(),
        Argument::Act(act) => choice_name(proposal::ACT.declared(), *act as i64),
        Argument::Kind(number) => numbered(*number).map_or_else(|| (*number).into(), |kind| kind.name.into()),
        Argument::Rule(text) | Argument::Text(text) => text.as_str().into(),
        Argument::Grade(choice) => choice_name(finding::SEVERITY.declared(), *choice),
        Argument::Reason(reason) => reason.word().into(),
        Argument::Evidence(what) => what.word().into(),
        Argument::Said(label) => both_languages(label),
        Argument::Paths(paths) => paths.iter().map(|path| path.display().to_string()).collect(),
    }
}

/// A page for a program.
pub fn json_of(page: &inbox::Inbox) -> Json {
    json!({
        "entries": page.entries.iter().map(entry).collect::<Vec<_>>(),
        "next": page.next.as_ref().map(Key::to_string),
    })
}

pub fn counts(counts: &[Count]) -> Json {
    let one = |count: &Count| {
        json!({
            "code": count.code, "severity": count.severity.word(), "count": count.count, "more": count.more,
        })
    };
    counts.iter().map(one).collect()
}
