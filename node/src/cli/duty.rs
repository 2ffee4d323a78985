//! What takes two persons, in words: why it is not done yet, and by whose hands something was.

use huiliu_proto::{
    id::RecordId,
    kind::Choice,
    lang::Lang,
    records::{account, proposal},
    union::UnionNumber,
    v1::{DutyAct, OperatorRole},
};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{ErrorReport, Exit, both},
    login,
    record::{view, void::pick},
    table::choice_name,
};
use crate::{
    app::duty::{self, DutyProblem, Signed, WAITS_DAYS},
    operator::{self, Who},
    store::{Result, View},
};

/// How an act is called.
pub fn act(act: DutyAct) -> Option<&'static Choice> {
    proposal::ACT.declared().choice(act as i64)
}

/// Roles, as they are called.
pub fn roles(roles: &[OperatorRole], lang: Lang) -> String {
    let declared = |one: &OperatorRole| account::ROLES.declared().choice(*one as i64);
    let words: Vec<&str> = roles.iter().filter_map(declared).map(|role| role.label.get(lang)).collect();
    words.join(lang.pick("、", ", "))
}

/// A problem in words.
pub fn tell(problem: &DutyProblem, lang: Lang) -> ErrorReport {
    let words = |of: DutyAct| {
        let label = |lang| act(of).map_or("", |act| act.label.get(lang));
        (label(Lang::Zh), label(Lang::En))
    };
    let (exit, what, hint) = match problem {
        DutyProblem::NotLoggedIn(of) => {
            let (zh, en) = words(*of);
            (
                Exit::Refused,
                both(
                    format!("“{zh}”须由两人办理，办理人须先登录"),
                    format!("this takes two persons who have logged in: {en}"),
                ),
                both(
                    "请用 login 姓名 登录后再办；只写姓名（--as）不够",
                    "`login NAME` first, then do it; a name alone (`--as`) is not enough",
                ),
            )
        }
        DutyProblem::Role { act: of, wanted } => {
            let (zh, en) = words(*of);
            (
                Exit::Refused,
                both(format!("您的岗位不能办理“{zh}”的这一步"), format!("your roles do not allow this step: {en}")),
                both(
                    format!("请先由{}办理", roles(wanted, Lang::Zh)),
                    format!("let one of these do it first: {}", roles(wanted, Lang::En)),
                ),
            )
        }
        DutyProblem::NotPrepared { act: of, wanted } => {
            let (zh, en) = words(*of);
            (
                Exit::Refused,
                both(format!("没有内容与此完全相同的提请：{zh}"), format!("nobody has prepared exactly this: {en}")),
                both(
                    format!("请核对内容（record list proposal 列出已提请的），或先由{}办理", roles(wanted, Lang::Zh)),
                    format!(
                        "compare what you gave (`record list proposal` lists what is prepared), or let one of these begin: {}",
                        roles(wanted, Lang::En)
                    ),
                ),
            )
        }
        DutyProblem::WouldWait { act: of, second } => {
            let (zh, en) = words(*of);
            (
                Exit::Attention,
                both(
                    format!("未写入任何内容；正式办理时先提请复核，由另一人复核后才生效：{zh}"),
                    format!(
                        "nothing was written; done for good, this would be prepared, and wait for another person: {en}"
                    ),
                ),
                both(
                    format!("不带 --dry-run 再办一次即为提请；可复核的岗位：{}", roles(second, Lang::Zh)),
                    format!(
                        "without `--dry-run` it is prepared; one of these carries it out: {}",
                        roles(second, Lang::En)
                    ),
                ),
            )
        }
        DutyProblem::Waits { act: of, proposal, second, .. } => {
            let (zh, en) = words(*of);
            let id = view::short(proposal);
            (
                Exit::Attention,
                both(format!("已提请复核（{id}），尚未办理：{zh}"), format!("prepared ({id}) and not done yet: {en}")),
                both(
                    format!(
                        "请另一人（{}）登录后，以完全相同的内容再办一次；{WAITS_DAYS}天内有效",
                        roles(second, Lang::Zh)
                    ),
                    format!(
                        "let another person ({}) log in and give exactly the same command, within {WAITS_DAYS} days",
                        roles(second, Lang::En)
                    ),
                ),
            )
        }
    };
    ErrorReport { exit, what: pick(what, lang), hint: pick(hint, lang) }
}

/// The same for programs.
pub fn roles_json(roles: &[OperatorRole]) -> Json {
    roles.iter().map(|one| choice_name(account::ROLES.declared(), *one as i64)).collect()
}

/// What a problem is about, for programs.
pub fn about(problem: &DutyProblem) -> Json {
    let name = |act: DutyAct| choice_name(proposal::ACT.declared(), act as i64);
    match problem {
        DutyProblem::NotLoggedIn(of) => json!({ "act": name(*of) }),
        DutyProblem::Role { act: of, wanted } | DutyProblem::NotPrepared { act: of, wanted } => {
            json!({ "act": name(*of), "roles": roles_json(wanted) })
        }
        DutyProblem::WouldWait { act: of, second } => json!({ "act": name(*of), "roles": roles_json(second) }),
        DutyProblem::Waits { act: of, proposal, by, second } => json!({
            "act": name(*of), "proposal": proposal.to_string(), "by": by.to_string(), "roles": roles_json(second),
        }),
    }
}

/// By whose hands a record was written, where that is said.
pub fn signed(
    context: &CommandContext,
    conn: &View,
    union: UnionNumber,
    record: &RecordId,
) -> Result<Option<(String, Json)>> {
    let Some(Signed { first, second, alone }) = duty::signed(conn, union, record)? else { return Ok(None) };
    let name = |account: RecordId| -> Result<String> {
        let name = operator::get(conn, union, &account)?.map(|account| account.name);
        Ok(login::words(context, &Who::Person { account, name, verified: true }))
    };
    let (maker, checker) = (name(first)?, name(second)?);
    let words = match (alone, context.lang) {
        (true, Lang::Zh) => format!("一人办公（经上级准许）：{maker}"),
        (true, Lang::En) => format!("by one person, by leave of the union above: {maker}"),
        (false, Lang::Zh) => format!("提请 {maker}，复核 {checker}"),
        (false, Lang::En) => format!("prepared by {maker}, carried out by {checker}"),
    };
    let json = json!({ "first": first.to_string(), "second": second.to_string(), "one_person": alone });
    Ok(Some((words, json)))
}
