//! A county's work log in the words people use: what was done, in which enterprise, about what, with what outcome. The
//! phrases are those of the demonstration, so that sizes measured on them mean something.

use huiliu_node::{
    ledger::{Ledger, WriteOutcome},
    store::{Result, StoreError},
};
use huiliu_proto::{
    id::RecordId,
    ident::CreditCode,
    kind::{Kind, kind},
    record::Record,
    value::Value,
};

use crate::people::{self, Random};

/// As the kind numbers it, as people say it, and whether it is settled in figures.
const TOPICS: [(u32, &str, bool); 18] = [
    (1, "年度工资增幅", true),
    (2, "最低工资保底", true),
    (3, "计件单价", true),
    (4, "加班费基数", true),
    (5, "年终奖办法", true),
    (6, "高温津贴", true),
    (6, "夜班补贴", true),
    (14, "技能等级工资", true),
    (7, "轮休安排", false),
    (7, "年休假兑现", false),
    (8, "车间通风降温", false),
    (8, "防护用品发放", false),
    (9, "社保足额缴纳", false),
    (9, "通勤班车", false),
    (10, "孕期哺乳期保护", false),
    (11, "取证学费报销", false),
    (12, "订单淡季留岗", false),
    (13, "合理化建议奖励", false),
];
const OPENINGS: [&str; 4] = ["{e}：{t}谈第{r}轮，", "{e}{t}协商，", "到{e}指导谈{t}，", "{e}{w}代表谈{t}，"];
const FIGURES: [&str; 8] = [
    "分歧由{a}%缩到{b}%",
    "职工方提{a}%，企业先应{b}%",
    "按{b}%达成一致",
    "企业愿分两步调{a}%",
    "双方同意先试行三个月",
    "以同行均值为参照，定在{b}%",
    "企业摆出成本账，{b}%可谈",
    "{a}%未谈拢，改谈一次性补助",
];
const MATTERS: [&str; 9] = [
    "企业当场答应整改",
    "双方约定月底前落实",
    "写进专项合同附件",
    "先在一个车间试行",
    "企业要求再算一次成本",
    "职工代表补了三条意见",
    "交企业工会跟进",
    "列入下次协商",
    "双方签了会议纪要",
];
const NEXT: [&str; 8] = [
    "下周再议",
    "已起草补充条款",
    "留存会议记录",
    "请职代会审议",
    "十日内书面答复",
    "由企业工会公示",
    "待签字盖章",
    "半月后回访",
];
const FOLLOW: [&str; 4] = ["限十日补齐", "下月复查", "交企业工会跟进", "已发提醒函"];
const SHOPS: [&str; 10] =
    ["一车间", "二车间", "包装线", "装配组", "后勤组", "夜班组", "质检组", "仓储组", "新员工班", "机修组"];
const ORDERS: [&str; 4] = ["饱满", "平稳", "偏少", "回升"];
const MOODS: [&str; 3] = ["认可", "基本满意", "还有两点意见"];
const TRADES: [&str; 12] =
    ["商贸", "家具", "建筑", "建材", "阀门", "纺织", "食品", "机械", "电子", "化工", "物流", "服装"];
/// The kind of work as the kind numbers it, and how it is written down. Guided sessions have words of their own.
const TEXTS: [(i64, &[&str]); 14] = [
    (33, &[]),
    (
        14,
        &[
            "{e}：班前会征集议题{k}条，{t}呼声最高。",
            "在{e}发{s}份问卷，归并议题{k}条，首条是{t}。",
            "{e}{w}座谈，职工围绕{t}提了{k}条。",
            "到{e}{w}听意见，整理{t}等议题{k}条交企业工会。",
        ],
    ),
    (
        12,
        &[
            "指导{e}工会就{t}发出要约书，{n}。",
            "帮{e}工会改要约书，{t}一条补上依据。",
            "{e}：要约拖了{k}周，同工会主席商定就{t}重发。",
        ],
    ),
    (
        11,
        &[
            "在{e}{w}讲{t}有关规定，{s}人听，答问{k}个。",
            "{e}食堂设点宣讲，{t}问得最多。",
            "{e}{w}班组课：{t}怎么谈，发资料{s}份。",
        ],
    ),
    (
        41,
        &[
            "走访{e}{w}，{t}执行平稳，{n}。",
            "到{e}看{w}，近期订单{o}，{t}有{k}条诉求。",
            "{e}：与企业工会核对{t}台账，缺{k}项，{f}。",
            "回访{e}，{t}新办法已执行{k}个月，职工{m}。",
            "{e}用工{s}人，订单{o}，摸清{t}底数。",
        ],
    ),
    (42, &["采集{e}人工成本和{t}数据{s}条，{n}。", "{e}：取近{k}季工资总额，为谈{t}备料。"]),
    (
        51,
        &[
            "查{e}专项合同，{t}条款兑现{h}%。",
            "{e}：抽查{w}{s}份工资条，{t}相符。",
            "对照合同查{e}，{t}有{k}处未到位，{f}。",
        ],
    ),
    (52, &["{e}：{t}问题{k}处，限期半月改。", "复查{e}{w}，{t}上月所列{k}处已改。"]),
    (34, &["{e}{w}{k}名职工因{t}有争议，当面说开，{n}。", "{e}：{t}纠纷调和，补发差额，涉{k}人。"]),
    (
        43,
        &[
            "写{t}协商案例一篇，报县总工会。",
            "整理{e}{t}案例，突出{w}做法。",
            "{r}季度小结：{t}谈成{k}家，难点在成本测算。",
        ],
    ),
    (23, &["参加县总工会{r}季度培训，学{t}协商要点。", "县总工会网课：{t}法规更新，测验{h}分。"]),
    (22, &["组内模拟{t}协商，轮换双方角色，点评{k}条。", "研讨{e}{t}案例，归纳{k}条经验。"]),
    (13, &["审{e}{t}草案，改{k}处，{n}。", "为{e}起草{t}协商方案初稿。"]),
    (21, &["给企业工会主席讲{t}协商，{s}人。", "县总工会培训班授课：{t}算账方法。"]),
];

/// A credit code of nobody, with right check characters.
pub fn credit_code(n: u64) -> String {
    const CHARS: &str = "0123456789ABCDEFGHJKLMNPQRTUWXY";
    let stem = format!("91320922XN{:06}", n % 1_000_000);
    let all = CHARS.chars().flat_map(|a| CHARS.chars().map(move |b| (a, b)));
    let mut codes = all.map(|(a, b)| format!("{stem}{a}{b}"));
    codes.find(|code| code.parse::<CreditCode>().is_ok()).expect("some pair of check characters is right")
}

pub fn enterprise(ledger: &mut Ledger, n: u64) -> Result<RecordId> {
    people::write(
        ledger,
        "enterprise",
        &[
            ("name", &format!("滨海演示{}{:03}公司", TRADES[n as usize % TRADES.len()], n)),
            ("uscc", &credit_code(n)),
            ("region", "320922"),
            ("industry", "制造业"),
            ("ownership", "私营"),
            ("employees", &(20 + n * 37 % 900).to_string()),
            ("employees_on", "2024-12-31"),
            ("above_scale", "是"),
        ],
    )
}

/// The union whose log it is: 106 mediators and 430 enterprises, as in the demonstration's county.
pub struct County {
    kind: &'static Kind,
    mediators: Vec<RecordId>,
    enterprises: Vec<RecordId>,
}

pub const MEDIATORS: u64 = 106;
pub const ENTERPRISES: u64 = 430;

impl County {
    pub fn write(ledger: &mut Ledger) -> Result<County> {
        let mediators = (0..MEDIATORS).map(|n| people::mediator(ledger, n)).collect::<Result<_>>()?;
        let enterprises = (0..ENTERPRISES).map(|n| enterprise(ledger, n)).collect::<Result<_>>()?;
        Ok(County::of(mediators, enterprises))
    }

    pub fn of(mediators: Vec<RecordId>, enterprises: Vec<RecordId>) -> County {
        County { kind: kind("work_entry").expect("the kind is declared"), mediators, enterprises }
    }

    /// One line of the log, of that day.
    pub fn line(&self, random: &mut Random, day: i64) -> Record {
        let between = |random: &mut Random, from: u64, to: u64| from + random.below(to - from + 1);
        let (topic, words, figures) = *random.pick(&TOPICS);
        // A third of the work is guiding sessions.
        let (subtype, texts) = if random.chance(33) { TEXTS[0] } else { TEXTS[1 + random.below(13) as usize] };
        let company = random.below(ENTERPRISES) as usize;
        let name = format!("演示{}{company:03}", TRADES[company % TRADES.len()]);
        let high = between(random, 5, 12);
        let (counted, heard) = (between(random, 2, 6), between(random, 12, 60));
        let text = match subtype {
            33 => {
                let outcome = if figures { *random.pick(&FIGURES) } else { *random.pick(&MATTERS) };
                format!("{}{outcome}，{{n}}。", random.pick(&OPENINGS))
            }
            _ => (*random.pick(texts)).to_owned(),
        };
        let slots = [
            ("{e}", name),
            ("{t}", words.to_owned()),
            ("{w}", (*random.pick(&SHOPS)).to_owned()),
            ("{n}", (*random.pick(&NEXT)).to_owned()),
            ("{f}", (*random.pick(&FOLLOW)).to_owned()),
            ("{o}", (*random.pick(&ORDERS)).to_owned()),
            ("{m}", (*random.pick(&MOODS)).to_owned()),
            ("{r}", (*random.pick(&["一", "二", "三", "四"])).to_owned()),
            ("{k}", counted.to_string()),
            ("{s}", heard.to_string()),
            ("{h}", between(random, 84, 99).to_string()),
            ("{a}", high.to_string()),
            ("{b}", (high - between(random, 1, 4)).to_string()),
        ];
        let summary = slots.iter().fold(text, |text, (slot, with)| text.replace(slot, with));

        let mut record = Record::new(self.kind);
        let id = |id: &RecordId| Value::Bytes(id.to_vec());
        let number = |n: u64| Value::Int(n as i64);
        record.set("mediator", id(random.pick(&self.mediators)));
        record.set("duty", Value::Int(subtype / 10));
        record.set("subtype", Value::Int(subtype));
        record.set("done_on", Value::Int(day));
        record.set("minutes", number(15 * between(random, 3, 12)));
        match subtype {
            21..=23 | 43 => record.set("place", Value::Text("县总工会".into())),
            _ => record.set("enterprise", id(&self.enterprises[company])),
        };
        record.set("summary", Value::Text(summary));
        match subtype {
            33 => {
                let mandate = if random.chance(50) { "上级工会指派" } else { "企业工会委托" };
                record.set("guided", number(1));
                record.set("participants", number(between(random, 6, 24)));
                record.set("topics", number(1 << topic));
                record.set("mandate", Value::Text(mandate.into()));
            }
            14 => {
                record.set("topics_collected", number(counted));
                record.set("topics", number(1 << topic));
            }
            34 => {
                record.set("workers_helped", number(counted));
                record.set("topics", number(1 << topic));
                record.set("mandate", Value::Text("企业工会委托".into()));
            }
            43 => drop(record.set("cases", number(1))),
            11 | 21 => drop(record.set("participants", number(heard))),
            _ => {}
        }
        record
    }
}

/// Writes a line. A refusal is an error: the log's own lines are good.
pub fn write(ledger: &mut Ledger, line: &Record) -> Result<RecordId> {
    match ledger.write_entry(line)? {
        WriteOutcome::Written { id, .. } | WriteOutcome::Unchanged(id) => Ok(id),
        WriteOutcome::Refused(refusals) => Err(StoreError::Refused(format!("{refusals:?}"))),
    }
}
