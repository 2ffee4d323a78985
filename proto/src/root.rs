//! The root of a network: the national hub's two public keys, and the one fingerprint that people compare.

use std::{fmt, str::FromStr, sync::LazyLock};

use data_encoding::{Encoding, Specification};

use crate::id::{DeviceId, Hash};

/// Where all authority in a network comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    pub network: String,
    /// The national hub's signing key: enrolments go back to it.
    pub device: DeviceId,
    /// SHA-256 over the public key (SubjectPublicKeyInfo, DER) of the root certificate: TLS goes back to it.
    pub certificate_key: Hash,
}

impl Root {
    /// One short name for the network and both keys. It stays when the root certificate is renewed.
    pub fn fingerprint(&self) -> Fingerprint {
        let length = (self.network.len() as u32).to_be_bytes();
        let parts = [
            b"huiliu/root/1",
            &length[..],
            self.network.as_bytes(),
            self.device.as_bytes(),
            self.certificate_key.as_bytes(),
        ];
        let mut short = [0; Fingerprint::LEN];
        short.copy_from_slice(&Hash::of(&parts).0[..Fingerprint::LEN]);
        Fingerprint(short)
    }
}

/// The first 20 bytes of a SHA-256: eight groups of four letters and digits that people can read to each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 20]);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is eight groups of four letters and digits, such as 0a1b-2c3d-…")]
pub struct NotAFingerprint;

impl Fingerprint {
    pub const LEN: usize = 20;
}

/// Crockford's base 32: no I, L, O or U; small and capital letters, hyphens, spaces and line ends read alike.
pub static BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = Specification::new();
    specification.symbols.push_str("0123456789abcdefghjkmnpqrstvwxyz");
    specification.translate.from.push_str("ABCDEFGHJKMNPQRSTVWXYZiIlLoO");
    specification.translate.to.push_str("abcdefghjkmnpqrstvwxyz111100");
    specification.ignore.push_str("- \t\r\n");
    specification.encoding().expect("the specification is one of 32 symbols")
});

/// Groups of four, joined by hyphens.
pub fn grouped(text: &str) -> String {
    text.as_bytes().chunks(4).map(String::from_utf8_lossy).collect::<Vec<_>>().join("-")
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&grouped(&BASE32.encode(&self.0)))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Fingerprint, NotAFingerprint> {
        if text.len() > 256 {
            return Err(NotAFingerprint);
        }
        let bytes = BASE32.decode(text.as_bytes()).map_err(|_| NotAFingerprint)?;
        bytes.try_into().map(Fingerprint).map_err(|_| NotAFingerprint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Root {
        Root { network: "huiliu".into(), device: DeviceId([1; 32]), certificate_key: Hash([2; 32]) }
    }

    #[test]
    fn a_fingerprint_reads_back_however_it_is_typed() {
        let fingerprint = root().fingerprint();
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 39);
        assert_eq!(text.parse(), Ok(fingerprint));
        assert_eq!(text.to_uppercase().replace('-', " ").parse(), Ok(fingerprint));
        assert_eq!(text.replace('0', "o").replace('1', "l").parse(), Ok(fingerprint));
        for nonsense in ["", "0a1b", &text[1..], &format!("{text}-0000"), &"u".repeat(39), &"0".repeat(4096)] {
            assert_eq!(nonsense.parse::<Fingerprint>(), Err(NotAFingerprint), "{nonsense}");
        }
    }

    #[test]
    fn a_fingerprint_depends_on_every_part() {
        let ours = root().fingerprint();
        assert_ne!(Root { network: "huiliv".into(), ..root() }.fingerprint(), ours);
        assert_ne!(Root { device: DeviceId([3; 32]), ..root() }.fingerprint(), ours);
        assert_ne!(Root { certificate_key: Hash([3; 32]), ..root() }.fingerprint(), ours);
    }
}
