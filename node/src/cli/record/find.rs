//! Which record a person means, and what to say where that is none, or several.

use anyhow::Result;
use huiliu_proto::{id::RecordId, kind::Kind};
use serde_json::json;

use crate::{
    app::find::{self, FindError},
    cli::error::{CommandError, both},
    store::{View, projection::Shown},
};

/// The one record whose id this is, or begins so, or that goes by this name. One that is only in quarantine is `Err` of its
/// id.
pub fn any(conn: &View, typed: &str) -> Result<Result<Shown, RecordId>> {
    find::any(conn, typed).map_err(told)
}

/// The one record of a kind that is meant; `None` where there is none.
pub fn of_kind(conn: &View, kind: &'static Kind, typed: &str) -> Result<Option<RecordId>> {
    find::of_kind(conn, kind, typed).map_err(told)
}

/// Why it is not known which record is meant.
pub fn told(error: FindError) -> anyhow::Error {
    let code = error.code();
    let mistake = match error {
        FindError::Missing(typed) => CommandError::failed(
            both(format!("没有编号为“{typed}”的记录"), format!("there is no record “{typed}” here")),
            both("用 record list 种类 查找编号", "find its id with `record list KIND`"),
        )
        .coded(code, json!({ "typed": typed })),
        FindError::Ambiguous { typed, found } => {
            let found = found.into_iter().map(|one| (one.id, one.kind.label.clone(), one.title)).collect();
            CommandError::Ambiguous { typed, found }
        }
        FindError::Store(error) => return error.into(),
    };
    mistake.into()
}

/// What is held can be looked at and nothing else.
pub fn held(id: &RecordId) -> CommandError {
    CommandError::refused(
        both(
            format!("记录 {id} 在待核区，不能修改"),
            format!("the record {id} is in quarantine and cannot be changed"),
        ),
        both("用 record show 查看原因", "see why with `record show`"),
    )
}
