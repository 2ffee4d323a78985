//! Money: whole fen, checked arithmetic, no float anywhere.
//!
//! People type yuan with at most two decimals; the same value is always shown the same way.

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;

/// An amount in fen. It has no rules of its own beyond fitting, so the number is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fen(pub i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("not an amount in yuan")]
    NotANumber,
    #[error("finer than one fen")]
    TooPrecise,
    #[error("commas do not separate thousands")]
    Grouping,
    #[error("too large")]
    TooLarge,
}

impl Fen {
    pub const ZERO: Fen = Fen(0);

    pub fn checked_add(self, other: Fen) -> Option<Fen> {
        self.0.checked_add(other.0).map(Fen)
    }

    pub fn checked_sub(self, other: Fen) -> Option<Fen> {
        self.0.checked_sub(other.0).map(Fen)
    }

    pub fn checked_neg(self) -> Option<Fen> {
        self.0.checked_neg().map(Fen)
    }

    /// `None` where the sum does not fit: a total that wraps is worse than no total.
    pub fn sum(amounts: impl IntoIterator<Item = Fen>) -> Option<Fen> {
        amounts.into_iter().try_fold(Fen::ZERO, Fen::checked_add)
    }
}

impl FromStr for Fen {
    type Err = MoneyError;

    /// `3000.5`, `3,000`, `￥3,000.00元`, `1.2万`, in half- or full-width characters.
    fn from_str(typed: &str) -> Result<Self, MoneyError> {
        let text: String = typed.nfkc().filter(|c| !c.is_whitespace()).collect();
        let text = text.strip_suffix('元').unwrap_or(&text);
        let (text, zeros) = match text.strip_suffix('万') {
            Some(rest) => (rest, 4),
            None => (text, 0),
        };
        let (text, negative) = match text.strip_prefix(['-', '−']) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let text = text.strip_prefix('¥').unwrap_or(text);
        decimal(text, 2 + zeros).and_then(|n| {
            let signed = if negative { n.checked_neg() } else { Some(n) };
            signed.map(Fen).ok_or(MoneyError::TooLarge)
        })
    }
}

/// A non-negative decimal number, times ten to the power `places`, exactly. Also reads percentages (`value`).
pub(crate) fn decimal(text: &str, places: usize) -> Result<i64, MoneyError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = ungrouped(whole)?;
    let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if digits.is_empty() || !all_digits(&digits) || !all_digits(fraction) || (text.contains('.') && fraction.is_empty())
    {
        return Err(MoneyError::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > places {
        return Err(MoneyError::TooPrecise);
    }
    let padding = std::iter::repeat_n(b'0', places - fraction.len());
    digits
        .bytes()
        .chain(fraction.bytes())
        .chain(padding)
        .try_fold(0i64, |n, b| n.checked_mul(10)?.checked_add(i64::from(b - b'0')))
        .ok_or(MoneyError::TooLarge)
}

fn ungrouped(whole: &str) -> Result<String, MoneyError> {
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let mut digits = first.to_owned();
    for group in groups {
        if group.len() != 3 || first.is_empty() || first.len() > 3 {
            return Err(MoneyError::Grouping);
        }
        digits.push_str(group);
    }
    Ok(digits)
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Total(i128::from(self.0)).fmt(f)
    }
}

/// A sum of amounts, in fen: it cannot overflow, however many are added up. Shown as `Fen` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Total(pub i128);

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fen = self.0.unsigned_abs();
        let yuan = (fen / 100).to_string();
        let mut grouped = String::with_capacity(yuan.len() + yuan.len() / 3);
        for (i, digit) in yuan.chars().enumerate() {
            if i > 0 && (yuan.len() - i).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{grouped}.{:02}", fen % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_a_clerk_types() {
        for (typed, fen) in [
            ("3,000", 300_000),
            ("3000.5", 300_050),
            ("３０００．５０", 300_050),
            ("￥66,720.00元", 6_672_000),
            ("1.2万", 1_200_000),
            ("0.00015万", 150),
            ("-3,000", -300_000),
            (" 0 ", 0),
            ("12.3000", 1230),
        ] {
            assert_eq!(typed.parse(), Ok(Fen(fen)), "{typed}");
        }
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for (typed, error) in [
            ("", MoneyError::NotANumber),
            ("三千", MoneyError::NotANumber),
            ("3000.", MoneyError::NotANumber),
            (".5", MoneyError::NotANumber),
            ("--3", MoneyError::NotANumber),
            ("1e5", MoneyError::NotANumber),
            ("3.001", MoneyError::TooPrecise),
            ("3,00", MoneyError::Grouping),
            ("3000,000", MoneyError::Grouping),
            ("99999999999999999999", MoneyError::TooLarge),
        ] {
            assert_eq!(typed.parse::<Fen>(), Err(error), "{typed}");
        }
    }

    #[test]
    fn arithmetic_stops_before_it_wraps() {
        assert_eq!(Fen(i64::MAX).checked_add(Fen(1)), None);
        assert_eq!(Fen::sum([Fen(3_336_000), Fen(3_336_000)]), Some(Fen(6_672_000)));
        assert_eq!(Fen(i64::MIN).to_string(), "-92,233,720,368,547,758.08");
    }

    proptest! {
        #[test]
        fn shown_is_read_again(fen in -(i64::MAX)..=i64::MAX) {
            prop_assert_eq!(Fen(fen).to_string().parse(), Ok(Fen(fen)));
        }

        #[test]
        fn never_panics(typed in "\\PC*") {
            let _ = typed.parse::<Fen>();
        }
    }
}
