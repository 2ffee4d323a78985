//! What a person knows and no file holds.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use super::KeyError;

/// Shorter ones are guessed, whatever Argon2 does.
pub const SHORTEST: usize = 12;
/// Longer ones are a mistake, as a file of something else.
const LONGEST: usize = 1024;

/// A passphrase. Zeroised when dropped, never printed.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

impl Passphrase {
    /// As it was typed. Full-width letters, which nobody sees while typing blind, are the plain ones; line ends at the
    /// end are the file's, not the passphrase's.
    pub fn typed(text: &str) -> Result<Passphrase, KeyError> {
        if text.len() > LONGEST {
            return Err(KeyError::Long);
        }
        // Room for what normalising may add, so that no half-written copy is left behind by growing.
        let mut plain = Zeroizing::new(String::with_capacity(LONGEST * 18));
        plain.extend(text.trim_end_matches(['\r', '\n']).nfkc());
        Ok(Passphrase(plain))
    }

    /// As `typed`, for one that is about to be set.
    pub fn chosen(text: &str) -> Result<Passphrase, KeyError> {
        let passphrase = Passphrase::typed(text)?;
        match passphrase.0.chars().count() {
            n if n < SHORTEST => Err(KeyError::Short),
            _ => Ok(passphrase),
        }
    }

    pub fn same(&self, other: &Passphrase) -> bool {
        self.0 == other.0
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_letters_and_line_ends_make_no_difference() {
        let plain = Passphrase::chosen("correct horse 27").unwrap();
        assert!(plain.same(&Passphrase::typed("ｃｏｒｒｅｃｔ　ｈｏｒｓｅ　２７\r\n").unwrap()));
        assert!(!plain.same(&Passphrase::typed("correct horse 28").unwrap()));
        assert_eq!(format!("{plain:?}"), "Passphrase(..)");
    }

    #[test]
    fn short_and_endless_ones_are_refused() {
        assert_eq!(Passphrase::chosen("十一个汉字长的口令不行").unwrap_err(), KeyError::Short);
        assert!(Passphrase::chosen("十二个汉字长的口令就可以").is_ok());
        assert_eq!(Passphrase::typed(&"x".repeat(1025)).unwrap_err(), KeyError::Long);
    }
}
