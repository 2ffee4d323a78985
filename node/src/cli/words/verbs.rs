//! The verbs in Chinese: each command has one Chinese name beside its own, and both always work.

use clap::Command;
use huiliu_proto::lang::Lang;

use super::Texts;

/// A command's path and the Chinese name of its last word. The verbs of both programs, so that they are alike in both.
pub const VERBS: Texts = &[
    ("init", "初始化"),
    ("request", "申请"),
    ("join", "加入"),
    ("invite", "邀请"),
    ("invite list", "列表"),
    ("invite revoke", "撤回"),
    ("record", "记录"),
    ("record add", "新增"),
    ("record edit", "修改"),
    ("record list", "列表"),
    ("record show", "查看"),
    ("record reveal", "查阅"),
    ("record history", "历史"),
    ("record export", "导出"),
    ("record import", "导入"),
    ("record imports", "历次导入"),
    ("record undo-import", "撤销导入"),
    ("record void", "作废"),
    ("record reinstate", "恢复记录"),
    ("union", "下级工会"),
    ("union register", "登记"),
    ("union list", "列表"),
    ("union find", "查找"),
    ("union show", "查看"),
    ("union relate", "关系"),
    ("union change", "变更"),
    ("account", "账号"),
    ("account add", "新增"),
    ("account list", "列表"),
    ("account roles", "岗位"),
    ("account suspend", "停用"),
    ("account restore", "恢复"),
    ("account password", "口令"),
    ("account ask-reset", "申请重设"),
    ("account answer-reset", "答复重设"),
    ("login", "登录"),
    ("logout", "退出登录"),
    ("withdraw", "撤回提请"),
    ("sync", "交换"),
    ("serve", "运行"),
    ("status", "状态"),
    ("inbox", "待办"),
    ("rollup", "汇总"),
    ("filing", "备案"),
    ("filing submit", "报送"),
    ("filing list", "列表"),
    ("filing review", "审核"),
    ("check", "检查"),
    ("check run", "运行"),
    ("check list", "列表"),
    ("check set", "设定"),
    ("check tell", "告知"),
    ("check explain", "说明"),
    ("calendar", "日历"),
    ("calendar publish", "发布"),
    ("calendar list", "列表"),
    ("rebuild", "重算"),
    ("prove", "证明"),
    ("check-proof", "核对证明"),
    ("receipts", "签收"),
    ("receipts list", "列表"),
    ("receipts verify", "核对"),
    ("receipts export", "导出"),
    ("consistency", "比对签收"),
    ("verify", "核验"),
    ("quarantine", "待核"),
    ("quarantine list", "列表"),
    ("quarantine show", "查看"),
    ("quarantine release", "准予计入"),
    ("quarantine reject", "不计入"),
    ("evidence", "异常情况"),
    ("evidence list", "列表"),
    ("evidence show", "查看"),
    ("evidence settle", "办结"),
    ("backup", "备份"),
    ("restore", "恢复备份"),
    ("keys", "密钥"),
    ("keys seal", "加密"),
    ("keys unseal", "解密"),
    ("keys change", "更改口令"),
    ("completions", "补全"),
    ("man", "手册"),
    // What only a hub does.
    ("enrol", "批复"),
    ("revoke", "注销"),
    ("purge", "清除"),
    ("return-keys", "返还密钥"),
    ("number-block", "编号段"),
    ("vouch", "计入说明"),
];

/// The command with its Chinese names; shown in the help where that is Chinese.
pub fn aliased(command: Command, lang: Lang) -> Command {
    below(command, "", lang)
}

fn below(mut command: Command, path: &str, lang: Lang) -> Command {
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in names {
        let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
        let alias = VERBS.iter().find(|(key, _)| *key == path).map(|(_, alias)| *alias);
        command = command.mut_subcommand(&name, |command| {
            let command = below(command, &path, lang);
            match (alias, lang) {
                (Some(alias), Lang::Zh) => command.visible_alias(alias),
                (Some(alias), Lang::En) => command.alias(alias),
                (None, _) => command,
            }
        });
    }
    command
}

/// Commands without a Chinese name, and Chinese names that two commands beside each other share: for the tests of both
/// programs.
pub fn gaps(command: &Command) -> Vec<String> {
    let mut gaps = vec![];
    collect(command, "", &mut gaps);
    gaps
}

fn collect(command: &Command, path: &str, gaps: &mut Vec<String>) {
    let mut seen: Vec<&str> = vec![];
    for sub in command.get_subcommands() {
        let path = if path.is_empty() { sub.get_name().to_owned() } else { format!("{path} {}", sub.get_name()) };
        match VERBS.iter().filter(|(key, _)| *key == path).collect::<Vec<_>>()[..] {
            [(_, alias)] if seen.contains(alias) => gaps.push(format!("not the only “{alias}”: {path:?}")),
            [(_, alias)] => seen.push(alias),
            [] => gaps.push(format!("no Chinese verb: {path:?}")),
            _ => gaps.push(format!("several Chinese verbs: {path:?}")),
        }
        collect(sub, &path, gaps);
    }
}
