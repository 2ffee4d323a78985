//! Why a file proves nothing, and why nothing can be proven from here, in words.

use huiliu_proto::{lang::Lang, proof::ProofError};

use super::{ErrorReport, Exit, causes};
use crate::proof::{ProvingError, said::WouldNotCount};

const DAMAGED: (&str, &str) = (
    "文件在传送中损坏或被人改动：请对方重新生成并重新发送；仍不通过时不要采信",
    "the file was damaged or changed on its way: ask for it again; if that one fails too, do not believe it",
);
const FORGED: (&str, &str) = (
    "不要采信；请把文件交给上级工会查证，并向对方索取新的证明",
    "do not believe it; show the file to the union above, and ask for a new proof",
);
const UPGRADE: (&str, &str) =
    ("请升级本程序后再核对；旧版本无法判断", "upgrade this program and check again; this version cannot tell");

fn refused(lang: Lang, zh: &str, en: &str, hint: (&str, &str)) -> ErrorReport {
    let what = match lang {
        Lang::Zh => format!("此文件不能证明任何事：{zh}"),
        Lang::En => format!("this file proves nothing: {en}"),
    };
    ErrorReport { exit: Exit::Refused, what, hint: lang.pick(hint.0, hint.1).to_owned() }
}

/// A file that does not hold.
pub fn checking(error: &ProofError, lang: Lang) -> ErrorReport {
    let en = error.to_string();
    let brief = |id: &dyn std::fmt::Display| id.to_string()[..8].to_owned();
    let (zh, hint) = match error {
        ProofError::TooLarge(n) => (format!("文件有{n}字节，证明文件没有这么大"), DAMAGED),
        ProofError::NotAProof => (
            "它不是证明文件".to_owned(),
            (
                "请选择由 prove、receipts export 或 consistency 生成的文件",
                "choose a file that `prove`, `receipts export` or `consistency` wrote",
            ),
        ),
        ProofError::Malformed(_) => ("文件不完整、被改动，或含有证明之外的内容".to_owned(), DAMAGED),
        ProofError::NotCanonical => ("文件的写法不是其内容唯一规定的写法".to_owned(), DAMAGED),
        ProofError::Version(n) => (format!("文件格式 {n} 是本版本不认识的"), UPGRADE),
        ProofError::Algorithms(unknown) => (unknown.say().zh, UPGRADE),
        ProofError::OtherRoot { found, expected } => (
            format!("它属于全网校验码为 {found} 的网络，而不是 {expected}"),
            (
                "请与上级核对全网校验码是否抄对；若无误，此文件来自另一网络，与本网络无关",
                "compare the fingerprint with the union above; if it is right, the file is of another network",
            ),
        ),
        ProofError::Header(n, _) => (format!("第{}条数据流水的文件头有误", n + 1), DAMAGED),
        ProofError::FeedOrder => ("各数据流水的次序有误".to_owned(), DAMAGED),
        ProofError::Network(feed) => (format!("数据流水 {} 属于另一网络", brief(feed)), FORGED),
        ProofError::Head(feed, _) => (format!("数据流水 {} 的设备签名无效", brief(feed)), FORGED),
        ProofError::HeadMissing(feed) => (format!("数据流水 {} 缺少设备签名或内容", brief(feed)), DAMAGED),
        ProofError::Operation(feed, at, _) => (format!("数据流水 {} 第 {at} 条无法读取", brief(feed)), DAMAGED),
        ProofError::OperationOrder(feed) => (format!("数据流水 {} 各条的次序有误", brief(feed)), DAMAGED),
        ProofError::NotIncluded(feed, at) => (format!("第 {at} 条不在数据流水 {} 签名的内容中", brief(feed)), FORGED),
        ProofError::NotEnrolled { device, union, hub } => (
            format!(
                "文件中没有上级把设备 {} 登记为{}{}的依据",
                brief(device),
                union.union_name(),
                if *hub { "平台" } else { "设备" }
            ),
            FORGED,
        ),
        ProofError::Superfluous(feed, at) => {
            (format!("数据流水 {} 第 {at} 条与所证明的内容无关", brief(feed)), DAMAGED)
        }
        ProofError::SuperfluousFeed(feed) => (format!("数据流水 {} 与所证明的内容无关", brief(feed)), DAMAGED),
        ProofError::Receipt(feed, _) => (format!("数据流水 {} 的一份签收签名无效", brief(feed)), FORGED),
        ProofError::ReceiptFeed(feed) => {
            (format!("一份签收不属于数据流水 {}，或签收方不应持有它", brief(feed)), FORGED)
        }
        ProofError::ReceiptOrder(feed) => (format!("数据流水 {} 各签收的次序有误", brief(feed)), DAMAGED),
        ProofError::ReceiptCovers(feed) => (format!("数据流水 {} 的一份签收未涵盖所证明的内容", brief(feed)), DAMAGED),
        ProofError::ReceiptHistory(feed, union) => {
            (format!("{}签收的数据流水 {} 与该设备签名的内容不一致", union.union_name(), brief(feed)), FORGED)
        }
        ProofError::Contradiction(feed) => (
            format!("两份签收对数据流水 {} 所签的内容前后不一致", brief(feed)),
            (
                "这说明数据流水分叉，或该平台的数据可能被改动：请保存两份签收，交上级工会查证",
                "this is evidence of a forked feed or a lying hub: keep both receipts and show them to the union above",
            ),
        ),
        ProofError::GrowthOrder => ("两份签收是同一份，或次序有误".to_owned(), DAMAGED),
        ProofError::NoSubject => ("文件没有说明要证明什么".to_owned(), DAMAGED),
        ProofError::NoRecord(id) => (format!("文件中没有记录 {id} 的内容"), DAMAGED),
        ProofError::Mixed { id, one, other } => (
            format!(
                "文件中有两条记录同用编号 {id}：数据流水 {} 第 {} 条与数据流水 {} 第 {} 条",
                brief(&one.0),
                one.1,
                brief(&other.0),
                other.1
            ),
            FORGED,
        ),
        ProofError::ReceiptBeforeHub(feed, union) => {
            (format!("{}对数据流水 {} 的签收，日期早于该平台的登记", union.union_name(), brief(feed)), FORGED)
        }
        ProofError::ReceiptBeforeWriting(feed, union) => (
            format!(
                "{}对数据流水 {} 的签收，日期早于所签内容的本机时间（未经上级核证）",
                union.union_name(),
                brief(feed)
            ),
            FORGED,
        ),
        ProofError::Standing(feed, _) => {
            (format!("文件中关于数据流水 {} 的计入说明，不是其上级对这些内容所作", brief(feed)), FORGED)
        }
        ProofError::Kind(feed, at) => (format!("数据流水 {} 第 {at} 条不该出现在那里", brief(feed)), FORGED),
        ProofError::RecordId(feed, at) => {
            (format!("数据流水 {} 第 {at} 条的记录编号不是该设备所能生成的", brief(feed)), FORGED)
        }
        ProofError::Payload(feed, at, _) => (format!("数据流水 {} 第 {at} 条的内容无法读取", brief(feed)), FORGED),
        ProofError::Rule(feed, at, refusals) => {
            let say = |lang| refusals.iter().map(|r| r.say(lang)).collect::<Vec<_>>().join(" ");
            let zh = format!("数据流水 {} 第 {at} 条不合规定：{}", brief(feed), say(Lang::Zh));
            return refused(lang, &zh, &format!("{en}: {}", say(Lang::En)), FORGED);
        }
    };
    refused(lang, &zh, &en, hint)
}

/// A file whose signatures hold, and whose record would not count anywhere.
pub fn would_not_count(error: &WouldNotCount, lang: Lang) -> ErrorReport {
    let why = error.refusal.why.words();
    let zh = format!("第 {} 条不会被计入：{}", error.position, why.zh);
    let en = format!("operation {} would not count: {}", error.position, why.en);
    refused(lang, &zh, &en, FORGED)
}

/// Nothing can be proven from here.
pub fn proving(error: &ProvingError, lang: Lang) -> ErrorReport {
    let en = error.to_string();
    let (exit, zh, hint) = match error {
        ProvingError::Store(error) => return causes::store(error, lang),
        ProvingError::NotEnrolled { device, union } => (
            Exit::Failed,
            format!("本机还没有{}设备 {} 的登记", union.union_name(), &device.to_string()[..16]),
            (
                "请先运行 sync 取得上级的登记；尚未加入网络时请上级给一个加入码，运行 join",
                "run `sync` to fetch the enrolments of the levels above; before that, `join` with a token",
            ),
        ),
        ProvingError::NotSigned(feed, at) => (
            Exit::Failed,
            format!("数据流水 {feed} 第 {at} 条尚未签名"),
            ("请运行 sync 后重试", "run `sync` and try again"),
        ),
        ProvingError::TooLarge(n) => (
            Exit::Refused,
            format!("证明将有{n}字节，超过上限"),
            (
                "此档案修改次数太多，无法写成一个文件；请改用其上级处的记录查询",
                "the document has too many edits for one file; let the record be looked up at a level above",
            ),
        ),
        ProvingError::NoStanding { union, day } => (
            Exit::Failed,
            format!("本机还没有{}关于截至{day}仍然计入的说明", union.union_name()),
            (
                "请上级平台运行 vouch，再运行 sync 后重试；不加 --as-of 也可证明何人何时写下",
                "let the hub of the union above run `vouch`, run `sync` and try again; without --as-of the file shows who wrote it and when",
            ),
        ),
        ProvingError::Short { feed, held, size } => (
            Exit::Failed,
            format!("数据流水 {feed} 在本机只有{held}条，而签收涵盖{size}条"),
            ("请运行 sync 取回缺少的内容", "run `sync` to fetch what is missing"),
        ),
        ProvingError::Contradiction(receipt) => (
            Exit::Attention,
            format!(
                "警告：{}于前{}条签收的内容，与本机数据流水 {} 不一致；已留存备查",
                receipt.union.union_name(),
                receipt.size,
                receipt.feed
            ),
            LIAR,
        ),
        ProvingError::Liars(one, other) => (
            Exit::Attention,
            format!(
                "警告：{}与{}对数据流水 {} 同样的前{}条签收了不同的内容；已留存备查",
                one.union.union_name(),
                other.union.union_name(),
                one.feed,
                one.size
            ),
            LIAR,
        ),
        ProvingError::Damaged(error) => (
            Exit::Failed,
            format!("本机存储的内容不能通过核对（{}）", checking(error, Lang::Zh).what),
            ("请运行 verify 查明，从备份或上级恢复", "run `verify`, and restore from a backup or from the level above"),
        ),
    };
    ErrorReport {
        exit,
        what: lang.pick(&zh, &warned(error, en)).to_owned(),
        hint: lang.pick(hint.0, hint.1).to_owned(),
    }
}

const LIAR: (&str, &str) = (
    "这说明该平台的数据可能被改动，或本机数据流水分叉（恢复旧备份、复制硬盘）：不要再写新记录，请保存签收文件并立即联系上级的上级",
    "this is evidence of a lying hub or of a forked feed (a restored backup, a cloned disk): write nothing new, keep the receipt files and tell the level above that hub at once",
);

fn warned(error: &ProvingError, en: String) -> String {
    match error {
        ProvingError::Contradiction(_) | ProvingError::Liars(..) => format!("WARNING: {en}; it is kept as evidence"),
        _ => en,
    }
}
