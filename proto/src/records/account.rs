//! What cannot be true of an account: an auditor who also acts, a guide without a dossier.

use super::*;
use crate::{
    room::Room,
    rules::{Rule, Verdict},
    v1::{Account, OperatorRole},
};

/// Whether a set of roles has one of them.
pub fn has(roles: i64, role: OperatorRole) -> bool {
    roles & (1 << role as i32) != 0
}

/// Roles that go with no other: auditors act in nothing that they audit, and a guide is seen by those who act.
const ALONE: [OperatorRole; 2] = [OperatorRole::Auditor, OperatorRole::Guide];

impl Room for Account {
    fn rules(v: &mut Verdict<'_, Account>) {
        let roles = v.record.get(ROLES).unwrap_or(0);
        v.refuse_if(
            ALONE.iter().any(|role| has(roles, *role) && roles.count_ones() > 1),
            ROLES,
            Rule::new("role_alone", "经审、指导员不得兼任其他岗位", "auditors and guides have no other role"),
            ("请分设账号", "give that person one role"),
        );
        v.refuse_if(
            has(roles, OperatorRole::Guide) != v.record.has(MEDIATOR),
            MEDIATOR,
            Rule::new(
                "guide_dossier",
                "岗位为指导员的账号应写明其档案，其他账号不写",
                "a guide's account names the dossier, and no other does",
            ),
            ("请核对岗位和档案", "look at role and dossier"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{handle::Draft, id::RecordId, rules::tests::refused, v1::AccountState, value::Value};

    #[test]
    fn auditors_and_guides_are_nothing_else() {
        let refused = |roles: &[OperatorRole], dossier: bool| {
            let mut draft = Draft::<Account>::new();
            draft.set(NAME, "李梅").set(STATE, AccountState::AccountActive);
            if dossier {
                draft.set(MEDIATOR, RecordId([7; 16]));
            }
            let mut record = draft.into_record();
            let set = roles.iter().fold(0, |set, role| set | 1 << *role as i32);
            record.put(ROLES.position(), Some(Value::Int(set)));
            refused(&record)
        };
        assert_eq!(refused(&[OperatorRole::Preparer, OperatorRole::Cashier], false), [""; 0]);
        assert_eq!(refused(&[OperatorRole::Auditor], false), [""; 0]);
        assert_eq!(refused(&[OperatorRole::Auditor, OperatorRole::Checker], false), ["roles"]);
        assert_eq!(refused(&[OperatorRole::Guide], true), [""; 0]);
        assert_eq!(refused(&[OperatorRole::Guide], false), ["mediator"]);
        assert_eq!(refused(&[OperatorRole::Preparer], true), ["mediator"]);
    }
}
