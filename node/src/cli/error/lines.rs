//! What goes wrong on the way to a hub, and what a hub declines, in words.

use huiliu_proto::{joining::Reason, lang::Lang, token::TokenError};

use super::{ErrorReport, Exit, causes, system};
use crate::{
    clock::moment,
    identity::IdentityError,
    sync::{
        call::{Declined, Trouble},
        join::JoinError,
        uplink::UplinkError,
    },
};

/// Chinese, English; what to do in Chinese, in English.
type Words = (String, String, &'static str, &'static str);

fn told(exit: Exit, words: Words, lang: Lang) -> ErrorReport {
    let (zh, en, hint_zh, hint_en) = words;
    ErrorReport { exit, what: lang.pick(&zh, &en).to_owned(), hint: lang.pick(hint_zh, hint_en).to_owned() }
}

pub fn uplink(error: &UplinkError, lang: Lang) -> ErrorReport {
    match error {
        UplinkError::Identity(IdentityError::Store(error)) | UplinkError::Store(error) => causes::store(error, lang),
        UplinkError::Identity(error) => causes::identity(error, lang),
        UplinkError::Unreachable { address, trouble } => told(Exit::Failed, unreachable(address, trouble), lang),
        UplinkError::Declined(declined) => told(Exit::Failed, said(declined), lang),
        UplinkError::Dates { now, from, to } => told(Exit::Failed, dates(*now, *from, *to), lang),
    }
}

pub fn join(error: &JoinError, lang: Lang) -> ErrorReport {
    match error {
        JoinError::Identity(error) => causes::identity(error, lang),
        JoinError::Unreachable { address, trouble } => told(Exit::Failed, unreachable(address, trouble), lang),
        JoinError::Declined(declined) => {
            // A line that is busy may be tried again; what was refused stays refused.
            let passing = matches!(declined.reason, None | Some(Reason::Busy | Reason::Trouble));
            told(if passing { Exit::Failed } else { Exit::Refused }, said(declined), lang)
        }
    }
}

pub fn token(error: TokenError, lang: Lang) -> ErrorReport {
    let en = error.to_string();
    let words = match error {
        TokenError::NotAToken => (
            "这不是加入码，也没有这个文件".into(),
            format!("this is no token, and no file of that name is here: {en}"),
            "加入码以 huiliu 开头；请完整复制，或用 join --file 指明文件",
            "a token begins with “huiliu”: copy all of it, or name the file with `join --file`",
        ),
        TokenError::Version(version) => {
            (format!("加入码由更新的版本生成（格式 {version}）"), en, "请升级本程序", "upgrade this program")
        }
        TokenError::Mistyped => (
            "加入码有误：抄错或漏了字符".into(),
            format!("the token cannot be right: {en}"),
            "请与上级给出的加入码逐组核对，或直接复制、扫描",
            "compare it group by group with what the union above gave, or copy or scan it",
        ),
    };
    told(Exit::Usage, words, lang)
}

fn dates(now: i64, from: i64, to: i64) -> Words {
    let (now, from, to) = (moment(now), moment(from), moment(to));
    (
        format!("本机时钟为 {now}；证书有效期为 {from} 至 {to}"),
        format!("this machine's clock says {now}; its certificates hold from {from} to {to}"),
        "时钟不对请校准；时钟正确则证书已过期：请上级运行 invite 工会编号 --device 生成加入码，在本机运行 join 加入码。已记录的内容不会丢失",
        "set the clock if it is wrong; if it is right, ask the union above for a token (`invite UNION --device`) and run `join TOKEN`: nothing recorded is lost",
    )
}

fn unreachable(address: &str, trouble: &Trouble) -> Words {
    let en = format!("{address} cannot be reached: {trouble}");
    match trouble {
        Trouble::Line(cause) => (
            format!("连接不上 {address}：{}", system::cause(cause)),
            en,
            "网络恢复后会自动补送，记录不会丢失；请检查网络和上级是否在运行",
            "nothing is lost, it is sent when the line is back; check the line and whether the hub runs",
        ),
        Trouble::NotTls(_) => (
            format!("{address} 的应答不是上级平台的加密连接：可能是上网认证页面或过旧的代理"),
            en,
            "请先在浏览器完成上网认证，核对地址和端口，或请网络管理员放通到该地址的连接",
            "log in to the network with a browser first, compare address and port, or ask who runs the network to let connections to it pass",
        ),
        Trouble::Intercepted(_) => (
            format!("网络中有设备拦截加密连接：{address} 出示的证书不属于本网络"),
            en,
            "没有发送任何内容；请网络管理员对该地址不做拦截，并与上级核对地址",
            "nothing was sent; ask who runs the network not to intercept this address, and compare the address with the union above",
        ),
        Trouble::OtherHub => (
            format!("{address} 是本网络的平台，但不是本机当初加入的那一个：上级换了机器，或有机器冒充上级"),
            en,
            "没有发送任何内容；请打电话与上级核实。上级确已换机器的，请上级运行 invite 工会编号 --device 生成加入码，在本机运行 join 加入码；否则请报告再上一级",
            "nothing was sent; ask the union above over the telephone. If its hub is another machine now, ask it for a token (`invite UNION --device`) and run `join TOKEN`; if not, tell the level above it",
        ),
        Trouble::TheirDates(_) => (
            format!("按本机时钟，{address} 的证书不在有效期内"),
            en,
            "请先校准本机时钟；时钟正确时请上级检查其平台的时钟和证书。已记录的内容不会丢失",
            "set this machine's clock; if it is right, ask the union above to look at its hub's clock and certificates. Nothing recorded is lost",
        ),
        Trouble::OurDates => (
            format!("按上级 {address} 的时钟，本机证书不在有效期内"),
            en,
            "请核对两端时钟；证书确已过期时，请上级运行 invite 工会编号 --device 生成加入码，在本机运行 join 加入码。已记录的内容不会丢失",
            "compare the clocks; if the certificate has expired, ask the union above for a token (`invite UNION --device`) and run `join TOKEN`: nothing recorded is lost",
        ),
        Trouble::Turned(_) => (
            format!("{address} 在握手时拒绝了本机"),
            en,
            "请与上级核对本机的登记；必要时请上级给一个加入码，运行 join 加入码",
            "ask the union above about this machine's enrolment, and for a token if need be; then run `join TOKEN`",
        ),
    }
}

fn said(declined: &Declined) -> Words {
    let en = format!("the hub declined: {}", declined.sentence);
    let Some(reason) = declined.reason else {
        return (
            format!("上级拒绝了连接：{}", declined.sentence),
            en,
            "请与上级核对本机的登记，必要时请上级给一个加入码，运行 join 加入码",
            "ask the union above about this machine's enrolment, and for a token if need be; then run `join TOKEN`",
        );
    };
    const NEW_ZH: &str = "请上级另生成一个加入码（invite），再运行 join";
    const NEW_EN: &str = "ask the union above for a new token (`invite`) and run `join` with it";
    let (zh, hint_zh, hint_en) = match reason {
        Reason::Unknown => ("上级没有这个加入码", NEW_ZH, NEW_EN),
        Reason::Pass => (
            "加入码不对",
            "请核对加入码；错五次后加入码作废",
            "compare the token with what was given; after five wrong tries it is dead",
        ),
        Reason::Tries => ("加入码因多次输错已作废", NEW_ZH, NEW_EN),
        Reason::Used => (
            "加入码已被另一台机器使用",
            "若不是本单位的机器所用，请立即告知上级；另请上级生成一个加入码",
            "if it was no machine of yours, tell the union above at once; ask it for a new token",
        ),
        Reason::Expired => ("加入码已过期", NEW_ZH, NEW_EN),
        Reason::Revoked => ("加入码已被上级撤回", NEW_ZH, NEW_EN),
        Reason::Union => (
            "加入码不是给本单位的，或发加入码的不是直接上级",
            "请向直接上级要加入码",
            "ask the union directly above for a token",
        ),
        Reason::Network => {
            ("加入码属于另一个网络", "请与上级核对网络名称", "compare the network's name with the union above")
        }
        Reason::Occupied => (
            "该工会已有机器加入，而加入码不是给新增或更换的机器的",
            "请上级运行 invite 工会编号 --device，或在已加入的机器上运行 invite --device",
            "ask the union above to run `invite UNION --device`, or run `invite --device` on the machine that has joined",
        ),
        Reason::Role => (
            "加入码所定的身份（平台或填报端）与本机不符，或该工会没有下级、不设平台",
            "请上级按本机的用途重新生成加入码：上级平台由上级运行 invite 邀请",
            "ask the union above for a token for what this machine is: a hub is invited by it with `invite`",
        ),
        Reason::Key => (
            "另一台设备登记了同一把连接密钥",
            "数据目录不能复制到另一台机器使用；请换用新的数据目录，并请上级给一个加入码",
            "a home cannot be copied to a second machine; set up a new one and ask the union above for a token",
        ),
        Reason::Device => (
            "本机的设备已被注销",
            "被注销的设备不能再加入；请换用新的数据目录，并请上级给一个加入码",
            "a revoked device does not come back; set up a new home and ask the union above for a token",
        ),
        Reason::Stranger => (
            "上级没有登记本机",
            "请上级给一个加入码，在本机运行 join 加入码。已记录的内容不会丢失",
            "ask the union above for a token and run `join TOKEN` here: nothing recorded is lost",
        ),
        Reason::Malformed => {
            ("上级无法读取本机的请求", "请核对两端程序版本", "compare the versions of the programs at both ends")
        }
        Reason::Busy => ("上级正忙", "请稍候再试；serve 会自动重试", "try again in a while; `serve` does so by itself"),
        Reason::Trouble => (
            "上级平台出了问题",
            "请稍候再试，并告知上级查看其运行记录",
            "try again in a while, and tell the union above to look at its log",
        ),
    };
    match declined.retry_after {
        0 => (format!("上级拒绝：{zh}"), en, hint_zh, hint_en),
        seconds => {
            let (in_zh, in_en) = wait(seconds);
            (
                format!("上级拒绝：{zh}；{in_zh}后可再试"),
                format!("{en}; in {in_en} it may be tried again"),
                hint_zh,
                hint_en,
            )
        }
    }
}

/// A time as a person says it: rounded up, so that nobody comes too early.
fn wait(seconds: u32) -> (String, String) {
    match seconds {
        0..=120 => (format!("{seconds} 秒"), format!("{seconds} s")),
        121..=7_200 => (format!("{} 分钟", seconds.div_ceil(60)), format!("{} min", seconds.div_ceil(60))),
        _ => (format!("{} 小时", seconds.div_ceil(3_600)), format!("{} h", seconds.div_ceil(3_600))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_said_in_seconds_minutes_or_hours() {
        let said: Vec<String> = [0, 120, 121, 7_200, 7_201, 86_400].map(|seconds| wait(seconds).0).into();
        assert_eq!(said, ["0 秒", "120 秒", "3 分钟", "120 分钟", "3 小时", "24 小时"]);
    }
}
