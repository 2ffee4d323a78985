//! The causes modules report, in words.

use std::path::Path;

use huiliu_proto::{feed::FeedError, lang::Lang, signed::SignatureError};

use super::{ErrorReport, Exit, system};
use crate::{
    filing::FilingError,
    identity::{
        IdentityError,
        keys::{KeyError, SHORTEST},
    },
    store::{Cause, StoreError, disk::Trouble},
};

pub fn store(error: &StoreError, lang: Lang) -> ErrorReport {
    let failed = |zh: String, en: String, hint_zh: &str, hint_en: &str| ErrorReport {
        exit: if matches!(error, StoreError::Refused(_) | StoreError::Forbidden(_) | StoreError::Revoked) {
            Exit::Refused
        } else {
            Exit::Failed
        },
        what: lang.pick(&zh, &en).to_owned(),
        hint: lang.pick(hint_zh, hint_en).to_owned(),
    };
    let en = error.to_string();
    match error {
        StoreError::Exists(path) => failed(
            format!("{} 已有数据库", path.display()),
            en,
            "不会覆盖已有数据；请换一个目录",
            "data is never overwritten; choose another directory",
        ),
        StoreError::Missing(path) => failed(
            format!("数据库 {} 不见了，而本单位的密钥还在；不会悄悄新建", path.display()),
            en,
            "请运行 restore 恢复备份；没有备份时换一个目录重新 init 并加入，再用 sync 从上级取回已报送的数据",
            "`restore` a backup; without one, `init` another directory and join again: `sync` then brings back what the union above holds",
        ),
        StoreError::Foreign(path) => failed(
            format!("{} 不是汇流的数据库", path.display()),
            en,
            "请检查 --home 是否指对目录；如文件已被破坏，用 restore 恢复备份，原文件会保留",
            "check --home; where the file was destroyed, `restore` a backup: what is here is kept beside it",
        ),
        StoreError::Newer { found } => {
            failed(format!("数据库由更新的版本写成（数据库版本 {found}）"), en, "请升级本程序", "upgrade this program")
        }
        StoreError::Older { found } => failed(
            format!("数据库由从未发布的旧版本写成（数据库版本 {found}），本版本不能使用"),
            format!("the database is of a version that was never released (schema {found}), which this one cannot use"),
            "请保留原数据目录，换一个目录运行 init 并重新加入",
            "keep this home, `init` another one and join again",
        ),
        StoreError::Outdated => failed(
            "数据库需要升级到本版本，而另一个程序正开着它".into(),
            en,
            "请先结束 serve 和其他命令，再运行一次；数据完好",
            "end `serve` and other commands first, then run it again; nothing is damaged",
        ),
        StoreError::Strange(name) => failed(
            format!("文件的结构不是汇流写成的，可能被改动过：{name}"),
            en,
            "请换一份备份；现有数据库没有改动",
            "take another backup; the database here was not changed",
        ),
        StoreError::Sqlite(fault) if fault.cause() == Cause::Damaged => failed(
            "数据库文件有损坏之处".into(),
            "the database file is damaged".into(),
            "请运行 verify 查明：数据流水完好时 rebuild 可以修复，否则用 restore 恢复备份",
            "run `verify`: where the feeds are good `rebuild` mends it, otherwise `restore` a backup",
        ),
        StoreError::Disk { path, trouble } => disk(path, *trouble, lang),
        StoreError::Undone => failed(
            "写入时磁盘出错，没有写入任何内容".into(),
            en,
            "请检查磁盘空间，然后重试；数据库没有损坏",
            "look at the space on the disk, then try again; the database is not damaged",
        ),
        StoreError::Taken => {
            failed("正在恢复备份".into(), en, "请在恢复完成后再运行", "run it again when that is done")
        }
        StoreError::InUse => failed(
            "数据库正被另一个程序打开".into(),
            en,
            "请先结束 serve 和其他命令，再运行一次",
            "end `serve` and other commands first, then run it again",
        ),
        StoreError::OtherMachine { union, device } => failed(
            format!("该文件属于另一台机器：{}（{union}），设备 {}", union.union_name(), &device.to_string()[..16]),
            format!("the file is of another machine: {union}, device {}", &device.to_string()[..16]),
            "请换用本机的备份，或检查 --home 是否指对目录",
            "take a backup of this machine, and check --home",
        ),
        StoreError::Sqlite(fault) if fault.cause() == Cause::Busy => failed(
            "数据库正被另一个程序占用".into(),
            "another program is using the database".into(),
            "请稍候重试，或先结束正在运行的命令",
            "try again in a moment, or end the other command first",
        ),
        StoreError::Algorithms(unknown)
        | StoreError::Feed(FeedError::Algorithms(unknown))
        | StoreError::Signature(SignatureError::Algorithms(unknown)) => {
            failed(unknown.say().zh, unknown.say().en, "请升级本程序", "upgrade this program")
        }
        StoreError::Unknown => failed(
            "不能确定是否已写入".into(),
            en,
            "请先用 record list 查看，再决定是否重写",
            "look with `record list` before you write it again",
        ),
        StoreError::Damaged(_) => failed(
            "数据库中有无法读取的内容".into(),
            en,
            "请运行 verify 查明；数据表受损时运行 rebuild，数据流水受损时从备份或上级恢复",
            "run `verify`; tables are mended by `rebuild`, feeds from a backup or from the level above",
        ),
        StoreError::Altered { feed, at } => failed(
            format!("数据流水 {feed} 自第 {at} 条起与签名不符"),
            en,
            "不符的内容不计入；请从备份或上级恢复，并检查硬盘",
            "it is not counted; restore from a backup or from the level above, and have the disk looked at",
        ),
        StoreError::Revoked => failed(
            "本机已被上级工会注销，今后填写的内容不会计入，因此没有写入".into(),
            en,
            "如属误注销，请联系上级；否则请用新的数据目录重新加入（join），原有记录会从上级取回",
            "if that is a mistake, ask the union above; otherwise join anew with a new home: the records come back from above",
        ),
        StoreError::Forbidden(why) => failed(
            format!("没有写入：{}", why.get(Lang::Zh)),
            en,
            "请核对记录编号和归属单位；运行 record add 可查看各种记录由谁填写",
            "check the record's id and whose it is; `record add` shows who writes which kind",
        ),
        StoreError::Refused(why) => failed(
            format!("不允许这样写：{why}"),
            en,
            "没有写入任何内容；请核对记录编号和归属单位",
            "nothing was written; check the record's id and whose it is",
        ),
        StoreError::Panicked => failed(
            "写入时程序出错，已撤销".into(),
            en,
            "请加 -v 重试一次；仍不行时报告输出",
            "try once more with -v; if it stays, report what it says",
        ),
        StoreError::Closed => failed(
            "数据库没有接受写入，可能正被另一个程序占用".into(),
            "the database took no write; another program may be using it".into(),
            "请稍候重试；仍不行时加 -v 运行",
            "try again in a moment; if it stays, run it with -v",
        ),
        StoreError::Io(error) => failed(
            format!("读写数据库文件失败：{}", system::words(error, Lang::Zh)),
            en,
            "请检查磁盘空间和文件权限；仍不行时运行 verify",
            "check the space on the disk and the file's permissions; then run `verify`",
        ),
        _ => {
            let mut source = std::error::Error::source(error);
            let mut causes = String::new();
            while let Some(cause) = source {
                causes += &format!(": {cause}");
                source = cause.source();
            }
            failed(
                "数据库出错（原因在运行记录中，加 -v 可见）".into(),
                format!("{en}{causes}"),
                "请检查磁盘空间和文件权限；仍不行时运行 verify",
                "check the space on the disk and the file's permissions; then run `verify`",
            )
        }
    }
}

/// A disk, in words. The database on it is good: no hint may tell a person to move it away.
pub fn disk(path: &Path, trouble: Trouble, lang: Lang) -> ErrorReport {
    let shown = path.display();
    let (zh, en, hint_zh, hint_en) = match trouble {
        Trouble::Full => (
            format!("磁盘已满，没有写入：{shown}"),
            format!("the disk is full, nothing was written: {shown}"),
            "请腾出磁盘空间后再试；已写入的内容完好，请勿移动或删除数据文件",
            "make room on that disk and try again; what was written before is whole: leave its files where they are",
        ),
        Trouble::ReadOnly => (
            format!("磁盘只能读取，不能写入：{shown}"),
            format!("the disk can only be read: {shown}"),
            "请解除该磁盘的只读状态后再试；数据完好",
            "make that disk writable and try again; nothing is damaged",
        ),
        Trouble::Denied => (
            format!("没有读写权限：{shown}"),
            format!("reading or writing is not permitted: {shown}"),
            "请用初始化时的系统用户运行，或请管理员恢复该目录的权限；数据完好",
            "run it as the user who ran `init`, or have the permissions of that directory put right; nothing is damaged",
        ),
        Trouble::Failing => (
            format!("磁盘读写出错：{shown}"),
            format!("the disk reports an error: {shown}"),
            "请检查磁盘和连接后再试，并尽快备份；请勿移动或删除数据文件",
            "check the disk and its cable and try again, and make a backup soon; leave the files where they are",
        ),
    };
    ErrorReport {
        exit: Exit::Failed,
        what: lang.pick(&zh, &en).to_owned(),
        hint: lang.pick(hint_zh, hint_en).to_owned(),
    }
}

pub fn identity(error: &IdentityError, lang: Lang) -> ErrorReport {
    let en = error.to_string();
    let (zh, hint_zh, hint_en) = match error {
        IdentityError::Exists(dir) => (
            format!("{} 已经初始化过", dir.display()),
            "不会覆盖已有的密钥和数据；请用 --home 换一个目录",
            "keys and data are never overwritten; choose another directory with --home",
        ),
        IdentityError::Missing(dir) => (
            format!("{} 还没有初始化", dir.display()),
            "请先运行 init --union 工会编号，或用 --home 指明目录",
            "run `init --union NUMBER` first, or name the directory with --home",
        ),
        IdentityError::File { path, .. } => (
            format!("{} 无法使用", path.display()),
            "请检查文件是否完整、可读",
            "check that the file is whole and readable",
        ),
        IdentityError::NoUnion(union) => (
            format!("{union} 不是工会编号"),
            "请填工会编号：县级以上工会为六位区划代码（如320922），其他为上级登记时给出的编号（如320922-001）",
            "give the union's number: the six-digit region code from the county up (such as 320922), else the number that the union above gave when it registered it (such as 320922-001)",
        ),
        IdentityError::NotNational => (
            "只有全国总工会可以建立网络".into(),
            "全国总工会初始化时加 --root，其他工会不加",
            "the national union is set up with --root, all others without",
        ),
        IdentityError::OtherMachine => (
            "这份批复是给另一台机器的".into(),
            "请在本机运行 request，把新的申请交给上级；或请上级给一个加入码",
            "run `request` on this machine and hand the new request to the union above, or ask it for a token",
        ),
        IdentityError::OtherNetwork { ours, theirs } => (
            format!("批复属于网络“{theirs}”，本机属于“{ours}”"),
            "请与上级核对网络名称",
            "ask the union above for the name of the network",
        ),
        IdentityError::OtherUnion { ours, theirs } => (
            format!("加入码是给{}（{theirs}）的，本机属于{}（{ours}）", theirs.union_name(), ours.union_name()),
            "请核对加入码，或用 --home 指明该单位的数据目录",
            "compare the token, or name that union's home with --home",
        ),
        IdentityError::OtherRole { theirs } => (
            match theirs {
                true => "加入码是给平台的，本机是填报端".into(),
                false => "加入码是给填报端的，本机是平台".into(),
            },
            "请上级按本机的用途重新生成加入码，或用 --home 换一个数据目录",
            "ask the union above for a token for what this machine is, or choose another directory with --home",
        ),
        IdentityError::NoneBelow(union) => (
            format!("{}没有下级工会，不设平台", union.union_name()),
            "请用 huiliu-node init 初始化为填报端",
            "set it up as a machine that records, with `huiliu-node init`",
        ),
        IdentityError::OtherRequest | IdentityError::KeyKind => (
            "申请不是该设备为此次加入所作，或公钥种类不符".into(),
            "请对方运行 request 重新生成申请",
            "let the other machine make its request again with `request`",
        ),
        IdentityError::OtherRoot => (
            "批复来自另一个网络：全网校验码与本机所知的不同".into(),
            "没有改动任何内容；请与上级核对全网校验码",
            "nothing was changed; compare the network's fingerprint with the union above",
        ),
        IdentityError::Chain(_) => (
            "批复中的证书不能连到本网络的全国平台，或不在有效期内".into(),
            "请先核对本机时钟，再请上级重新批复",
            "check this machine's clock, then ask the union above to answer anew",
        ),
        IdentityError::NotJoined => (
            "本机尚未加入网络".into(),
            "请上级工会给一个加入码（invite），在本机运行 join 加入码；此前照常记录",
            "ask the union above for a token (`invite`) and run `join TOKEN` here; records can be written meanwhile",
        ),
        IdentityError::Keys(error) => return keys(error, lang),
        IdentityError::Store(error) => return store(error, lang),
        _ => ("密钥或证书出错".into(), "请检查目录 keys 和 certs 是否完整", "check the directories `keys` and `certs`"),
    };
    ErrorReport {
        exit: Exit::Failed,
        what: lang.pick(&zh, &en).to_owned(),
        hint: lang.pick(hint_zh, hint_en).to_owned(),
    }
}

pub fn keys(error: &KeyError, lang: Lang) -> ErrorReport {
    let en = error.to_string();
    let look = (
        "请检查目录 keys；从另存的副本恢复该文件",
        "look at the directory `keys`; put the file back from your copy of it",
    );
    let (exit, zh, hint_zh, hint_en) = match error {
        KeyError::Locked => (
            Exit::Usage,
            "本机密钥用口令加密".into(),
            "请在终端中运行并输入口令，或用 --passphrase-file 指明口令文件",
            "run it in a terminal and type the passphrase, or name a file with --passphrase-file",
        ),
        KeyError::Wrong => (
            Exit::Failed,
            "口令不对，没有改动".into(),
            "请重新输入；注意大小写和输入法",
            "nothing was changed; type it again, and mind capitals and the keyboard",
        ),
        KeyError::Short => (
            Exit::Usage,
            format!("口令不足{SHORTEST}个字符"),
            "请用几个词连成一句，容易记而不易猜",
            "take several words in a row: easy to remember, hard to guess",
        ),
        KeyError::Long => (
            Exit::Usage,
            "这么长的内容不会是口令".into(),
            "请检查 --passphrase-file 指的是哪个文件",
            "check which file --passphrase-file names",
        ),
        KeyError::Damaged => (Exit::Failed, "密钥文件已损坏，或属于别的名称或目录".into(), look.0, look.1),
        KeyError::Parameters => (Exit::Failed, "密钥文件要求的运算量或保护强度超出允许范围".into(), look.0, look.1),
        KeyError::Memory => (
            Exit::Failed,
            "内存不足，无法验证口令".into(),
            "请关闭其他程序后重试，需要约64 MiB",
            "close other programs and try again; it takes some 64 MiB",
        ),
        KeyError::Version(version) => {
            (Exit::Failed, format!("密钥文件由更新的版本写成（版本{version}）"), "请升级本程序", "upgrade this program")
        }
        KeyError::Suite(unknown) => (Exit::Failed, unknown.say().zh, "请升级本程序", "upgrade this program"),
        KeyError::Sealed => (
            Exit::Usage,
            "密钥已经用口令加密".into(),
            "更改口令用 keys change，解除用 keys unseal",
            "`keys change` takes another passphrase, `keys unseal` none",
        ),
        KeyError::NotSealed => (Exit::Usage, "密钥没有加密".into(), "加密用 keys seal", "`keys seal` seals them"),
        KeyError::Leftover => (
            Exit::Failed,
            "目录中有密钥而没有 config.json；不会覆盖密钥".into(),
            "请从备份恢复 config.json；若是上次初始化中断留下的，请移走目录 keys 后重试",
            "put config.json back from a copy; if an `init` broke off here, move the directory `keys` away and try again",
        ),
    };
    ErrorReport { exit, what: lang.pick(&zh, &en).to_owned(), hint: lang.pick(hint_zh, hint_en).to_owned() }
}

pub fn filing(error: &FilingError, lang: Lang) -> ErrorReport {
    let en = error.to_string();
    let (exit, zh, hint_zh, hint_en) = match error {
        FilingError::Store(error) => return store(error, lang),
        FilingError::TooMany(n) => (
            Exit::Refused,
            format!("在聘{n}人，超过一件备案所能容纳的人数"),
            "请由下级工会分别备案",
            "let the unions below file their own",
        ),
        FilingError::Future(day) => {
            (Exit::Refused, format!("截止日期{day}还没有到"), "请填今天或以前的日期", "give today or a day before")
        }
        FilingError::Damaged(id) => {
            (Exit::Failed, format!("聘任 {id} 的档案无法读取"), "请运行 rebuild 后重试", "run `rebuild` and try again")
        }
        FilingError::Missing(id) => (
            Exit::Failed,
            format!("没有编号为 {id} 的备案"),
            "用 filing list --all 查找编号",
            "find its id with `filing list --all`",
        ),
        FilingError::NotParent(parent) => (
            Exit::Refused,
            format!("这件备案只能由其备案上级{}处理", parent.union_name()),
            "请由该工会处理",
            "let that union decide it",
        ),
        FilingError::NotHub => (
            Exit::Refused,
            "本机不是上级平台，不处理下级备案".into(),
            "请在本单位的平台上运行",
            "run it on this union's hub",
        ),
        FilingError::Closed(state) => (
            Exit::Refused,
            format!("这件备案{}，不能再这样处理", state.label().zh),
            "退回的备案由下级重新报送；已备案的由下级报送更正",
            "what was sent back is submitted anew; what is on file is corrected by another filing",
        ),
    };
    ErrorReport { exit, what: lang.pick(&zh, &en).to_owned(), hint: lang.pick(hint_zh, hint_en).to_owned() }
}
