//! Rules between the fields of one record, and how a refusal or a warning is put into words.
//!
//! A refusal is for what cannot be true. What can be true and should not be (a head counted that perhaps ought not to
//! be) is at most a warning here: judging it is the work of the fund checks, which see more than one record.

use std::fmt;

use crate::{
    ident::{CreditCode, Registrar, ResidentId, SexDigit},
    kind::Field,
    lang::{Label, Lang},
    money::Fen,
    record::{Line, Record},
    union::{Level, UnionNumber},
    v1,
    value::Value,
};

macro_rules! remark {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name {
            /// The field's label; of a line, with the table and the line before it.
            pub field: Box<Label>,
            /// `name`, or `items.2.score` for the second line of a table.
            pub field_name: String,
            /// What was written, as it may be shown to its author: of a sealed value the last four characters. Empty
            /// where nothing was written.
            pub value: String,
            /// The value tells about a person, so it stays out of `Display` and `Debug`, which end up in logs.
            pub private: bool,
            pub rule: Box<Label>,
            pub remedy: Box<Label>,
        }

        impl $name {
            /// The sentence for the person who wrote the value.
            pub fn say(&self, lang: Lang) -> String {
                self.sentence(lang, &self.value)
            }

            fn sentence(&self, lang: Lang, value: &str) -> String {
                let (field, rule, remedy) = (self.field.get(lang), self.rule.get(lang), self.remedy.get(lang));
                let quoted = |open: &str| if value.is_empty() { String::new() } else { format!("{open}“{value}”") };
                match lang {
                    Lang::Zh => format!("{field}{}：{rule}。{remedy}。", quoted("")),
                    Lang::En => format!("{field}{}: {rule}. {}.", quoted(" "), capital(remedy)),
                }
            }

            pub(crate) fn in_line(mut self, table: &Field, line: usize) -> Self {
                let n = line + 1;
                self.field = Box::new(Label::new(
                    format!("{}第{n}行：{}", table.label.zh, self.field.zh),
                    format!("{}, line {n}: {}", table.label.en, self.field.en),
                ));
                self.field_name = format!("{}.{n}.{}", table.name, self.field_name);
                self
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let value = if self.private { "" } else { &self.value };
                f.write_str(&self.sentence(Lang::En, value))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({}: {})", stringify!($name), self.field_name, self.rule.en)
            }
        }
    };
}

remark! {
    /// The record cannot stand so: which field, what was written, which rule, what to do.
    Refusal
}

remark! {
    /// The record may stand so, and someone should look.
    Warning
}

impl std::error::Error for Refusal {}

fn capital(sentence: &str) -> String {
    let mut characters = sentence.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}

impl Field {
    /// Words for a value of this field that cannot stand.
    pub fn refuse(&self, value: &Value, rule: Label, remedy: Label) -> Refusal {
        Refusal {
            field: Box::new(self.label.clone()),
            field_name: self.name.to_owned(),
            value: self.show_briefly(value),
            private: self.private(),
            rule: Box::new(rule),
            remedy: Box::new(remedy),
        }
    }

    pub(crate) fn warn(&self, value: &Value, rule: Label, remedy: Label) -> Warning {
        let Refusal { field, field_name, value, private, rule, remedy } = self.refuse(value, rule, remedy);
        Warning { field, field_name, value, private, rule, remedy }
    }

    pub(crate) fn missing(&self) -> Refusal {
        let rule = Label::new("没有填写", "nothing is written");
        self.refuse(&Value::Text(String::new()), rule, Label::new("请填写", "fill it in")).without_value()
    }

    pub(crate) fn missing_with(&self, other: &Field) -> Refusal {
        let rule = Label::new(
            format!("填了“{}”就必须填写", other.label.zh),
            format!("needed once “{}” is filled", other.label.en),
        );
        self.refuse(&Value::Text(String::new()), rule, Label::new("请填写", "fill it in")).without_value()
    }

    pub(crate) fn refuse_without(&self, value: &Value, other: &Field) -> Refusal {
        let rule = Label::new(
            format!("没有填“{}”时不能填写", other.label.zh),
            format!("not to be filled without “{}”", other.label.en),
        );
        self.refuse(value, rule, Label::new("请补填或清空", "fill that in, or empty this"))
    }
}

impl Refusal {
    fn without_value(mut self) -> Refusal {
        self.value.clear();
        self
    }
}

/// What the rules of a kind find in one record.
pub struct Verdict<'r> {
    record: &'r Record,
    pub refusals: Vec<Refusal>,
    pub warnings: Vec<Warning>,
}

type Words = (&'static str, &'static str);

impl Verdict<'_> {
    fn value(&self, name: &str) -> (Option<&'static Field>, Value) {
        let field = self.record.kind.field(name).map(|i| &self.record.kind.fields[i]);
        (field, self.record.get(name).cloned().unwrap_or_else(|| Value::Text(String::new())))
    }

    fn refuse(&mut self, name: &str, rule: Words, remedy: Words) {
        if let (Some(field), value) = self.value(name) {
            self.refusals.push(field.refuse(&value, Label::new(rule.0, rule.1), Label::new(remedy.0, remedy.1)));
        }
    }

    fn refuse_if(&mut self, broken: bool, name: &str, rule: Words, remedy: Words) {
        if broken {
            self.refuse(name, rule, remedy);
        }
    }

    fn warn_if(&mut self, doubtful: bool, name: &str, rule: Words, remedy: Words) {
        if doubtful && let (Some(field), value) = self.value(name) {
            self.warnings.push(field.warn(&value, Label::new(rule.0, rule.1), Label::new(remedy.0, remedy.1)));
        }
    }

    /// Both said, and the later one before the earlier.
    fn in_order(&mut self, from: &str, to: &str) {
        if let (Some(a), Some(b)) = (self.record.int(from), self.record.int(to))
            && b < a
            && let (Some(earlier), Some(later), value) = (self.value(from).0, self.value(to).0, self.value(to).1)
        {
            let rule = Label::new(format!("早于“{}”", earlier.label.zh), format!("before “{}”", earlier.label.en));
            self.refusals.push(later.refuse(&value, rule, Label::new("请核对两个日期", "check both dates")));
        }
    }

    /// Money goes one way; a reversal goes back, names what it reverses and says why.
    fn reversal(&mut self) {
        let reverses = self.record.bytes("reverses").is_some();
        let Some(amount) = self.record.int("amount") else { return };
        self.refuse_if(amount == 0, "amount", ("金额为零", "the amount is nought"), CHECK);
        self.refuse_if(
            amount < 0 && !reverses,
            "amount",
            ("负数只能用于红冲", "negative only in a reversal"),
            ("请指明所冲销的记录并写明理由", "name the entry it reverses and say why"),
        );
        self.refuse_if(
            amount > 0 && reverses,
            "amount",
            ("红冲的金额应为负数", "a reversal's amount is negative"),
            ("请填负数", "type a negative amount"),
        );
    }

    fn credit_code(&mut self, name: &str, expected: &[Registrar], remedy: Words) {
        let Some(Ok(code)) = self.record.text(name).map(str::parse::<CreditCode>) else { return };
        self.warn_if(
            !expected.contains(&code.registrar()),
            name,
            ("登记机关代码与单位类型不符", "the registrar's digits do not fit this kind of organisation"),
            remedy,
        );
    }
}

const CHECK: Words = ("请核对", "check it");

/// The rules of a kind that see more than one of its fields.
type Rule = fn(&mut Verdict<'_>, &Record);

const RULES: &[(&str, Rule)] = &[
    ("union", union),
    ("mediator", mediator),
    ("engagement", engagement),
    ("assignment", assignment),
    ("certificate", certificate),
    ("work_entry", work_entry),
    ("enterprise", enterprise),
    ("rating", rating),
    ("budget", budget),
    ("allocation", |v, _| v.reversal()),
    ("fund_receipt", |v, _| v.reversal()),
    ("expenditure", expenditure),
    ("matching", matching),
    ("filing", filing),
    ("filing_review", filing_review),
    ("statement", statement),
    ("payer_share", payer_share),
    ("qualification", |v, _| v.in_order("issued_on", "expires_on")),
];

/// Called by `Record::validate`, after every value was looked at by itself.
pub fn cross_field(record: &Record) -> Verdict<'_> {
    let mut verdict = Verdict { record, refusals: vec![], warnings: vec![] };
    if let Some((_, rule)) = RULES.iter().find(|(name, _)| *name == record.kind.name) {
        rule(&mut verdict, record);
    }
    verdict
}

fn is(record: &Record, name: &str, choice: impl Into<i32>) -> bool {
    record.int(name) == Some(i64::from(choice.into()))
}

fn union(v: &mut Verdict<'_>, r: &Record) {
    if is(r, "form", v1::UnionForm::SocialOrganisation) {
        v.credit_code(
            "uscc",
            &[Registrar::Social],
            ("社会组织一般以5开头", "a social organisation's usually starts with 5"),
        );
    } else {
        v.credit_code(
            "uscc",
            &[Registrar::Union],
            ("下级工会一般以81或89开头", "a lower union's usually starts with 81 or 89"),
        );
    }
    let more = r.int("members").zip(r.int("workers")).is_some_and(|(members, workers)| members > workers);
    v.warn_if(more, "members", ("会员多于职工", "more members than workers"), CHECK);
}

fn mediator(v: &mut Verdict<'_>, r: &Record) {
    // Sealed everywhere but in its author's hands; there is nothing to compare with then.
    let Some(Ok(id)) = r.text("id_no").map(str::parse::<ResidentId>) else { return };
    let sex = match id.sex() {
        SexDigit::Male => v1::Sex::Male,
        SexDigit::Female => v1::Sex::Female,
    };
    v.refuse_if(
        r.int("sex").is_some() && !is(r, "sex", sex),
        "sex",
        ("与身份证号不一致", "not what the identity number says"),
        ("请核对证件", "compare both with the card"),
    );
    v.refuse_if(
        r.int("born").is_some_and(|born| born != i64::from(id.born().0)),
        "born",
        ("与身份证号不一致", "not what the identity number says"),
        ("请核对证件", "compare both with the card"),
    );
    v.in_order("born", "retired_on");
}

fn engagement(v: &mut Verdict<'_>, r: &Record) {
    v.in_order("starts_on", "ends_on");
    v.in_order("starts_on", "ended_on");
    v.in_order("starts_on", "probation_until");
    v.in_order("starts_on", "consent_until");
    v.refuse_if(
        is(r, "state", v1::EngagementState::Ended) && r.int("ended_on").is_none(),
        "state",
        ("终止须有实际终止日期", "an ended engagement has a date"),
        ("请填实际终止日期和原因", "fill in when and why it ended"),
    );
    v.warn_if(
        r.int("ended_on").is_some() && !is(r, "state", v1::EngagementState::Ended),
        "state",
        ("已填终止日期，状态仍未终止", "there is an end date, and the state is another"),
        CHECK,
    );
    if r.flag("funded") {
        let remedy = ("请确认是否计入补助人数", "make sure that this head counts for the fund");
        v.warn_if(
            is(r, "employment", v1::Employment::PartTime),
            "funded",
            ("兼职人员计入了补助人数", "a part-time head is counted for the fund"),
            remedy,
        );
        v.warn_if(
            is(r, "tier", v1::Tier::EnterpriseTier),
            "funded",
            ("企业级人员计入了补助人数", "an enterprise's head is counted for the fund"),
            remedy,
        );
        v.warn_if(
            is(r, "channel", v1::Channel::ServiceTask),
            "funded",
            ("承接任务的服务没有人头", "a task taken on has no heads"),
            remedy,
        );
        let elsewhere = [v1::OtherEmployment::CivilServant, v1::OtherEmployment::EnterpriseStaff]
            .iter()
            .any(|o| is(r, "other_employment", *o));
        v.warn_if(
            elsewhere,
            "funded",
            ("在其他单位在职的人员计入了补助人数", "a head employed elsewhere is counted for the fund"),
            remedy,
        );
    }
    let service = [v1::Channel::ServiceTask, v1::Channel::ServicePerson].iter().any(|c| is(r, "channel", *c));
    v.refuse_if(
        service && r.text("provider").is_none(),
        "channel",
        ("购买服务须填承接组织", "a purchased service has a provider"),
        ("请填承接社会组织", "fill in the provider"),
    );
    v.credit_code(
        "provider_uscc",
        &[Registrar::Social, Registrar::Enterprise],
        ("社会组织一般以5开头", "a social organisation's usually starts with 5"),
    );
}

fn payer_share(v: &mut Verdict<'_>, r: &Record) {
    v.refuse_if(
        r.int("payer").is_some() == r.text("payer_name").is_some(),
        "payer",
        ("承担单位与其他承担单位须填且只填一个", "either a paying union or another payer, not both"),
        ("请填其中一个", "fill in one of the two"),
    );
    v.in_order("from_on", "to_on");
}

fn assignment(v: &mut Verdict<'_>, r: &Record) {
    v.in_order("from_on", "to_on");
    let level = r.int("service_region").and_then(region).map(UnionNumber::level);
    v.warn_if(
        level.is_some_and(|level| level < Level::County),
        "service_region",
        ("原则上应分派到县及县以下", "mediators serve in counties and below"),
        ("请确认", "please confirm"),
    );
}

fn certificate(v: &mut Verdict<'_>, r: &Record) {
    v.in_order("issued_on", "expires_on");
    v.in_order("issued_on", "revoked_on");
    v.refuse_if(
        is(r, "status", v1::CertificateStatus::Revoked) != r.int("revoked_on").is_some(),
        "status",
        ("撤销状态与撤销日期不一致", "revoked and its date go together"),
        ("请同时填写或同时清空", "fill in both or neither"),
    );
    let late = r.int("exam_on").zip(r.int("issued_on")).is_some_and(|(exam, issued)| exam > issued);
    v.warn_if(late, "exam_on", ("考试晚于发证", "the exam came after the certificate"), CHECK);
}

fn work_entry(v: &mut Verdict<'_>, r: &Record) {
    let fits = r.int("duty").zip(r.int("subtype")).is_none_or(|(duty, subtype)| subtype / 10 == duty);
    v.refuse_if(
        !fits,
        "subtype",
        ("与所选职责不符", "not work of the chosen duty"),
        ("请重新选择工作类型", "choose again"),
    );
    v.refuse_if(
        r.bytes("enterprise").is_none() && r.text("place").is_none(),
        "place",
        ("企业和地点都没有填写", "neither an enterprise nor a place"),
        ("请填其中一个", "fill in one of the two"),
    );
    if r.bytes("corrects").is_none() {
        for name in ["minutes", "participants", "guided", "topics_collected", "cases", "workers_helped"] {
            v.refuse_if(
                r.int(name).is_some_and(|n| n < 0),
                name,
                ("负数只能用于更正", "negative only in a correction"),
                ("请指明所更正的工作日志", "name the line it corrects"),
            );
        }
        v.warn_if(
            is(r, "duty", v1::Duty::Bargaining) && r.text("mandate").is_none(),
            "mandate",
            ("参加协商没有指派或委托", "bargaining without a mandate"),
            ("请补填指派或委托文书", "add the assignment or the mandate"),
        );
    }
}

fn enterprise(v: &mut Verdict<'_>, r: &Record) {
    v.credit_code(
        "uscc",
        &[Registrar::Enterprise],
        ("企业一般以91、92或93开头", "an enterprise's usually starts with 91, 92 or 93"),
    );
    let small = r.int("employees").is_some_and(|n| n < 100);
    v.warn_if(
        r.flag("over_hundred") && small,
        "over_hundred",
        ("职工人数不足一百", "there are fewer than a hundred employees"),
        CHECK,
    );
}

fn rating(v: &mut Verdict<'_>, r: &Record) {
    let column = |name: &str| -> Vec<i64> { r.lines("items").map(|line| line.int(name).unwrap_or(0)).collect() };
    let (mut numbers, maxima, scores) = (column("no"), column("max"), column("score"));
    v.refuse_if(
        scores.iter().zip(&maxima).any(|(score, max)| score > max),
        "items",
        ("有项目得分高于满分", "an item scores above its maximum"),
        ("请逐项核对", "check item by item"),
    );
    v.refuse_if(
        maxima.iter().sum::<i64>() != 100,
        "items",
        ("各项满分之和不是100", "the maxima do not add up to 100"),
        ("请逐项核对", "check item by item"),
    );
    numbers.sort_unstable();
    let count = numbers.len();
    numbers.dedup();
    v.refuse_if(
        numbers.len() != count,
        "items",
        ("有项目重复", "an item appears twice"),
        ("请逐项核对", "check item by item"),
    );
    v.warn_if(count < 9, "items", ("不足九项", "fewer than nine items"), CHECK);
    v.refuse_if(
        r.int("total").is_some_and(|total| total != scores.iter().sum::<i64>()),
        "total",
        ("不等于各项得分之和", "not the sum of the scores"),
        ("请重新合计", "add them up again"),
    );
    if let (Some(total), Some(a), Some(b)) = (r.int("total"), r.int("a_from"), r.int("b_from")) {
        v.refuse_if(a <= b, "a_from", ("A类起点分应高于B类", "A starts above B"), CHECK);
        let grade = if total >= a {
            v1::Grade::A
        } else if total >= b {
            v1::Grade::B
        } else {
            v1::Grade::C
        };
        v.refuse_if(
            r.int("grade").is_some() && !is(r, "grade", grade),
            "grade",
            ("与总分和起点分不符", "not what the total and the thresholds give"),
            ("请按起点分定等级", "grade it by the thresholds"),
        );
    }
    let more = r.int("satisfied").zip(r.int("asked")).is_some_and(|(satisfied, asked)| satisfied > asked);
    v.refuse_if(more, "satisfied", ("多于调查人数", "more than were asked"), CHECK);
}

fn budget(v: &mut Verdict<'_>, r: &Record) {
    let mut keys: Vec<(Option<i64>, Option<&str>)> =
        r.lines("lines").map(|line| (line.int("category"), line.text("subject"))).collect();
    keys.sort_unstable();
    let count = keys.len();
    keys.dedup();
    v.refuse_if(
        keys.len() != count,
        "lines",
        ("同一类别和科目出现两次", "a category and subject appear twice"),
        ("请合并", "put them together"),
    );
    let total = Fen::sum(r.lines("lines").map(|line| Fen(line.int("amount").unwrap_or(0))));
    v.refuse_if(total.is_none(), "lines", ("合计太大", "the total is too large"), CHECK);
}

fn expenditure(v: &mut Verdict<'_>, r: &Record) {
    v.reversal();
    v.refuse_if(
        r.bytes("payee_mediator").is_none() && r.text("payee_name").is_none(),
        "payee_name",
        ("没有收款方", "there is no payee"),
        ("请选择指导员或填写收款单位", "choose a mediator or fill in a supplier"),
    );
    v.refuse_if(
        r.text("payee_uscc").is_some() && r.text("payee_name").is_none(),
        "payee_uscc",
        ("没有收款单位名称", "there is no name to this code"),
        ("请填收款单位", "fill in the supplier"),
    );
    v.refuse_if(
        is(r, "category", v1::ExpenditureCategory::Pay) && r.int("service_month").is_none(),
        "service_month",
        ("薪酬或补贴须填所属月份", "pay is for a month"),
        ("请填写", "fill it in"),
    );
    v.refuse_if(
        r.text("invoice_code").is_some() && r.text("invoice_no").is_none(),
        "invoice_code",
        ("没有发票号码", "there is no invoice number"),
        ("请填发票号码", "fill in the number"),
    );
    let above = r.int("amount").zip(r.int("invoice_total")).is_some_and(|(amount, total)| amount > total);
    v.warn_if(above, "amount", ("高于发票金额", "more than the invoice"), CHECK);
}

fn matching(v: &mut Verdict<'_>, r: &Record) {
    v.reversal();
    let own = [v1::FundSource::OwnMatching, v1::FundSource::FromTreasury].iter().any(|s| is(r, "source", *s));
    v.warn_if(
        r.int("source").is_some() && !own,
        "source",
        ("上级资金不是本级配套", "money from above is not matching money"),
        CHECK,
    );
}

fn filing(v: &mut Verdict<'_>, r: &Record) {
    let off_year = r.int("month").zip(r.int("year")).is_some_and(|(month, year)| month.div_euclid(12) != year);
    v.refuse_if(off_year, "month", ("不在所填年度内", "not in the year given"), CHECK);
    let heads = r.int("full_time").unwrap_or(0) + r.int("part_time").unwrap_or(0);
    for name in ["certified", "funded_heads"] {
        v.refuse_if(
            r.int(name).is_some_and(|n| n > heads),
            name,
            ("多于专兼职人数之和", "more than full-time and part-time together"),
            CHECK,
        );
    }
    // A union that only adds up what lower ones filed has no roster of its own.
    if r.lines("roster").next().is_none() {
        return;
    }
    let count = |test: &dyn Fn(&Line<'_>) -> bool| r.lines("roster").filter(test).count() as i64;
    let employed = |line: &Line<'_>, as_: v1::Employment| line.int("employment") == Some(i64::from(i32::from(as_)));
    let roster = [
        ("full_time", count(&|line| employed(line, v1::Employment::FullTime))),
        ("part_time", count(&|line| employed(line, v1::Employment::PartTime))),
    ];
    for (name, counted) in roster {
        v.refuse_if(
            r.int(name).is_some_and(|n| n != counted),
            name,
            ("与名册不一致", "not what the roster counts"),
            ("请按名册重新统计", "count the roster again"),
        );
    }
    // What is declared for the fund is said by a person; whether it holds is FC-06's question.
    let funded = count(&|line| line.flag("funded"));
    v.warn_if(
        r.int("funded_heads").is_some_and(|n| n != funded),
        "funded_heads",
        ("与名册中计入补助人数不一致", "not as many as count for the fund on the roster"),
        CHECK,
    );
    let mut engagements: Vec<&[u8]> = r.lines("roster").filter_map(|line| line.bytes("engagement")).collect();
    let lines = engagements.len();
    engagements.sort_unstable();
    engagements.dedup();
    v.refuse_if(
        engagements.len() != lines,
        "roster",
        ("同一聘任出现两次", "an engagement appears twice"),
        ("请删去重复行", "take out the repeated line"),
    );
}

fn filing_review(v: &mut Verdict<'_>, r: &Record) {
    v.refuse_if(
        is(r, "action", v1::ReviewAction::Filed) && r.text("register_no").is_none(),
        "register_no",
        ("同意备案须有备案号", "an accepted filing has a register number"),
        ("请填写", "fill it in"),
    );
    v.refuse_if(
        is(r, "action", v1::ReviewAction::SentBack) && r.text("reasons").is_none(),
        "reasons",
        ("退回须写明理由", "a filing sent back has reasons"),
        ("请填写", "fill it in"),
    );
}

fn statement(v: &mut Verdict<'_>, r: &Record) {
    let mut measures: Vec<Option<i64>> = r.lines("figures").map(|line| line.int("measure")).collect();
    let count = measures.len();
    measures.sort_unstable();
    measures.dedup();
    v.refuse_if(measures.len() != count, "figures", ("同一指标出现两次", "a measure appears twice"), CHECK);
}

fn region(code: i64) -> Option<UnionNumber> {
    code.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::kind;

    const ID: [u8; 16] = [7; 16];

    /// A record that stands, and then one thing changed in it.
    fn record(name: &str, typed: &[(&str, &str)]) -> Record {
        let mut record = Record::new(kind(name).expect("a kind of this test"));
        for (field, text) in typed {
            let at = record.kind.field(field).expect("a field of this test");
            let value = if text.is_empty() {
                None
            } else {
                Some(record.kind.fields[at].parse(text).unwrap_or_else(|r| panic!("{r}")))
            };
            record.put(at, value);
        }
        record
    }

    fn refused(record: &Record) -> Vec<String> {
        record.validate().err().unwrap_or_default().into_iter().map(|r| r.field_name).collect()
    }

    fn warned(record: &Record) -> Vec<String> {
        record.validate().expect("a record that stands").into_iter().map(|w| w.field_name).collect()
    }

    fn with(
        base: &[(&'static str, &'static str)],
        changes: &[(&'static str, &'static str)],
    ) -> Vec<(&'static str, &'static str)> {
        let kept = base.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| name == changed));
        kept.chain(changes).copied().collect()
    }

    const REF: &str = "07070707070707070707070707070707";
    type Typed = [(&'static str, &'static str)];

    const MEDIATOR: &Typed = &[
        ("name", "王建国"),
        ("id_no", "32092219900101001X"),
        ("sex", "男"),
        ("born", "1990-01-01"),
        ("education", "大专"),
    ];
    const ENGAGEMENT: &Typed = &[
        ("mediator", REF),
        ("employment", "专职"),
        ("channel", "2a"),
        ("tier", "县级"),
        ("funded", "是"),
        ("contract_no", "滨工聘2026-01"),
        ("starts_on", "2026-01-01"),
        ("ends_on", "2026-12-31"),
        ("state", "在聘"),
        ("other_employment", "无其他任职"),
    ];
    const EXPENDITURE: &Typed = &[
        ("programme", REF),
        ("year", "2026"),
        ("category", "薪酬或补贴"),
        ("subject", "50504"),
        ("amount", "3000"),
        ("paid_on", "2026-04-10"),
        ("service_month", "2026-03"),
        ("payee_mediator", REF),
        ("method", "转账"),
        ("voucher_no", "记-0031"),
    ];
    const WORK: &Typed = &[
        ("mediator", REF),
        ("duty", "参加协商"),
        ("subtype", "现场指导协商"),
        ("done_on", "2026-03-31"),
        ("place", "滨海经济开发区"),
        ("guided", "1"),
        ("mandate", "企业工会委托"),
    ];

    #[test]
    fn the_examples_stand() {
        for (kind, typed) in
            [("mediator", MEDIATOR), ("engagement", ENGAGEMENT), ("expenditure", EXPENDITURE), ("work_entry", WORK)]
        {
            assert_eq!(warned(&record(kind, typed)), [""; 0], "{kind}");
        }
    }

    /// Each row: the kind, what stands, what is changed, what is refused.
    #[test]
    fn what_cannot_be_true_is_refused() {
        let invoice: &Typed = &[
            ("invoice_type", "数电发票"),
            ("invoice_no", "2632"),
            ("invoice_total", "3000"),
            ("invoice_on", "2026-04-01"),
        ];
        assert_eq!(refused(&record("expenditure", &with(EXPENDITURE, invoice))), [""; 0]);
        let rows: &[(&str, &Typed, &Typed, &[&str])] = &[
            ("mediator", MEDIATOR, &[("sex", "女")], &["sex"]),
            ("mediator", MEDIATOR, &[("born", "1990-01-02")], &["born"]),
            ("mediator", MEDIATOR, &[("name", "")], &["name"]),
            ("mediator", MEDIATOR, &[("retired", "是")], &["retired_on"]),
            ("mediator", MEDIATOR, &[("retired_on", "2020-01-01")], &["retired_on"]),
            ("mediator", MEDIATOR, &[("retired", "否"), ("retired_on", "2020-01-01")], &["retired_on"]),
            ("engagement", ENGAGEMENT, &[("ends_on", "2025-12-31")], &["ends_on"]),
            ("engagement", ENGAGEMENT, &[("ended_on", "2026-06-30")], &["end_reason"]),
            ("engagement", ENGAGEMENT, &[("state", "终止")], &["state"]),
            ("engagement", ENGAGEMENT, &[("channel", "3b")], &["channel"]),
            ("engagement", ENGAGEMENT, &[("consent_no", "盐工〔2026〕3号")], &["consent_until"]),
            ("expenditure", EXPENDITURE, &[("amount", "-3000")], &["amount"]),
            ("expenditure", EXPENDITURE, &[("amount", "0")], &["amount"]),
            ("expenditure", EXPENDITURE, &[("reverses", REF), ("reason", "重复入账")], &["amount"]),
            ("expenditure", EXPENDITURE, &[("amount", "-3000"), ("reverses", REF)], &["reason"]),
            ("expenditure", EXPENDITURE, &[("payee_mediator", "")], &["payee_name"]),
            ("expenditure", EXPENDITURE, &[("service_month", "")], &["service_month"]),
            ("expenditure", EXPENDITURE, &[("invoice_no", "2632")], &["invoice_type", "invoice_total", "invoice_on"]),
            ("expenditure", EXPENDITURE, &[("invoice_code", "032002")], &["invoice_code"]),
            ("work_entry", WORK, &[("guided", "-1")], &["guided"]),
            ("work_entry", WORK, &[("subtype", "授课")], &["subtype"]),
            ("work_entry", WORK, &[("place", "")], &["place"]),
        ];
        for (kind, base, changes, expected) in rows {
            assert_eq!(refused(&record(kind, &with(base, changes))), *expected, "{kind} {changes:?}");
        }
        let reversal = &[("amount", "-3000"), ("reverses", REF), ("reason", "重复入账")];
        assert_eq!(refused(&record("expenditure", &with(EXPENDITURE, reversal))), [""; 0]);
        assert_eq!(refused(&record("work_entry", &with(WORK, &[("guided", "-1"), ("corrects", REF)]))), [""; 0]);
    }

    #[test]
    fn what_should_not_be_is_a_warning() {
        let rows: &[(&str, &Typed, &Typed, &[&str])] = &[
            ("engagement", ENGAGEMENT, &[("employment", "兼职")], &["funded"]),
            ("engagement", ENGAGEMENT, &[("tier", "企业级")], &["funded"]),
            ("engagement", ENGAGEMENT, &[("tier", "企业级"), ("funded", "否")], &[]),
            ("work_entry", WORK, &[("mandate", "")], &["mandate"]),
            ("mediator", MEDIATOR, &[("id_no", "34052419800101001X"), ("born", "1980-01-01")], &["id_no"]),
        ];
        for (kind, base, changes, expected) in rows {
            assert_eq!(warned(&record(kind, &with(base, changes))), *expected, "{kind} {changes:?}");
        }
    }

    #[test]
    fn a_sealed_number_is_not_compared() {
        let mut sealed = record("mediator", &with(MEDIATOR, &[("sex", "女")]));
        sealed.set("id_no", Value::Bytes(vec![9; 80]));
        assert_eq!(refused(&sealed), [""; 0]);
    }

    fn rating(scores: &[i64], total: i64, grade: v1::Grade) -> Record {
        let mut r = record(
            "rating",
            &[("enterprise", REF), ("round", "2026上"), ("rated_on", "2026-06-01"), ("team", "第3组")],
        );
        let maxima = [12, 11, 11, 11, 11, 11, 11, 11, 11];
        let lines = scores
            .iter()
            .zip(maxima)
            .zip(1..)
            .map(|((score, max), no)| vec![Some(Value::Int(no)), Some(Value::Int(max)), Some(Value::Int(*score))]);
        r.set("items", Value::Lines(lines.collect()));
        r.set("total", Value::Int(total));
        r.set("grade", Value::Int(i64::from(i32::from(grade))));
        r.set("a_from", Value::Int(85));
        r.set("b_from", Value::Int(70));
        r
    }

    #[test]
    fn a_rating_adds_up() {
        let scores = [12, 10, 10, 10, 10, 9, 9, 8, 7];
        assert_eq!(refused(&rating(&scores, 85, v1::Grade::A)), [""; 0]);
        assert_eq!(refused(&rating(&scores, 85, v1::Grade::B)), ["grade"]);
        assert_eq!(refused(&rating(&scores, 84, v1::Grade::B)), ["total"]);
        assert_eq!(refused(&rating(&scores[..8], 78, v1::Grade::B)), ["items"]);
        assert_eq!(refused(&rating(&[13, 9, 10, 10, 10, 9, 9, 8, 7], 85, v1::Grade::A)), ["items"]);
        assert_eq!(
            refused(&rating(&[101, 0, 0, 0, 0, 0, 0, 0, 0], 85, v1::Grade::A)),
            ["items.1.score", "items", "total"]
        );
    }

    #[test]
    fn a_filing_counts_its_own_roster() {
        let mut f = record(
            "filing",
            &[
                ("type", "年度备案"),
                ("year", "2026"),
                ("census_on", "2026-12-31"),
                ("full_time", "1"),
                ("part_time", "1"),
                ("funded_heads", "1"),
            ],
        );
        assert_eq!(refused(&f), [""; 0], "without a roster it only adds up");
        let line = |engagement: u8, employment: v1::Employment, funded: bool| {
            let id = Some(Value::Bytes(vec![engagement; 16]));
            vec![
                id,
                Some(Value::Bytes(ID.to_vec())),
                None,
                Some(Value::Int(i64::from(i32::from(employment)))),
                funded.then_some(Value::Bool(true)),
            ]
        };
        let (full, part) = (v1::Employment::FullTime, v1::Employment::PartTime);
        f.set("roster", Value::Lines(vec![line(1, full, true), line(2, part, false)]));
        assert_eq!(refused(&f), [""; 0]);
        f.set("roster", Value::Lines(vec![line(1, full, true), line(1, part, false)]));
        assert_eq!(refused(&f), ["roster"]);
        f.set("roster", Value::Lines(vec![line(1, full, true), line(2, full, true)]));
        assert_eq!(refused(&f), ["full_time", "part_time"]);
        f.set("roster", Value::Lines(vec![line(1, full, false), line(2, part, false)]));
        assert_eq!(warned(&f), ["funded_heads"], "declared by a person, judged by FC-06");
    }

    #[test]
    fn the_rules_name_kinds_and_fields_that_exist() {
        for (name, _) in RULES {
            assert!(kind(name).is_some(), "{name}");
        }
    }

    #[test]
    fn words_for_people_and_words_for_logs() {
        let wrong = record("mediator", &with(MEDIATOR, &[("sex", "女")]));
        let refusal = &wrong.validate().expect_err("it is wrong")[0];
        assert_eq!(refusal.say(Lang::Zh), "性别“女”：与身份证号不一致。请核对证件。");
        assert_eq!(refusal.to_string(), "sex: not what the identity number says. Compare both with the card.");
        assert_eq!(format!("{refusal:?}"), "Refusal(sex: not what the identity number says)");
    }
}
