//! A token: all that a machine must be told to join, on one slip of paper.
//!
//! It names the network and its root, the hub to call and the key to recognise it by, the union that is invited, and a
//! secret that works once. Whoever holds it may join in that union's place, so it travels like a password.

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    id::{DeviceId, Hash, hex},
    root::{BASE32, Fingerprint, grouped},
    seal::mac,
    union::UnionNumber,
};

/// Every token begins with it, so that people see what they hold.
const PREFIX: &str = "huiliu";
const VERSION: u8 = 2;
/// The one who invites holds the voucher key and will vouch for the machine that joins.
const VOUCHED: u8 = 1;
/// It is for a hub; without it for a machine that records.
const AS_HUB: u8 = 2;
const CHECK: usize = 4;
/// More than any token has: longer texts are not looked at.
const MAX_TEXT: usize = 2048;
const MAX_NETWORK: usize = 64;
const MAX_ADDRESS: usize = 255;

/// Names an invitation at the hub that keeps it. No secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(pub [u8; 6]);

/// The hash by which a hub's authority key is recognised before anything else is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub [u8; 16]);

/// 128 random bits. What is shown of them, and to whom, is derived; they themselves are never sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<[u8; 16]>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub network: String,
    pub root: Fingerprint,
    /// Whose hub to call, where (`host:port`), and the pin of its authority key.
    pub hub: UnionNumber,
    pub address: String,
    pub pin: Pin,
    /// The union that is invited.
    pub union: UnionNumber,
    /// Whether it joins as the union's hub. The inviting union chooses the role.
    pub as_hub: bool,
    /// Another machine of that union made the token and will vouch for the one that joins.
    pub vouched: bool,
    pub id: TokenId,
    pub secret: Secret,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("it does not begin with “huiliu”")]
    NotAToken,
    #[error("it is made for a newer version ({0})")]
    Version(u8),
    #[error("something in it is mistyped or missing")]
    Mistyped,
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for TokenId {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<TokenId, TokenError> {
        let bytes = crate::id::unhex(text.trim()).ok_or(TokenError::Mistyped)?;
        bytes.try_into().map(TokenId).map_err(|_| TokenError::Mistyped)
    }
}

impl Pin {
    /// Of a hash over a key's SubjectPublicKeyInfo.
    pub fn of(key: &Hash) -> Pin {
        let mut pin = [0; 16];
        pin.copy_from_slice(&key.0[..16]);
        Pin(pin)
    }

    pub fn fits(&self, key: &Hash) -> bool {
        Pin::of(key) == *self
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    pub fn new(bytes: [u8; 16]) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// What the hub is shown; it keeps only the hash.
    pub fn pass(&self, id: &TokenId) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(mac(&*self.0, &[b"huiliu/token-pass/1", &id.0]))
    }

    /// A secret shared by the inviting and the joining machine; no hub ever sees it.
    pub fn voucher_key(&self, id: &TokenId) -> VoucherKey {
        VoucherKey(Zeroizing::new(mac(&*self.0, &[b"huiliu/token-voucher/1", &id.0])))
    }
}

/// What a hub keeps of a pass.
pub fn pass_hash(pass: &[u8]) -> Hash {
    Hash::of(&[b"huiliu/invitation/1", pass])
}

/// Known to two machines of one union, and to no level above: with it they prove to each other, through hubs that
/// relay everything, that a key is the other's own.
#[derive(Clone, PartialEq, Eq)]
pub struct VoucherKey(Zeroizing<[u8; 32]>);

impl fmt::Debug for VoucherKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VoucherKey(..)")
    }
}

impl VoucherKey {
    pub fn from_bytes(key: [u8; 32]) -> VoucherKey {
        VoucherKey(Zeroizing::new(key))
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The joining machine's word for its own keys: signing key, and the X25519 key it receives with.
    pub fn device(&self, device: &DeviceId, receives: &[u8; 32]) -> [u8; 32] {
        mac(&*self.0, &[b"huiliu/voucher/1", device.as_bytes(), receives])
    }

    /// A machine's word for its own keys and for the seal key of this id, which it grants to another.
    pub fn grant(&self, by: &DeviceId, receives: &[u8; 32], to: &DeviceId, key: &[u8]) -> [u8; 32] {
        mac(&*self.0, &[b"huiliu/voucher-grant/1", by.as_bytes(), receives, to.as_bytes(), key])
    }
}

fn check(body: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(&Hash::of(&[b"huiliu/token-check/1", body]).0[..CHECK]);
    check
}

impl Token {
    fn encode(&self) -> Zeroizing<String> {
        let code = |union: UnionNumber| union.get().to_be_bytes();
        let flags = if self.vouched { VOUCHED } else { 0 } | if self.as_hub { AS_HUB } else { 0 };
        let mut body = Zeroizing::new(vec![VERSION, flags]);
        body.extend_from_slice(&code(self.hub)[1..]);
        body.extend_from_slice(&code(self.union)[1..]);
        body.extend_from_slice(&self.root.0);
        body.extend_from_slice(&self.pin.0);
        body.extend_from_slice(&self.id.0);
        body.extend_from_slice(&*self.secret.0);
        for text in [&self.network, &self.address] {
            // Both were bounded when the token was made.
            body.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            body.extend_from_slice(&text.as_bytes()[..text.len().min(MAX_ADDRESS)]);
        }
        let check = check(&body);
        body.extend_from_slice(&check);
        Zeroizing::new(BASE32.encode(&body))
    }

    /// In one piece and capital letters: what a QR code holds in the fewest modules.
    pub fn for_qr(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", self.encode().as_str()).to_uppercase())
    }

    /// As people copy it: groups of four.
    pub fn text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}-{}", grouped(&self.encode())))
    }

    /// Whether a network's name and an address fit into a token.
    pub fn fits(network: &str, address: &str) -> bool {
        network.len() <= MAX_NETWORK && !address.is_empty() && address.len() <= MAX_ADDRESS
    }
}

impl FromStr for Token {
    type Err = TokenError;

    /// However it was copied: small or capital, wide or narrow letters, with spaces, hyphens and line ends anywhere.
    fn from_str(text: &str) -> Result<Token, TokenError> {
        if text.len() > MAX_TEXT {
            return Err(TokenError::NotAToken);
        }
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        plain.extend(text.nfkc().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '‐' | '–' | '—' | '\u{feff}')));
        let lower = Zeroizing::new(plain.to_lowercase());
        let coded = lower.strip_prefix(PREFIX).ok_or(TokenError::NotAToken)?;
        let bytes = BASE32.decode(coded.as_bytes()).map(Zeroizing::new).map_err(|_| TokenError::Mistyped)?;
        let (body, sum) = bytes.split_last_chunk::<CHECK>().ok_or(TokenError::Mistyped)?;
        if check(body) != *sum {
            return Err(TokenError::Mistyped);
        }
        let mut rest = Bytes(body);
        let [version] = rest.take()?;
        if version != VERSION {
            return Err(TokenError::Version(version));
        }
        let [flags] = rest.take()?;
        if flags & !(VOUCHED | AS_HUB) != 0 {
            return Err(TokenError::Version(version));
        }
        let hub = rest.union()?;
        let union = rest.union()?;
        let root = Fingerprint(rest.take()?);
        let pin = Pin(rest.take()?);
        let id = TokenId(rest.take()?);
        let mut bytes = rest.take()?;
        let secret = Secret::new(bytes);
        bytes.zeroize();
        let (network, address) = (rest.text()?, rest.text()?);
        if !rest.0.is_empty() || !Token::fits(&network, &address) || !union.has_union() {
            return Err(TokenError::Mistyped);
        }
        let (vouched, as_hub) = (flags & VOUCHED != 0, flags & AS_HUB != 0);
        Ok(Token { network, root, hub, address, pin, union, as_hub, vouched, id, secret })
    }
}

/// What is left to read.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], TokenError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(TokenError::Mistyped)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn union(&mut self) -> Result<UnionNumber, TokenError> {
        let mut number = [0; 8];
        number[1..].copy_from_slice(&self.take::<7>()?);
        UnionNumber::try_from(u64::from_be_bytes(number)).map_err(|_| TokenError::Mistyped)
    }

    fn text(&mut self) -> Result<String, TokenError> {
        let [length] = self.take()?;
        let (text, rest) = self.0.split_at_checked(usize::from(length)).ok_or(TokenError::Mistyped)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|_| TokenError::Mistyped)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token() -> Token {
        Token {
            network: "huiliu".into(),
            root: Fingerprint([1; 20]),
            hub: "320900".parse().unwrap(),
            address: "yancheng.example:7443".into(),
            pin: Pin([2; 16]),
            union: "320922".parse().unwrap(),
            as_hub: false,
            vouched: true,
            id: TokenId([3; 6]),
            secret: Secret::new([4; 16]),
        }
    }

    #[test]
    fn a_token_reads_back_however_it_is_copied() {
        let token = token();
        let text = token.text();
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(token.for_qr().parse(), Ok(token.clone()));
        assert_eq!(text.replace('-', "\r\n ").to_uppercase().parse(), Ok(token.clone()));
        assert_eq!(text.replace('0', "o").replace('1', "i").parse(), Ok(token.clone()));
        let wide: String = text.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
        assert_eq!(wide.parse(), Ok(token));
    }

    #[test]
    fn every_changed_character_is_found() {
        let text = token().for_qr().to_lowercase();
        for (at, was) in text.char_indices() {
            for other in "0123456789abcdefghjkmnpqrstvwxyz!u中".chars().filter(|c| *c != was) {
                let bent = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                let read = bent.parse::<Token>();
                // The prefix has letters that read like others in what follows it, but not in itself.
                assert!(read.is_err(), "{at} {other}");
            }
            assert!(format!("{}{}", &text[..at], &text[at + 1..]).parse::<Token>().is_err(), "left out {at}");
        }
    }

    #[test]
    fn what_is_shown_to_the_hub_does_not_vouch() {
        let token = token();
        let pass = token.secret.pass(&token.id);
        let voucher = token.secret.voucher_key(&token.id);
        assert_ne!(*pass, *voucher.as_bytes());
        assert_ne!(token.secret.pass(&TokenId([9; 6])), pass);
        let (device, other) = (DeviceId([5; 32]), DeviceId([6; 32]));
        assert_ne!(voucher.device(&device, &[7; 32]), voucher.device(&other, &[7; 32]));
        assert_ne!(voucher.device(&device, &[7; 32]), voucher.device(&device, &[8; 32]));
        assert!(!format!("{token:?}").contains("4, 4"));
    }

    proptest! {
        #[test]
        fn random_text_never_panics(text in ".{0,300}") {
            let _ = text.parse::<Token>();
            let _ = format!("huiliu{text}").parse::<Token>();
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut body = bytes;
            let sum = check(&body);
            body.extend_from_slice(&sum);
            let _ = format!("huiliu{}", BASE32.encode(&body)).parse::<Token>();
        }
    }
}
