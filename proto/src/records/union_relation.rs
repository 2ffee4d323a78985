//! What a relation between two unions cannot be, whatever else is known.

use super::*;
use crate::{
    room::Room,
    rules::{Rule, Verdict},
    union::UnionNumber,
    v1::{UnionRelation, UnionRelationType},
};

/// Whether one may lead the other: it gave its number, or one of both was registered beside the other below that.
pub fn may_lead(other: UnionNumber, union: UnionNumber) -> bool {
    let beside = other != union && other.parent() == union.parent();
    union.parent() == Some(other) || (beside && (other.serial().is_some() || union.serial().is_some()))
}

impl Room for UnionRelation {
    fn rules(v: &mut Verdict<'_, UnionRelation>) {
        v.in_order(FROM, UNTIL);
        let r = v.record;
        let Some((union, other)) = r.get(UNION).zip(r.get(OTHER)) else { return };
        v.refuse_if(
            union == other,
            OTHER,
            Rule::new("related_to_itself", "对方就是该工会自己", "it is the union itself"),
            ("请改填对方工会", "name another union"),
        );
        if r.is(TYPE, UnionRelationType::LedBy) {
            v.refuse_if(
                union != other && !may_lead(other, union),
                OTHER,
                Rule::new(
                    "cannot_lead",
                    "不是给出该工会编号的工会，也不是登记在其下的同级工会",
                    "neither the union that gave its number nor one registered beside it below that",
                ),
                ("改由其他工会领导须另行办理机构调整", "to move a union elsewhere takes an organisation order"),
            );
        }
        if r.is_one_of(TYPE, [UnionRelationType::FundedBy, UnionRelationType::FilesWith]) {
            v.refuse_if(
                union != other && !other.contains(union) && !may_lead(other, union),
                OTHER,
                Rule::new(
                    "neither_leads_nor_above",
                    "不是该工会的组织上级，也不在其组织上级之上",
                    "neither the union that leads it nor one above that",
                ),
                ("经费、备案关系请填组织上级或更上级的工会", "name the union that leads it, or one above that"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handle::Draft, period::Day, rules::tests::refused};

    fn relation(union: &str, type_: UnionRelationType, other: &str) -> Draft<UnionRelation> {
        let number = |text: &str| text.parse::<UnionNumber>().expect("a union");
        let mut draft = Draft::new();
        draft.set(UNION, number(union)).set(TYPE, type_).set(OTHER, number(other));
        draft.set(FROM, Day(20_000)).set(DOC_NO, "新兵工发〔2026〕1号");
        draft
    }

    #[test]
    fn who_leads_funds_and_takes_filings_is_above() {
        use UnionRelationType::{FilesWith, FundedBy, GuidedBy, LedBy, PostedBy};
        let refused = |union, type_, other| !refused(&relation(union, type_, other).into_record()).is_empty();
        for (union, other) in
            [("659001", "660000-008"), ("660000-021", "660000-008"), ("659001", "660000"), ("320922-001", "320922-002")]
        {
            assert!(!refused(union, LedBy, other) && !refused(union, FundedBy, other), "{union} {other}");
        }
        for (union, other) in
            [("320922", "320921"), ("320922", "320000"), ("320922-001", "320921-001"), ("320000-103", "320900-001")]
        {
            assert!(refused(union, LedBy, other), "{union} {other}");
        }
        for above in ["320900", "320000", "100000", "320900-003"] {
            assert!(!refused("320922", FundedBy, above) && !refused("320922", FilesWith, above), "{above}");
        }
        for elsewhere in ["320921", "330000", "320922-001", "320922"] {
            assert!(refused("320922", FundedBy, elsewhere) && refused("320922", FilesWith, elsewhere), "{elsewhere}");
        }
        assert!(!refused("320922", GuidedBy, "320000-103") && !refused("320000-103", PostedBy, "330000"));
        assert!(refused("320922", GuidedBy, "320922") && refused("320922", LedBy, "320922"));
    }

    #[test]
    fn it_ends_after_it_began() {
        let mut draft = relation("320922", UnionRelationType::FundedBy, "320000");
        draft.set(UNTIL, Day(19_999));
        assert_eq!(refused(&draft.into_record()), ["until"]);
    }
}
