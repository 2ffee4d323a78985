//! Joining a network: with a token over the line, or with the answer to a request where there is none.

use std::path::Path;

use huiliu_proto::{root::Fingerprint, token::Token};

/// Shows the token to the hub it names, and takes what that answers: the call is the exchange's.
pub use crate::sync::join::{JoinError, enter};
use crate::{
    clock::{Clock, Random},
    identity::{Grant, Home, IdentityError, Role, Setup},
    writer,
};

/// A machine that shows a token.
pub enum Begun {
    /// It was not set up yet: the token said for whom it is.
    New(Home),
    /// It was; its keys may be locked.
    Here(Home),
}

/// The home of the machine that joins; made where there is none. Only a program that `serves` becomes a hub.
pub fn begin(dir: &Path, token: &Token, serves: bool, clock: &Clock, random: &Random) -> Result<Begun, IdentityError> {
    match Home::open(dir) {
        Err(IdentityError::Missing(_)) if token.as_hub && !serves => Err(IdentityError::OtherRole { theirs: true }),
        Err(IdentityError::Missing(_)) => {
            let role = if token.as_hub { Role::Hub } else { Role::Node };
            writer::init(&Setup::new(dir, &token.network, token.union, role), clock, random).map(Begun::New)
        }
        home => home.map(Begun::Here),
    }
}

#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Nobody has compared the root's fingerprint with the union above: a file comes through many hands, and what it says is
    /// believed for good.
    #[error("the network's fingerprint was not compared")]
    NotCompared(Fingerprint),
    #[error("the answer cannot be taken")]
    Identity(#[from] IdentityError),
}

impl AcceptError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            AcceptError::NotCompared(_) => "not_compared",
            AcceptError::Identity(_) => "identity",
        }
    }
}

/// The root's fingerprint that a person compares with the union above before she takes its answer. None where it is known
/// already.
pub fn to_compare(home: &Home, grant: &Grant) -> Result<Option<Fingerprint>, IdentityError> {
    match home.fingerprint()? {
        Some(_) => Ok(None),
        None => Ok(Some(grant.root()?.fingerprint())),
    }
}

/// Takes the answer to a request, if the root it names is known here or is the one that was `compared`.
pub fn accept(
    home: &mut Home,
    grant: &Grant,
    compared: Option<Fingerprint>,
    clock: &Clock,
    random: &Random,
) -> Result<(), AcceptError> {
    match to_compare(home, grant)? {
        Some(root) if compared != Some(root) => Err(AcceptError::NotCompared(root)),
        _ => Ok(home.accept(grant, None, clock, random)?),
    }
}
