//! From when to when certificates hold: when to renew, when to warn, and whether a chain leads to the root.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, UnixTime},
    server::WebPkiClientVerifier,
};

use super::{Home, IdentityError, certificates, tls};
use crate::clock::Clock;

const DAY: i64 = 86_400_000;
/// Days before the end at which people are told, once each; from the second on they have to act.
pub const WARN: i64 = 60;
pub const ACT: i64 = 30;
const LAST: i64 = 7;

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub from: i64,
    pub to: i64,
    /// When the first of the certificates is past two thirds of its life.
    pub renew: i64,
}

impl Validity {
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Validity, IdentityError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|_| IdentityError::from(rcgen::Error::CouldNotParseCertificate))?;
        let validity = parsed.validity();
        let (from, to) = (validity.not_before.timestamp(), validity.not_after.timestamp());
        let (from, to) = (from.saturating_mul(1000), to.saturating_mul(1000));
        Ok(Validity { from, to, renew: from.saturating_add(to.saturating_sub(from) / 3 * 2) })
    }

    /// In which all of them hold.
    fn all(certificates: &[CertificateDer<'_>]) -> Result<Option<Validity>, IdentityError> {
        let mut all: Option<Validity> = None;
        for certificate in certificates {
            let one = Validity::of(certificate)?;
            let so_far = all.unwrap_or(one);
            all = Some(Validity {
                from: so_far.from.max(one.from),
                to: so_far.to.min(one.to),
                renew: so_far.renew.min(one.renew),
            });
        }
        Ok(all)
    }

    pub fn holds(&self, now: i64) -> bool {
        (self.from..=self.to).contains(&now)
    }

    pub fn due(&self, now: i64) -> bool {
        now >= self.renew
    }

    /// Whole days left; negative once it is over.
    pub fn days(&self, now: i64) -> i64 {
        self.to.saturating_sub(now).div_euclid(DAY)
    }

    /// How urgent it is: the last of 60, 30 and 7 days that was passed.
    pub fn warning(&self, now: i64) -> Option<i64> {
        [LAST, ACT, WARN].into_iter().find(|days| self.days(now) <= *days)
    }
}

/// Of all certificates a machine shows or trusts: its own, its authority's, those above, the root's. `None` before it
/// has joined.
pub fn of_home(home: &Home) -> Result<Option<Validity>, IdentityError> {
    let mut all = vec![];
    for text in [home.tls_chain(), home.authority_chain(), home.root_certificate()] {
        match text {
            Ok(pem) => all.extend(certificates::chain(&pem)?),
            Err(IdentityError::NotJoined) => {}
            Err(error) => return Err(error),
        }
    }
    Validity::all(&all)
}

/// Says in the log when certificates are about to end, or have ended.
pub fn warn(home: &Home, now: i64) {
    match of_home(home) {
        Ok(Some(validity)) if validity.warning(now).is_some() => {
            let days = validity.days(now);
            tracing::warn!(days, "the certificates of this machine end; they renew by themselves on a line to the hub");
        }
        Ok(_) => {}
        Err(error) => tracing::error!(%error, "the certificates cannot be read"),
    }
}

/// Whether a machine's certificate goes back to this root, and all certificates between hold now.
pub fn leads_to(chain: &str, root: &str, clock: &Clock) -> Result<(), IdentityError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates::chain(root)? {
        roots.add(certificate)?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), tls::provider()).build();
    let verifier = verifier.map_err(|error| IdentityError::Chain(error.to_string()))?;
    let chain = certificates::chain(chain)?;
    let (leaf, above) = chain.split_first().ok_or(rcgen::Error::CouldNotParseCertificate)?;
    let millis = u64::try_from(clock()).unwrap_or(0);
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_millis(millis));
    verifier.verify_client_cert(leaf, above, now).map_err(|error| IdentityError::Chain(error.to_string()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_in_time() {
        let validity = Validity { from: 0, to: 300 * DAY, renew: 200 * DAY };
        assert!(!validity.due(199 * DAY) && validity.due(200 * DAY));
        assert!(validity.holds(300 * DAY) && !validity.holds(300 * DAY + 1) && !validity.holds(-1));
        for (day, warning) in [(200, None), (240, Some(60)), (269, Some(60)), (270, Some(30)), (293, Some(7))] {
            assert_eq!(validity.warning(day * DAY), warning, "day {day}");
        }
        assert_eq!(validity.days(301 * DAY), -1);
    }
}
