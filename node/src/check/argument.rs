//! What a finding says: a code and a typed value each, put into words where they are read. A rule that is known here says
//! what its codes mean; of any other the codes and values are shown as they are.

use huiliu_proto::{
    handle::{Field, Lines, View},
    id::RecordId,
    lang::{Label, Lang},
    money::Fen,
    period::{Day, Month},
    record::Record,
    records::{finding, finding_argument},
    shown,
    union::UnionNumber,
    v1::{self, ArgumentKind, Finding},
};
use serde_json::Value as Json;

use super::{Check, message};
use crate::store::cases::Value as Column;

/// How many lines of a list did not fit into the finding.
pub const EVIDENCE_LEFT_OUT: &str = "evidence_left_out";
pub const HORIZONS_LEFT_OUT: &str = "horizons_left_out";
/// The longest text of `finding.proto`, and the farthest number either way.
const LONGEST_TEXT: usize = 200;
const LARGEST_NUMBER: i64 = 9_007_199_254_740_991;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    Union(UnionNumber),
    Amount(Fen),
    Day(Day),
    Month(Month),
    Number(i64),
    Record(RecordId),
    Text(String),
}

/// As the header of a check writes it.
pub fn kind_named(name: &str) -> Option<ArgumentKind> {
    Some(match name {
        "union" => ArgumentKind::AUnion,
        "money" => ArgumentKind::AnAmount,
        "day" => ArgumentKind::ADay,
        "month" => ArgumentKind::AMonth,
        "number" => ArgumentKind::ANumber,
        "record" => ArgumentKind::ARecord,
        "text" => ArgumentKind::AText,
        _ => return None,
    })
}

impl Argument {
    fn number(kind: ArgumentKind, n: i64) -> Option<Argument> {
        let narrow = i32::try_from(n);
        Some(match kind {
            ArgumentKind::AUnion => Argument::Union(UnionNumber::try_from(n).ok()?),
            ArgumentKind::AnAmount => Argument::Amount(Fen(n)),
            ArgumentKind::ADay => Argument::Day(Day(narrow.ok()?)),
            ArgumentKind::AMonth => Argument::Month(Month(narrow.ok()?)),
            ArgumentKind::ANumber => Argument::Number(n),
            _ => return None,
        })
    }

    /// From a column of a check.
    pub fn read(kind: ArgumentKind, value: &Column) -> Option<Argument> {
        match (kind, value) {
            (ArgumentKind::ARecord, Column::Bytes(bytes)) => {
                Some(Argument::Record(RecordId::try_from(&bytes[..]).ok()?))
            }
            (ArgumentKind::AText, Column::Text(text)) => Some(Argument::Text(text.clone())),
            (_, Column::Number(n)) => Argument::number(kind, *n),
            _ => None,
        }
    }

    /// As it travels. A number that leaves the range of the record, a sum of hostile amounts, is as far as it goes.
    pub fn to_wire(&self, name: &str) -> v1::FindingArgument {
        let wire =
            |kind: ArgumentKind| v1::FindingArgument { name: name.to_owned(), kind: kind.into(), ..Default::default() };
        let number =
            |kind, n: i64| v1::FindingArgument { number: Some(n.clamp(-LARGEST_NUMBER, LARGEST_NUMBER)), ..wire(kind) };
        match self {
            Argument::Union(union) => number(ArgumentKind::AUnion, i64::from(*union)),
            Argument::Amount(fen) => number(ArgumentKind::AnAmount, fen.0),
            Argument::Day(day) => number(ArgumentKind::ADay, day.0.into()),
            Argument::Month(month) => number(ArgumentKind::AMonth, month.0.into()),
            Argument::Number(n) => number(ArgumentKind::ANumber, *n),
            Argument::Record(id) => v1::FindingArgument { record: id.to_vec().into(), ..wire(ArgumentKind::ARecord) },
            Argument::Text(text) => {
                v1::FindingArgument { text: shown::brief(text, LONGEST_TEXT), ..wire(ArgumentKind::AText) }
            }
        }
    }

    /// From a line of a recorded finding; `None` where it says nothing that can be read here.
    fn recorded(line: View<'_, v1::FindingArgument>) -> Option<(&str, Argument)> {
        let argument = match line.choice(finding_argument::KIND)? {
            ArgumentKind::ARecord => Argument::Record(RecordId::try_from(line.bytes(finding_argument::RECORD)?).ok()?),
            ArgumentKind::AText => Argument::Text(line.get(finding_argument::TEXT).unwrap_or_default().to_owned()),
            kind => Argument::number(kind, line.get(finding_argument::NUMBER)?)?,
        };
        Some((line.get(finding_argument::NAME)?, argument))
    }

    /// As a person reads it.
    pub fn show(&self, lang: Lang) -> String {
        match self {
            Argument::Union(union) => match lang {
                Lang::Zh => union.union_name(),
                Lang::En => union.to_string(),
            },
            Argument::Amount(fen) => fen.to_string(),
            Argument::Day(day) => day.to_string(),
            Argument::Month(month) => month.to_string(),
            Argument::Number(n) => n.to_string(),
            Argument::Record(id) => id.to_string()[..16].to_owned(),
            Argument::Text(text) => shown::line(text).into_owned(),
        }
    }

    /// As a program reads it: numbers as numbers, money in fen, days and months as they are written.
    pub fn json(&self) -> Json {
        match self {
            Argument::Union(union) => u64::from(*union).into(),
            Argument::Amount(fen) => fen.0.into(),
            Argument::Day(day) => day.to_string().into(),
            Argument::Month(month) => month.to_string().into(),
            Argument::Number(n) => (*n).into(),
            Argument::Record(id) => id.to_string().into(),
            Argument::Text(text) => text.as_str().into(),
        }
    }
}

/// What a code means, by the rule's own words where the rule is known here. A code never changes its meaning, so that those
/// of an earlier version mean what they do now.
fn meaning(rule: &str, name: &str, lang: Lang) -> Option<String> {
    let left_out = match name {
        EVIDENCE_LEFT_OUT => Some(Label::new("另有未列出的依据记录", "records not listed here")),
        HORIZONS_LEFT_OUT => Some(Label::new("另有未列出的单位", "unions not listed here")),
        _ => None,
    };
    if let Some(label) = left_out {
        return Some(label.get(lang).to_owned());
    }
    let check = super::check(rule)?;
    let result = check.results.iter().find(|r| r.name == name).map(|r| &r.label);
    let parameter = check.parameters.iter().find(|p| p.name == name).map(|p| &p.label);
    Some(result.or(parameter)?.get(lang).to_owned())
}

/// What a record is to a case, in words where the rule is known here.
pub fn role(rule: &str, role: &str, lang: Lang) -> String {
    let check = super::check(rule);
    let known = check.and_then(|check| check.roles.iter().find(|(name, _)| *name == role));
    known.map_or_else(|| shown::line(role).into_owned(), |(_, label)| label.get(lang).to_owned())
}

/// A table of values inside a finding, `PARAMETERS` or `RESULTS`.
pub type List = Field<Finding, Lines<v1::FindingArgument>>;

fn recorded(finding: &Record, list: List) -> Vec<(&str, Argument)> {
    let lines = finding.of::<Finding>().into_iter().flat_map(|finding| finding.lines(list));
    lines.filter_map(Argument::recorded).collect()
}

fn listed(rule: &str, values: &[(&str, Argument)], lang: Lang) -> Vec<String> {
    let all = values.iter().map(|(name, argument)| {
        let name = meaning(rule, name, lang).unwrap_or_else(|| shown::line(name).into_owned());
        format!("{name}{}{}", lang.pick("：", ": "), argument.show(lang))
    });
    all.collect()
}

/// The values of a recorded finding's list, a line each.
pub fn lines(finding: &Record, list: List, lang: Lang) -> Vec<String> {
    listed(finding.read(finding::RULE).unwrap_or_default(), &recorded(finding, list), lang)
}

/// The union as it is written over the door, with the regions above it, since many counties share a name:
/// 江苏省盐城市滨海县总工会.
fn full_name(union: UnionNumber) -> String {
    let above: Vec<_> = union.ancestors().filter(|a| *a != UnionNumber::NATION).map(UnionNumber::name).collect();
    above.into_iter().rev().collect::<String>() + &union.union_name()
}

/// A case in one sentence: by the template of its version; where that is not known, what the rule asks and the plain
/// values.
pub fn said(
    check: &Check,
    version: i32,
    variant: &str,
    subject: UnionNumber,
    results: &[(&str, Argument)],
    parameters: &[(&str, i64)],
    lang: Lang,
) -> String {
    let of = |version: i32| check.messages.iter().find(|m| m.version == version && m.variant == variant);
    let as_now = || (check.words_since..check.version).contains(&version).then(|| of(check.version)).flatten();
    let template = of(version).or_else(as_now);
    let value = |name: &str| {
        let result = results.iter().find(|(n, _)| *n == name).map(|(_, argument)| match argument {
            Argument::Union(union) => full_name(*union),
            other => other.show(lang),
        });
        let parameter = || parameters.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        if name == "subject" { Some(full_name(subject)) } else { result.or_else(parameter) }
    };
    let filled = template.and_then(|m| message::fill(lang.pick(m.zh, m.en), &value));
    filled.unwrap_or_else(|| plain(check.id, check.title.get(lang), results, lang))
}

fn plain(rule: &str, title: &str, results: &[(&str, Argument)], lang: Lang) -> String {
    let values = listed(rule, results, lang).join(lang.pick("；", "; "));
    match values.is_empty() {
        true => title.to_owned(),
        false => format!("{title}{}{values}", lang.pick("：", ": ")),
    }
}

/// A recorded finding in one sentence.
pub fn sentence(finding: &Record, lang: Lang) -> String {
    let rule = finding.read(finding::RULE).unwrap_or_default();
    let results = recorded(finding, finding::RESULTS);
    let version = finding.read(finding::VERSION).and_then(|n| i32::try_from(n).ok());
    let subject = finding.read(finding::UNION);
    let (Some(check), Some(version), Some(subject)) = (super::check(rule), version, subject) else {
        let title = super::check(rule).map_or_else(|| shown::line(rule).into_owned(), |c| c.title.get(lang).to_owned());
        return plain(rule, &title, &results, lang);
    };
    let whole = |(name, argument)| match argument {
        Argument::Number(n) => Some((name, n)),
        _ => None,
    };
    let parameters: Vec<(&str, i64)> = recorded(finding, finding::PARAMETERS).into_iter().filter_map(whole).collect();
    said(check, version, finding.read(finding::VARIANT).unwrap_or_default(), subject, &results, &parameters, lang)
}

#[cfg(test)]
mod tests {
    use huiliu_proto::handle::Declared as _;
    use prost::Message as _;

    use super::*;

    fn finding(rule: &str, results: Vec<v1::FindingArgument>) -> Record {
        let finding = Finding { rule: rule.into(), results, ..Default::default() };
        Record::decode(Finding::kind(), &finding.encode_to_vec()).expect("a record")
    }

    #[test]
    fn a_known_rule_says_what_its_codes_mean_and_any_other_shows_them() {
        let results =
            || vec![Argument::Amount(Fen(300_000)).to_wire("paid"), Argument::Day(Day(20_454)).to_wire("due")];
        assert_eq!(
            sentence(&finding("FC-01", results()), Lang::Zh),
            "拨付与到账不符：拨付净额（元）：3,000.00；最迟到账日期：2026-01-01"
        );
        assert_eq!(sentence(&finding("FC-99", results()), Lang::En), "FC-99: paid: 3,000.00; due: 2026-01-01");
    }

    #[test]
    fn a_finding_speaks_by_the_template_of_its_version() {
        let check = super::super::check("FC-02").expect("it is there");
        let of = |version: i32, results: Vec<v1::FindingArgument>| {
            let (rule, variant, parameters) =
                ("FC-02".into(), "unnamed".into(), vec![Argument::Number(30).to_wire("days")]);
            let finding = Finding { rule, version, variant, union: 320_922, parameters, results, ..Default::default() };
            Record::decode(Finding::kind(), &finding.encode_to_vec()).expect("a record")
        };
        let results = || {
            vec![Argument::Amount(Fen(300_000)).to_wire("received"), Argument::Day(Day(20_454)).to_wire("received_on")]
        };
        let now = sentence(&of(check.version, results()), Lang::Zh);
        assert!(now.starts_with("江苏省盐城市滨海县总工会于2026-01-01记录"), "{now}");
        assert!(check.words_since < check.version);
        assert_eq!(sentence(&of(check.words_since, results()), Lang::Zh), now, "the words have not changed since");
        // An earlier version's, and one of this version that lacks a value: the plain values.
        let before = sentence(&of(2, results()), Lang::Zh);
        assert!(before.starts_with("到账无对应拨款：到账净额（元）：3,000.00；到账日期：2026-01-01"), "{before}");
        let short = sentence(&of(check.version, results()[..1].to_vec()), Lang::En);
        assert_eq!(short, "Received without an allocation: received, net (yuan): 3,000.00");
    }

    #[test]
    fn every_kind_travels_and_is_read_again() {
        let all = [
            Argument::Union(320_922u64.try_into().expect("a code")),
            Argument::Amount(Fen(-5)),
            Argument::Day(Day(-1)),
            Argument::Month(Month(24_314)),
            Argument::Number(0),
            Argument::Record(RecordId([7; 16])),
            Argument::Text("凭证12".into()),
        ];
        let record = finding("X", all.iter().map(|a| a.to_wire("n")).collect());
        let read: Vec<_> = recorded(&record, finding::RESULTS).into_iter().map(|(_, argument)| argument).collect();
        assert_eq!(read, all);
        for text in ["\u{1b}[2J".repeat(100), "长".repeat(1000), "a\nb".into()] {
            let wire = Argument::Text(text).to_wire("n");
            assert!(
                wire.text.chars().count() <= LONGEST_TEXT && !wire.text.chars().any(char::is_control),
                "{}",
                wire.text
            );
        }
    }
}
