//! What stopped a check, in words.

use huiliu_proto::lang::Lang;

use super::{ErrorReport, Exit};
use crate::check::CheckError;

pub fn check(error: &CheckError, lang: Lang) -> ErrorReport {
    let said = error.to_string();
    let (zh, en, hint_zh, hint_en) = match error {
        CheckError::TooLong { rule } => (
            format!("规则{rule}要处理的数据过多，已中止；其他规则照常运行，该规则已登记的疑点不撤回"),
            said,
            "请查看是否有单位录入了大量重复或虚假的记录，处理后重新运行",
            "see whether some union has entered very many records that are alike or made up; run it again when that is put right",
        ),
        CheckError::TooMany { rule, subject, left } => (
            format!("规则{rule}查出的{}的疑点过多，另有{left}项未列出；该单位已登记的疑点不撤回", subject.union_name()),
            said,
            "请先处理已列出的疑点，再重新运行",
            "put right what is listed first, and run it again",
        ),
        CheckError::Sql { rule, .. } | CheckError::Column { rule, .. } | CheckError::Record { rule, .. } => (
            format!("规则{rule}运行时出错（原因在运行记录中，加 -v 可见）；其他规则照常运行"),
            format!("a check failed: {said}"),
            "这是程序缺陷，请连同规则编号报告",
            "a defect of this program: report it with the rule's id",
        ),
    };
    ErrorReport {
        exit: Exit::Failed,
        what: lang.pick(&zh, &en).to_owned(),
        hint: lang.pick(hint_zh, hint_en).to_owned(),
    }
}
