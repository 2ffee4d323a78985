//! Joining a network: with a token over the line, or with the answer to a request where there is none.

use std::path::Path;

use huiliu_proto::{root::Fingerprint, token::Token};

use crate::{
    clock::{Clock, Dice},
    identity::{Grant, Home, IdentityError, Request, Role, Setup},
    sync::{
        join::{self, JoinError},
        line::Dial,
    },
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
pub fn begin(dir: &Path, token: &Token, serves: bool, clock: &Clock, dice: &Dice) -> Result<Begun, IdentityError> {
    match Home::open(dir) {
        Err(IdentityError::Missing(_)) if token.as_hub && !serves => Err(IdentityError::OtherRole { theirs: true }),
        Err(IdentityError::Missing(_)) => {
            let role = if token.as_hub { Role::Hub } else { Role::Node };
            writer::init(&Setup::new(dir, &token.network, token.union, role), clock, dice).map(Begun::New)
        }
        home => home.map(Begun::Here),
    }
}

/// Shows the token to the hub it names, and takes what that answers.
pub async fn enter(home: &mut Home, token: &Token, dial: &Dial, clock: &Clock, dice: &Dice) -> Result<(), JoinError> {
    join::enter(home, token, dial, clock, dice).await
}

/// What a machine without a line asks the union above, as a file.
pub fn request(home: &Home) -> Result<Request, IdentityError> {
    home.request()
}

/// The root's fingerprint that a person compares with the union above before she takes its answer: a file comes through many
/// hands, and what it says is believed for good. None where it is known already.
pub fn to_compare(home: &Home, grant: &Grant) -> Result<Option<Fingerprint>, IdentityError> {
    match home.fingerprint()? {
        Some(_) => Ok(None),
        None => Ok(Some(grant.root()?.fingerprint())),
    }
}

/// Takes the answer to a request.
pub fn accept(home: &mut Home, grant: &Grant, clock: &Clock, dice: &Dice) -> Result<(), IdentityError> {
    home.accept(grant, None, clock, dice)
}
