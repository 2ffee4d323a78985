//! A rule that a value may break: its stable code for programs, and its sentence for people. Of one that was broken,
//! also the values that the sentence names. docs/rules.md lists every rule; `proto/tests/rules.rs` holds it to the sources.

use std::fmt;

use crate::{
    id::RecordId,
    kind::{Field, Format, Kind},
    lang::{self, Label, Lang},
    period::{Day, Month},
    union::UnionNumber,
    value::Value,
};

/// `{name}` in a sentence stands for the argument of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    code: &'static str,
    zh: &'static str,
    en: &'static str,
}

/// A value as a program reads it.
#[derive(Clone, PartialEq, Eq)]
pub enum Plain {
    Number(i64),
    Text(String),
}

/// What a sentence names.
#[derive(Clone, PartialEq, Eq)]
pub struct Argument {
    pub name: &'static str,
    pub plain: Plain,
    words: Label,
}

/// A rule, and how it was broken.
#[derive(Clone, PartialEq, Eq)]
pub struct Breach {
    pub rule: Rule,
    pub arguments: Vec<Argument>,
}

impl Rule {
    /// `code` is in snake case and stays.
    pub const fn new(code: &'static str, zh: &'static str, en: &'static str) -> Rule {
        Rule { code, zh, en }
    }

    pub fn code(self) -> &'static str {
        self.code
    }

    pub fn number(self, name: &'static str, number: i64) -> Breach {
        Breach::from(self).number(name, number)
    }

    pub fn value(self, name: &'static str, field: &Field, number: i64) -> Breach {
        Breach::from(self).value(name, field, number)
    }

    pub fn named(self, name: &'static str, plain: impl Into<String>, words: Label) -> Breach {
        Breach::from(self).named(name, plain, words)
    }

    pub fn union(self, union: UnionNumber) -> Breach {
        Breach::from(self).union(union)
    }

    /// What the program says of it, in English.
    pub fn error(self, error: &dyn fmt::Display) -> Breach {
        let said = error.to_string();
        self.named("error", &said, Label::new(&said, &said))
    }

    /// The kind as a program names it and as a person reads it.
    pub fn kind(self, kind: &Kind) -> Breach {
        self.named("kind", kind.name, Label::new(&kind.label.zh, lang::a(&kind.label.en)))
    }

    /// A record, by its kind and id.
    pub fn record(self, kind: &Kind, record: &RecordId) -> Breach {
        self.named("kind", kind.name, kind.label.clone()).plain("record", record.to_string())
    }

    /// What reads alike for programs and people.
    pub fn plain(self, name: &'static str, text: impl Into<String>) -> Breach {
        Breach::from(self).plain(name, text)
    }

    /// The field as a program names it and as a person reads it.
    pub fn field(self, name: &'static str, field: &Field) -> Breach {
        self.named(name, field.name, field.label.clone())
    }
}

/// A sentence may name a person, and no log does.
impl fmt::Debug for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.code)
    }
}

impl From<Rule> for Breach {
    fn from(rule: Rule) -> Breach {
        Breach { rule, arguments: vec![] }
    }
}

impl Breach {
    pub fn number(self, name: &'static str, number: i64) -> Breach {
        self.with(name, Plain::Number(number), Label::new(number.to_string(), number.to_string()))
    }

    /// What stands in the field, or might: a day and a month as they are written, anything else as the number it is.
    pub fn value(self, name: &'static str, field: &Field, number: i64) -> Breach {
        let words = |lang| field.show(&Value::Int(number), lang);
        let day = i32::try_from(number).ok();
        let plain = match (field.format, day) {
            (Format::Date, Some(day)) => Plain::Text(Day(day).to_string()),
            (Format::Month, Some(month)) => Plain::Text(Month(month).to_string()),
            _ => Plain::Number(number),
        };
        let words = Label::new(words(Lang::Zh), words(Lang::En));
        self.with(name, plain, words)
    }

    pub fn named(self, name: &'static str, plain: impl Into<String>, words: Label) -> Breach {
        self.with(name, Plain::Text(plain.into()), words)
    }

    /// What reads alike for programs and people.
    pub fn plain(self, name: &'static str, text: impl Into<String>) -> Breach {
        let text = text.into();
        let words = Label::new(&text, &text);
        self.named(name, text, words)
    }

    /// A union, by its number; a sentence has one.
    pub fn union(self, union: UnionNumber) -> Breach {
        self.with("union", Plain::Number(i64::from(union)), Label::new(union.union_name(), union.to_string()))
    }

    fn with(mut self, name: &'static str, plain: Plain, words: Label) -> Breach {
        self.arguments.push(Argument { name, plain, words });
        self
    }

    /// The sentence.
    pub fn words(&self) -> Label {
        Label::new(self.get(Lang::Zh), self.get(Lang::En))
    }

    pub fn get(&self, lang: Lang) -> String {
        let mut said = String::new();
        let mut rest = lang.pick(self.rule.zh, self.rule.en);
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let argument = self.arguments.iter().find(|argument| argument.name == name);
            debug_assert!(argument.is_some(), "{}: nothing is said for {name}", self.rule.code);
            said.push_str(before);
            said.push_str(argument.map_or("", |argument| argument.words.get(lang)));
            rest = after;
        }
        said + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kind::kind;

    #[test]
    fn a_sentence_names_its_arguments_and_takes_nothing_from_them() {
        let rule =
            Rule {
                code: "between", zh: "{who}不在{least}至{most}之间", en: "{who} is not between {least} and {most}"
            };
        let born = kind("mediator").unwrap().fields.iter().find(|field| field.name == "born").unwrap();
        let breach = rule.named("who", "{least}", Label::new("甲{most}", "{least}"));
        let breach = breach.value("least", born, 0).number("most", 7);
        assert_eq!(breach.get(Lang::Zh), "甲{most}不在1970-01-01至7之间");
        assert_eq!(breach.get(Lang::En), "{least} is not between 1970-01-01 and 7");
        let plain: Vec<_> = breach.arguments.into_iter().map(|argument| argument.plain).collect();
        assert!(plain[1..] == [Plain::Text("1970-01-01".into()), Plain::Number(7)]);
    }
}
