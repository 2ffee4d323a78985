//! With what a password is recognised: what Argon2id makes of it with a salt. Nothing leads back to the password but trying.

use zeroize::Zeroizing;

use super::{
    KeyError, Passphrase,
    lock::{COST, Cost, SALT, stretch},
};
use crate::clock::Random;

#[derive(Clone, PartialEq, Eq)]
pub struct Verifier {
    pub salt: [u8; SALT],
    pub made: [u8; 32],
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

impl Verifier {
    pub fn new(password: &Passphrase, random: &Random) -> Result<Verifier, KeyError> {
        let mut salt = [0; SALT];
        random(&mut salt);
        let Cost { memory_kib, passes, lanes } = COST;
        Ok(Verifier { salt, made: *stretch(password, &salt, COST)?, memory_kib, passes, lanes })
    }

    /// Takes as long whatever the answer is. What it may cost is bounded.
    pub fn fits(&self, password: &Passphrase) -> Result<bool, KeyError> {
        let Verifier { memory_kib, passes, lanes, .. } = *self;
        let made: Zeroizing<[u8; 32]> = stretch(password, &self.salt, Cost { memory_kib, passes, lanes })?;
        Ok(made.iter().zip(&self.made).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_recognised_and_no_other() {
        let random = crate::clock::random();
        let password = |text| Passphrase::chosen(text).unwrap();
        let verifier = Verifier::new(&password("correct horse 27"), &random).unwrap();
        assert!(verifier.fits(&password("correct horse 27")).unwrap());
        assert!(!verifier.fits(&password("correct horse 28")).unwrap());
        assert_ne!(
            verifier,
            Verifier::new(&password("correct horse 27"), &random).unwrap(),
            "each has a salt of its own"
        );
        let greedy = Verifier { memory_kib: u32::MAX, ..verifier.clone() };
        assert_eq!(greedy.fits(&password("correct horse 27")).unwrap_err(), KeyError::Parameters);
        assert_eq!(format!("{verifier:?}"), "Verifier(..)");
    }
}
