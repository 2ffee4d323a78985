//! For whom this device writes: the account that the operations of a job name, and whether it may write them.

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::Kind,
    operation::Operation,
    operator::Operator,
    record::Record,
    records::{password, work_entry},
    v1::{OperatorRole, Password, WorkEntry},
};

use super::Ledger;
use crate::{
    operator,
    store::{Result, StoreError},
};

impl Ledger {
    /// Until this is said again, what is written is written for this person.
    pub(crate) fn act_as(&mut self, operator: Option<Operator>) {
        self.acting = operator;
    }

    pub fn acting(&self) -> Option<Operator> {
        self.acting
    }

    /// With the name of who does it.
    pub(super) fn signed_off(&self, operation: Operation) -> Operation {
        operation.by(self.acting.map(Operator::to_bytes))
    }

    /// Whether the person may write a record of the kind. `record`: what an entry says, or what is voided.
    pub(super) fn may_act(&self, kind: &Kind, record: impl FnOnce() -> Result<Option<Record>>) -> Result<()> {
        let Some(acting) = self.acting else { return Ok(()) };
        let account = operator::get(&self.conn, self.me.union, &acting.account)?;
        let Some(account) = account.filter(|account| account.active) else {
            return Err(StoreError::forbidden(
                "该账号已停用，不能填写",
                "the account is suspended, and nothing is written for it",
            ));
        };
        if !(account.has(OperatorRole::Auditor) || account.has(OperatorRole::Guide)) {
            return Ok(());
        }
        let said = record()?;
        let of = |read: fn(&Record) -> Option<RecordId>| said.as_ref().and_then(read);
        // Everybody changes the own password.
        if kind.number == Password::NUMBER && of(|said| said.read(password::ACCOUNT)) == Some(account.id) {
            return Ok(());
        }
        if account.has(OperatorRole::Auditor) {
            return Err(StoreError::forbidden(
                "经审账号只能查看，不能填写",
                "an auditor's account reads, and writes nothing",
            ));
        }
        let own = kind.number == WorkEntry::NUMBER
            && account.mediator.is_some()
            && of(|said| said.read(work_entry::MEDIATOR)) == account.mediator;
        match own {
            true => Ok(()),
            false => Err(StoreError::forbidden(
                "指导员账号只能填写本人的工作日志；其他内容有误的，请本单位经办人更正",
                "a guide's account writes the own work log alone; what else is wrong, the union's preparer puts right",
            )),
        }
    }
}
