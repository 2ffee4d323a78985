//! A rating: how its scores add up, and which grade an enterprise has until the next.

use super::*;
use crate::{
    measure::{Measure, Nature, Part, Parts, Unit},
    period::Day,
    room::{Room, UntilNext},
    rules::{CHECK, Rule, Verdict},
    v1::{Grade, Rating},
};

pub mod measures {
    pub const GRADE_A: u32 = 20;
    pub const GRADE_B: u32 = 21;
    pub const GRADE_C: u32 = 22;
}

/// What a rating adds from its day on, until the next one of its enterprise.
pub fn held(grade: i64, on: Day, next: Option<Day>) -> Vec<Part> {
    let measure = match i32::try_from(grade).ok().and_then(|grade| Grade::try_from(grade).ok()) {
        Some(Grade::A) => measures::GRADE_A,
        Some(Grade::B) => measures::GRADE_B,
        Some(Grade::C) => measures::GRADE_C,
        _ => return vec![],
    };
    let mut parts = Parts::default();
    parts.add(measure, Some(on), Some(1));
    parts.add(measure, next, Some(-1));
    parts.into_parts()
}

impl Room for Rating {
    fn measures() -> Vec<Measure> {
        let grade = |number, name, words| Measure::of::<Rating>(number, name, words, Nature::Stock, Unit::Count);
        vec![
            grade(measures::GRADE_A, "enterprises_a", ("A类企业", "enterprises of grade A")),
            grade(measures::GRADE_B, "enterprises_b", ("B类企业", "enterprises of grade B")),
            grade(measures::GRADE_C, "enterprises_c", ("C类企业", "enterprises of grade C")),
        ]
    }

    fn until_next() -> Option<UntilNext> {
        Some(UntilNext::new(ENTERPRISE, RATED_ON, GRADE, held))
    }

    fn rules(v: &mut Verdict<'_, Rating>) {
        let r = v.record;
        let column = |field| -> Vec<i64> { r.lines(ITEMS).map(|line| line.get(field).unwrap_or(0)).collect() };
        let (mut numbers, maxima, scores) =
            (column(rating_item::NO), column(rating_item::MAX), column(rating_item::SCORE));
        v.refuse_if(
            scores.iter().zip(&maxima).any(|(score, max)| score > max),
            ITEMS,
            Rule::new("score_above_maximum", "有项目得分高于满分", "an item scores above its maximum"),
            ("请逐项核对", "check item by item"),
        );
        v.refuse_if(
            maxima.iter().sum::<i64>() != 100,
            ITEMS,
            Rule::new("maxima_not_hundred", "各项满分之和不是100", "the maxima do not add up to 100"),
            ("请逐项核对", "check item by item"),
        );
        numbers.sort_unstable();
        let count = numbers.len();
        numbers.dedup();
        v.refuse_if(
            numbers.len() != count,
            ITEMS,
            Rule::new("item_twice", "有项目重复", "an item appears twice"),
            ("请逐项核对", "check item by item"),
        );
        v.warn_if(count < 9, ITEMS, Rule::new("fewer_than_nine_items", "不足九项", "fewer than nine items"), CHECK);
        v.refuse_if(
            r.get(TOTAL).is_some_and(|total| total != scores.iter().sum::<i64>()),
            TOTAL,
            Rule::new("not_sum_of_scores", "不等于各项得分之和", "not the sum of the scores"),
            ("请重新合计", "add them up again"),
        );
        if let (Some(total), Some(a), Some(b)) = (r.get(TOTAL), r.get(A_FROM), r.get(B_FROM)) {
            v.refuse_if(a <= b, A_FROM, Rule::new("a_not_above_b", "A类起点分应高于B类", "A starts above B"), CHECK);
            let grade = if total >= a {
                Grade::A
            } else if total >= b {
                Grade::B
            } else {
                Grade::C
            };
            v.refuse_if(
                r.get(GRADE).is_some() && !r.is(GRADE, grade),
                GRADE,
                Rule::new("not_as_thresholds", "与总分和起点分不符", "not what the total and the thresholds give"),
                ("请按起点分定等级", "grade it by the thresholds"),
            );
        }
        let more = r.get(SATISFIED).zip(r.get(ASKED)).is_some_and(|(satisfied, asked)| satisfied > asked);
        v.refuse_if(more, SATISFIED, Rule::new("more_than_asked", "多于调查人数", "more than were asked"), CHECK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        handle::{Draft, Row},
        id::RecordId,
        record::Record,
        rules::tests::refused,
    };

    #[test]
    fn a_rating_holds_until_the_next() {
        let sum = |parts: &[Part], measure| parts.iter().filter(|p| p.0 == measure).map(|p| p.2).sum::<i128>();
        let both = [held(1, Day(20_000), Some(Day(20_100))), held(3, Day(20_100), None)].concat();
        let grades = [measures::GRADE_A, measures::GRADE_B, measures::GRADE_C];
        assert_eq!(grades.map(|grade| sum(&both, grade)), [0, 0, 1]);
        assert_eq!(held(4, Day(20_000), None), []);
    }

    fn rating(scores: &[i64], total: i64, grade: Grade) -> Record {
        let maxima = [12, 11, 11, 11, 11, 11, 11, 11, 11];
        let lines = scores.iter().zip(maxima).zip(1..).map(|((score, max), no)| {
            Row::default().with(rating_item::NO, no).with(rating_item::MAX, max).with(rating_item::SCORE, *score)
        });
        let mut draft = Draft::<Rating>::new();
        draft.set(ENTERPRISE, RecordId([7; 16])).set(ROUND, "2026上").set(TEAM, "第3组");
        draft.set(RATED_ON, Day(20_605)).set(ITEMS, lines.collect::<Vec<_>>());
        draft.set(TOTAL, total).set(GRADE, grade).set(A_FROM, 85).set(B_FROM, 70);
        draft.into_record()
    }

    #[test]
    fn a_rating_adds_up() {
        let scores = [12, 10, 10, 10, 10, 9, 9, 8, 7];
        assert_eq!(refused(&rating(&scores, 85, Grade::A)), [""; 0]);
        assert_eq!(refused(&rating(&scores, 85, Grade::B)), ["grade"]);
        assert_eq!(refused(&rating(&scores, 84, Grade::B)), ["total"]);
        assert_eq!(refused(&rating(&scores[..8], 78, Grade::B)), ["items"]);
        assert_eq!(refused(&rating(&[13, 9, 10, 10, 10, 9, 9, 8, 7], 85, Grade::A)), ["items"]);
        assert_eq!(refused(&rating(&[101, 0, 0, 0, 0, 0, 0, 0, 0], 85, Grade::A)), ["items.1.score", "items", "total"]);
    }
}
