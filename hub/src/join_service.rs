//! The calls of join.proto: who comes in with a token, invites a further machine, or renews.

use std::{net::IpAddr, sync::Arc, time::Duration};

use huiliu_node::{
    clock::{self, Clock},
    identity::{Home, IdentityError},
    store::{trust, trust::Enrolled},
    sync::join::{DEADLINE, MOST_DAYS},
    writer::Store,
};
use huiliu_proto::{
    id::{Hash, hex},
    joining::{Entering, REASON, RETRY_AFTER, Reason},
    token::TokenId,
    v1::{self, join_server::Join},
};
use tonic::{Code, Request, Response, Status};

use crate::{
    authority::{self, AuthorityError},
    limits::{RateLimiter, Seldom},
    listener::Caller,
};

pub struct JoinService {
    pub home: Home,
    pub store: Store,
    pub clock: Clock,
    pub limiter: Arc<RateLimiter>,
    /// Refusals are logged, but seldom enough that strangers cannot fill the log.
    pub refusals: Arc<Seldom>,
}

/// A call declined: a status, a sentence, a word, and how long to wait.
pub fn decline(reason: Reason, retry_after: Option<Duration>) -> Status {
    let code = match reason {
        Reason::Busy => Code::ResourceExhausted,
        Reason::Trouble => Code::Unavailable,
        Reason::Malformed | Reason::Network => Code::InvalidArgument,
        Reason::Stranger => Code::Unauthenticated,
        _ => Code::PermissionDenied,
    };
    let mut status = Status::new(code, reason.sentence());
    let metadata = status.metadata_mut();
    if let Ok(word) = reason.word().parse() {
        metadata.insert(REASON, word);
    }
    if let Some(wait) = retry_after
        && let Ok(seconds) = (wait.as_secs() + 1).to_string().parse()
    {
        metadata.insert(RETRY_AFTER, seconds);
    }
    status
}

/// The enrolled device that calls.
pub async fn known(
    store: &Store,
    caller: &Caller,
    parent: huiliu_proto::union::UnionNumber,
) -> Result<Enrolled, Status> {
    if caller.crowded {
        return Err(decline(Reason::Busy, Some(crate::listener::CROWDED)));
    }
    let key = caller.key.ok_or_else(|| decline(Reason::Stranger, None))?;
    let look = store.look(move |conn| {
        let enrolled = trust::by_tls_key(conn, &key, parent)?;
        let out = enrolled.as_ref().map(|e| trust::revoked(conn, &e.device, e.union)).transpose()?;
        Ok((enrolled, out == Some(true)))
    });
    match look.await {
        Ok((Some(_), true)) => Err(decline(Reason::Device, None)),
        Ok((Some(enrolled), false)) => Ok(enrolled),
        Ok((None, _)) => Err(decline(Reason::Stranger, None)),
        Err(error) => {
            tracing::error!(%error, "the database cannot be read");
            Err(decline(Reason::Trouble, None))
        }
    }
}

fn refused(error: AuthorityError, from: IpAddr, now: i64, seldom: &Seldom) -> Status {
    let reason = match &error {
        AuthorityError::Declined(reason) => *reason,
        AuthorityError::NotBelow(_) => Reason::Union,
        AuthorityError::OtherNetwork(_) => Reason::Network,
        AuthorityError::Malformed(_)
        | AuthorityError::Identity(
            IdentityError::File { .. }
            | IdentityError::Certificate(_)
            | IdentityError::OtherRequest
            | IdentityError::KeyKind,
        ) => Reason::Malformed,
        _ => Reason::Trouble,
    };
    match reason {
        Reason::Trouble => tracing::error!(%error, %from, "a machine could not be let in"),
        _ => {
            if let Some(unsaid) = seldom.say() {
                tracing::warn!(reason = reason.word(), %from, unsaid, "a machine was not let in");
            }
        }
    }
    // Of a union so many machines are let in on one day.
    let wait = (reason == Reason::Busy).then(|| clock::until_next_day(now));
    decline(reason, wait)
}

fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    request.extensions().get::<Caller>().cloned().ok_or_else(|| decline(Reason::Stranger, None))
}

/// Time limit of a call, whatever the caller does.
async fn in_time<T>(work: impl Future<Output = Result<T, Status>>) -> Result<Response<T>, Status> {
    let done = tokio::time::timeout(DEADLINE, work).await;
    done.unwrap_or_else(|_| Err(decline(Reason::Busy, Some(DEADLINE)))).map(Response::new)
}

#[tonic::async_trait]
impl Join for JoinService {
    async fn enter(&self, request: Request<v1::EnterRequest>) -> Result<Response<v1::Joined>, Status> {
        let caller = caller(&request)?;
        if caller.crowded {
            return Err(decline(Reason::Busy, Some(crate::listener::CROWDED)));
        }
        self.limiter.take(caller.address).map_err(|wait| decline(Reason::Busy, Some(wait)))?;
        let entering = request.into_inner().entering.ok_or_else(|| decline(Reason::Malformed, None))?;
        in_time(async {
            let entering = Entering::verify(&entering).map_err(|error| {
                if let Some(unsaid) = self.refusals.say() {
                    tracing::warn!(%error, from = %caller.address, unsaid, "a request to join cannot be read");
                }
                decline(Reason::Malformed, None)
            })?;
            let granted = authority::enter(&self.home, &self.store, &entering, &self.clock).await;
            let granted = granted.map_err(|error| refused(error, caller.address, (self.clock)(), &self.refusals))?;
            let (union, device) = (entering.union, hex(&entering.device.0[..8]));
            tracing::info!(%union, device, token = ?entering.token.map(|(id, _)| id), from = %caller.address, "a machine was let in");
            Ok(granted.into())
        })
        .await
    }

    async fn invite(&self, request: Request<v1::InviteRequest>) -> Result<Response<v1::Invited>, Status> {
        let caller = caller(&request)?;
        let enrolled = known(&self.store, &caller, self.home.config.union).await?;
        let asked = request.into_inner();
        let malformed = || decline(Reason::Malformed, None);
        let id = TokenId(asked.token[..].try_into().map_err(|_| malformed())?);
        let pass_hash = Hash::try_from(&asked.pass_hash[..]).map_err(|_| malformed())?;
        if !(1..=MOST_DAYS).contains(&asked.days) {
            return Err(malformed());
        }
        in_time(async {
            let (union, device) = (enrolled.union, hex(&enrolled.device.0[..8]));
            let days = asked.days;
            let invited = self.store.write(move |ledger| authority::invite(ledger, &enrolled, id, pass_hash, days));
            let invited =
                invited.await.map_err(|error| refused(error.into(), caller.address, (self.clock)(), &self.refusals))?;
            let expires_at = invited.map_err(|reason| decline(reason, None))?;
            tracing::info!(%union, device, token = %id, "a union invites a further machine of its own");
            Ok(v1::Invited { expires_at })
        })
        .await
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::Joined>, Status> {
        let caller = caller(&request)?;
        let enrolled = known(&self.store, &caller, self.home.config.union).await?;
        let asked = request.into_inner();
        let granted = authority::renew(&self.home, &enrolled, &asked.tls, &asked.authority, &self.clock);
        let granted = granted.map_err(|error| refused(error, caller.address, (self.clock)(), &self.refusals))?;
        tracing::info!(union = %enrolled.union, "certificates were renewed");
        Ok(Response::new(granted.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A union that has brought as many machines as a day allows is told how long that day still is.
    #[test]
    fn who_may_come_tomorrow_is_told_so() {
        let noon = 4 * 3_600_000;
        let seldom = Seldom::default();
        let status = refused(AuthorityError::Declined(Reason::Busy), [127, 0, 0, 1].into(), noon, &seldom);
        assert_eq!(status.metadata().get(RETRY_AFTER).unwrap(), "43201");
        let status = refused(AuthorityError::Declined(Reason::Device), [127, 0, 0, 1].into(), noon, &seldom);
        assert!(status.metadata().get(RETRY_AFTER).is_none());
    }
}
