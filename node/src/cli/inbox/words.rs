//! What each code of the inbox means, and what settles it. Names in braces are the entry's arguments; `{id}` is what a
//! person types for the thing it points at.

use huiliu_proto::lang::Lang;

pub struct Words {
    code: &'static str,
    what: (&'static str, &'static str),
    todo: (&'static str, &'static str),
}

const fn words(code: &'static str, what: (&'static str, &'static str), todo: (&'static str, &'static str)) -> Words {
    Words { code, what, todo }
}

const WORDS: &[Words] = &[
    words(
        "certificate",
        ("本机证书{left}到期", "this machine's certificates end in {days} days"),
        (
            "与上级连通一次即自动更换，请检查网络并运行 sync",
            "they renew by themselves in one exchange: check the line and run `sync`",
        ),
    ),
    words(
        "certificate_ended",
        (
            "本机时钟为 {now}，证书有效期为 {from} 至 {to}",
            "this machine's clock says {now}, its certificates hold from {from} to {to}",
        ),
        (
            "时钟不对请校准，否则请上级用 invite 工会编号 --device 给一个加入码，再运行 join。记录照常，不会丢失",
            "set the clock, or ask the union above for a token (`invite UNION --device`) and `join`. Records are kept meanwhile",
        ),
    ),
    words(
        "certificate_ends",
        ("{mediator}的聘任证书有效期止于该日（{left}）", "the certificate of appointment of {mediator} ends ({left})"),
        (
            "培训考试后用 record add certificate 写新证书，或用 record edit {id} 更正",
            "add the new one with `record add certificate`, or correct it with `record edit {id}`",
        ),
    ),
    words(
        "conflicts",
        ("“{kind}”档案 {id} 有{fields}处各设备填写不一致", "devices disagree on the {kind} {id}, fields: {fields}"),
        ("用 record show {id} 查看，用 {mender} 选定", "see `record show {id}`, decide with {mender}"),
    ),
    words(
        "consent_ends",
        ("{mediator}的延聘同意止于该日（{left}）", "the consent to keep {mediator} ends ({left})"),
        (
            "报上一级工会同意后用 record edit {id} 更新，或终止聘任",
            "ask the union above and update it with `record edit {id}`, or end the engagement",
        ),
    ),
    words(
        "days_off_missing",
        (
            "{year}年的节假日安排尚未发布，未发布的年度计算工作日时仅扣除周末",
            "the days off of {year} are not published; without them only weekends are taken out of working days",
        ),
        ("运行 calendar publish {year}", "run `calendar publish {year}`"),
    ),
    words(
        "edits_missing",
        (
            "{union}的机器 {device} 有{operations}处修改在等待前一处修改，后面的暂不接收，也不计入",
            "edits of {device}, of {union}, wait for what they follow; no more of it is taken, and nothing after them counts: {operations}",
        ),
        (
            "请该单位的其他机器联网；前一处修改已丢失的，撤销该机器后重新加入、补录",
            "let that union's other machines go on line; where what they follow is lost, revoke that machine and let it join anew",
        ),
    ),
    words(
        "engagement_ends",
        (
            "{mediator}的聘期止于该日（{left}），状态仍为在聘",
            "the engagement of {mediator}, still in post, ends ({left})",
        ),
        ("续聘或终止：record edit {id}", "renew or end it: `record edit {id}`"),
    ),
    words(
        "enrolment",
        (
            "{union}的一台机器尚未登记，其{operations}条记录暂不计入",
            "a machine of {union} is not enrolled; its operations do not count: {operations}",
        ),
        (
            "是该单位的机器则用 invite {code} 给它加入码（已有机器的加 --device），否则用 quarantine reject {id}",
            "if it is theirs give it a token with `invite {code}` (`--device` where it has one), else `quarantine reject {id}`",
        ),
    ),
    words(
        "enrolment_elsewhere",
        (
            "{union}的一台机器尚未经其上级登记，其{operations}条记录暂不计入",
            "a machine of {union} is not enrolled by the union above it; its operations do not count: {operations}",
        ),
        (
            "等待其上级登记；查看用 quarantine show {id}",
            "they count once that union enrols it; see `quarantine show {id}`",
        ),
    ),
    words(
        "evidence",
        ("异常情况“{what}”：{detail}", "evidence, {what}: {detail}"),
        (
            "用 evidence show {id} 查看、evidence settle {id} 办结",
            "see `evidence show {id}`, settle it with `evidence settle {id}`",
        ),
    ),
    words(
        "exposed_keys",
        ("他人可以读取本机密钥", "others may read this machine's keys"),
        ("运行 chmod go= {paths}", "run `chmod go= {paths}`"),
    ),
    words(
        "fact_twice",
        ("{union}的同类变更事项自{from}同一日起填了两条", "of {union}, two facts of one sort are said from {from} on"),
        (
            "用 union show 工会编号 查看，用 record void {id} 作废多余的一条",
            "see `union show UNION`, and void the surplus one with `record void {id}`",
        ),
    ),
    words(
        "filing_returned",
        ("{year}年的备案被退回：{reasons}", "the filing of {year} was sent back: {reasons}"),
        (
            "用 record show {id} 查看，改正后用 filing submit 重报",
            "see `record show {id}`, correct it and `filing submit` anew",
        ),
    ),
    words(
        "filing_to_review",
        ("{union}报送的{year}年备案待审核", "a filing of {union} for {year} waits for a decision"),
        (
            "用 record show {id} 查看、filing review {id} 决定",
            "see `record show {id}`, decide with `filing review {id}`",
        ),
    ),
    words(
        "finding",
        (
            "{by}于{found_on}查出涉及本单位的疑点（{grade}）：{rule}",
            "a finding ({grade}) against this union, by {by} on {found_on}: {rule}",
        ),
        (
            "用 record show {id} 查看依据，核实后补报或更正",
            "see what it rests on with `record show {id}`; record what is missing, or correct it",
        ),
    ),
    words(
        "graded_twice",
        (
            "{enterprise}在{rated_on}有两份等级不同的评价，暂以后写的为准",
            "{enterprise} was given two different grades on {rated_on}; the later sheet counts for now",
        ),
        (
            "用 record show {id} 查看，用 record void 作废有误的一份，或另写一份日期在后的评价",
            "see `record show {id}`; void the wrong one with `record void`, or write a sheet of a later day",
        ),
    ),
    words(
        "half_sealed_keys",
        ("密钥的加密或解除没有完成", "sealing or unsealing the keys broke off"),
        ("再运行一次 keys seal 或 keys unseal", "run `keys seal` or `keys unseal` again"),
    ),
    words(
        "keys_to_return",
        (
            "{union}现有的唯一一台机器是新的，读不出以前加密的身份证号",
            "the only machine of {union} is new and cannot read what was sealed before",
        ),
        (
            "与该单位电话核对设备公钥后运行 return-keys {id}",
            "compare the device key with that union over the telephone, then `return-keys {id}`",
        ),
    ),
    words(
        "line",
        (
            "与{union}的最近一次交换没有成功（{last_try}）",
            "the last exchange with {union} did not succeed ({last_try})",
        ),
        ("原因见 status；检查网络后运行 sync", "see `status` for why; check the line and run `sync`"),
    ),
    words(
        "line_below",
        (
            "{union}的机器最近一次来连（{last_try}）没有成功",
            "the last call of a machine of {union} ({last_try}) did not succeed",
        ),
        ("对方联网后会自动再连，长期如此请联系该单位", "it calls again by itself; if it goes on, ask that union"),
    ),
    words(
        "line_silent",
        ("自{last_success}起没有与上级交换", "there has been no exchange with the union above since {last_success}"),
        ("联网后运行 sync", "run `sync` where there is a line"),
    ),
    words(
        "machine_silent",
        ("{union}的一台机器自{since}起没有消息", "a machine of {union} has been silent since {since}"),
        ("请联系该单位；不再使用的用 revoke {id} 注销", "ask that union; if it is no longer used, `revoke {id}`"),
    ),
    words(
        "probation_ends",
        ("{mediator}的试用期止于该日（{left}）", "the probation of {mediator} ends ({left})"),
        ("考核后用 record edit {id} 更新", "assess it and update with `record edit {id}`"),
    ),
    words(
        "proposal_to_sign",
        ("{by}提请复核：{act}（{subject}）", "{by} prepared this for a second person: {act} ({subject})"),
        (
            "核对内容后，以完全相同的内容再办一次；不同意的用 withdraw {id} 退回",
            "look at it, then give exactly the same command; decline it with `withdraw {id}`",
        ),
    ),
    words(
        "proposal_waits",
        (
            "您提请的事项等待另一人复核：{act}（{subject}）",
            "what you prepared waits for a second person: {act} ({subject})",
        ),
        (
            "请复核人登录后办理；不再需要的用 withdraw {id} 撤回",
            "let the other log in and carry it out; take it back with `withdraw {id}`",
        ),
    ),
    words(
        "quarantine",
        ("{union}有{operations}条记录待核：{reason}", "in quarantine, of {union}: {operations} ({reason})"),
        (
            "用 quarantine show {id} 查看，再 release 准予计入或 reject 不计入",
            "see `quarantine show {id}`, then `quarantine release` or `reject`",
        ),
    ),
    words(
        "relation_overlaps",
        (
            "{union}自{from}起的一条工会关系与另一条时间重叠",
            "of {union}, a relation from {from} on speaks of days of which another does",
        ),
        (
            "用 union show 工会编号 查看；多余的用 record void {id} 作废，或用“替代”重新填写其起止",
            "see `union show UNION`; void the surplus one with `record void {id}`, or say it again with other dates and name it in “replaces”",
        ),
    ),
    words(
        "relation_unfounded",
        (
            "{union}自{from}起的一条工会关系今日不成立：对方不是其组织上级，也不在其组织上级之上",
            "of {union}, a relation from {from} on does not hold today: the other neither leads it nor is above the one that does",
        ),
        (
            "用 union show 工会编号 查看，更正这条关系或其组织领导关系",
            "see `union show UNION`, and put right that relation or who leads it",
        ),
    ),
    words(
        "reversed_twice",
        ("“{kind}”{id} 被冲销的金额超过原金额", "more was taken back of the {kind} {id} than it says"),
        (
            "用 record show {id} 查看，用 record void 作废多写的那次红冲",
            "see `record show {id}`, void the surplus reversal with `record void`",
        ),
    ),
    words(
        "unread_numbers",
        (
            "{union}有{people}人的身份证号在本级无法解密或不是有效号码，未参与核对",
            "people of {union} whose identity number cannot be opened here or is none, and is compared with nobody's: {people}",
        ),
        ("请该单位更正号码，或联网后再交换一次", "let that union correct them, or exchange once more"),
    ),
    words(
        "upgrade",
        (
            "{union}有{operations}条记录由较新版本的程序写入，暂不计入",
            "a newer version wrote operations for {union}, which do not count yet: {operations}",
        ),
        ("请升级本机程序", "upgrade this program"),
    ),
    words(
        "void_disputed",
        (
            "“{kind}”{id} 作废时不知道另有修改或恢复，暂按有效计入",
            "the {kind} {id} was voided by somebody who did not know all of it; it counts meanwhile",
        ),
        (
            "用 record show {id} 查看，用 record void {id} 作废或 record reinstate {id} 恢复",
            "see `record show {id}`, decide with `record void {id}` or `record reinstate {id}`",
        ),
    ),
];

pub fn of(code: &str) -> Option<&'static Words> {
    WORDS.iter().find(|words| words.code == code)
}

impl Words {
    /// What it is, and what settles it.
    pub fn said(&self, lang: Lang, arguments: &[(&str, String)]) -> (String, String) {
        let fill = |(zh, en): (&str, &str)| filled(lang.pick(zh, en), arguments);
        (fill(self.what), fill(self.todo))
    }
}

/// In one pass: what an argument says is never taken for a place.
fn filled(template: &str, arguments: &[(&str, String)]) -> String {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        let Some((name, behind)) = after.split_once('}') else { return text };
        let value = arguments.iter().find(|(known, _)| *known == name);
        text += value.map_or("-", |(_, value)| value.as_str());
        rest = behind;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::inbox::SOURCES;

    #[test]
    fn every_code_has_words_and_every_words_a_code() {
        let mut codes: Vec<&str> = SOURCES.iter().flat_map(|source| source.codes()).copied().collect();
        codes.sort_unstable();
        let said: Vec<&str> = WORDS.iter().map(|words| words.code).collect();
        assert_eq!(codes, said, "sorted, each once");
    }

    #[test]
    fn what_an_argument_says_is_no_place() {
        let arguments = [("a", "{b}".to_owned()), ("b", "x".to_owned())];
        assert_eq!(filled("{a} {b} {c}.", &arguments), "{b} x -.");
        assert_eq!(filled("open {a", &arguments), "open ");
    }
}
