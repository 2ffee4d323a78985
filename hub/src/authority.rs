//! The authority for the unions directly below: who may write, said in this hub's feed, and who may connect, said in
//! a certificate.

use huiliu_node::{
    clock::Clock,
    identity::{Grant, Home, IdentityError, Request, certificates, tls},
    ledger::Outcome,
    store::{Store, StoreError},
};
use huiliu_proto::{id::unhex, kind::kind, record::Record, value::Value};

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
    #[error("this hub has no address yet: give it one with --listen, or `listen` in config.json")]
    NoAddress,
}

/// Answers a request: an enrolment in the feed of that branch, and certificates.
pub async fn enrol(home: &Home, store: &Store, request: &Request, clock: &Clock) -> Result<Grant, AuthorityError> {
    let config = &home.config;
    if request.network != config.network {
        return Err(AuthorityError::OtherNetwork(request.network.clone()));
    }
    let (union, device, tls_key) = request.parts()?;
    if union.parent() != Some(config.union) {
        return Err(AuthorityError::NotBelow(union.to_string()));
    }
    let address = config.listen.clone().ok_or(AuthorityError::NoAddress)?;
    let root_certificate = home.root_certificate()?;
    let above = home.authority_chain()?;
    let own = if above.is_empty() { &root_certificate } else { &above };
    let key = home.key("authority")?;
    let authority = certificates::Authority { key: &key, certificate: tls::first(own)? };
    let now = clock();
    let machine = authority.machine(&request.tls, union, now)?;
    let sub = request.authority.as_deref().filter(|_| request.hub);
    let sub = sub.map(|csr| authority.authority(csr, union, now)).transpose()?;

    let kind = kind("enrolment").ok_or(AuthorityError::Malformed("no such kind"))?;
    let mut record = Record::new(kind);
    record.set("union", Value::Int(i64::from(u32::from(union))));
    record.set("device", Value::Bytes(device.to_vec()));
    record.set("hub", Value::Bool(request.hub));
    record.set("from_on", Value::Int(i64::from(huiliu_node::clock::day(now).0)));
    record.set("tls_key_hash", Value::Bytes(tls_key.to_vec()));
    if let Some(seal) = &request.seal_key {
        record.set("seal_key", Value::Bytes(unhex(seal).ok_or(AuthorityError::Malformed("seal_key"))?));
    }
    match store.write(move |ledger| ledger.write_entry(&record)).await? {
        Outcome::Written { .. } | Outcome::Unchanged(_) => {}
        Outcome::Refused(refusals) => {
            tracing::warn!(?refusals, "an enrolment was refused");
            return Err(AuthorityError::Malformed("the enrolment breaks a rule"));
        }
    }
    let me = home.me(clock.clone(), huiliu_node::clock::dice())?;
    Ok(Grant {
        network: config.network.clone(),
        root: config.root.ok_or(IdentityError::NotJoined)?.to_string(),
        root_certificate,
        parent_union: config.union.into(),
        parent_device: me.device().to_string(),
        parent_address: address,
        tls: format!("{machine}{above}"),
        authority: sub.map(|sub| format!("{sub}{above}")),
    })
}
