//! How a refusal or a warning is put into words, and what the rules of a kind are written with. The rules themselves are
//! in the rooms of the kinds (`records/<kind>.rs`).
//!
//! A refusal is for what cannot be true. What can be true and should not be (a head counted that perhaps ought not to
//! be) is at most a warning here: judging it is the work of the fund checks, which see more than one record.

use std::fmt;

pub use crate::rule::Rule;
use crate::{
    handle::{self, Date, Money, Reference, Text, View},
    ident::{CreditCode, Registrar},
    kind::Field,
    lang::{Label, Lang},
    money::Fen,
    record::Record,
    room::{Room, room},
    rule::Breach,
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
            pub rule: Box<Breach>,
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

            /// The same in a line of a table, counted from nought.
            pub fn in_line(mut self, table: &Field, line: usize) -> Self {
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
                write!(f, "{}({}: {})", stringify!($name), self.field_name, self.rule.rule.code())
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
    pub fn refuse(&self, value: &Value, rule: impl Into<Breach>, remedy: Label) -> Refusal {
        Refusal {
            field: Box::new(self.label.clone()),
            field_name: self.name.to_owned(),
            value: self.show_briefly(value),
            private: self.private(),
            rule: Box::new(rule.into()),
            remedy: Box::new(remedy),
        }
    }

    /// The same of a value that may stand, and is remarkable.
    pub fn warn(&self, value: &Value, rule: impl Into<Breach>, remedy: Label) -> Warning {
        let Refusal { field, field_name, value, private, rule, remedy } = self.refuse(value, rule, remedy);
        Warning { field, field_name, value, private, rule, remedy }
    }

    pub(crate) fn missing(&self) -> Refusal {
        let rule = Rule::new("empty", "没有填写", "nothing is written");
        self.refuse(&Value::Text(String::new()), rule, Label::new("请填写", "fill it in")).without_value()
    }

    pub(crate) fn missing_with(&self, other: &Field) -> Refusal {
        let rule = Rule::new("needed_with", "填了“{other}”就必须填写", "needed once “{other}” is filled");
        let rule = rule.field("other", other);
        self.refuse(&Value::Text(String::new()), rule, Label::new("请填写", "fill it in")).without_value()
    }

    pub(crate) fn refuse_without(&self, value: &Value, other: &Field) -> Refusal {
        let rule = Rule::new("not_without", "没有填“{other}”时不能填写", "not to be filled without “{other}”");
        let rule = rule.field("other", other);
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
#[derive(Default)]
pub struct Findings {
    pub refusals: Vec<Refusal>,
    pub warnings: Vec<Warning>,
}

/// One record, and what the rules of its kind have found so far. A room writes its rules with this (`room`).
pub struct Verdict<'r, K> {
    pub record: View<'r, K>,
    found: Findings,
}

/// A sentence in Chinese and in English.
pub type Words = (&'static str, &'static str);

/// Of a reference, wherever it was looked up.
pub const NO_SUCH_RECORD: Rule = Rule::new("no_such_record", "本机没有这条记录", "there is no such record here");

/// Of the number of a union, at its own machine and where an edit arrives.
pub const NUMBER_STAYS: Rule =
    Rule::new("number_stays", "工会编号一经给出，不得更改", "the number of a union is given once and never changed");

pub const CHECK: Words = ("请核对", "check it");

impl<'r, K: Room> Verdict<'r, K> {
    pub(crate) fn of(record: View<'r, K>) -> Findings {
        let mut verdict = Verdict { record, found: Findings::default() };
        K::rules(&mut verdict);
        verdict.found
    }

    fn value<T>(&self, field: handle::Field<K, T>) -> Value {
        self.record.value(field).cloned().unwrap_or_else(|| Value::Text(String::new()))
    }

    pub fn refuse_if<T>(&mut self, broken: bool, field: handle::Field<K, T>, rule: Rule, remedy: Words) {
        if broken {
            let remedy = Label::new(remedy.0, remedy.1);
            self.found.refusals.push(field.declared().refuse(&self.value(field), rule, remedy));
        }
    }

    pub fn warn_if<T>(&mut self, doubtful: bool, field: handle::Field<K, T>, rule: Rule, remedy: Words) {
        if doubtful {
            let remedy = Label::new(remedy.0, remedy.1);
            self.found.warnings.push(field.declared().warn(&self.value(field), rule, remedy));
        }
    }

    /// Both said, and the later one before the earlier.
    pub fn in_order(&mut self, from: handle::Field<K, Date>, to: handle::Field<K, Date>) {
        let both = self.record.number(from).zip(self.record.number(to));
        if both.is_some_and(|(from, to)| to < from) {
            let (earlier, later) = (from.declared(), to.declared());
            let rule = Rule::new("before", "早于“{earlier}”", "before “{earlier}”").field("earlier", earlier);
            let remedy = Label::new("请核对两个日期", "check both dates");
            self.found.refusals.push(later.refuse(&self.value(to), rule, remedy));
        }
    }

    /// Money goes one way; a reversal goes back, names what it reverses and says why.
    pub fn reversal(&mut self, amount: handle::Field<K, Money>, reverses: handle::Field<K, Reference>) {
        let reverses = self.record.has(reverses);
        let Some(Fen(fen)) = self.record.get(amount) else { return };
        self.refuse_if(fen == 0, amount, Rule::new("amount_nought", "金额为零", "the amount is nought"), CHECK);
        self.refuse_if(
            fen < 0 && !reverses,
            amount,
            Rule::new("negative_not_reversal", "负数只能用于红冲", "negative only in a reversal"),
            ("请指明所冲销的记录并写明理由", "name the entry it reverses and say why"),
        );
        self.refuse_if(
            fen > 0 && reverses,
            amount,
            Rule::new("reversal_not_negative", "红冲的金额应为负数", "a reversal's amount is negative"),
            ("请填负数", "type a negative amount"),
        );
    }

    pub fn credit_code(&mut self, field: handle::Field<K, Text>, expected: &[Registrar], remedy: Words) {
        let Some(Ok(code)) = self.record.get(field).map(str::parse::<CreditCode>) else { return };
        self.warn_if(
            !expected.contains(&code.registrar()),
            field,
            Rule::new(
                "registrar_digits",
                "登记机关代码与单位类型不符",
                "the registrar's digits do not fit this kind of organisation",
            ),
            remedy,
        );
    }
}

/// Called by `Record::validate`, after every value was looked at by itself.
pub fn cross_field(record: &Record) -> Findings {
    room(record.kind.number).map(|room| (room.rules)(record)).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests;
