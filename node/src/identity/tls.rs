//! TLS as both ends set it up: version 1.3, client certificates, no tickets, HTTP/2, the passed-in clock. A machine that
//! joins has no certificate yet, and recognises the hub by the pin of its authority's key.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore, ServerConfig, SignatureScheme,
    client::{
        Resumption, WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    time_provider::TimeProvider,
    version::TLS13,
};
use zeroize::Zeroizing;

use huiliu_proto::{id::Hash, token::Pin};

use super::{Home, IdentityError, certificates};
use crate::clock::{Clock, Random};

pub const ALPN: &[u8] = b"h2";

pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

struct ClockTime(Clock);

impl std::fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ClockTime")
    }
}

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from((self.0)()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

fn roots(home: &Home) -> Result<RootCertStore, IdentityError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates::chain(&home.root_certificate()?)? {
        roots.add(certificate)?;
    }
    Ok(roots)
}

fn private_key(key: &rcgen::KeyPair) -> Result<PrivateKeyDer<'static>, IdentityError> {
    let pem = Zeroizing::new(key.serialize_pem());
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| rcgen::Error::CouldNotParseKeyPair.into())
}

/// How this machine calls the union above: only the hub whose authority stands over its own certificate is that.
pub fn client(home: &Home, clock: &Clock) -> Result<Arc<ClientConfig>, IdentityError> {
    let chain = certificates::chain(&home.tls_chain()?)?;
    let time = Arc::new(ClockTime(clock.clone()));
    let network = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(home)?), provider()).build();
    let network = network.map_err(|_| rustls::Error::General("the root certificate is not usable".into()))?;
    let verifier = Parents { network, authority: home.parent_key()?, provider: provider() };
    let mut config = ClientConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_auth_cert(chain, private_key(&*home.key("tls")?)?)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// How a machine that has no certificate yet calls the hub whose authority key has this pin.
pub fn joining(pin: Pin, clock: &Clock) -> Result<Arc<ClientConfig>, IdentityError> {
    let time = Arc::new(ClockTime(clock.clone()));
    let mut config = ClientConfig::builder_with_details(provider(), time)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Pinned { pin, provider: provider() }))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Of the certificates a hub sends, the one whose key has the pin is the only one that is trusted; the rest (chain,
/// name, dates) is checked as ever.
#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let fits = |c: &&CertificateDer<'_>| certificates::certificate_key_hash(c).is_ok_and(|key| self.pin.fits(&key));
        let anchor = above.iter().find(fits).ok_or(CertificateError::UnknownIssuer)?;
        directly_under(anchor, &self.provider)?.verify_server_cert(leaf, &[], name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // Only version 1.3 is offered.
        Err(rustls::PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, leaf, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Believes what this authority signed and nothing else.
fn directly_under(
    authority: &CertificateDer<'_>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone().into_owned())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider.clone()).build();
    verifier.map_err(|_| CertificateError::BadEncoding.into())
}

/// A hub of this network answered, which is not the one that was meant: every hub's authority can make a certificate with
/// any hub's name. Or the one that was meant is another machine now.
#[derive(Debug, thiserror::Error)]
#[error("the certificate is of another hub's authority")]
pub struct OtherAuthority;

/// The hub above: its chain goes back to the network's root, and the authority directly over its certificate has the key
/// it had when this machine joined.
#[derive(Debug)]
struct Parents {
    network: Arc<WebPkiServerVerifier>,
    authority: Hash,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Parents {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        above: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.network.verify_server_cert(leaf, above, name, ocsp, now)?;
        let other = || CertificateError::Other(OtherError(Arc::new(OtherAuthority)));
        let fits =
            |c: &&CertificateDer<'_>| certificates::certificate_key_hash(c).is_ok_and(|key| key == self.authority);
        let authority = above.first().filter(fits).ok_or_else(other)?;
        let signed = directly_under(authority, &self.provider)?.verify_server_cert(leaf, &[], name, ocsp, now);
        signed.map_err(|_| other().into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.network.verify_tls12_signature(message, leaf, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.network.verify_tls13_signature(message, leaf, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.network.supported_verify_schemes()
    }
}

/// How this hub answers the unions below. A caller that shows a certificate shows one of this network; one that shows
/// none may only join. The chain includes the authority's own certificate, for those who know it by its pin.
pub fn server(home: &Home, clock: &Clock, random: &Random) -> Result<Arc<ServerConfig>, IdentityError> {
    let above = home.authority_chain()?;
    let root = home.root_certificate()?;
    // The national hub's authority is the root itself.
    let own = if above.is_empty() { &root } else { &above };
    let key = home.key("authority")?;
    let tls = home.key("tls")?;
    let authority = certificates::Authority { key: &key, certificate: first(own)?, random };
    let leaf = authority.server(&tls, home.config.union, clock())?;
    let chain = certificates::chain(&format!("{leaf}{own}"))?;
    let provider = provider();
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(home)?), provider.clone())
        .allow_unauthenticated()
        .build()
        .map_err(|_| rustls::Error::General("the root certificate is not usable".into()))?;
    let time = Arc::new(ClockTime(clock.clone()));
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, private_key(&tls)?)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The first certificate of a PEM text, as PEM.
pub fn first(pem: &str) -> Result<&str, IdentityError> {
    const END: &str = "-----END CERTIFICATE-----";
    let end = pem.find(END).ok_or(rcgen::Error::CouldNotParseCertificate)?;
    Ok(&pem[..end + END.len()])
}
