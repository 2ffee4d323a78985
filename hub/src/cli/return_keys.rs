//! `return-keys`: a union lost its only machine; the province gives its new one the keys of its sealed fields.

use huiliu_node::{
    app::Mode,
    cli::{
        CommandContext, Exit,
        error::{CommandError, both},
    },
};
use huiliu_proto::lang::Lang;
use serde_json::{Value as Json, json};

use crate::app::return_keys::{self, Plan, ReturnError};

#[derive(Debug, clap::Args)]
pub struct ReturnKeys {
    /// The new machine's device key, or its first characters, at least 8
    #[arg(value_name = "DEVICE")]
    device: String,
    /// Show to whom they would be given, and write nothing
    #[arg(long)]
    dry_run: bool,
    /// The device key was compared over the telephone: do not ask again
    #[arg(long)]
    yes: bool,
}

impl ReturnKeys {
    pub fn run(self, context: &CommandContext) -> anyhow::Result<Exit> {
        let opened = context.open()?;
        let plan = return_keys::plan(&opened.store, &self.device).map_err(|error| told(error, &self.device))?;
        let words =
            (context.pick("已核对，返还？", "compared; give them?"), context.pick("没有返还", "nothing was given"));
        if !context.agreed_to(&preview(context.lang, &plan), self.yes || self.dry_run, words)? {
            return Ok(Exit::Done);
        }
        let given = return_keys::give(&opened.store, &plan, Mode::of(self.dry_run));
        let keys = given.map_err(|error| told(error, &self.device))?;
        let (name, union) = (plan.union.union_name(), u64::from(plan.union));
        context.answer(
            || json!({ "union": union, "device": plan.device.to_string(), "keys": keys, "written": !self.dry_run }),
            || match (context.lang, self.dry_run) {
                (Lang::Zh, true) => format!("可以返还{keys}把密钥，未写入"),
                (Lang::En, true) => format!("{keys} keys may be given; nothing was written"),
                (Lang::Zh, false) => format!("已返还{keys}把密钥；下次交换时送达{name}"),
                (Lang::En, false) => format!("{keys} keys given; they reach {name} with the next exchange"),
            },
        )?;
        Ok(Exit::Done)
    }
}

fn preview(lang: Lang, Plan { device, union, by, .. }: &Plan) -> String {
    let name = union.union_name();
    let by: Vec<String> = by.iter().map(|union| union.union_name()).collect();
    let by = by.join(lang.pick("、", ", "));
    match lang {
        Lang::Zh => format!(
            "将把{name}（{union}）的解密用的密钥返还给设备\n  {device}\n该设备由{by}登记。请与{name}本人用电话核对设备公钥（对方运行 status --json 可见）：\n若是上级之间有人冒名登记的机器，它将能读出该单位全部加密的身份证号。"
        ),
        Lang::En => format!(
            "the keys of the sealed fields of {name} ({union}) will be given to the device\n  {device}\nIt was enrolled by {by}. Compare the device key over the telephone with {name} itself (`status --json` shows it there):\na machine that somebody between enrolled in its name could read all its sealed identity numbers."
        ),
    }
}

fn told(error: ReturnError, typed: &str) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let (typed, of) = (typed.trim(), |union| json!({ "union": u64::from(union) }));
    let list = || {
        both("用 record list enrolment 查看；至少写 8 位", "see `record list enrolment`; type at least 8 characters")
    };
    let (mistake, about) = match error {
        ReturnError::Store(error) => return error.into(),
        ReturnError::Duty(problem) => return problem.into(),
        ReturnError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        ReturnError::NoDevice => {
            let en = format!("no enrolled device begins with {typed}");
            (CommandError::usage(both(format!("没有登记过以 {typed} 开头的设备"), en), list()), Json::Null)
        }
        ReturnError::Several(devices) => {
            let en = format!("“{typed}” does not name one device");
            let devices: Vec<String> = devices.iter().map(ToString::to_string).collect();
            let mistake = CommandError::usage(both(format!("“{typed}”不足以确定一台设备"), en), list());
            (mistake, json!({ "devices": devices }))
        }
        ReturnError::Changed => {
            let what = both(
                "该设备的登记刚刚有变化，没有返还",
                "the device's enrolments changed meanwhile; nothing was given",
            );
            (CommandError::refused(what, both("请重新核对后再办理", "look at it again")), Json::Null)
        }
        ReturnError::NotProvince(union) => {
            let zh = format!("本平台不是{}所属省级总工会", union.union_name());
            let hint = both("请由该单位所属省级总工会办理", "the provincial union it belongs to does this");
            (CommandError::refused(both(zh, en), hint), of(union))
        }
        ReturnError::NoKeys(union) => {
            let zh = format!("{}没有把密钥授权给本级", union.union_name());
            let hint = both(
                format!("密钥随{}报送的数据到达；请先确认其旧机器曾经交换过", union.name()),
                "keys come with what the union sends; make sure its old machine exchanged at least once",
            );
            (CommandError::failed(both(zh, en), hint), of(union))
        }
    };
    mistake.coded(code, about).into()
}
