//! For whom this device writes: the account that the operations of a job name, and whether it may write them.

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    kind::Kind,
    operation::Operation,
    operator::Operator,
    record::Record,
    records::{password, work_entry},
    rule::Rule,
    v1::{OperatorRole, Password, WorkEntry},
};

use super::Ledger;
use crate::{
    operator::{self, Account},
    store::{Result, StoreError},
};

impl Ledger {
    /// Until this is said again, what is written is written for this person.
    pub(crate) fn act_as(&mut self, operator: Option<Operator>) {
        self.acting = operator;
    }

    /// Until this is said again, what is written is undone at the end.
    pub(crate) fn only_try(&mut self, trial: bool) {
        self.trial = trial;
    }

    /// Whether nothing of what this job writes stays, whatever it says.
    pub fn only_tries(&self) -> bool {
        self.trial
    }

    pub fn acting(&self) -> Option<Operator> {
        self.acting
    }

    /// The active account that has logged in and for whom this device writes.
    pub fn logged_in(&self) -> Result<Option<Account>> {
        let Some(Operator { account, verified: true }) = self.acting else { return Ok(None) };
        Ok(operator::get(&self.conn, self.me.union, &account)?.filter(|account| account.active))
    }

    /// With the name of who does it.
    pub(super) fn signed_off(&self, operation: Operation) -> Operation {
        operation.by(self.acting.map(Operator::to_bytes))
    }

    /// What a job writes of itself, and no person does.
    pub(super) fn as_nobody<T>(&mut self, work: impl FnOnce(&mut Ledger) -> T) -> T {
        let acting = self.acting.take();
        let done = work(self);
        self.acting = acting;
        done
    }

    /// What the person may write for whom this device writes now.
    pub(super) fn permission(&self) -> Result<Permission> {
        let Some(acting) = self.acting else { return Ok(Permission::Everything) };
        let account = operator::get(&self.conn, self.me.union, &acting.account)?;
        let Some(account) = account.filter(|account| account.active) else {
            return Err(StoreError::forbidden(Rule::new(
                "account_gone",
                "该账号已停用或本机没有，不能填写；请换账号登录，或先退出登录",
                "the account is suspended or not known here, and nothing is written for it: log in with another, or log out",
            )));
        };
        Ok(if account.has(OperatorRole::Auditor) {
            Permission::OwnPassword(account.id)
        } else if account.has(OperatorRole::Guide) {
            Permission::OwnWorkLog(account.id, account.mediator)
        } else {
            Permission::Everything
        })
    }
}

/// What an account lets its person write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Permission {
    Everything,
    /// An auditor's.
    OwnPassword(RecordId),
    /// A guide's: the work entries of that dossier too.
    OwnWorkLog(RecordId, Option<RecordId>),
}

impl Permission {
    /// Whether a record of the kind may be written. `said`: what an entry says, or what is voided; read only where it matters.
    pub(super) fn lets(self, kind: &Kind, said: impl FnOnce() -> Result<Option<Record>>) -> Result<()> {
        let account = match self {
            Permission::Everything => return Ok(()),
            Permission::OwnPassword(account) | Permission::OwnWorkLog(account, _) => account,
        };
        let said = said()?;
        let of = |read: fn(&Record) -> Option<RecordId>| said.as_ref().and_then(read);
        // Everybody changes the own password.
        if kind.number == Password::NUMBER && of(|said| said.read(password::ACCOUNT)) == Some(account) {
            return Ok(());
        }
        let Permission::OwnWorkLog(_, dossier) = self else {
            return Err(StoreError::forbidden(Rule::new(
                "auditor_reads",
                "经审账号只能查看，不能填写",
                "an auditor's account reads, and writes nothing",
            )));
        };
        let own = kind.number == WorkEntry::NUMBER
            && dossier.is_some()
            && of(|said| said.read(work_entry::MEDIATOR)) == dossier;
        match own {
            true => Ok(()),
            false => Err(StoreError::forbidden(Rule::new(
                "guide_writes_own_log",
                "指导员账号只能填写本人的工作日志；其他内容有误的，请本单位经办人更正",
                "a guide's account writes the own work log alone; what else is wrong, the union's preparer puts right",
            ))),
        }
    }
}
