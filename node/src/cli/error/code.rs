//! Errors for programs: a stable name, and what it is about. The sentences beside them may change, these do not.

use huiliu_proto::{ident::mask, lang::Label, proof::ProofError, record::Refusal, token::TokenError};
use serde_json::{Value as Json, json};

use super::{Exit, Mistake};
use crate::{
    app::void::Problem,
    check::CheckError,
    cli::{record::void, table::both_languages},
    identity::{IdentityError, keys::KeyError},
    proof::said::WouldNotCount,
    store::StoreError,
    sync::{join::JoinError, uplink::UplinkError},
};

/// What a rule found in a field, for programs.
pub fn remark_json(field: &str, value: &str, rule: &Label, remedy: &Label) -> Json {
    json!({ "field": field, "value": mask(value), "rule": both_languages(rule), "remedy": both_languages(remedy) })
}

/// A stable name of an error for programs, and what it is about.
pub fn code(error: &anyhow::Error) -> (&'static str, Json) {
    for cause in error.chain() {
        if let Some(mistake) = cause.downcast_ref::<Mistake>() {
            return match mistake {
                Mistake::Said { exit: Exit::Usage, .. } => ("usage", Json::Null),
                Mistake::Said { exit: Exit::Refused, .. } => ("refused", Json::Null),
                Mistake::Said { .. } => ("failed", Json::Null),
                Mistake::Refused(refusals) => {
                    let one = |r: &Refusal| remark_json(&r.field_name, &r.value, &r.rule, &r.remedy);
                    ("rule", refusals.iter().map(one).collect())
                }
                Mistake::Ambiguous { typed, found } => {
                    let found = found.iter().map(|(id, ..)| id.to_string()).collect::<Vec<_>>();
                    ("ambiguous", json!({ "typed": typed, "records": found }))
                }
                Mistake::NeedsYes => ("needs_yes", Json::Null),
                Mistake::Stopped { import, written, .. } => {
                    ("import_stopped", json!({ "import": import.to_string(), "written": written }))
                }
            };
        }
        if let Some(problem) = cause.downcast_ref::<Problem>() {
            return (problem.code(), void::about(problem));
        }
        if let Some(error) = cause.downcast_ref::<StoreError>() {
            return (store_code(error), Json::Null);
        }
        if cause.is::<IdentityError>() {
            return ("identity", Json::Null);
        }
        if cause.is::<KeyError>() {
            return ("keys", Json::Null);
        }
        if cause.is::<UplinkError>() || cause.is::<JoinError>() {
            return ("uplink", Json::Null);
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
