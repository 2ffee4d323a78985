//! The authority for the unions directly below: who may write, said in this hub's feed, and who may connect, said in
//! a certificate. One path for requests that come as files and for those that come with a token.

use std::{collections::BTreeSet, net::SocketAddr};

use huiliu_node::{
    clock::{self, Clock},
    identity::{Asked, Grant, Home, IdentityError, Request, certificates, tls::first},
    ledger::{Ledger, WriteOutcome},
    store::{
        Result as StoreResult, StoreError, View, invitations, invitations::Invitation, records::directory, trust,
        trust::Enrolled,
    },
    writer::Store,
};
use huiliu_proto::{
    attestation::Attestation,
    id::{DeviceId, Hash},
    joining::{Entering, Reason},
    records::enrolment,
    serials::Block,
    token::TokenId,
    union::UnionNumber,
};

#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    #[error("this hub's keys cannot be used: {0}")]
    Identity(#[from] IdentityError),
    #[error("what is stored cannot be read or written: {0}")]
    Store(#[from] StoreError),
    #[error("{0} is not directly below this union")]
    NotBelow(String),
    /// Nobody gave that number, as far as is known here.
    #[error("no union is registered with the number {0}")]
    Unregistered(UnionNumber),
    #[error("the request is of the network {0:?}")]
    OtherNetwork(String),
    #[error("the request is malformed: {0}")]
    Malformed(&'static str),
    #[error("it is not known where those below reach this hub")]
    NoAddress,
    #[error("“{0}” is no address: a host, a colon, and a port")]
    NoAddressAtAll(String),
    #[error("{0} is where to listen, not where to call")]
    Unspecified(String),
    #[error("{}", .0.sentence())]
    Declined(Reason),
}

impl AuthorityError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            AuthorityError::Identity(_) => "identity",
            AuthorityError::Store(_) => "database",
            AuthorityError::NotBelow(_) => "not_below",
            AuthorityError::Unregistered(_) => "unregistered",
            AuthorityError::OtherNetwork(_) => "other_network",
            AuthorityError::Malformed(_) => "malformed",
            AuthorityError::NoAddress => "no_address",
            AuthorityError::NoAddressAtAll(_) => "not_an_address",
            AuthorityError::Unspecified(_) => "not_callable",
            AuthorityError::Declined(_) => "declined",
        }
    }
}

/// Machines a hub enrols for one union in a day: more than an office sets up, and what a stolen machine's tokens can do.
pub const A_DAY: u64 = 20;

/// A machine that asks to be let in: all that it says was signed by its device.
struct Applicant {
    asked: Asked,
    voucher: Option<[u8; 32]>,
}

impl Applicant {
    fn read(asked: Asked, home: &Home) -> Result<Applicant, AuthorityError> {
        let (config, said) = (&home.config, &asked.attestation);
        if said.network != config.network {
            return Err(AuthorityError::OtherNetwork(said.network.clone()));
        }
        if said.union.enroller() != config.union || !said.union.has_union() {
            return Err(AuthorityError::NotBelow(said.union.to_string()));
        }
        if said.hub != said.authority_key.is_some() {
            return Err(AuthorityError::Malformed("authority"));
        }
        // The nation has one hub, the root.
        if said.hub && (said.union == config.union || !said.union.may_have_hub()) {
            return Err(AuthorityError::Declined(Reason::Role));
        }
        let voucher = asked.entering.voucher;
        Ok(Applicant { asked, voucher })
    }
}

/// What enrolling a machine would mean, for the person who decides.
#[derive(Debug, Clone)]
pub struct Preview {
    pub said: Attestation,
    /// Machines of that union which are enrolled and may write, whether as hubs, and since when.
    pub others: Vec<Enrolled>,
    /// It is enrolled already, with the same keys: it would get new certificates only.
    pub known: bool,
}

/// Looks at a request that came as a file. Nothing is written.
pub fn preview(home: &Home, store: &Store, request: &Request) -> Result<Preview, AuthorityError> {
    let applicant = Applicant::read(request.asked()?, home)?;
    let said = applicant.asked.attestation;
    let (me, device, union) = (home.config.union, said.device, said.union);
    let (refused, mine) = store.read(|conn| {
        let mut mine = vec![];
        for enrolled in trust::enrolments(conn, None)?.into_iter().filter(|e| e.union == union && e.by == me) {
            if !trust::revoked(conn, &enrolled.device, union)? {
                mine.push(enrolled);
            }
        }
        Ok((may_not(conn, me, &said)?, mine))
    })?;
    if let Some(reason) = refused {
        return Err(AuthorityError::Declined(reason));
    }
    let known = mine.iter().any(|e| same(e, &said));
    // With each further block a machine is enrolled once more.
    let mut seen = BTreeSet::from([device]);
    let others = mine.into_iter().filter(|e| seen.insert(e.device)).collect();
    Ok(Preview { said, others, known })
}

/// Whether a union may be invited, or a request of it answered by hand: it is in the directory, or was registered.
pub fn is_registered(conn: &View, union: UnionNumber) -> StoreResult<bool> {
    Ok(union.serial().is_none() || directory::registered(conn, union)?.is_some() || trust::any_enrolled(conn, union)?)
}

/// Whether that machine would be enrolled. Nothing is written.
pub fn trial(home: &Home, store: &Store, request: &Request) -> Result<(), AuthorityError> {
    let applicant = Applicant::read(request.asked()?, home)?;
    store.dry_run(move |ledger| admit(ledger, &applicant, None))?.map_err(AuthorityError::Declined)
}

/// Where those below reach this hub: what was said with `--address` once, else where it listens.
pub fn address(home: &Home) -> Result<String, AuthorityError> {
    // Read anew: it may be said at the command line while this one serves.
    let config = Home::open(&home.dir).map_or_else(|_| home.config.clone(), |home| home.config);
    callable(config.announce.or(config.listen).ok_or(AuthorityError::NoAddress)?)
}

/// The same, where a person may have said another one now: it can be called, and is whole.
pub fn address_or(home: &Home, typed: Option<&str>) -> Result<String, AuthorityError> {
    let Some(typed) = typed else { return address(home) };
    let whole = typed.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if whole { callable(typed.to_owned()) } else { Err(AuthorityError::NoAddressAtAll(typed.to_owned())) }
}

/// Remembers where those below reach this hub, so that it is never typed twice.
pub fn announce(home: &Home, address: &str) -> Result<(), IdentityError> {
    if home.config.announce.as_deref() == Some(address) {
        return Ok(());
    }
    let mut home = home.clone();
    home.config.announce = Some(address.to_owned());
    home.save()
}

/// An address that can be called, and not only listened on.
fn callable(address: String) -> Result<String, AuthorityError> {
    let unspecified = address.parse::<SocketAddr>().is_ok_and(|a| a.ip().is_unspecified());
    if unspecified { Err(AuthorityError::Unspecified(address)) } else { Ok(address) }
}

/// Answers a request that came as a file: an enrolment in the feed of that branch, and certificates. A person has
/// compared the device's key, and has said yes to the role it asks for.
pub async fn enrol(home: &Home, store: &Store, request: &Request, clock: &Clock) -> Result<Grant, AuthorityError> {
    let applicant = Applicant::read(request.asked()?, home)?;
    address(home)?;
    let entering = applicant.asked.entering.clone();
    store.write(move |ledger| admit(ledger, &applicant, None)).await?.map_err(AuthorityError::Declined)?;
    certify(home, entering.union, &entering.tls, entering.authority.as_deref(), clock)
}

/// Answers a machine that shows a token. Whether it is let in, and that nobody else is, is decided in one transaction.
pub async fn enter(home: &Home, store: &Store, entering: &Entering, clock: &Clock) -> Result<Grant, AuthorityError> {
    let Some((token, pass)) = entering.token else { return Err(AuthorityError::Malformed("token")) };
    // A caller without a valid token causes no write.
    if store.look(move |conn| invitations::get(conn, &token)).await?.is_none() {
        return Err(AuthorityError::Declined(Reason::Unknown));
    }
    let applicant = Applicant::read(Asked::read(entering.clone())?, home)?;
    address(home)?;
    store.write(move |ledger| let_in(ledger, &token, &pass, &applicant)).await?.map_err(AuthorityError::Declined)?;
    certify(home, entering.union, &entering.tls, entering.authority.as_deref(), clock)
}

/// New certificates for a machine that is enrolled, for the keys it was enrolled with and no others.
pub fn renew(home: &Home, caller: &Enrolled, tls: &str, sub: &str, clock: &Clock) -> Result<Grant, AuthorityError> {
    let key = |pem| certificates::requested(pem, &caller.device, None);
    let sub = Some(sub).filter(|sub| !sub.is_empty());
    let known = caller.tls_key == Some(key(tls)?) && caller.authority_key == sub.map(key).transpose()?;
    if !known {
        return Err(AuthorityError::Declined(Reason::Malformed));
    }
    certify(home, caller.union, tls, sub, clock)
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
    let expires_at = expires_at(now, days);
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
    let invitation = Invitation {
        further: true,
        asked_by: Some(caller.device),
        ..new_invitation(id, caller.union, pass_hash, now, expires_at)
    };
    invitations::add(conn, &invitation)?;
    Ok(Ok(expires_at))
}

/// When an invitation that is given now dies.
pub fn expires_at(now: i64, days: u32) -> i64 {
    now.saturating_add(i64::from(days) * 86_400_000)
}

/// For the first machine of a union, one that records.
pub fn new_invitation(id: TokenId, union: UnionNumber, pass_hash: Hash, made_at: i64, expires_at: i64) -> Invitation {
    Invitation {
        id,
        union,
        pass_hash,
        further: false,
        as_hub: false,
        asked_by: None,
        made_at,
        expires_at,
        revoked_at: None,
        ended: false,
        tries: 0,
        used: None,
    }
}

/// Whether a union has a machine that may still write, other than this one.
pub fn occupied(conn: &View, union: UnionNumber, but: Option<&DeviceId>) -> StoreResult<bool> {
    // Nobody enrols the root.
    if union == UnionNumber::NATION {
        return Ok(true);
    }
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
    invitations::sweep(conn, now)?;
    let Some(invitation) = invitations::get(conn, token)? else { return Ok(Err(Reason::Unknown)) };
    let said = &applicant.asked.attestation;
    if let Err(reason) = invitation.lets_in(pass, &said.device, &said.tls_key, now) {
        if reason == Reason::Pass {
            invitations::tried(conn, token)?;
        }
        return Ok(Err(reason));
    }
    if invitations::void(conn, &invitation)? {
        return Ok(Err(Reason::Revoked));
    }
    if invitation.union != said.union {
        return Ok(Err(Reason::Union));
    }
    if invitation.as_hub != said.hub {
        return Ok(Err(Reason::Role));
    }
    if !invitation.further && occupied(conn, said.union, Some(&said.device))? {
        return Ok(Err(Reason::Occupied));
    }
    if let Err(reason) = admit(ledger, applicant, invitation.asked_by)? {
        return Ok(Err(reason));
    }
    invitations::used(ledger.conn(), token, &said.device, &said.tls_key, now)?;
    Ok(Ok(()))
}

fn same(enrolled: &Enrolled, said: &Attestation) -> bool {
    enrolled.device == said.device
        && enrolled.union == said.union
        && enrolled.hub == said.hub
        && enrolled.tls_key == Some(said.tls_key)
        && enrolled.seal_key == Some(said.seal_key)
        && enrolled.authority_key == said.authority_key
}

/// The reason why a machine may not be enrolled, if there is one: its device was revoked, or its TLS key belongs to
/// another device, for which it would be taken.
fn may_not(conn: &View, me: UnionNumber, said: &Attestation) -> StoreResult<Option<Reason>> {
    if trust::revoked(conn, &said.device, said.union)? || trust::revoked_anywhere(conn, &said.device, me)? {
        return Ok(Some(Reason::Device));
    }
    Ok(trust::key_of_another(conn, &said.tls_key, &said.device, me)?.then_some(Reason::Key))
}

/// Enrols the machine; one that is enrolled with the same keys is not enrolled again, and one that was revoked is not
/// taken back.
fn admit(ledger: &mut Ledger, applicant: &Applicant, invited_by: Option<DeviceId>) -> StoreResult<Result<(), Reason>> {
    let (me, today) = (ledger.me().union, clock::day(ledger.now()));
    let (conn, said) = (ledger.conn(), &applicant.asked.attestation);
    if let Some(reason) = may_not(conn, me, said)? {
        return Ok(Err(reason));
    }
    if trust::enrolments(conn, Some(&said.device))?.iter().any(|e| e.by == me && same(e, said)) {
        return Ok(Ok(()));
    }
    if trust::enrolled_since(conn, me, said.union, today)? >= A_DAY {
        return Ok(Err(Reason::Busy));
    }
    let mut enrolment = said.draft(&applicant.asked.entering.attestation, today);
    if let Some(voucher) = applicant.voucher {
        enrolment.set(enrolment::VOUCHER, voucher.to_vec());
    }
    if let Some(by) = invited_by {
        enrolment.set(enrolment::INVITED_BY, by.to_vec());
    }
    if let Some(block) = next_block(ledger, &said.device, said.union, true)? {
        enrolment.set(enrolment::BLOCK, i64::from(block.number()));
    }
    if let Some(named) = directory::registered(ledger.conn(), said.union)? {
        enrolment.set(enrolment::NAME, named.name);
        named.short.map(|short| enrolment.set(enrolment::SHORT_NAME, short));
    }
    match ledger.write_entry(&enrolment.into_record())? {
        WriteOutcome::Written { .. } | WriteOutcome::Unchanged(_) => Ok(Ok(())),
        WriteOutcome::Refused(refusals) => {
            tracing::warn!(?refusals, "an enrolment was refused");
            Ok(Err(Reason::Malformed))
        }
    }
}

/// The block of serials that a machine of `union` gets with its enrolment: none where its union gives no numbers, or where
/// this hub cannot tell which blocks are its own to give. `first`: it may have one already.
pub fn next_block(ledger: &Ledger, device: &DeviceId, union: UnionNumber, first: bool) -> StoreResult<Option<Block>> {
    let (me, conn) = (ledger.me(), ledger.conn());
    let root = me.root;
    if union.serial().is_some() || (first && !trust::blocks(conn, root, device, union)?.is_empty()) {
        return Ok(None);
    }
    let enrolled = trust::enrolments(conn, None)?;
    let hubs_of = |union| {
        let hubs = enrolled.iter().filter(move |e| e.hub && e.union == union && e.by == trust::superior(union));
        hubs.map(|e| e.device).collect::<BTreeSet<_>>()
    };
    let mut mine = trust::blocks(conn, root, &me.device(), me.union)?;
    if mine.is_empty() {
        // Enrolled before there were blocks: as if it had the first, where it is the union's only hub.
        if hubs_of(me.union).len() > 1 {
            return Ok(None);
        }
        mine.push(Block::FIRST);
    }
    let mut given = trust::blocks_given(conn, union)?;
    for other in hubs_of(union).into_iter().filter(|other| other != device) {
        if trust::blocks(conn, root, &other, union)?.is_empty() {
            // A hub that has none gives from the first lane until it has the first block.
            given.extend(mine.iter().filter_map(|block| block.lane().next()));
        }
    }
    Ok(mine.iter().flat_map(|block| block.lane()).find(|block| !given.contains(block)))
}

/// The root's own word for its keys, for further machines of the national union: once.
pub fn enrol_itself(ledger: &mut Ledger, itself: &Asked) -> StoreResult<()> {
    let (said, today) = (&itself.attestation, clock::day(ledger.now()));
    if trust::enrolments(ledger.conn(), Some(&said.device))?.iter().any(|e| same(e, said)) {
        return Ok(());
    }
    let record = said.enrolment(&itself.entering.attestation, today);
    match ledger.write_entry(&record)? {
        WriteOutcome::Refused(refusals) => Err(StoreError::Refused(format!("{refusals:?}"))),
        _ => Ok(()),
    }
}

/// The certificates for a request that was granted.
fn certify(
    home: &Home,
    union: UnionNumber,
    tls: &str,
    sub: Option<&str>,
    time: &Clock,
) -> Result<Grant, AuthorityError> {
    let config = &home.config;
    let root_certificate = home.root_certificate()?;
    let above = home.authority_chain()?;
    let own = if above.is_empty() { &root_certificate } else { &above };
    let key = home.key("authority")?;
    let random = clock::random();
    let authority = certificates::Authority { key: &key, certificate: first(own)?, random: &random };
    let now = time();
    let machine = authority.machine(tls, union, now)?;
    let sub = sub.map(|csr| authority.authority(csr, union, now)).transpose()?;
    let me = home.me(time.clone(), random.clone())?;
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
