//! X.509 as this network uses it: each hub is the authority for its children, the national hub's certificate the root.

use huiliu_proto::{
    id::{DeviceId, Hash},
    token::TokenId,
    union::UnionNumber,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, DnValue,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::IdentityError;
use crate::clock::{self, Random};

/// Machines renew well before this; authorities live as long as the people who set them up.
const MACHINE_LIFE: Duration = Duration::days(398);
const AUTHORITY_LIFE: Duration = Duration::days(3650);
/// Clocks of office machines differ.
const SLACK: Duration = Duration::days(2);

/// The name by which a union's hub is called, and by nothing else.
pub fn hub_name(union: UnionNumber) -> String {
    format!("hub-{union}.huiliu.internal")
}

pub fn machine_name(union: UnionNumber) -> String {
    format!("machine of {union}")
}

pub fn authority_name(union: UnionNumber) -> String {
    format!("authority of {union}")
}

fn params(name: &str, now_ms: i64, life: Duration) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    dated(&mut params, now_ms, life);
    params
}

fn dated(params: &mut CertificateParams, now_ms: i64, life: Duration) {
    let now = OffsetDateTime::from_unix_timestamp(clock::claim(now_ms) / 1000).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - SLACK;
    params.not_after = now + life;
}

fn authority(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
}

fn machine(params: &mut CertificateParams) {
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}

/// A new key: P-256, which every TLS stack reads. (What a device signs its feeds with is Ed25519, and never leaves it.)
pub fn new_key() -> Result<Zeroizing<KeyPair>, IdentityError> {
    Ok(Zeroizing::new(KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?))
}

/// A random serial number of 16 bytes, none of them dropped: the first is never 0 and never makes the number negative.
/// Two certificates for one key have different ones.
fn serial(random: &Random) -> SerialNumber {
    let mut serial = [0; 16];
    random(&mut serial);
    serial[0] = serial[0] & 0x3f | 0x40;
    SerialNumber::from(serial.to_vec())
}

/// The national hub's own certificate, PEM.
pub fn root(key: &KeyPair, union: UnionNumber, now_ms: i64, random: &Random) -> Result<String, IdentityError> {
    let mut params = params(&authority_name(union), now_ms, AUTHORITY_LIFE);
    authority(&mut params);
    params.serial_number = Some(serial(random));
    Ok(params.self_signed(key)?.pem())
}

/// A request for a certificate, PEM. The key that it is for signs with it whose it is, and with which token it is shown:
/// so nobody asks for anything with a request that another device made.
pub fn request(key: &KeyPair, device: &DeviceId, token: Option<&TokenId>) -> Result<String, IdentityError> {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, device.to_string());
    if let Some(token) = token {
        subject.push(DnType::OrganizationalUnitName, token.to_string());
    }
    params.distinguished_name = subject;
    Ok(params.serialize_request(key)?.pem()?)
}

/// The hash of the key a request is for, if it is of the kind that is used here, and this device made the request for
/// this token.
pub fn requested(pem: &str, device: &DeviceId, token: Option<&TokenId>) -> Result<Hash, IdentityError> {
    // Reading it checks that whoever made it has the key.
    let request = CertificateSigningRequestParams::from_pem(pem)?;
    if *request.public_key.algorithm() != rcgen::PKCS_ECDSA_P256_SHA256 {
        return Err(IdentityError::KeyKind);
    }
    let name = &request.params.distinguished_name;
    let says = |ty: &DnType, what: Option<String>| match (name.get(ty), what) {
        (None, None) => true,
        (Some(said), Some(what)) => text(said) == Some(&what),
        _ => false,
    };
    let ours = says(&DnType::CommonName, Some(device.to_string()))
        && says(&DnType::OrganizationalUnitName, token.map(ToString::to_string));
    match ours {
        true => Ok(Hash::of(&[&request.public_key.subject_public_key_info()])),
        false => Err(IdentityError::OtherRequest),
    }
}

fn text(value: &DnValue) -> Option<&str> {
    match value {
        DnValue::Utf8String(text) => Some(text),
        DnValue::PrintableString(text) => Some(text.as_str()),
        _ => None,
    }
}

/// An authority that signs: its key, and its own certificate in PEM.
pub struct Authority<'a> {
    pub key: &'a KeyPair,
    pub certificate: &'a str,
    pub random: &'a Random,
}

impl Authority<'_> {
    /// Answers a machine's request. Of what the request says only the key goes into the certificate.
    pub fn machine(&self, request: &str, union: UnionNumber, now_ms: i64) -> Result<String, IdentityError> {
        let mut request = CertificateSigningRequestParams::from_pem(request)?;
        request.params = params(&machine_name(union), now_ms, MACHINE_LIFE);
        machine(&mut request.params);
        request.params.serial_number = Some(serial(self.random));
        Ok(request.signed_by(&self.issuer()?)?.pem())
    }

    /// Answers a hub's request for an authority's certificate.
    pub fn authority(&self, request: &str, union: UnionNumber, now_ms: i64) -> Result<String, IdentityError> {
        let mut request = CertificateSigningRequestParams::from_pem(request)?;
        request.params = params(&authority_name(union), now_ms, AUTHORITY_LIFE);
        authority(&mut request.params);
        request.params.serial_number = Some(serial(self.random));
        Ok(request.signed_by(&self.issuer()?)?.pem())
    }

    /// The certificate a hub serves with: for its own key, under its own authority and name.
    pub fn server(&self, key: &KeyPair, union: UnionNumber, now_ms: i64) -> Result<String, IdentityError> {
        let mut params = params(&machine_name(union), now_ms, MACHINE_LIFE);
        machine(&mut params);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.serial_number = Some(serial(self.random));
        let name = hub_name(union).try_into().map_err(|_| rcgen::Error::InvalidNameType)?;
        params.subject_alt_names = vec![SanType::DnsName(name)];
        Ok(params.signed_by(key, &self.issuer()?)?.pem())
    }

    fn issuer(&self) -> Result<Issuer<'static, &KeyPair>, IdentityError> {
        Ok(Issuer::from_ca_cert_pem(self.certificate, self.key)?)
    }
}

/// The certificates in a PEM text, in order.
pub fn chain(pem: &str) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    certificates.map_err(|_| rcgen::Error::CouldNotParseCertificate.into())
}

/// The hash of the public key in a certificate: by this a machine is known.
pub fn certificate_key_hash(certificate: &CertificateDer<'_>) -> Result<Hash, IdentityError> {
    let (_, parsed) =
        x509_parser::parse_x509_certificate(certificate).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
    Ok(Hash::of(&[parsed.public_key().raw]))
}

/// The hash of the public key in the first certificate of a PEM text.
pub fn key_hash(pem: &str) -> Result<Hash, IdentityError> {
    let chain = chain(pem)?;
    certificate_key_hash(chain.first().ok_or(rcgen::Error::CouldNotParseCertificate)?)
}

pub fn own_key_hash(key: &KeyPair) -> Hash {
    Hash::of(&[&key.subject_public_key_info()])
}
