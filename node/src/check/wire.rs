//! A case as it is written into the branch of the union concerned.

use huiliu_proto::{handle::Declared as _, period::Day, record::Record, v1};
use prost::Message as _;

use super::{
    Argument, CheckError, Found,
    argument::{EVIDENCE_LEFT_OUT, HORIZONS_LEFT_OUT},
};

/// The limits of `finding.proto`: longer lists are cut, and how many were left out is said.
const EVIDENCE: usize = 1000;
const HORIZONS: usize = 1000;

impl Found {
    /// The finding as it is written into the branch of the union concerned. How far each feed had come (`feed`, `size`
    /// of a horizon) is for the store to add, which knows feeds.
    pub fn to_finding(&self, found_on: Day) -> v1::Finding {
        let mut results: Vec<_> = self.results.iter().map(|(name, value)| value.to_wire(name)).collect();
        for (name, all, most) in
            [(EVIDENCE_LEFT_OUT, self.evidence.len(), EVIDENCE), (HORIZONS_LEFT_OUT, self.horizons.len(), HORIZONS)]
        {
            if let Some(left) = all.checked_sub(most).filter(|left| *left > 0) {
                results.push(Argument::Number(left as i64).to_wire(name));
            }
        }
        let evidence = self.evidence.iter().take(EVIDENCE).map(|e| v1::FindingEvidence {
            kind: e.kind.clone(),
            record: e.record.to_vec().into(),
            role: e.role.to_owned(),
            ..Default::default()
        });
        let horizons = self.horizons.iter().take(HORIZONS).map(|(union, day)| v1::FindingHorizon {
            union: union.get(),
            day: day.map_or(0, |d| d.0),
            ..Default::default()
        });
        v1::Finding {
            union: self.subject.get(),
            rule: self.rule.to_owned(),
            version: self.version,
            variant: self.variant.to_owned(),
            severity: self.severity.into(),
            family: self.family.into(),
            found_on: found_on.0,
            fingerprint: self.fingerprint.0.to_vec().into(),
            evidence: evidence.collect(),
            horizons: horizons.collect(),
            parameters: self.parameters.iter().map(|(name, value)| Argument::Number(*value).to_wire(name)).collect(),
            results,
            ..Default::default()
        }
    }

    /// The same, as a record of kind `finding`.
    pub fn to_record(&self, found_on: Day) -> Result<Record, CheckError> {
        let wrong = |why: String| CheckError::Record { rule: self.rule, why };
        let record = Record::decode(v1::Finding::kind(), &self.to_finding(found_on).encode_to_vec());
        record.map_err(|error| wrong(error.to_string()))
    }
}
