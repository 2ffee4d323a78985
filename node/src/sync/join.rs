//! Joins with a token and renews certificates: calls of join.proto. `invite` has the third.

use std::time::Duration;

use huiliu_proto::{
    joining::Reason,
    token::{Secret, Token, TokenId},
    v1::{self, join_client::JoinClient},
};
use tonic::{Status, transport::Channel};

use super::{
    call::{self, Declined, Overheard, Trouble},
    line::Dial,
};
use crate::{
    clock::{Clock, Random},
    identity::{Grant, Home, IdentityError, tls, validity},
};

/// The largest message of these calls: see join.proto.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// A call may take so long.
pub const DEADLINE: Duration = Duration::from_secs(10);
/// Days a token lives, unless said otherwise, and at most.
pub const DAYS: u32 = 7;
pub const MOST_DAYS: u32 = 30;

#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("{address} cannot be reached: {trouble}")]
    Unreachable { address: String, trouble: Trouble },
    #[error("the hub declined: {}", .0.sentence)]
    Declined(Declined),
}

pub(super) fn client(channel: Channel) -> JoinClient<Channel> {
    JoinClient::new(channel).max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE)
}

/// A call's outcome, with what the line knows of it.
pub(super) async fn answer<T>(
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    address: &str,
    overheard: &Overheard,
) -> Result<T, JoinError> {
    let unreachable = |trouble| JoinError::Unreachable { address: address.to_owned(), trouble };
    match tokio::time::timeout(DEADLINE, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(match Declined::read(&status) {
            Some(declined) => JoinError::Declined(declined),
            None => unreachable(overheard.trouble().unwrap_or_else(|| Trouble::Line(call::chain(&status)))),
        }),
        Err(_) => Err(unreachable(Trouble::Line("no answer in time".into()))),
    }
}

/// Shows the token to the hub it names, and takes what that answers. May be called again when the answer was lost.
pub async fn enter(
    home: &mut Home,
    token: &Token,
    dial: &Dial,
    clock: &Clock,
    random: &Random,
) -> Result<(), JoinError> {
    home.fits(token)?;
    let request = v1::EnterRequest { entering: Some(home.entering(token)?) };
    let config = tls::joining(token.pin, clock)?;
    let connected = call::connect(dial, &token.address, token.hub, config).await;
    let address = &token.address;
    let (channel, overheard) =
        connected.map_err(|trouble| JoinError::Unreachable { address: address.clone(), trouble })?;
    let joined = answer(client(channel).enter(request), address, &overheard).await?;
    Ok(home.accept(&Grant::from(joined), Some(token), clock, random)?)
}

/// A token that was made, and when it dies.
pub struct Minted {
    pub token: Token,
    pub expires_at: i64,
}

/// Random id and secret.
pub fn draw(random: &Random) -> (TokenId, Secret) {
    let (mut id, mut secret) = ([0; 6], [0; 16]);
    random(&mut id);
    random(&mut secret);
    (TokenId(id), Secret::new(secret))
}

/// Renews this machine's certificates over a line that is open, if one of them is past two thirds of its life.
pub async fn renew(home: &Home, channel: Channel, overheard: &Overheard, clock: &Clock) -> Result<bool, JoinError> {
    if !validity::of_home(home)?.is_some_and(|validity| validity.due(clock())) {
        return Ok(false);
    }
    let address = home.config.parent.as_ref().map_or_else(String::new, |p| p.address.clone());
    let joined = answer(client(channel).renew(home.renewal()?), &address, overheard).await?;
    home.renewed(&Grant::from(joined), clock)?;
    Ok(true)
}

/// The reason in an error, where a hub gave one.
pub fn reason(error: &JoinError) -> Option<Reason> {
    match error {
        JoinError::Declined(declined) => declined.reason,
        _ => None,
    }
}
