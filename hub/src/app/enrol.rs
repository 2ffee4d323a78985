//! Answering a request that came as a file: who asks, for the person who compares the device's key, and the answer.

use huiliu_node::{
    clock::Clock,
    identity::{Grant, Home, Request},
    writer::Store,
};

use crate::authority::{self, AuthorityError, Preview};

/// Who asks, as what, and beside whom. What stands in the way is said here, before anybody telephones. `address` is where
/// the machine reaches this hub; without it what was said before, or where this hub listens.
pub fn look(home: &Home, store: &Store, request: &Request, address: Option<&str>) -> Result<Preview, AuthorityError> {
    authority::address_or(home, address)?;
    let seen = authority::preview(home, store, request)?;
    if !store.read(|conn| authority::is_registered(conn, seen.said.union))? {
        return Err(AuthorityError::Unregistered(seen.said.union));
    }
    authority::trial(home, store, request)?;
    Ok(seen)
}

/// Enrols the machine and answers it. The address is remembered.
pub async fn enrol(
    home: &Home,
    store: &Store,
    request: &Request,
    address: Option<&str>,
    clock: &Clock,
) -> Result<Grant, AuthorityError> {
    let said = authority::address_or(home, address)?;
    if address.is_some() {
        authority::announce(home, &said)?;
    }
    authority::enrol(home, store, request, clock).await
}
