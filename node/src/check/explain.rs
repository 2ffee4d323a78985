//! What a person should know before she reads the findings of a check.

use huiliu_proto::{
    handle::Declared as _,
    lang::{Label, Lang},
    union::Level,
    v1,
};

use super::{Check, header::LEVELS};

pub fn explain(check: &Check, lang: Lang) -> String {
    use std::fmt::Write as _;
    let mut text = format!("{} {}\n", check.id, check.title.get(lang));
    let mut say = |zh: &str, en: &str, what: &str| {
        // Writing to a String does not fail.
        let _ = match lang {
            Lang::Zh => writeln!(text, "{zh}：{what}"),
            Lang::En => writeln!(text, "{en}: {what}"),
        };
    };
    say("版本", "Version", &check.version.to_string());
    say("依据", "Clause", check.clause.get(lang));
    say("等级", "Severity", severity_label(check.severity).get(lang));
    say("可能的处理依据", "May lead to", family_label(check.family).get(lang));
    let levels: Vec<_> = check.levels.iter().map(|level| level_label(*level).get(lang).to_owned()).collect();
    say("运行层级", "Runs at", &levels.join(lang.pick("、", ", ")));
    for parameter in &check.parameters {
        say(
            "参数",
            "Parameter",
            &format!("{}（{}）= {}", parameter.label.get(lang), parameter.name, parameter.default),
        );
    }
    if check.discloses {
        say(
            "告知",
            "Telling",
            lang.pick(
                "涉及其他工会人员的，经本级人员核对后才告知所针对的工会。",
                "What rests on other unions' people is told to the union concerned once a person here has looked at it.",
            ),
        );
    }
    say("也可能是", "It may also be", check.innocent.get(lang));
    say(
        "说明",
        "Note",
        lang.pick(
            "查出的是疑点，不是结论；数据未到齐的单位暂不判断。",
            "What is found is a question, not a verdict; nobody is judged before the data is complete.",
        ),
    );
    text
}

/// The word for one choice of a finding's field, as `finding.proto` gives it.
fn choice_label(field: &str, number: i32) -> Label {
    let finding = v1::Finding::kind();
    let choice = finding.field(field).and_then(|at| finding.fields[at].choice(number.into()));
    choice.map(|choice| choice.label.clone()).unwrap_or_default()
}

fn severity_label(severity: v1::Severity) -> Label {
    choice_label("severity", severity.into())
}

fn family_label(family: v1::Family) -> Label {
    choice_label("family", family.into())
}

fn level_label(level: Level) -> Label {
    let named = LEVELS.iter().find(|(_, l, _)| *l == level);
    let (en, _, zh) = named.expect("every level is in the table");
    Label::new(*zh, if level == Level::County { "county (as advice to itself)" } else { en })
}
