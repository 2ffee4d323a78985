//! TLS as both ends set it up: version 1.3, client certificates, no tickets, HTTP/2, the passed-in clock.

use std::{sync::Arc, time::Duration};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::ring,
    pki_types::{PrivateKeyDer, UnixTime, pem::PemObject as _},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    time_provider::TimeProvider,
    version::TLS13,
};
use zeroize::Zeroizing;

use super::{Home, IdentityError, certificates};
use crate::clock::Clock;

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

/// How this machine calls the union above.
pub fn client(home: &Home, clock: &Clock) -> Result<Arc<ClientConfig>, IdentityError> {
    let chain = certificates::chain(&home.tls_chain()?)?;
    let time = Arc::new(ClockTime(clock.clone()));
    let mut config = ClientConfig::builder_with_details(Arc::new(ring::default_provider()), time)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots(home)?)
        .with_client_auth_cert(chain, private_key(&*home.key("tls")?)?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// How this hub answers the unions below.
pub fn server(home: &Home, clock: &Clock) -> Result<Arc<ServerConfig>, IdentityError> {
    let above = home.authority_chain()?;
    let root = home.root_certificate()?;
    // The national hub's authority is the root itself.
    let own = if above.is_empty() { &root } else { &above };
    let key = home.key("authority")?;
    let tls = home.key("tls")?;
    let authority = certificates::Authority { key: &key, certificate: first(own)? };
    let leaf = authority.server(&tls, home.config.union, clock())?;
    let chain = certificates::chain(&format!("{leaf}{above}"))?;
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(home)?), provider.clone())
        .build()
        .map_err(|_| rustls::Error::General("the root certificate is not usable".into()))?;
    let time = Arc::new(ClockTime(clock.clone()));
    let mut config = ServerConfig::builder_with_details(provider, time)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, private_key(&tls)?)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
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
