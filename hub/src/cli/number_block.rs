//! `number-block`: a block of numbers for the machines of a union directly below, from which they number the unions that they
//! register.

use anyhow::Result;
use huiliu_node::{
    app::Mode,
    cli::{
        CommandContext, Exit,
        error::{CommandError, both},
        table::{Cell, Table},
    },
};
use serde_json::json;

use crate::app::block::{self, BlockError};

#[derive(Debug, clap::Args)]
pub struct NumberBlock {
    /// The union directly below
    #[arg(value_name = "UNION")]
    union: String,
    /// A further block for this machine, whose block is used up: its key, or the beginning of it
    #[arg(long, value_name = "KEY")]
    device: Option<String>,
    /// Show which blocks would be given, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl NumberBlock {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let mut opened = context.open()?;
        if !self.dry_run {
            context.leave_protocol_1(&mut opened.home)?;
        }
        let union = opened.union(&self.union)?;
        let given = block::give(&opened.home, &opened.store, union, self.device.as_deref(), Mode::of(self.dry_run));
        let given = given.map_err(told)?;
        let mut table = Table::new()
            .column("device", context.pick("设备", "device"))
            .number("block", context.pick("编号段", "block"))
            .column("first", context.pick("自", "from"))
            .column("last", context.pick("至", "to"));
        for (device, block) in &given {
            let serials = block.serials();
            let number = |serial| union.with_serial(serial).map(|number| number.to_string()).unwrap_or_default();
            let device = device.to_string();
            table.row(vec![
                Cell::new(&device[..16], device.as_str()),
                Cell::count(block.number().into()),
                Cell::same(number(*serials.start())),
                Cell::same(number(*serials.end())),
            ]);
        }
        context.answer(
            || json!({ "union": u64::from(union), "given": table.json(), "written": !self.dry_run }),
            || match table.is_empty() {
                true => context.pick("它的机器都有编号段", "all of its machines have a block").to_owned(),
                false => table.words(),
            },
        )?;
        if !context.json && self.dry_run {
            context.note(context.pick("未写入", "nothing was written"));
        } else if !context.json && !given.is_empty() {
            context.note(context.pick(
                "编号段随下次交换下达；收到后即可登记下级工会",
                "it travels down with the next exchange; unions can be registered there then",
            ));
        }
        Ok(Exit::Done)
    }
}

fn told(error: BlockError) -> anyhow::Error {
    let (code, en) = (error.code(), error.to_string());
    let about = match &error {
        BlockError::NotBelow(union) | BlockError::GivesNone(union) | BlockError::NoDevice(union) => {
            json!({ "union": u64::from(*union) })
        }
        BlockError::NoneLeft | BlockError::Refused(_) | BlockError::Store(_) => json!(null),
    };
    let mistake = match error {
        BlockError::Store(error) => return error.into(),
        BlockError::Refused(refusals) => return CommandError::Refused(refusals).into(),
        BlockError::NotBelow(union) => CommandError::refused(
            both(format!("{union} 不是本级的直接下级"), en),
            both("请由它的直接上级办理", "let the union directly above it do this"),
        ),
        BlockError::GivesNone(union) => CommandError::refused(
            both(format!("{union} 不给出工会编号"), en),
            both(
                "工会编号只由县级以上地方工会给出",
                "only unions of the built-in directory, from the county up, give numbers",
            ),
        ),
        BlockError::NoDevice(union) => CommandError::failed(
            both(format!("{union} 没有公钥这样开头的机器"), en),
            both("用 record list enrolment 查看", "see `record list enrolment`"),
        ),
        BlockError::NoneLeft => CommandError::refused(
            both("本平台没有可给的编号段", en),
            both(
                "请上级平台运行 number-block 本单位编号（本平台的编号段已用完的，加 --device 本机设备公钥），本平台 sync 之后再给",
                "let the hub above run `number-block UNION` (with `--device KEY` where this hub has used its block up), `sync` here, and give it then",
            ),
        ),
    };
    mistake.coded(code, about).into()
}
