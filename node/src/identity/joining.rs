//! What a machine asks of the union above, and what it takes from its answer: over the line with a token, or as two
//! files where there is none.

use std::path::{Path, PathBuf};

use huiliu_proto::{
    attestation::Attestation,
    id::{DeviceId, Hash, hex, unhex},
    joining::Entering,
    root::{Fingerprint, Root},
    seal::GrantKey,
    signed::SigningKey,
    token::{Token, TokenId},
    union::UnionNumber,
    v1,
};
use serde::{Deserialize, Serialize};

use super::{Home, IdentityError, Parent, certificates, read_json, validity, vouchers, write_file, write_json};
use crate::clock::{Clock, Random};

/// What a machine without a line asks of the union above: the same that others say on the line, signed by its device, and
/// without a token. Nothing stands in the file beside what is signed, so that nobody is shown anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Entering bytes of join.proto, and the signature over them; hexadecimal.
    entering: String,
    signature: String,
}

/// What a machine asks, as far as it can be checked without the database: its device signed all of it, each certificate
/// is asked for by the one who has the key, for this device and token, and the device vouches for its keys.
#[derive(Debug, Clone)]
pub struct Asked {
    pub entering: Entering,
    pub attestation: Attestation,
}

impl Asked {
    pub fn read(entering: Entering) -> Result<Asked, IdentityError> {
        let (device, token) = (entering.device, entering.token.as_ref().map(|(id, _)| *id));
        let requested = |pem: &str| certificates::requested(pem, &device, token.as_ref());
        let attestation = Attestation {
            network: entering.network.clone(),
            union: entering.union,
            device,
            hub: entering.hub,
            seal_key: entering.seal_key,
            tls_key: requested(&entering.tls)?,
            authority_key: entering.authority.as_deref().map(requested).transpose()?,
            token,
        };
        attestation.verify(&entering.attestation).map_err(|_| broken("request", "attestation"))?;
        Ok(Asked { entering, attestation })
    }
}

/// What the union above answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub network: String,
    /// The national hub's device, hexadecimal, and its certificate, PEM.
    pub root: String,
    pub root_certificate: String,
    pub parent_union: u64,
    pub parent_device: String,
    pub parent_address: String,
    /// This machine's certificate and those above it, without the root's, PEM.
    pub tls: String,
    pub authority: Option<String>,
}

fn broken(file: &str, what: &str) -> IdentityError {
    IdentityError::File { path: PathBuf::from(file), cause: format!("`{what}` is not valid") }
}

impl Request {
    pub fn read(path: &Path) -> Result<Request, IdentityError> {
        read_json(path)
    }

    pub fn write(&self, path: &Path) -> Result<(), IdentityError> {
        write_json(path, self)
    }

    /// What it asks, if it is as its device signed it.
    pub fn asked(&self) -> Result<Asked, IdentityError> {
        let bytes = |text: &str, what: &str| unhex(text).ok_or_else(|| broken("request", what));
        let signed = v1::Signed {
            message: bytes(&self.entering, "entering")?.into(),
            signature: bytes(&self.signature, "signature")?.into(),
        };
        let entering = Entering::verify(&signed).map_err(|_| broken("request", "signature"))?;
        // What was said to a hub on the line is no file.
        if entering.token.is_some() || entering.voucher.is_some() {
            return Err(broken("request", "token"));
        }
        Asked::read(entering)
    }
}

impl From<v1::Signed> for Request {
    fn from(signed: v1::Signed) -> Request {
        Request { entering: hex(&signed.message), signature: hex(&signed.signature) }
    }
}

impl Grant {
    pub fn read(path: &Path) -> Result<Grant, IdentityError> {
        read_json(path)
    }

    pub fn write(&self, path: &Path) -> Result<(), IdentityError> {
        write_json(path, self)
    }

    /// The root it names.
    pub fn root(&self) -> Result<Root, IdentityError> {
        Ok(Root {
            network: self.network.clone(),
            device: self.root.parse().map_err(|_| broken("grant", "root"))?,
            certificate_key: self.root_key()?,
        })
    }

    /// The key of the root's certificate, which stands alone: all that is kept of it is trusted as a root, and the
    /// fingerprint speaks for one.
    fn root_key(&self) -> Result<Hash, IdentityError> {
        match &certificates::chain(&self.root_certificate)?[..] {
            [root] => certificates::certificate_key_hash(root),
            _ => Err(broken("grant", "root_certificate")),
        }
    }
}

impl From<Grant> for v1::Joined {
    fn from(grant: Grant) -> v1::Joined {
        v1::Joined {
            network: grant.network,
            root: unhex(&grant.root).unwrap_or_default().into(),
            root_certificate: grant.root_certificate,
            parent_union: grant.parent_union,
            parent_device: unhex(&grant.parent_device).unwrap_or_default().into(),
            parent_address: grant.parent_address,
            tls: grant.tls,
            authority: grant.authority.unwrap_or_default(),
        }
    }
}

impl From<v1::Joined> for Grant {
    fn from(joined: v1::Joined) -> Grant {
        Grant {
            network: joined.network,
            root: hex(&joined.root),
            root_certificate: joined.root_certificate,
            parent_union: joined.parent_union,
            parent_device: hex(&joined.parent_device),
            parent_address: joined.parent_address,
            tls: joined.tls,
            authority: Some(joined.authority).filter(|a| !a.is_empty()),
        }
    }
}

impl Home {
    /// What this machine asks of the union above, as a file.
    pub fn request(&self) -> Result<Request, IdentityError> {
        Ok(Request::from(self.ask(None)?))
    }

    /// The device by whose key this machine is known.
    pub fn device(&self) -> Result<DeviceId, IdentityError> {
        Ok(SigningKey::from_seed(&*self.seed("signing")?).device())
    }

    /// The request with which new certificates are asked for.
    pub fn renewal(&self) -> Result<v1::RenewRequest, IdentityError> {
        let device = self.device()?;
        Ok(v1::RenewRequest {
            tls: certificates::request(&*self.key("tls")?, &device, None)?,
            authority: self.authority_request(&device, None)?.unwrap_or_default(),
        })
    }

    fn authority_request(&self, device: &DeviceId, token: Option<&TokenId>) -> Result<Option<String>, IdentityError> {
        let request = || certificates::request(&*self.key("authority")?, device, token);
        self.config.hub.then(request).transpose()
    }

    /// What this machine says to the hub a token names.
    pub fn entering(&self, token: &Token) -> Result<v1::Signed, IdentityError> {
        self.ask(Some(token))
    }

    fn ask(&self, token: Option<&Token>) -> Result<v1::Signed, IdentityError> {
        let key = SigningKey::from_seed(&*self.seed("signing")?);
        let device = key.device();
        let receives = GrantKey::from_seed(&*self.seed("grant")?).public;
        let vouched = token.filter(|token| token.vouched);
        let id = token.map(|token| token.id);
        let hub = self.config.hub;
        let attestation = Attestation {
            network: self.config.network.clone(),
            union: self.config.union,
            device,
            hub,
            seal_key: receives,
            tls_key: certificates::own_key_hash(&*self.key("tls")?),
            authority_key: if hub { Some(self.authority_key()?) } else { None },
            token: id,
        };
        let entering = Entering {
            token: token.map(|token| (token.id, *token.secret.pass(&token.id))),
            network: self.config.network.clone(),
            union: self.config.union,
            device,
            hub,
            tls: certificates::request(&*self.key("tls")?, &device, id.as_ref())?,
            authority: self.authority_request(&device, id.as_ref())?,
            seal_key: receives,
            voucher: vouched.map(|token| token.secret.voucher_key(&token.id).device(&device, &receives)),
            attestation: attestation.sign(&key),
        };
        Ok(entering.sign(&key))
    }

    /// Whether a token is for this machine, as it was set up and perhaps joined before.
    pub fn fits(&self, token: &Token) -> Result<(), IdentityError> {
        let config = &self.config;
        if config.union != token.union {
            return Err(IdentityError::OtherUnion { ours: config.union, theirs: token.union });
        }
        if config.network != token.network {
            let (ours, theirs) = (config.network.clone(), token.network.clone());
            return Err(IdentityError::OtherNetwork { ours, theirs });
        }
        if config.hub != token.as_hub {
            return Err(IdentityError::OtherRole { theirs: token.as_hub });
        }
        match self.fingerprint()? {
            Some(root) if root != token.root => Err(IdentityError::OtherRoot),
            _ => Ok(()),
        }
    }

    /// The fingerprint of the network's root, once it is known.
    pub fn fingerprint(&self) -> Result<Option<Fingerprint>, IdentityError> {
        match self.root() {
            Ok(root) => Ok(Some(root.fingerprint())),
            Err(IdentityError::NotJoined) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The root of this home's network; `NotJoined` before it has one, and where it has to join again.
    pub fn root(&self) -> Result<Root, IdentityError> {
        Ok(Root {
            network: self.config.network.clone(),
            device: self.config.root.ok_or(IdentityError::NotJoined)?,
            certificate_key: certificates::key_hash(&self.root_certificate()?)?,
        })
    }

    /// Takes what the union above answered; the database has to be opened anew afterwards. Where the root is known, from
    /// a token or from having joined before, only a grant that goes back to it is taken.
    pub fn accept(
        &mut self,
        grant: &Grant,
        token: Option<&Token>,
        clock: &Clock,
        random: &Random,
    ) -> Result<(), IdentityError> {
        if grant.network != self.config.network {
            let (ours, theirs) = (self.config.network.clone(), grant.network.clone());
            return Err(IdentityError::OtherNetwork { ours, theirs });
        }
        let root = grant.root()?;
        let known = self.fingerprint()?.or(token.map(|t| t.root));
        let other = self.config.root.is_some_and(|device| device != root.device);
        if other || known.is_some_and(|known| known != root.fingerprint()) {
            return Err(IdentityError::OtherRoot);
        }
        let parent_union = UnionNumber::try_from(grant.parent_union).map_err(|_| broken("grant", "parent_union"))?;
        if self.config.union.enroller() != parent_union {
            return Err(broken("grant", "parent_union"));
        }
        let parent_device = grant.parent_device.parse().map_err(|_| broken("grant", "parent_device"))?;
        self.keep(grant, clock)?;
        if let Some(token) = token.filter(|t| t.vouched) {
            vouchers::remember(self, &token.id, &token.secret.voucher_key(&token.id), None, clock(), random)?;
        }
        self.config.root = Some(root.device);
        let address = grant.parent_address.clone();
        self.config.parent = Some(Parent { union: parent_union, device: parent_device, address });
        self.save()
    }

    /// Takes new certificates for the keys it has, of the network it is in.
    pub fn renewed(&self, grant: &Grant, clock: &Clock) -> Result<(), IdentityError> {
        let ours = certificates::key_hash(&self.root_certificate()?)?;
        if grant.root_key()? != ours {
            return Err(IdentityError::OtherRoot);
        }
        self.keep(grant, clock)
    }

    /// Checks certificates and writes them, each whole or not at all. They are for the same keys and go back to the same
    /// root as those before, so that a stop between two of them harms nothing.
    fn keep(&self, grant: &Grant, clock: &Clock) -> Result<(), IdentityError> {
        if certificates::key_hash(&grant.tls)? != certificates::own_key_hash(&*self.key("tls")?) {
            return Err(IdentityError::OtherMachine);
        }
        validity::leads_to(&grant.tls, &grant.root_certificate, clock)?;
        if let Some(authority) = &grant.authority {
            if certificates::key_hash(authority)? != certificates::own_key_hash(&*self.key("authority")?) {
                return Err(IdentityError::OtherMachine);
            }
            write_file(&self.dir.join("certs/authority.pem"), authority.as_bytes())?;
        }
        write_file(&self.dir.join("certs/root.pem"), grant.root_certificate.as_bytes())?;
        write_file(&self.dir.join("certs/tls.pem"), grant.tls.as_bytes())
    }

    /// The root renews its own certificate, with the same key: its fingerprint stays. True if it did.
    pub fn renew_root(&self, now: i64, random: &Random) -> Result<bool, IdentityError> {
        let root = self.config.hub && self.config.union.parent().is_none();
        let due = root && validity::of_home(self)?.is_some_and(|v| v.due(now));
        if due {
            let root = certificates::root(&*self.key("authority")?, self.config.union, now, random)?;
            write_file(&self.dir.join("certs/root.pem"), root.as_bytes())?;
        }
        Ok(due)
    }

    /// The hash of the key by which this hub's authority is recognised.
    pub fn authority_key(&self) -> Result<Hash, IdentityError> {
        Ok(certificates::own_key_hash(&*self.key("authority")?))
    }

    /// The same of the hub above: its certificate stands over this machine's, or is the root's.
    pub fn parent_key(&self) -> Result<Hash, IdentityError> {
        let chain = certificates::chain(&self.tls_chain()?)?;
        match chain.get(1) {
            Some(authority) => certificates::certificate_key_hash(authority),
            None => certificates::key_hash(&self.root_certificate()?),
        }
    }
}
