//! The authority for the unions directly below: who may write, said in this hub's feed, and who may connect, said in
//! a certificate. One path for requests that come as files and for those that come with a token.

use std::net::SocketAddr;

use huiliu_node::{
    clock::Clock,
    identity::{Grant, Home, IdentityError, Request, certificates, tls},
    ledger::{Ledger, Outcome},
    store::{Result as StoreResult, Store, StoreError, invitations, invitations::Invitation, trust, trust::Enrolled},
};
use huiliu_proto::{
    id::{DeviceId, Hash, unhex},
    joining::{Entering, Reason},
    kind::kind,
    record::Record,
    token::TokenId,
    union::UnionNumber,
    value::Value,
};
use rusqlite::Connection;

#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0} is not directly below this union")]
    NotBelow(String),
    #[error("the request is of the network {0:?}")]
    OtherNetwork(String),
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    #[error("it is not known where those below reach this hub")]
    NoAddress,
    #[error("{0} is where to listen, not where to call")]
    Unspecified(String),
    #[error("{}", .0.sentence())]
    Declined(Reason),
}

/// What a machine asks for, checked as far as it can be without the database.
struct Applicant {
    union: UnionNumber,
    device: DeviceId,
    tls_key: Hash,
    hub: bool,
    seal_key: Option<[u8; 32]>,
    voucher: Option<[u8; 32]>,
}

impl Applicant {
    fn read(request: &Request, home: &Home, voucher: Option<[u8; 32]>) -> Result<Applicant, AuthorityError> {
        let config = &home.config;
        if request.network != config.network {
            return Err(AuthorityError::OtherNetwork(request.network.clone()));
        }
        let (union, device, tls_key) = request.parts()?;
        if union.parent() != Some(config.union) {
            return Err(AuthorityError::NotBelow(union.to_string()));
        }
        let seal_key = request.seal_key.as_deref().map(|key| {
            let bytes = unhex(key).and_then(|b| b.try_into().ok());
            bytes.ok_or(AuthorityError::Malformed("seal_key"))
        });
        Ok(Applicant { union, device, tls_key, hub: request.hub, seal_key: seal_key.transpose()?, voucher })
    }
}

/// Where those below reach this hub: what was said with `--address` once, else where it listens.
pub fn address(home: &Home) -> Result<String, AuthorityError> {
    // Read anew: it may be said at the command line while this one serves.
    let config = Home::open(&home.dir).map_or_else(|_| home.config.clone(), |home| home.config);
    callable(config.announce.or(config.listen).ok_or(AuthorityError::NoAddress)?)
}

/// An address that can be called, and not only listened on.
pub fn callable(address: String) -> Result<String, AuthorityError> {
    let unspecified = address.parse::<SocketAddr>().is_ok_and(|a| a.ip().is_unspecified());
    if unspecified { Err(AuthorityError::Unspecified(address)) } else { Ok(address) }
}

/// Answers a request that came as a file: an enrolment in the feed of that branch, and certificates.
pub async fn enrol(home: &Home, store: &Store, request: &Request, clock: &Clock) -> Result<Grant, AuthorityError> {
    let applicant = Applicant::read(request, home, None)?;
    address(home)?;
    store.write(move |ledger| admit(ledger, &applicant)).await?.map_err(AuthorityError::Declined)?;
    certify(home, request, clock)
}

/// Answers a machine that shows a token. Whether it is let in, and that nobody else is, is decided in one transaction.
pub async fn enter(home: &Home, store: &Store, entering: &Entering, clock: &Clock) -> Result<Grant, AuthorityError> {
    let request = Request::from(entering);
    let applicant = Applicant::read(&request, home, entering.voucher)?;
    address(home)?;
    let (token, pass) = (entering.token, entering.pass);
    // Whoever knows no token costs no write.
    if store.look(move |conn| invitations::get(conn, &token)).await?.is_none() {
        return Err(AuthorityError::Declined(Reason::Unknown));
    }
    store.write(move |ledger| let_in(ledger, &token, &pass, &applicant)).await?.map_err(AuthorityError::Declined)?;
    certify(home, &request, clock)
}

/// New certificates for a machine that is enrolled, for the TLS key it is known by.
pub fn renew(home: &Home, caller: &Enrolled, tls: String, sub: String, clock: &Clock) -> Result<Grant, AuthorityError> {
    let known = caller.tls_key.is_some() && caller.tls_key == certificates::request_key_hash(&tls).ok();
    if !known {
        return Err(AuthorityError::Declined(Reason::Malformed));
    }
    let request = Request {
        network: home.config.network.clone(),
        union: caller.union.into(),
        device: caller.device.to_string(),
        hub: caller.hub,
        tls,
        authority: Some(sub).filter(|sub| !sub.is_empty()),
        seal_key: None,
    };
    certify(home, &request, clock)
}

/// An invitation that a machine below asks for, for another machine of its own union.
pub fn invite(
    ledger: &mut Ledger,
    caller: &Enrolled,
    id: TokenId,
    pass_hash: Hash,
    days: u32,
) -> StoreResult<Result<i64, Reason>> {
    let now = ledger.now();
    let expires_at = now + i64::from(days) * 86_400_000;
    let conn = ledger.conn();
    if trust::revoked(conn, &caller.device, caller.union)? {
        return Ok(Err(Reason::Device));
    }
    if invitations::open(conn, caller.union, now)? >= invitations::OPEN {
        return Ok(Err(Reason::Busy));
    }
    if invitations::get(conn, &id)?.is_some() {
        return Ok(Err(Reason::Malformed));
    }
    let asked_by = Some(caller.device);
    invitations::add(conn, &new_invitation(id, caller.union, pass_hash, true, asked_by, now, expires_at))?;
    Ok(Ok(expires_at))
}

pub fn new_invitation(
    id: TokenId,
    union: UnionNumber,
    pass_hash: Hash,
    further: bool,
    asked_by: Option<DeviceId>,
    made_at: i64,
    expires_at: i64,
) -> Invitation {
    Invitation { id, union, pass_hash, further, asked_by, made_at, expires_at, revoked_at: None, tries: 0, used: None }
}

/// Whether a union has a machine that may still write, other than this one.
pub fn occupied(conn: &Connection, union: UnionNumber, but: Option<&DeviceId>) -> StoreResult<bool> {
    for enrolled in trust::enrolments(conn, None)? {
        if enrolled.union == union && Some(enrolled.by) == union.parent() && Some(&enrolled.device) != but {
            return Ok(true);
        }
    }
    Ok(false)
}

fn let_in(ledger: &mut Ledger, token: &TokenId, pass: &[u8], applicant: &Applicant) -> StoreResult<Result<(), Reason>> {
    let now = ledger.now();
    let conn = ledger.conn();
    let Some(invitation) = invitations::get(conn, token)? else { return Ok(Err(Reason::Unknown)) };
    if let Err(reason) = invitation.lets_in(pass, &applicant.device, &applicant.tls_key, now) {
        if reason == Reason::Pass {
            invitations::tried(conn, token)?;
        }
        return Ok(Err(reason));
    }
    if invitations::void(conn, &invitation)? {
        return Ok(Err(Reason::Revoked));
    }
    if invitation.union != applicant.union {
        return Ok(Err(Reason::Union));
    }
    if invitation.asked_by.is_some() && applicant.hub {
        return Ok(Err(Reason::Role));
    }
    if !invitation.further && occupied(conn, applicant.union, Some(&applicant.device))? {
        return Ok(Err(Reason::Occupied));
    }
    if let Err(reason) = admit(ledger, applicant)? {
        return Ok(Err(reason));
    }
    invitations::used(ledger.conn(), token, &applicant.device, &applicant.tls_key, now)?;
    Ok(Ok(()))
}

/// Enrols the machine; one that is enrolled with the same keys is not enrolled again, and one that was revoked is not
/// taken back.
fn admit(ledger: &mut Ledger, applicant: &Applicant) -> StoreResult<Result<(), Reason>> {
    let conn = ledger.conn();
    let before = trust::enrolments(conn, Some(&applicant.device))?;
    let same = |e: &&Enrolled| e.union == applicant.union && e.tls_key == Some(applicant.tls_key);
    if trust::revoked(conn, &applicant.device, applicant.union)? {
        return Ok(Err(Reason::Device));
    }
    let known = |e: &Enrolled| e.hub == applicant.hub && e.seal_key == applicant.seal_key;
    if before.iter().filter(same).any(known) {
        return Ok(Ok(()));
    }
    let Some(kind) = kind("enrolment") else { return Ok(Err(Reason::Trouble)) };
    let mut record = Record::new(kind);
    record.set("union", Value::Int(i64::from(applicant.union)));
    record.set("device", Value::Bytes(applicant.device.to_vec()));
    record.set("hub", Value::Bool(applicant.hub));
    record.set("from_on", Value::Int(i64::from(huiliu_node::clock::day(ledger.now()).0)));
    record.set("tls_key_hash", Value::Bytes(applicant.tls_key.to_vec()));
    if let Some(key) = applicant.seal_key {
        record.set("seal_key", Value::Bytes(key.to_vec()));
    }
    if let Some(voucher) = applicant.voucher {
        record.set("voucher", Value::Bytes(voucher.to_vec()));
    }
    match ledger.write_entry(&record)? {
        Outcome::Written { .. } | Outcome::Unchanged(_) => Ok(Ok(())),
        Outcome::Refused(refusals) => {
            tracing::warn!(?refusals, "an enrolment was refused");
            Ok(Err(Reason::Malformed))
        }
    }
}

/// The certificates for a request that was granted.
fn certify(home: &Home, request: &Request, clock: &Clock) -> Result<Grant, AuthorityError> {
    let config = &home.config;
    let (union, ..) = request.parts()?;
    let root_certificate = home.root_certificate()?;
    let above = home.authority_chain()?;
    let own = if above.is_empty() { &root_certificate } else { &above };
    let key = home.key("authority")?;
    let dice = huiliu_node::clock::dice();
    let authority = certificates::Authority { key: &key, certificate: tls::first(own)?, dice: &dice };
    let now = clock();
    let machine = authority.machine(&request.tls, union, now)?;
    let sub = request.authority.as_deref().filter(|_| request.hub);
    let sub = sub.map(|csr| authority.authority(csr, union, now)).transpose()?;
    let me = home.me(clock.clone(), dice.clone())?;
    Ok(Grant {
        network: config.network.clone(),
        root: config.root.ok_or(IdentityError::NotJoined)?.to_string(),
        root_certificate,
        parent_union: config.union.into(),
        parent_device: me.device().to_string(),
        parent_address: address(home)?,
        tls: format!("{machine}{above}"),
        authority: sub.map(|sub| format!("{sub}{above}")),
    })
}
