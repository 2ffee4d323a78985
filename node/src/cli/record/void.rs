//! `record void` and `record reinstate`: a record of this union that was a mistake, and one that was not.

use std::collections::BTreeSet;

use anyhow::Result;
use huiliu_proto::{
    kind::Kind,
    lang::{Label, Lang},
    records::fund_receipt,
};
use serde_json::{Value as Json, json};

use super::{find, view};
use crate::{
    app::{
        Mode,
        void::{self, Done, Problem},
        voided,
    },
    cli::{
        CommandContext,
        context::OpenHome,
        duty,
        error::{ErrorReport, Exit, both, remark_json},
        table::both_languages,
    },
    store::{naming::Naming, voids::State},
};

#[derive(Debug, clap::Args)]
pub struct Void {
    /// The record's id, or the beginning of it
    id: String,
    /// Why, in a sentence; it travels with the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ask whether it may be voided, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, clap::Args)]
pub struct Reinstate {
    /// The record's id, or the beginning of it
    id: String,
    /// Why, in a sentence; it travels with the record
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Ask whether it may be reinstated, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Void {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        say(context, &self.id, self.reason, false, self.dry_run)
    }
}

impl Reinstate {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        say(context, &self.id, self.reason, true, self.dry_run)
    }
}

fn say(context: &CommandContext, typed: &str, reason: String, restores: bool, dry: bool) -> Result<Exit> {
    let opened = context.open()?;
    let id = opened.look(|conn| Ok(find::any(conn, typed)?.map_err(|id| find::held(&id))?.id))?;
    let work = move |ledger: &mut crate::ledger::Ledger| match restores {
        true => void::reinstate(ledger, id, &reason),
        false => void::void(ledger, id, &reason),
    };
    let done = Mode::of(dry).run(&opened.store, work)??;
    context.answer(|| json_of(&done, restores, dry), || words(context, &done, restores, dry))?;
    Ok(Exit::Done)
}

pub fn state_word(state: State) -> &'static str {
    match state {
        State::Stands => "stands",
        State::Voided => "voided",
        State::Disputed => "disputed",
    }
}

fn json_of(done: &Done, restores: bool, dry: bool) -> Json {
    let mut answer = json!({
        "record": done.record.to_string(), "kind": done.kind.name, "written": !dry, "standing": state_word(done.state),
    });
    if !restores {
        answer["paired_with"] = done.paired_with.iter().map(naming_json).collect();
    }
    answer
}

fn naming_json(by: &Naming) -> Json {
    json!({ "record": by.by.to_string(), "kind": by.kind.name, "owner": u64::from(by.owner), "field": by.field })
}

fn words(context: &CommandContext, done: &Done, restores: bool, dry: bool) -> String {
    let label = context.label(&done.kind.label);
    let what = match (dry, restores) {
        (true, false) => context.pick("可以作废，未写入", "it may be voided; nothing was written").to_owned(),
        (true, true) => context.pick("可以恢复，未写入", "it may be reinstated; nothing was written").to_owned(),
        (false, false) => format!("{}{label} {}", context.pick("已作废：", "voided: "), done.record),
        (false, true) => format!("{}{label} {}", context.pick("已恢复：", "reinstated: "), done.record),
    };
    if done.paired_with.is_empty() {
        return what;
    }
    let (zh, en) = listed(&done.paired_with, true);
    match context.lang {
        Lang::Zh => format!("{what}\n原与下列记录对应，请核对它们今后对应哪一笔：{zh}"),
        Lang::En => format!("{what}\nit was paired with these; see what they belong to from now on:{en}"),
    }
}

/// What has been said of whether a record stands, for people; nothing where nobody voided it.
pub fn history(
    context: &CommandContext,
    opened: &OpenHome,
    state: State,
    said: &[voided::Word],
) -> Result<Vec<String>> {
    let mut lines = vec![];
    match state {
        State::Voided => lines.push(context.pick("已作废，不计入任何统计", "voided: it is in no total").to_owned()),
        State::Disputed => lines.push(
            context.pick(
                "作废待定：作废时不知道另有修改或恢复，暂按有效计入；请核对后用 record void 作废或 record reinstate 恢复",
                "voided by somebody who did not know all of it: it counts until a person says whether it stands, with \
                 `record void` or `record reinstate`",
            )
            .to_owned(),
        ),
        State::Stands => {}
    }
    for word in said {
        let what = match word.void.restores {
            true => context.pick("恢复", "reinstated"),
            false => context.pick("作废", "voided"),
        };
        let device = opened.look(|conn| Ok(crate::store::feeds::by_no(conn, word.said.feed)?.feed.device))?.to_string();
        let reason = huiliu_proto::shown::line(&word.void.reason);
        lines.push(match context.lang {
            Lang::Zh => format!("  {what}于{}，设备 {}：{reason}", context.moment(word.claimed), &device[..16]),
            Lang::En => format!("  {what} at {}, by device {}: {reason}", context.moment(word.claimed), &device[..16]),
        });
    }
    Ok(lines)
}

pub fn history_json(opened: &OpenHome, said: &[voided::Word]) -> Result<Json> {
    let mut all = vec![];
    for word in said {
        let feed = opened.look(|conn| Ok(crate::store::feeds::by_no(conn, word.said.feed)?.feed))?;
        all.push(json!({
            "restores": word.void.restores, "reason": word.void.reason, "claimed_at": word.claimed,
            "device": feed.device.to_string(), "feed": feed.id.to_string(), "seq": word.said.seq,
            "last": word.said.last,
        }));
    }
    Ok(all.into())
}

/// A problem in words.
pub fn tell(problem: &Problem, lang: Lang) -> ErrorReport {
    let (what, hint) = match problem {
        Problem::Missing(id) => (
            both(format!("本单位没有记录 {id}"), format!("this union has no record {id}")),
            both("用 record list 种类 查找编号", "find its id with `record list KIND`"),
        ),
        Problem::Owner { kind, owner } => (
            both(
                format!("这条“{}”属于{}，只有该单位可以作废或恢复", kind.label.zh, owner.union_name()),
                format!("the {} belongs to {owner}; only that union voids or reinstates it", kind.label.en),
            ),
            both("请由该单位处理", "let that union do it"),
        ),
        Problem::Never(kind) => (
            both(
                format!("“{}”一经写入不得作废", kind.label.zh),
                format!("{} is never voided", huiliu_proto::lang::a(&kind.label.en)),
            ),
            both("需要更正的，请另写一条新的记录", "where it is wrong, write a new one that says what is right"),
        ),
        Problem::Already(kind) => (
            both(format!("这条“{}”已经作废", kind.label.zh), format!("the {} is voided already", kind.label.en)),
            both("用 record show 查看何时、为何作废", "see when and why with `record show`"),
        ),
        Problem::NotVoided(kind) => (
            both(format!("这条“{}”没有作废", kind.label.zh), format!("the {} is not voided", kind.label.en)),
            both("不需要恢复", "there is nothing to reinstate"),
        ),
        Problem::Reason { most } => (
            both(
                format!("理由须为一行文字，1至{most}个字"),
                format!("the reason is one line of 1 to {most} characters"),
            ),
            both("请用一句话说明为什么", "say why in a sentence"),
        ),
        Problem::Personal => (
            both("理由中含有身份证号，而这里不加密", "the reason holds an identity number, and it is not sealed"),
            both("请删去号码", "take the number out"),
        ),
        Problem::Named { kind, by, acted_on } => named(kind, by, *acted_on),
        Problem::Duty(problem) => return duty::tell(problem, lang),
        Problem::Paired { kind, with } => {
            let (zh, en) = listed(with, true);
            let what = both(
                format!("受拨工会已登记与这条“{}”对应的到账，不能作废：{zh}", kind.label.zh),
                format!(
                    "it is not voided, because the union that got the money of this {} has booked it:{en}",
                    kind.label.en
                ),
            );
            (what, acted_on(kind, with))
        }
        Problem::Refused(refusals) => {
            let lines = |lang| refusals.iter().map(|r| format!("\n  {}", r.say(lang))).collect::<String>();
            (
                both(
                    format!("不能恢复，恢复后有不合规定之处：{}", lines(Lang::Zh)),
                    format!("it is not reinstated, because it would break a rule:{}", lines(Lang::En)),
                ),
                both("请先按上面的说明处理", "see to that first"),
            )
        }
    };
    ErrorReport { exit: Exit::Refused, what: pick(what, lang), hint: pick(hint, lang) }
}

pub(in crate::cli) fn pick((zh, en): (String, String), lang: Lang) -> String {
    Label::new(zh, en).get(lang).to_owned()
}

type Both = (String, String);

/// Records, a line each; of those that are paired, by what.
fn listed(by: &[Naming], paired: bool) -> Both {
    let line = |lang: Lang, by: &Naming, owner: &str| {
        let pair =
            if paired { format!("{}{}", lang.pick("，", ", "), paired_by(by.field).get(lang)) } else { String::new() };
        format!("\n  {} {}（{owner}{pair}）", by.kind.label.get(lang), view::short(&by.by))
    };
    // Each once, also where it names it in several fields.
    let mut seen = BTreeSet::new();
    let by: Vec<_> = by.iter().filter(|by| seen.insert((by.by, by.owner))).collect();
    let zh: String = by.iter().map(|by| line(Lang::Zh, by, &by.owner.union_name())).collect();
    let en: String = by.iter().map(|by| line(Lang::En, by, &by.owner.to_string())).collect();
    (zh, en)
}

/// What undoes money that cannot be voided.
fn reversal(kind: &Kind, by: &[Naming]) -> Both {
    let id = |none: &str| by.first().map_or_else(|| none.to_owned(), |by| by.record.to_string());
    both(
        format!("record add {} reverses={} amount=负数 reason=理由 …", kind.name, id("编号")),
        format!("`record add {} reverses={} amount=-… reason=… …`", kind.name, id("ID")),
    )
}

fn acted_on(kind: &Kind, by: &[Naming]) -> Both {
    let (zh, en) = reversal(kind, by);
    both(
        format!("其他单位已据此办理；请写红冲：{zh}"),
        format!("other unions have acted on it: write a reversal, {en}"),
    )
}

/// By what two halves go together that do not name each other.
fn paired_by(field: &str) -> Label {
    if field == fund_receipt::BANK_SERIAL.name() {
        Label::new("流水号相同", "the same bank serial")
    } else if field == fund_receipt::AMOUNT.name() {
        Label::new("项目和金额相同，日期相近", "the same programme and amount, days near each other")
    } else {
        Label::new("注明了对应关系", "one names the other")
    }
}

fn named(kind: &Kind, by: &[Naming], others_acted: bool) -> (Both, Both) {
    let (zh, en) = listed(by, false);
    let what = both(
        format!("下列记录引用了这条“{}”，不能作废：{zh}", kind.label.zh),
        format!("it is not voided, because other records name this {}:{en}", kind.label.en),
    );
    let hint = match (others_acted, kind.voiding) {
        (true, _) => acted_on(kind, by),
        (false, huiliu_proto::kind::Voiding::Money) => {
            let (zh, en) = reversal(kind, by);
            both(
                format!("先作废引用它的记录；不能作废的，请写红冲：{zh}"),
                format!("void those first; where they cannot be, write a reversal: {en}"),
            )
        }
        (false, _) => both("先作废或修改引用它的记录", "void those first, or let them name another"),
    };
    (what, hint)
}

/// What a problem is about, for programs.
pub fn about(problem: &Problem) -> Json {
    let kind = |kind: &Kind| json!({ "kind": kind.name, "label": both_languages(&kind.label) });
    match problem {
        Problem::Missing(id) => json!({ "record": id.to_string() }),
        Problem::Owner { kind: of, owner } => {
            let mut about = kind(of);
            about["owner"] = u64::from(*owner).into();
            about
        }
        Problem::Never(of) | Problem::Already(of) | Problem::NotVoided(of) => kind(of),
        Problem::Reason { most } => json!({ "most": most }),
        Problem::Personal => Json::Null,
        Problem::Duty(problem) => duty::about(problem),
        Problem::Refused(refusals) => {
            refusals.iter().map(|r| remark_json(&r.field_name, &r.value, &r.rule, &r.remedy)).collect()
        }
        Problem::Named { kind: of, by, .. } => {
            let mut about = kind(of);
            about["named_by"] = by.iter().map(naming_json).collect();
            about
        }
        Problem::Paired { kind: of, with } => {
            let mut about = kind(of);
            about["paired_with"] = with.iter().map(naming_json).collect();
            about
        }
    }
}
