//! What a dated fact about a union cannot be.

use super::*;
use crate::{
    room::Room,
    rules::{Rule, Verdict},
    v1::{UnionFact, UnionForm},
};

impl Room for UnionFact {
    fn rules(v: &mut Verdict<'_, UnionFact>) {
        let r = v.record;
        let says = [r.has(NAME), r.has(SHORT_NAME), r.has(CODE), r.has(LEVEL), r.has(FORM), r.has(CHAIR_SEAT)];
        v.refuse_if(
            !says.contains(&true),
            NAME,
            Rule::new("no_fact", "没有填写任何变更事项", "it names no fact"),
            (
                "请至少填写名称、简称、区划代码、级别、类型、主席席位中的一项",
                "give a name, short name, region code, level, form or chair's seat",
            ),
        );
        v.refuse_if(
            r.get(CODE).is_some_and(|code| !code.bytes().all(|b| b.is_ascii_digit()) || code.starts_with('0')),
            CODE,
            Rule::new("code_form", "不是六位区划代码", "not the six digits of a region code"),
            ("请填六位数字", "give six digits"),
        );
        v.refuse_if(
            r.is(FORM, UnionForm::SocialOrganisation),
            FORM,
            Rule::new("fact_of_no_union", "社会组织不是工会", "a social organisation is no union"),
            ("请核对类型", "look at the form again"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handle::Draft, period::Day, rules::tests::refused, union::UnionNumber, v1::ChairSeat};

    fn fact() -> Draft<UnionFact> {
        let mut draft = Draft::new();
        let union: UnionNumber = "320922".parse().expect("a union");
        draft.set(UNION, union).set(FROM, Day(20_000)).set(DOC_NO, "盐工发〔2026〕1号");
        draft
    }

    #[test]
    fn it_names_something_and_codes_are_six_digits() {
        assert_eq!(refused(&fact().into_record()), ["name"]);
        let mut vacant = fact();
        vacant.set(CHAIR_SEAT, ChairSeat::VacantChair);
        assert_eq!(refused(&vacant.into_record()), [""; 0]);
        for (code, wrong) in [("320982", false), ("32098", true), ("32098x", true), ("020982", true)] {
            let mut moved = fact();
            moved.set(CODE, code);
            assert_eq!(!refused(&moved.into_record()).is_empty(), wrong, "{code}");
        }
        let mut none = fact();
        none.set(FORM, UnionForm::SocialOrganisation);
        assert_eq!(refused(&none.into_record()), ["form"]);
    }
}
