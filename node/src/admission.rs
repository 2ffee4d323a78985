//! May this operation count? The rules that need nothing but the operation and the feed it stands in, and all reasons
//! in words.
//!
//! An operation that may not count is kept, relayed and shown. The verdict depends on the operation, its feed, the
//! documents it names and the enrolments, never on a clock or on the order of arrival, so that every level comes to
//! the same one.

use huiliu_proto::{
    attestation,
    edit::{Actor, Edit, EditError},
    feed::{Feed, Scope},
    handle::{Declared as _, View},
    id::{DeviceId, Hash},
    kind::{self, Kind, Reach, Shape, Voiding},
    lang::Label,
    operation::{HeaderForm, Operation},
    record::Record,
    records::{statement, statement_figure},
    rule::Rule,
    union::{Level, UnionNumber},
    v1::{Enrolment, Revocation, Statement},
    value::Value,
    void::{Void, VoidError},
};

pub use self::grounds::Grounds;
pub(crate) use self::puts::{puts_allowed, value};
use crate::{clock, document::Misfit, rollup};

mod grounds;
pub mod number;
mod puts;

/// Why an operation does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A kind that this version does not know.
    Newer,
    /// A kind that may not stand in this feed: wrong reach, wrong author, wrong branch.
    NotAllowed,
    /// It breaks a rule of its kind.
    Rule,
    /// It follows an edit that has not arrived.
    Early,
    /// It does not fit the document it changes.
    Misfit,
    /// It changes another union's document.
    Owner,
    /// Its record id is taken, or could not have been made by its device.
    Id,
    /// The union above has revoked its device, and it stands behind what that let stand.
    Revoked,
    /// It could not be applied on this machine: a defect of the program, or damage of its database.
    Failed,
    /// It gives a union a number that is not its device's to give, or that another union has.
    Number,
}

impl Reason {
    pub fn word(self) -> &'static str {
        match self {
            Reason::Newer => "newer",
            Reason::NotAllowed => "not-allowed",
            Reason::Rule => "rule",
            Reason::Early => "early",
            Reason::Misfit => "misfit",
            Reason::Owner => "owner",
            Reason::Id => "id",
            Reason::Revoked => "revoked",
            Reason::Failed => "failed",
            Reason::Number => "number",
        }
    }

    pub const ALL: [Reason; 10] = [
        Reason::Newer,
        Reason::NotAllowed,
        Reason::Rule,
        Reason::Early,
        Reason::Misfit,
        Reason::Owner,
        Reason::Id,
        Reason::Revoked,
        Reason::Failed,
        Reason::Number,
    ];

    /// As it is stored. Numbers are never given twice.
    pub fn number(self) -> u8 {
        match self {
            Reason::Newer => 1,
            Reason::NotAllowed => 2,
            Reason::Rule => 3,
            Reason::Early => 4,
            Reason::Misfit => 5,
            Reason::Owner => 6,
            Reason::Id => 7,
            Reason::Revoked => 8,
            Reason::Failed => 9,
            Reason::Number => 10,
        }
    }

    pub fn numbered(number: u8) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// The same in a few words, for lists.
    pub fn label(self) -> Label {
        match self {
            Reason::Newer => Label::new("版本较新", "newer version"),
            Reason::NotAllowed => Label::new("无权填写", "not allowed"),
            Reason::Rule => Label::new("不合规则", "breaks a rule"),
            Reason::Early => Label::new("等待前一修改", "came early"),
            Reason::Misfit => Label::new("与档案不符", "does not fit"),
            Reason::Owner => Label::new("他单位档案", "another's record"),
            Reason::Id => Label::new("编号冲突", "record id"),
            Reason::Revoked => Label::new("设备已注销", "device revoked"),
            Reason::Failed => Label::new("无法处理", "could not be applied"),
            Reason::Number => Label::new("工会编号不符", "union number"),
        }
    }
}

/// Which of the ways not to fit it is, and the field it is about: what cannot be seen from the operation alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    pub code: u8,
    pub field: Option<u32>,
}

impl Cause {
    /// Of a void that waits: only edits wait for their turn.
    const VOID: Cause = Cause { code: 7, field: None };

    /// Of a revocation that came before the enrolment of its device. By the number it is found again when that comes; others
    /// may have the same.
    pub(crate) fn revocation_of(device: &DeviceId, union: UnionNumber) -> Cause {
        let of = Hash::of(&[device.as_bytes(), &u64::from(union).to_be_bytes()]);
        Cause { code: 8, field: Some(u32::from_be_bytes([of.0[0], of.0[1], of.0[2], of.0[3]])) }
    }

    fn of(misfit: &Misfit) -> Option<Cause> {
        let (code, field) = match misfit {
            Misfit::Early(_) | Misfit::Known => return None,
            Misfit::Sequence => (1, None),
            Misfit::StartOp => (2, None),
            Misfit::Replaces(field) => (3, Some(*field)),
            Misfit::Unrooted => (4, None),
            Misfit::Full => (5, None),
            Misfit::Damaged => (6, None),
        };
        Some(Cause { code, field })
    }

    fn misfit(self) -> Option<Misfit> {
        Some(match self.code {
            1 => Misfit::Sequence,
            2 => Misfit::StartOp,
            3 => Misfit::Replaces(self.field?),
            4 => Misfit::Unrooted,
            5 => Misfit::Full,
            6 => Misfit::Damaged,
            _ => return None,
        })
    }
}

/// Of a revocation by somebody else than who enrolled the device.
pub const NOT_ITS_OWN: Rule = Rule::new(
    "not_its_own",
    "该设备不是由该工会为所列工会登记的，无权注销",
    "that union has not enrolled that device for the union named, so it is not for it to revoke",
);

const NEWER: Rule = Rule::new(
    "newer",
    "由更新的版本写成，有本版本不认识的内容；升级本机程序后自动处理",
    "a newer version wrote it, with something that this one does not know; upgrade this program",
);

/// A verdict against an operation. Stored are its reason and cause; its words are found again where somebody reads them
/// (`explain`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub reason: Reason,
    pub cause: Option<Cause>,
    pub why: Grounds,
    /// The change that an edit follows and that has not arrived.
    pub awaits: Option<Hash>,
}

impl Refusal {
    pub fn new(reason: Reason, why: impl Into<Grounds>) -> Refusal {
        Refusal { reason, cause: None, why: why.into(), awaits: None }
    }

    pub fn revoked() -> Refusal {
        Refusal::new(
            Reason::Revoked,
            Rule::new(
                "device_revoked",
                "设备已被其上级注销，此条位于保留部分之后：已留存、照常转报，不计入；如确为本单位所填，上级可准予计入",
                "the union above has revoked the device, and this stands behind what that let stand: it is kept and relayed and does not count; if it is the union's own after all, the union above can let it count",
            ),
        )
    }

    /// A revocation by somebody else than who enrolled the device.
    pub fn not_its_own() -> Refusal {
        Refusal::new(Reason::NotAllowed, NOT_ITS_OWN)
    }

    pub fn failed() -> Refusal {
        Refusal::new(
            Reason::Failed,
            Rule::new(
                "failed_here",
                "本机处理此条时出错，已留存、照常转报，暂不计入，其余内容不受影响；请重算一次，仍如此则请联系技术支持",
                "this machine failed when it applied this: it is kept and relayed and does not count, and nothing else is \
             touched; compute the tables again, and ask for support if it stays so",
            ),
        )
    }

    pub fn misfit(misfit: &Misfit) -> Refusal {
        match misfit {
            Misfit::Early(awaited) => Refusal {
                awaits: Some(*awaited),
                ..Refusal::new(
                    Reason::Early,
                    Rule::new(
                        "edit_early",
                        "此修改所依据的上一次修改尚未收到；收到后自动处理",
                        "it follows an edit that has not arrived yet; it is taken up by itself when that one comes",
                    ),
                )
            },
            other => Refusal {
                cause: Cause::of(other),
                ..Refusal::new(
                    Reason::Misfit,
                    Rule::new(
                        "edit_misfit",
                        "此修改与档案现有内容不符，可能由有缺陷或被篡改的程序写成；请与填报单位核对",
                        "{error}; it may come from a faulty or altered program: ask the union that wrote it",
                    )
                    .error(other),
                )
            },
        }
    }

    pub fn taken() -> Refusal {
        Refusal::new(
            Reason::Id,
            Rule::new(
                "id_taken",
                "记录编号已被另一条内容不同的记录使用，或不是该设备所能生成的；请与填报单位核对",
                "the record id is taken by another record, or could not have been made by this device",
            ),
        )
    }

    /// A void that came before what it voids or follows.
    pub fn early_void(awaited: Hash) -> Refusal {
        Refusal {
            awaits: Some(awaited),
            cause: Some(Cause::VOID),
            ..Refusal::new(
                Reason::Early,
                Rule::new(
                    "void_early",
                    "此作废（或恢复）所针对的内容尚未收到；收到后自动处理",
                    "what it voids or restores has not arrived yet; it is taken up by itself when that comes",
                ),
            )
        }
    }

    /// Reason and cause as they are stored.
    pub(crate) fn numbers(&self) -> (u8, Option<u8>) {
        (self.reason.number(), self.cause.map(|cause| cause.code))
    }

    /// A void that travels another way than its record: not every level that sees the one would see the other.
    pub fn void_elsewhere() -> Refusal {
        Refusal::new(
            Reason::NotAllowed,
            Rule::new(
                "void_elsewhere",
                "作废（或恢复）与其所针对的记录报送范围不同",
                "a void has to travel as its record does, and this one does not",
            ),
        )
    }

    pub fn unreadable(error: &EditError) -> Refusal {
        Refusal::new(Reason::Misfit, Rule::new("edit_unreadable", "修改内容无法读取", "{error}").error(error))
    }
}

/// Why an operation is held, in words: as its reason and cause say, and for what follows from the operation alone by judging
/// it again.
pub fn explain(feed: &Feed, operation: Option<&Operation>, reason: Reason, cause: Option<Cause>) -> Grounds {
    let again = operation.and_then(|operation| judged_again(feed, operation)).filter(|again| again.reason == reason);
    if let Some(again) = again {
        return again.why;
    }
    match (reason, cause.and_then(Cause::misfit)) {
        (Reason::Misfit, Some(misfit)) => Refusal::misfit(&misfit).why,
        (Reason::Early, _) if operation.is_some_and(|o| o.void) => Refusal::early_void(Hash([0; 32])).why,
        (Reason::NotAllowed, _) if operation.is_some_and(|o| o.void) => Refusal::void_elsewhere().why,
        (Reason::Early, _) => Refusal::misfit(&Misfit::Early(Hash([0; 32]))).why,
        (Reason::Id, _) => Refusal::taken().why,
        (Reason::Revoked, _) => Refusal::revoked().why,
        (Reason::Failed, _) => Refusal::failed().why,
        (Reason::Number, _) => number::why(cause),
        (Reason::NotAllowed, _) if operation.is_some_and(|o| o.kind == Revocation::NUMBER) => {
            Refusal::not_its_own().why
        }
        (reason, _) => Grounds::Only(reason),
    }
}

/// The verdict that needs nothing but the operation and its feed.
fn judged_again(feed: &Feed, operation: &Operation) -> Option<Refusal> {
    let kind = match kind_in(feed, operation) {
        Ok(kind) => kind,
        Err(refusal) => return Some(refusal),
    };
    if operation.void {
        return void(kind, operation).err();
    }
    match kind.shape {
        Shape::Entry => entry(feed, kind, operation).err(),
        Shape::Document => {
            let author = Actor::new(&feed.id, &operation.record);
            match Edit::decode(&operation.payload, author) {
                Ok(edit) => puts_allowed(kind, &edit.puts, edit.deps.is_empty())
                    .and_then(|()| number::given(feed, kind, &edit).map(drop))
                    .err(),
                Err(error) => Some(Refusal::unreadable(&error)),
            }
        }
    }
}

/// The kind of an operation, if it may stand in this feed.
pub fn kind_in(feed: &Feed, operation: &Operation) -> Result<&'static Kind, Refusal> {
    match operation.form {
        HeaderForm::Canonical => {}
        HeaderForm::Newer => {
            return Err(Refusal::new(Reason::Newer, NEWER));
        }
        HeaderForm::Crooked => {
            return Err(Refusal::new(
                Reason::Rule,
                Rule::new(
                    "header_form",
                    "格式不合规定，可能由有缺陷或被篡改的程序写成；请与填报单位核对",
                    "its header is not written as it must be; it may come from a faulty or altered program: ask the union \
                 that wrote it",
                ),
            ));
        }
    }
    let Some(kind) = kind::numbered(operation.kind) else {
        return Err(Refusal::new(
            Reason::Newer,
            Rule::new(
                "newer_kind",
                "记录种类 {kind} 由更新的版本写成；升级本机程序后自动处理",
                "record kind {kind} was written by a newer version; upgrade this program",
            )
            .number("kind", operation.kind.into()),
        ));
    };
    // What says no time has that of its record id, which is asked about by itself.
    if operation.time != operation.record.time() && !clock::YEARS.contains(&operation.time) {
        return Err(Refusal::new(
            Reason::Rule,
            Rule::new(
                "time_of_writing",
                "所称填写时间不在1900年至2199年之间",
                "the time at which it says it was written is not between the years 1900 and 2199",
            ),
        ));
    }
    if operation.void && kind.voiding == Voiding::Never {
        return Err(Refusal::new(
            Reason::NotAllowed,
            Rule::new("never_voided", "“{kind}”一经写入不得作废", "{kind} is never voided").kind(kind),
        ));
    }
    // What all unions below are told changes what is asked of them: the nation's and the provinces' to say.
    let publishes = feed.scope != Scope::Everyone || feed.union.level() <= Level::Province;
    if publishes && feed.scope.holds(kind) {
        return Ok(kind);
    }
    Err(Refusal::new(
        Reason::NotAllowed,
        Rule::new("may_not_write", "{union}无权以此方式填写“{kind}”", "{union} may not write {kind} here")
            .kind(kind)
            .union(feed.union),
    ))
}

/// The void, or the taking back, that an operation holds, if it may count.
pub fn void(kind: &'static Kind, operation: &Operation) -> Result<Void, Refusal> {
    Void::decode(&operation.payload, kind.shape == Shape::Document).map_err(|error| match error {
        VoidError::Newer => Refusal::new(Reason::Newer, NEWER),
        VoidError::Malformed(_) => Refusal::new(
            Reason::Rule,
            Rule::new("void_malformed", "作废（或恢复）的内容不合规定", "{error}").error(&error),
        ),
    })
}

/// What the entry that an operation holds says, by the rules of its kind alone.
pub fn read(kind: &'static Kind, operation: &Operation) -> Result<Record, Refusal> {
    let record = Record::decode(kind, &operation.payload).map_err(|error| {
        let rule = Rule::new("record_unreadable", "记录内容无法读取", "the record cannot be read: {error}");
        Refusal::new(Reason::Rule, rule.error(&error))
    })?;
    if let Err(refusals) = record.validate() {
        return Err(Refusal::new(Reason::Rule, Grounds::Fields(refusals)));
    }
    Ok(record)
}

/// The entry an operation holds, if it may count.
pub fn entry(feed: &Feed, kind: &'static Kind, operation: &Operation) -> Result<Record, Refusal> {
    entry_as_read(feed, kind, operation, read(kind, operation))
}

/// The same of one that has been read.
pub(crate) fn entry_as_read(
    feed: &Feed,
    kind: &'static Kind,
    operation: &Operation,
    read: Result<Record, Refusal>,
) -> Result<Record, Refusal> {
    if !operation.record.made_by(&feed.device) {
        return Err(Refusal::new(
            Reason::Id,
            Rule::new(
                "id_not_its_own",
                "记录编号不是该设备所能生成的",
                "the record id could not have been made by this device",
            ),
        ));
    }
    let record = read?;
    if record.is::<Enrolment>()
        && let Err(rule) = attestation::stands(&record, &feed.network)
    {
        return Err(Refusal::new(Reason::Rule, rule));
    }
    let statement = record.of::<Statement>();
    if statement.is_some_and(|statement| !speaks_for(feed.union, statement)) {
        return Err(Refusal::new(
            Reason::NotAllowed,
            Rule::new(
                "statement_of_another",
                "汇总报表只由省级总工会为本省各工会填写",
                "a statement is written by the provincial union, about unions of its province",
            ),
        ));
    }
    if statement.is_some_and(states_what_travels) {
        return Err(Refusal::new(
            Reason::NotAllowed,
            Rule::new(
                "statement_of_what_travels",
                "汇总报表含有由各工会自行上报的指标，不得代报",
                "the statement states a measure whose records travel by themselves",
            ),
        ));
    }
    if let (Some(at), Some(branch)) = (kind.subject, feed.scope.branch()) {
        let subject = union_at(&record, at);
        if !subject.is_some_and(|s| branch.contains(s)) {
            return Err(Refusal::new(
                Reason::NotAllowed,
                Rule::new(
                    "subject_outside_branch",
                    "此条所针对的工会不在其报送范围之内",
                    "the union it is meant for is not in the branch this feed speaks to",
                ),
            ));
        }
    }
    Ok(record)
}

/// Whether a statement is the provincial union's, about a union of its province.
fn speaks_for(author: UnionNumber, statement: View<'_, Statement>) -> bool {
    let about = statement.get(statement::UNION);
    author.level() == Level::Province && about.is_some_and(|union| author.contains(union))
}

/// Whether a statement has a figure that the nation counts from the records themselves.
fn states_what_travels(statement: View<'_, Statement>) -> bool {
    let figures = statement.lines(statement::FIGURES);
    let measures = figures.filter_map(|line| u32::try_from(line.get(statement_figure::MEASURE)?).ok());
    measures.filter_map(rollup::measure).any(|measure| measure.reach == Reach::Nation)
}

/// The union a field names.
pub fn union_at(record: &Record, at: usize) -> Option<UnionNumber> {
    match record.values().get(at)? {
        Some(Value::Int(code)) => UnionNumber::try_from(*code).ok(),
        _ => None,
    }
}
