//! What a person types on a hub: every verb of a node, and what only a hub does.

mod enrol;
mod invite;
mod number_block;
mod purge;
mod return_keys;
mod revoke;
mod serve;
mod vouch;

use clap::{Parser, Subcommand};
use huiliu_node::cli::{
    CommandContext, Exit, Global, Verb,
    words::{self, AFTER_HELP, Texts},
};

/// Records of a union that others report to: its own, and those of all below it.
#[derive(Debug, Parser)]
#[command(
    name = "huiliu-hub",
    version,
    disable_help_flag = true,
    disable_version_flag = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP.1
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: HubVerb,
}

#[derive(Debug, Subcommand)]
pub enum HubVerb {
    #[command(flatten)]
    Node(Verb),
    /// Answer a request that came as a file from a machine directly below without a line
    Enrol(enrol::Enrol),
    /// Shut a device of a union directly below out: it connects no more, and what it writes counts no more
    Revoke(revoke::Revoke),
    /// Order a feed that was never admitted to be deleted wherever it is held
    Purge(purge::Purge),
    /// Give the keys of sealed fields to the new machine of a union that lost its only one; at the province
    ReturnKeys(return_keys::ReturnKeys),
    /// Give the machines of a union directly below a block of numbers, for the unions that they register
    NumberBlock(number_block::NumberBlock),
    /// Say what counts of the unions directly below as of today, so that proofs can show it later
    Vouch(vouch::Vouch),
}

/// The Chinese help of what a hub adds; looked up before the node's.
pub const TEXTS: Texts = &[
    ("", "汇流（上级平台）：本级工会及其全部下级的记录。"),
    ("enrol", "批复未联网的直接下级以文件交来的加入申请"),
    ("enrol.request", "下级交来的申请文件"),
    ("enrol.out", "批复写入的文件，交给下级"),
    ("enrol.address", "下级连接本平台的地址，如 hub.example:7443，会记住；不填则用本机监听地址"),
    ("enrol.dry_run", "只显示申请和有何妨碍，不登记"),
    ("enrol.yes", "已用电话核对设备公钥和身份，不再询问"),
    ("revoke", "注销直接下级的一台设备：不能再连接，此后所写不再计入"),
    ("revoke.device", "设备公钥，或开头几位；用 record list enrolment 查看"),
    ("revoke.reason", "理由，随注销一并传送"),
    ("revoke.since", "只有此前到达本级的内容继续计入，如 2026-11-14 或 2026-11-14T09:00；不填则已到达的全部计入"),
    ("revoke.with_invited", "由它邀请加入的机器一并注销"),
    ("revoke.dry_run", "只显示将注销的内容，不写入"),
    ("revoke.yes", "不再询问"),
    ("purge", "命令各级清除一个从未获准的数据流水（其设备未登记），此后不再接收"),
    ("purge.feed", "数据流水编号，或开头几位；用 quarantine list 查看"),
    ("purge.reason", "理由，随清除令一并传送"),
    ("purge.dry_run", "只显示将清除的内容，不写入"),
    ("purge.yes", "不再询问"),
    ("return-keys", "把解密用的密钥返还给失去唯一机器的单位的新机器；由省级平台办理"),
    ("return-keys.device", "新机器的设备公钥，或开头至少 8 位"),
    ("return-keys.dry_run", "只显示将返还给谁，不写入"),
    ("return-keys.yes", "已用电话核对设备公钥，不再询问"),
    ("number-block", "给直接下级的机器一段工会编号，供其登记下级工会"),
    ("number-block.union", "直接下级：工会编号或名称"),
    ("number-block.device", "编号段已用完的机器，再给一段：设备公钥，或开头几位"),
    ("number-block.dry_run", "只显示将给出的编号段，不写入"),
    ("vouch", "说明直接下级的哪些内容截至今天计入，供日后证明"),
    ("vouch.dry_run", "只显示将说明的内容，不写入"),
    ("vouch.union", "只说明该工会的：工会编号或名称"),
];

impl HubVerb {
    pub fn run(self, context: &CommandContext) -> anyhow::Result<Exit> {
        match self {
            HubVerb::Node(Verb::Serve(verb)) => serve::run(verb, context),
            HubVerb::Node(Verb::Invite(verb)) => invite::run(verb, context),
            HubVerb::ReturnKeys(verb) => verb.run(context),
            HubVerb::Node(Verb::Completions(verb)) => verb.run(context, whole(context)),
            HubVerb::Node(Verb::Man(verb)) => verb.run(context, whole(context)),
            HubVerb::Node(verb) => verb.run(context),
            HubVerb::Enrol(verb) => verb.run(context),
            HubVerb::Revoke(verb) => verb.run(context),
            HubVerb::Purge(verb) => verb.run(context),
            HubVerb::NumberBlock(verb) => verb.run(context),
            HubVerb::Vouch(verb) => verb.run(context),
        }
    }
}

/// All commands of a hub.
fn whole(context: &CommandContext) -> clap::Command {
    words::command::<Cli>(context.lang, &[TEXTS, words::TEXTS])
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn every_command_and_argument_is_in_both_languages() {
        assert_eq!(words::gaps(&Cli::command(), &[TEXTS, words::TEXTS]), [""; 0]);
        assert_eq!(words::verb_gaps(&Cli::command()), [""; 0]);
        assert_eq!(
            words::foreign(words::command::<Cli>(huiliu_proto::lang::Lang::Zh, &[TEXTS, words::TEXTS])),
            [""; 0]
        );
        Cli::command().debug_assert();
    }
}
