//! `rollup`: a union's totals, alone and with everything below it.

use anyhow::Result;
use huiliu_proto::{lang::Lang, money, period::Month, union::UnionNumber};
use serde_json::{Value as Json, json};

use super::{
    CommandContext,
    error::{CommandError, Exit, both},
    table::{Cell, Table},
};
use crate::{
    app::rollup::{self, Ask, RollupError, Total, Totals},
    rollup::{Nature, Unit},
    store::rollups::AsOf,
};

#[derive(Debug, clap::Args)]
pub struct Rollup {
    /// The union: its number or name; without it, this one
    #[arg(long, value_name = "UNION")]
    union: Option<String>,
    /// First month, as 2025-01; without it, January of the last month's year
    #[arg(long, value_name = "MONTH")]
    from: Option<String>,
    /// Last month; without it, the newest there is up to now
    #[arg(long, value_name = "MONTH")]
    to: Option<String>,
}

fn month(typed: &str) -> Result<Month, CommandError> {
    typed.parse().map_err(|_| {
        CommandError::usage(
            both(format!("“{typed}”不是月份"), format!("“{typed}” is not a month")),
            both("请按 2025-01 填写", "write it as 2025-01"),
        )
    })
}

impl Rollup {
    pub fn run(self, context: &CommandContext) -> Result<Exit> {
        let opened = context.open()?;
        let union = self.union.as_deref().map_or(Ok(opened.me.union), |typed| opened.union(typed))?;
        let to = self.to.as_deref().map(month).transpose()?;
        let from = self.from.as_deref().map(month).transpose()?;
        let totals = rollup::totals(&opened.store, &opened.me, &Ask { union, from, to }).map_err(told)?;
        let Totals { from, to, totals, stated, .. } = totals;
        let mut table = Table::new()
            .column("measure", context.pick("代码", "measure"))
            .column("label", context.pick("指标", "label"))
            .column("nature", context.pick("口径", "taken"))
            .number("own", context.pick("本级", "own"))
            .number("total", context.pick("含下级", "with all below"));
        for Total { measure, own, all } in totals {
            let nature = match measure.nature {
                Nature::Flow => Cell::new(context.pick("期内合计", "over the months"), "flow"),
                Nature::Stock => Cell::new(context.pick("期末", "at the end"), "stock"),
            };
            let number = |n: i128| match measure.unit {
                Unit::Count => Cell::new(n.to_string(), whole(n)),
                Unit::Fen => Cell::new(money::Total(n).to_string(), whole(n)),
            };
            let label = Cell::label(context, &measure.label);
            table.row(vec![Cell::same(measure.name.as_str()), label, nature, number(own), number(all)]);
        }
        context.answer(
            || {
                json!({
                    "union": u64::from(union), "from": from.to_string(), "to": to.to_string(),
                    "measures": table.json(),
                    "statements": stated.map(|s| json!({ "unions": s.unions, "oldest": s.oldest, "newest": s.newest })),
                })
            },
            || {
                let stated = stated.map(|stated| as_of(context, stated)).unwrap_or_default();
                format!("{}\n{stated}{}", heading(context, &context.called(union), union, from, to), table.words())
            },
        )?;
        Ok(Exit::Done)
    }
}

/// Why there are no totals to show.
fn told(error: RollupError) -> anyhow::Error {
    let code = error.code();
    match error {
        RollupError::Months { from, to } => {
            let what = both("起始月份晚于截止月份", "the first month is after the last");
            let about = json!({ "from": from.to_string(), "to": to.to_string() });
            CommandError::usage(what, both("请检查 --from 和 --to", "check --from and --to")).coded(code, about).into()
        }
        RollupError::Store(error) => error.into(),
    }
}

/// As of when figures are whose records are not seen here.
fn as_of(context: &CommandContext, stated: AsOf) -> String {
    let AsOf { unions, oldest, newest } = stated;
    let times = match oldest == newest {
        true => context.moment(newest),
        false => format!("{} {} {}", context.moment(oldest), context.pick("至", "to"), context.moment(newest)),
    };
    match context.lang {
        Lang::Zh => format!(
            "只报到省的工作数据取自各省的汇总报表：涉及{unions}个单位，各单位最近一份写于{times}，此后的变动见下一份。\n"
        ),
        Lang::En => format!(
            "Work that is reported no further than the province is shown from the provinces' statements, for {}, the \
             latest of {times}. Later changes are in the next ones.\n",
            if unions == 1 { "one union".to_owned() } else { format!("{unions} unions") }
        ),
    }
}

/// For programs: a number, or its digits where readers of JSON would round it.
fn whole(n: i128) -> Json {
    match i64::try_from(n) {
        Ok(n) if n.unsigned_abs() < 1 << 53 => n.into(),
        _ => n.to_string().into(),
    }
}

fn heading(context: &CommandContext, name: &str, union: UnionNumber, from: Month, to: Month) -> String {
    let span = format!("{from} {} {to}", context.pick("至", "to"));
    format!("{name}（{union}） {span}{}", context.pick("，金额单位：元", ", money in yuan"))
}
