//! A certificate: what cannot be true of it, and how long it is valid.

use super::*;
use crate::{
    handle::View,
    measure::{Measure, Nature, Parts, Unit},
    period::Day,
    room::Room,
    rules::{CHECK, Rule, Verdict},
    union::UnionNumber,
    v1::{Certificate, CertificateStatus},
};

pub mod measures {
    pub const VALID: u32 = 4;
}

impl Room for Certificate {
    fn measures() -> Vec<Measure> {
        let words = ("有效证书", "certificates valid");
        vec![Measure::of::<Certificate>(measures::VALID, "certificates_valid", words, Nature::Stock, Unit::Count)]
    }

    fn adds(record: View<'_, Certificate>, _: UnionNumber, parts: &mut Parts) {
        let Some(from) = record.get(ISSUED_ON) else { return };
        let expires = record.get(EXPIRES_ON);
        let never = Day(from.0.saturating_sub(1));
        let last = match record.choice(STATUS) {
            Some(CertificateStatus::Valid) => expires,
            Some(CertificateStatus::Revoked) => {
                let before = record.get(REVOKED_ON).map(|day| Day(day.0.saturating_sub(1)));
                match (before, expires) {
                    (Some(a), Some(b)) => Some(a.min(b)),
                    (a, b) => Some(a.or(b).unwrap_or(never)),
                }
            }
            _ => Some(expires.unwrap_or(never)),
        };
        parts.stand(measures::VALID, from, last);
    }

    fn rules(v: &mut Verdict<'_, Certificate>) {
        let r = v.record;
        v.in_order(ISSUED_ON, EXPIRES_ON);
        v.in_order(ISSUED_ON, REVOKED_ON);
        v.refuse_if(
            r.is(STATUS, CertificateStatus::Revoked) != r.number(REVOKED_ON).is_some(),
            STATUS,
            Rule::new("revoked_and_date", "撤销状态与撤销日期不一致", "revoked and its date go together"),
            ("请同时填写或同时清空", "fill in both or neither"),
        );
        let late = r.number(EXAM_ON).zip(r.number(ISSUED_ON)).is_some_and(|(exam, issued)| exam > issued);
        v.warn_if(
            late,
            EXAM_ON,
            Rule::new("exam_after_certificate", "考试晚于发证", "the exam came after the certificate"),
            CHECK,
        );
    }
}
