//! Why an operation does not count: a code for programs, and a sentence for people.

use huiliu_proto::{
    lang::{Label, Lang},
    record::Refusal,
    rule::{Breach, Rule},
};

use super::Reason;

/// What an operation breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grounds {
    /// A rule that is about the operation.
    Broken(Box<Breach>),
    /// Rules about the fields of its record.
    Fields(Vec<Refusal>),
    /// No more than that is known any longer.
    Only(Reason),
}

impl Grounds {
    /// All of it, in words. They may quote what was written.
    pub fn words(&self) -> Label {
        match self {
            Grounds::Broken(breach) => breach.words(),
            Grounds::Fields(refusals) => {
                let say = |lang| refusals.iter().map(|refusal| refusal.say(lang)).collect::<Vec<_>>().join(" ");
                Label::new(say(Lang::Zh), say(Lang::En))
            }
            Grounds::Only(reason) => reason.label(),
        }
    }

    /// Each rule that is broken, with the field it is about where it is about one.
    pub fn rules(&self) -> Vec<(Option<&str>, &Breach)> {
        match self {
            Grounds::Broken(breach) => vec![(None, breach)],
            Grounds::Fields(refusals) => refusals.iter().map(|r| (Some(&*r.field_name), &*r.rule)).collect(),
            Grounds::Only(_) => vec![],
        }
    }
}

impl From<Breach> for Grounds {
    fn from(breach: Breach) -> Grounds {
        Grounds::Broken(Box::new(breach))
    }
}

impl From<Rule> for Grounds {
    fn from(rule: Rule) -> Grounds {
        Breach::from(rule).into()
    }
}
