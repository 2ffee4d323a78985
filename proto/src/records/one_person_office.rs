//! For how long a union may act with one person.

use super::*;
use crate::{
    room::Room,
    rules::{Rule, Verdict},
    v1::OnePersonOffice,
};

/// Longer leave is asked for anew.
const LONGEST: i32 = 2 * 366;

impl Room for OnePersonOffice {
    fn rules(v: &mut Verdict<'_, OnePersonOffice>) {
        v.in_order(FROM, UNTIL);
        let days = v.record.get(FROM).zip(v.record.get(UNTIL)).map(|(from, until)| until.0.saturating_sub(from.0));
        v.refuse_if(
            days.is_some_and(|days| days > LONGEST),
            UNTIL,
            Rule::new("longer_than_two_years", "准许期超过两年", "more than two years"),
            ("请按不超过两年填写，到期再办", "give two years at most, and again then"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handle::Draft, period::Day, rules::tests::refused, union::UnionNumber};

    #[test]
    fn leave_to_act_alone_ends() {
        let refused = |from: i32, until: i32| {
            let mut draft = Draft::<OnePersonOffice>::new();
            let union: UnionNumber = "320922".parse().expect("a union");
            draft.set(UNION, union).set(FROM, Day(from)).set(UNTIL, Day(until)).set(DOC_NO, "盐工发〔2026〕1号");
            refused(&draft.into_record())
        };
        assert_eq!(refused(20_000, 20_000 + LONGEST), [""; 0]);
        assert_eq!(refused(20_000, 20_001 + LONGEST), ["until"]);
        assert_eq!(refused(20_000, 19_999).len(), 1);
    }
}
