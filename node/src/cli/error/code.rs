//! Errors for programs: a stable name, and what it is about. The sentences beside them may change, these do not.

use std::error::Error;

use huiliu_proto::{
    ident::mask,
    lang::Label,
    proof::ProofError,
    record::Refusal,
    rule::{Breach, Plain},
    token::TokenError,
};
use serde_json::{Value as Json, json};

use super::{CommandError, Exit};
use crate::{
    admission::Grounds,
    app::{duty::DutyProblem, void::Problem},
    check::CheckError,
    cli::{duty, record::void, table::both_languages},
    filing::FilingError,
    identity::{IdentityError, keys::KeyError},
    proof::{ProvingError, said::WouldNotCount},
    store::StoreError,
    sync::{join::JoinError, uplink::UplinkError},
};

/// What a rule found in a field, for programs.
pub fn remark_json(field: &str, value: &str, breach: &Breach, remedy: &Label) -> Json {
    json!({
        "field": field, "value": mask(value), "code": breach.rule.code(), "arguments": arguments(breach),
        "rule": both_languages(&breach.words()), "remedy": both_languages(remedy),
    })
}

/// What an operation that does not count breaks, for programs.
pub fn grounds_json(grounds: &Grounds) -> Json {
    let one = |(field, breach): (Option<&str>, &Breach)| json!({ "field": field, "code": breach.rule.code(), "arguments": arguments(breach) });
    grounds.rules().into_iter().map(one).collect()
}

fn arguments(breach: &Breach) -> Json {
    let plain = |plain: &Plain| match plain {
        Plain::Number(number) => Json::from(*number),
        Plain::Text(text) => Json::from(mask(text)),
    };
    let arguments = breach.arguments.iter().map(|argument| (argument.name.to_owned(), plain(&argument.plain)));
    Json::Object(arguments.collect())
}

/// A stable name of an error for programs, and what it is about.
pub fn code(error: &anyhow::Error) -> (&'static str, Json) {
    for cause in error.chain() {
        if let Some(mistake) = cause.downcast_ref::<CommandError>() {
            return match mistake {
                CommandError::Said { code: Some(coded), .. } => (coded.0, coded.1.clone()),
                CommandError::Said { exit: Exit::Usage, .. } => ("usage", Json::Null),
                CommandError::Said { exit: Exit::Refused, .. } => ("refused", Json::Null),
                CommandError::Said { .. } => ("failed", Json::Null),
                CommandError::Refused(refusals) => {
                    let one = |r: &Refusal| remark_json(&r.field_name, &r.value, &r.rule, &r.remedy);
                    ("rule", refusals.iter().map(one).collect())
                }
                CommandError::Ambiguous { typed, found } => {
                    let found = found.iter().map(|(id, ..)| id.to_string()).collect::<Vec<_>>();
                    ("ambiguous", json!({ "typed": typed, "records": found }))
                }
                CommandError::NeedsYes => ("needs_yes", Json::Null),
                CommandError::Stopped { import, written, .. } => {
                    ("import_stopped", json!({ "import": import.to_string(), "written": written }))
                }
            };
        }
        if let Some(problem) = cause.downcast_ref::<Problem>() {
            return (problem.code(), void::about(problem));
        }
        if let Some(problem) = cause.downcast_ref::<DutyProblem>() {
            return (problem.code(), duty::about(problem));
        }
        if let Some(error) = cause.downcast_ref::<FilingError>() {
            return (of_filing(error), about_filing(error));
        }
        if let Some(code) = of_module(cause) {
            return (code, cause.downcast_ref::<StoreError>().map_or(Json::Null, about_store));
        }
        if cause.is::<TokenError>() {
            return ("token", Json::Null);
        }
        if cause.is::<ProofError>() || cause.is::<WouldNotCount>() {
            return ("not_proven", Json::Null);
        }
        if cause.is::<CheckError>() {
            return ("check", Json::Null);
        }
        if let Some(error) = cause.downcast_ref::<std::io::Error>() {
            return ("system", json!({ "number": error.raw_os_error() }));
        }
    }
    ("other", Json::Null)
}

/// Of an error that may be another module's, handed on as it is: such a one is no link of its own in the chain.
fn of_module(cause: &(dyn Error + 'static)) -> Option<&'static str> {
    if let Some(error) = cause.downcast_ref::<StoreError>() {
        return Some(store_code(error));
    }
    if let Some(error) = cause.downcast_ref::<IdentityError>() {
        return Some(identity_code(error));
    }
    if cause.is::<KeyError>() {
        return Some("keys");
    }
    if let Some(error) = cause.downcast_ref::<UplinkError>() {
        return Some(match error {
            UplinkError::Identity(error) => identity_code(error),
            UplinkError::Store(error) => store_code(error),
            _ => "uplink",
        });
    }
    if let Some(error) = cause.downcast_ref::<JoinError>() {
        return Some(match error {
            JoinError::Identity(error) => identity_code(error),
            _ => "uplink",
        });
    }
    match cause.downcast_ref::<ProvingError>()? {
        ProvingError::Store(error) => Some(store_code(error)),
        _ => Some("not_proven"),
    }
}

fn of_filing(error: &FilingError) -> &'static str {
    match error {
        FilingError::Store(error) => store_code(error),
        error => error.code(),
    }
}

fn about_filing(error: &FilingError) -> Json {
    match error {
        FilingError::TooMany(people) => json!({ "people": people }),
        FilingError::Future(day) => json!({ "day": day.to_string() }),
        FilingError::Missing(id) => json!({ "record": id.to_string() }),
        FilingError::NotParent(union) => json!({ "union": u64::from(*union) }),
        FilingError::Closed(state) => json!({ "state": state.word() }),
        FilingError::Store(error) => about_store(error),
        FilingError::Damaged(_) | FilingError::NotHub => Json::Null,
    }
}

fn identity_code(error: &IdentityError) -> &'static str {
    match error {
        IdentityError::Store(error) => store_code(error),
        IdentityError::Keys(_) => "keys",
        _ => "identity",
    }
}

/// By which rule it is refused.
fn about_store(error: &StoreError) -> Json {
    match error {
        StoreError::Forbidden(breach) => json!({ "code": breach.rule.code(), "arguments": arguments(breach) }),
        _ => Json::Null,
    }
}

fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::Exists(_) => "database_exists",
        StoreError::Missing(_) => "database_missing",
        StoreError::Foreign(_) | StoreError::Strange(_) => "not_a_database",
        StoreError::Newer { .. } => "newer_version",
        StoreError::Older { .. } | StoreError::Outdated => "older_version",
        StoreError::Disk { .. } | StoreError::Undone => "disk",
        StoreError::Taken | StoreError::InUse => "in_use",
        StoreError::OtherMachine { .. } => "other_machine",
        StoreError::Damaged(_) | StoreError::Altered { .. } => "damaged",
        StoreError::Revoked => "revoked",
        StoreError::Refused(_) | StoreError::Forbidden(_) => "refused",
        StoreError::Unknown => "unknown_whether_written",
        StoreError::Panicked => "defect",
        _ => "database",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_hands_on_has_the_code_of_where_it_came_from() {
        let missing = || StoreError::Missing("huiliu.db".into());
        let said = |error: anyhow::Error| code(&error).0;
        assert_eq!(said(IdentityError::Store(missing()).into()), "database_missing");
        assert_eq!(said(IdentityError::Keys(KeyError::Locked).into()), "keys");
        assert_eq!(said(IdentityError::NotJoined.into()), "identity");
        assert_eq!(said(UplinkError::Store(missing()).into()), "database_missing");
        assert_eq!(said(UplinkError::Identity(IdentityError::Store(missing())).into()), "database_missing");
        assert_eq!(said(JoinError::Identity(IdentityError::NotJoined).into()), "identity");
        assert_eq!(said(FilingError::Store(missing()).into()), "database_missing");
        assert_eq!(said(FilingError::NotHub.into()), "not_a_hub");
        assert_eq!(said(ProvingError::Store(missing()).into()), "database_missing");
        assert_eq!(said(ProvingError::TooLarge(1).into()), "not_proven");
        assert_eq!(said(anyhow::Error::from(missing()).context("elsewhere")), "database_missing");
    }
}
