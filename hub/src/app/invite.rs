//! Inviting a machine of a union directly below: a token, which were given, and taking one back.

use huiliu_node::{
    app::Mode,
    clock::{Clock, Random},
    identity::{Home, IdentityError, vouchers},
    store::{
        self, StoreError, View,
        invitations::{self, Invitation},
    },
    sync::join::{self, MOST_DAYS, Minted},
    writer::Store,
};
use huiliu_proto::{
    token::{Pin, Token, TokenId, pass_hash},
    union::UnionNumber,
};

use crate::authority::{self, AuthorityError};

/// Whom a token lets in.
#[derive(Debug, Clone)]
pub struct Ask {
    pub union: UnionNumber,
    /// Beside machines of that union that have joined.
    pub further: bool,
    /// For its hub; false for a machine that records.
    pub as_hub: bool,
    /// Until the token dies; at most `MOST_DAYS`.
    pub days: u32,
    /// Where it reaches this hub, remembered; without it what was said before, or where this hub listens.
    pub address: Option<String>,
}

/// Whether a machine of that union is a hub, where nobody says what it is.
pub fn is_hub(home: &Home, union: UnionNumber) -> bool {
    union.has_unions_below() && union != home.config.union
}

/// Whether it may be one.
pub fn may_be_hub(home: &Home, union: UnionNumber) -> bool {
    union.may_have_hub() && union != home.config.union
}

#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    #[error("{0} has a machine that has joined")]
    Occupied(UnionNumber),
    #[error("a token lives between 1 and {MOST_DAYS} days")]
    Days,
    #[error("{0} has no unions below it that a hub could serve")]
    NoHub(UnionNumber),
    #[error("the network's name or the address is too long for a token")]
    TooLong,
    /// No invitation with this id is open.
    #[error("there is no unused invitation {0}")]
    NotOpen(TokenId),
    #[error("there is no invitation {0}")]
    Unknown(TokenId),
    #[error("it cannot be invited")]
    Authority(#[from] AuthorityError),
    #[error("this machine's keys cannot be used")]
    Identity(#[from] IdentityError),
    #[error("the invitation cannot be stored")]
    Store(#[from] StoreError),
}

impl InviteError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            InviteError::Occupied(_) => "occupied",
            InviteError::Days => "days",
            InviteError::NoHub(_) => "no_hub",
            InviteError::TooLong => "too_long",
            InviteError::NotOpen(_) => "not_open",
            InviteError::Unknown(_) => "unknown_invitation",
            InviteError::Authority(error) => error.code(),
            InviteError::Identity(_) => "identity",
            InviteError::Store(_) => "database",
        }
    }
}

/// Makes a token; `None` where that was a dry run, and nothing stands in the way.
pub fn invite(
    home: &Home,
    store: &Store,
    (clock, random): (&Clock, &Random),
    ask: Ask,
    mode: Mode,
) -> Result<Option<Minted>, InviteError> {
    let config = &home.config;
    let Ask { union, further, as_hub, days, address } = ask;
    if union.enroller() != config.union {
        return Err(AuthorityError::NotBelow(union.to_string()).into());
    }
    if !(1..=MOST_DAYS).contains(&days) {
        return Err(InviteError::Days);
    }
    if as_hub && !may_be_hub(home, union) {
        return Err(InviteError::NoHub(union));
    }
    let said = address.is_some();
    let address = authority::address_or(home, address.as_deref())?;
    if !Token::fits(&config.network, &address) {
        return Err(InviteError::TooLong);
    }
    let root = home.fingerprint()?.ok_or(IdentityError::NotJoined)?;
    if !store.read(|conn| authority::is_registered(conn, union))? {
        return Err(AuthorityError::Unregistered(union).into());
    }
    let taken = move |conn: &View| Ok(!further && authority::occupied(conn, union, None)?);
    if store.read(taken)? {
        return Err(InviteError::Occupied(union));
    }
    let (id, secret) = join::draw(random);
    let hash = pass_hash(&*secret.pass(&id));
    let expires_at = authority::expires_at(store.now(), days);
    // A further machine of this union itself: this one vouches for it, and is known to it by an enrolment of its own. The
    // key is kept first: an invitation without it would let in a machine that can read nothing.
    let vouched = union == config.union;
    let itself = if vouched { Some(home.request()?.asked()?) } else { None };
    if vouched && mode == Mode::Write {
        vouchers::remember(home, &id, &secret.voucher_key(&id), Some(expires_at), clock(), random)?;
    }
    // Asked again in the job that stores it: of two who invite at once, one is told that the other has let somebody in.
    let stored = mode.run(store, move |ledger| {
        if taken(ledger.conn())? {
            return Ok(false);
        }
        let new = authority::new_invitation(id, union, hash, ledger.now(), expires_at);
        invitations::add(ledger.conn(), &Invitation { further, as_hub, ..new })?;
        if let Some(itself) = itself {
            authority::enrol_itself(ledger, &itself)?;
        }
        Ok(true)
    })?;
    if !stored {
        return Err(InviteError::Occupied(union));
    }
    if mode == Mode::DryRun {
        return Ok(None);
    }
    if said {
        authority::announce(home, &address)?;
    }
    let pin = Pin::of(&home.authority_key()?);
    let (network, hub) = (config.network.clone(), config.union);
    let token = Token { network, root, hub, address, pin, union, as_hub, vouched, id, secret };
    Ok(Some(Minted { token, expires_at }))
}

/// An invitation that was given, and whether the machine that asked for it has been revoked since.
#[derive(Debug, Clone)]
pub struct Given {
    pub invitation: Invitation,
    pub void: bool,
}

/// Some of what was given.
#[derive(Debug, Clone)]
pub struct Page {
    pub given: Vec<Given>,
    /// The last of them, where there are more.
    pub next: Option<TokenId>,
}

/// The first `most` that were given, open or not, after one of them; the newest first.
pub fn page(store: &Store, after: Option<TokenId>, most: usize) -> Result<Page, InviteError> {
    store.read(|conn| {
        let after = match after {
            Some(id) => match invitations::get(conn, &id)? {
                None => return Ok(Err(InviteError::Unknown(id))),
                found => found,
            },
            None => None,
        };
        let mut some = invitations::page(conn, after.as_ref(), most + 1)?;
        let more = some.len() > most;
        some.truncate(most);
        let next = some.last().filter(|_| more).map(|last| last.id);
        let given = |one| Ok(Given { void: invitations::void(conn, &one)?, invitation: one });
        Ok(Ok(Page { given: some.into_iter().map(given).collect::<store::Result<_>>()?, next }))
    })?
}

/// Nobody joins with it from now on.
pub fn take_back(store: &Store, id: TokenId, mode: Mode) -> Result<(), InviteError> {
    match mode.run(store, move |ledger| invitations::revoke(ledger.conn(), &id, ledger.now()))? {
        true => Ok(()),
        false => Err(InviteError::NotOpen(id)),
    }
}
