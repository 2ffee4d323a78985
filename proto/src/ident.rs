//! Resident identity numbers (GB 11643) and unified social credit codes (GB 32100).
//!
//! What is certainly wrong is an error. What genuine numbers are known to do is a warning, kept apart: codes of the
//! early years in 福建 with a wrong last character, addresses abolished since. No clock: ages take the day.

use std::{fmt, str::FromStr};

use unicode_normalization::UnicodeNormalization as _;

use crate::{
    period::{Day, age_on},
    union::UnionNumber,
};

/// A resident identity number of 18 characters. Neither `Debug` nor `Display` shows more than the last four.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ResidentId {
    text: String,
    born: Day,
    legacy: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResidentIdError {
    #[error("not 18 characters, 17 digits and a digit or X")]
    Form,
    #[error("no province has these first two digits")]
    Province,
    #[error("the birth date in it is not in the calendar")]
    Born,
    #[error("the check character is wrong")]
    Check,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    #[error("born after that day")]
    Future,
    #[error("younger than 16")]
    Young,
    #[error("older than 100")]
    Old,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdentWarning {
    /// The six-digit address is not in today's table; it may have been abolished.
    Address,
    /// Typed in the 15-digit form of before 1999 and completed.
    Legacy,
    /// The last character of a credit code is wrong while its organisation code is right.
    LastCharacter,
    /// The organisation code inside a credit code fails its own check while the whole passes.
    Organisation,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SexDigit {
    Male,
    Female,
}

/// A text with what looks like the number of a person or an account, 15 digits or more and perhaps an X, cut to its last
/// four characters: for what is shown again of something that was typed in the wrong place.
pub fn mask(text: &str) -> String {
    let digit = |c: char| c.nfkc().next().is_some_and(|c| c.is_ascii_digit());
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(digit) {
        let end = rest[start..].find(|c| !digit(c)).map_or(rest.len(), |length| start + length);
        let (before, number, after) = (&rest[..start], &rest[start..end], &rest[end..]);
        masked.push_str(before);
        let length = number.chars().count();
        if length < 15 {
            masked.push_str(number);
        } else {
            let last = if after.starts_with(['X', 'x', 'Ｘ', 'ｘ']) { 3 } else { 4 };
            masked.push_str("****");
            masked.extend(number.chars().skip(length - last));
        }
        rest = after;
    }
    masked + rest
}

/// Whether a text contains a resident identity number, so that it stood readable where it is not looked for.
pub fn contains_resident_id(text: &str) -> bool {
    // At most so many digits of each character: one of compatibility may stand for several.
    let digits = |c: char| match c {
        '0'..='9' | '\u{ff00}'..='\u{ffef}' => 1,
        '\0'..='\u{7f}' | '\u{3000}'..='\u{303f}' | '\u{4e00}'..='\u{9fff}' => 0,
        _ => 4,
    };
    if text.chars().map(digits).sum::<usize>() < 17 {
        return false;
    }
    let plain: Vec<char> = text.nfkc().collect();
    let part_of_number = |c: &char| c.is_ascii_alphanumeric();
    plain.split(|c| !part_of_number(c)).any(|word| {
        // Not a part of a longer number: a voucher's 20 digits may hold anything.
        let word: String = word.iter().collect();
        let word = word.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        word.len() == 18 && word.parse::<ResidentId>().is_ok()
    })
}

/// NFKC, no blanks, capitals. Stops early: no identifier is longer than 18 characters.
fn normal(typed: &str) -> String {
    typed.nfkc().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_uppercase()).take(19).collect()
}

/// The check character for 17 digits: ISO 7064 MOD 11-2.
fn resident_check(digits: &[u8]) -> u8 {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(d, w)| u32::from(d - b'0') * w).sum();
    b"10X98765432"[(sum % 11) as usize]
}

fn province_known(prefix: &[u8]) -> bool {
    let n = u32::from(prefix[0] - b'0') * 10 + u32::from(prefix[1] - b'0');
    matches!(n, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}

/// Today's table, and the codes ending in 01 that stand for a city's districts taken together.
fn address_known(code: &str) -> bool {
    let known = |code: &str| code.parse::<UnionNumber>().is_ok();
    known(code) || (&code[4..] == "01" && known(&format!("{}00", &code[..4])))
}

impl ResidentId {
    /// The whole number: for sealing, and for nothing that prints.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `****1234`
    pub fn masked(&self) -> String {
        format!("****{}", &self.text[14..])
    }

    pub fn born(&self) -> Day {
        self.born
    }

    /// The 17th digit: odd for men.
    pub fn sex(&self) -> SexDigit {
        if (self.text.as_bytes()[16] - b'0') % 2 == 1 { SexDigit::Male } else { SexDigit::Female }
    }

    /// Was typed in the 15-digit form.
    pub fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// A person in work is 16 to 100 years old on the day.
    pub fn check_age(&self, on: Day) -> Result<i32, AgeError> {
        match age_on(self.born, on) {
            _ if self.born > on => Err(AgeError::Future),
            ..16 => Err(AgeError::Young),
            101.. => Err(AgeError::Old),
            age => Ok(age),
        }
    }

    pub fn warnings(&self) -> Vec<IdentWarning> {
        let mut warnings = vec![];
        // 71 and 81 to 83 are residence permits of 台湾, 香港 and 澳门, which the table does not hold.
        let elsewhere = matches!(&self.text[..2], "71" | "81" | "82" | "83");
        if !elsewhere && !address_known(&self.text[..6]) {
            warnings.push(IdentWarning::Address);
        }
        if self.legacy {
            warnings.push(IdentWarning::Legacy);
        }
        warnings
    }
}

impl FromStr for ResidentId {
    type Err = ResidentIdError;

    fn from_str(typed: &str) -> Result<Self, ResidentIdError> {
        let mut text = normal(typed);
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let legacy = text.len() == 15 && digits(&text);
        if legacy {
            text.insert_str(6, "19");
            let check = resident_check(text.as_bytes());
            text.push(char::from(check));
        }
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == 18
            && bytes[..17].iter().all(u8::is_ascii_digit)
            && (bytes[17].is_ascii_digit() || bytes[17] == b'X')
            && bytes[0] != b'0';
        if !well_formed {
            return Err(ResidentIdError::Form);
        }
        if !province_known(bytes) {
            return Err(ResidentIdError::Province);
        }
        let number = |range: std::ops::Range<usize>| text[range].bytes().fold(0, |n, b| n * 10 + u32::from(b - b'0'));
        let year = number(6..10);
        if !(1800..2100).contains(&year) {
            return Err(ResidentIdError::Born);
        }
        let born = Day::from_ymd(year as i32, number(10..12), number(12..14)).ok_or(ResidentIdError::Born)?;
        if bytes[17] != resident_check(&bytes[..17]) {
            return Err(ResidentIdError::Check);
        }
        Ok(ResidentId { text, born, legacy })
    }
}

impl fmt::Display for ResidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for ResidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResidentId({})", self.masked())
    }
}

/// A unified social credit code of 18 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CreditCode(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CreditCodeError {
    #[error("not 18 characters of digits and capitals without I, O, S, V, Z, the third to the eighth digits")]
    Form,
    #[error("the last character and the organisation code are both wrong")]
    Check,
}

/// Who registered the bearer, as the first two characters say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registrar {
    /// 8: a union.
    Union,
    /// 1: by the office for public establishments, as county unions and above are.
    Establishment,
    /// 5: a social organisation.
    Social,
    /// 91, 92, 93: an enterprise, a self-employed person, a farmers' cooperative.
    Enterprise,
    Other,
}

const CREDIT_ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

fn credit_check(values: impl Iterator<Item = usize>) -> u8 {
    const WEIGHTS: [usize; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let sum: usize = values.zip(WEIGHTS).map(|(v, w)| v * w).sum();
    CREDIT_ALPHABET[(31 - sum % 31) % 31]
}

/// GB 11714, over the first eight of nine characters. Its letters count from A = 10 without gaps.
fn organisation_check(code: &[u8]) -> u8 {
    const WEIGHTS: [u32; 8] = [3, 7, 9, 10, 5, 8, 4, 2];
    let value = |b: u8| u32::from(if b.is_ascii_digit() { b - b'0' } else { b - b'A' + 10 });
    let sum: u32 = code.iter().zip(WEIGHTS).map(|(b, w)| value(*b) * w).sum();
    match 11 - sum % 11 {
        10 => b'X',
        11 => b'0',
        n => b'0' + n as u8,
    }
}

impl CreditCode {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn registrar(&self) -> Registrar {
        match &self.0.as_bytes()[..2] {
            [b'8', _] => Registrar::Union,
            [b'1', _] => Registrar::Establishment,
            [b'5', _] => Registrar::Social,
            [b'9', b'1'..=b'3'] => Registrar::Enterprise,
            _ => Registrar::Other,
        }
    }

    fn last_character_right(&self) -> bool {
        let bytes = self.0.as_bytes();
        let values = bytes[..17].iter().filter_map(|b| CREDIT_ALPHABET.iter().position(|a| a == b));
        credit_check(values) == bytes[17]
    }

    fn organisation_right(&self) -> bool {
        let bytes = self.0.as_bytes();
        organisation_check(&bytes[8..16]) == bytes[16]
    }

    pub fn warnings(&self) -> Vec<IdentWarning> {
        let mut warnings = vec![];
        if !self.last_character_right() {
            warnings.push(IdentWarning::LastCharacter);
        }
        if !self.organisation_right() {
            warnings.push(IdentWarning::Organisation);
        }
        if !address_known(&self.0[2..8]) {
            warnings.push(IdentWarning::Address);
        }
        warnings
    }
}

impl FromStr for CreditCode {
    type Err = CreditCodeError;

    fn from_str(typed: &str) -> Result<Self, CreditCodeError> {
        let text = normal(typed);
        let bytes = text.as_bytes();
        let well_formed = bytes.len() == 18
            && bytes.iter().all(|b| CREDIT_ALPHABET.contains(b))
            && bytes[2..8].iter().all(u8::is_ascii_digit);
        if !well_formed {
            return Err(CreditCodeError::Form);
        }
        let code = CreditCode(text);
        // One of the two is enough: early codes have a wrong last character, and a slip of the pen seldom passes either.
        if !code.last_character_right() && !code.organisation_right() {
            return Err(CreditCodeError::Check);
        }
        Ok(code)
    }
}

impl fmt::Display for CreditCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_masked_wherever_they_stand() {
        for (text, shown) in [
            ("没有“id_no 11010519491231002X”", "没有“id_no ****002X”"),
            ("11010519491231002x=id_no", "****002x=id_no"),
            ("身份证１１０１０５１９４９１２３１００２１号", "身份证****００２１号"),
            ("6222020200012345678, 2026-11-21", "****5678, 2026-11-21"),
            ("phone 13900000001 及合同 12345678901234", "phone 13900000001 及合同 12345678901234"),
            ("01a1fa94411b8000a44d8dc79bad0154", "01a1fa94411b8000a44d8dc79bad0154"),
            ("", ""),
        ] {
            assert_eq!(mask(text), shown);
        }
    }

    #[test]
    fn an_identity_number_is_found_in_a_text() {
        for text in [
            "身份证11010519491231002X",
            "号：１１０１０５１９４９１２３１００２ｘ。",
            "ID11010519491231002X",
            "11010519491231002X",
        ] {
            assert!(contains_resident_id(text), "{text}");
        }
        for text in
            ["11010519491231002", "110105194912310021", "911010519491231002X", "记-11010519491231002X5", "话不多"]
        {
            assert!(!contains_resident_id(text), "{text}");
        }
    }
    use proptest::prelude::*;

    fn id(s: &str) -> ResidentId {
        s.parse().expect("a number of this test")
    }

    #[test]
    fn resident_numbers_of_the_standard_pass() {
        for s in [
            "11010519491231002X",
            "440524188001010014",
            "34052419800101001X",
            "32092219900101001X",
            "110117195806150026",
        ] {
            assert_eq!(id(s).as_str(), s);
        }
        assert_eq!(id(" １１０１０５ 19491231 002x ").as_str(), "11010519491231002X");
        assert_eq!(id("11010519491231002X").born().to_string(), "1949-12-31");
        assert_eq!(id("11010519491231002X").sex(), SexDigit::Female);
        assert_eq!(id("32092219900101001X").sex(), SexDigit::Male);
    }

    #[test]
    fn resident_numbers_that_cannot_be() {
        for (s, error) in [
            ("110105194912310021", ResidentIdError::Check),
            ("11010519490231002X", ResidentIdError::Born),
            ("11010517491231002X", ResidentIdError::Born),
            ("99010519491231002X", ResidentIdError::Province),
            ("1101051949123100", ResidentIdError::Form),
            ("1101051949123100200", ResidentIdError::Form),
            ("X1010519491231002X", ResidentIdError::Form),
            ("", ResidentIdError::Form),
        ] {
            assert_eq!(s.parse::<ResidentId>(), Err(error), "{s}");
        }
    }

    #[test]
    fn age_is_judged_on_a_day_the_caller_names() {
        let today: Day = "2026-03-31".parse().expect("a date");
        assert_eq!(id("440524188001010014").check_age(today), Err(AgeError::Old));
        assert_eq!(id("110117195806150026").check_age(today), Ok(67));
        assert_eq!(id("32092219900101001X").check_age(Day(0)), Err(AgeError::Future));
    }

    #[test]
    fn the_old_form_is_completed_and_marked() {
        let completed = id("110105491231002");
        assert_eq!(completed.as_str(), "11010519491231002X");
        assert_eq!(completed.warnings(), [IdentWarning::Legacy]);
        assert!(completed.is_legacy());
    }

    #[test]
    fn an_abolished_address_is_only_a_warning() {
        // 440524 is in no list of today.
        assert_eq!(id("440524188001010014").warnings(), [IdentWarning::Address]);
        assert_eq!(id("32092219900101001X").warnings(), []);
    }

    #[test]
    fn numbers_hide_themselves() {
        let shown = format!("{:?} {}", id("11010519491231002X"), id("11010519491231002X"));
        assert_eq!(shown, "ResidentId(****002X) ****002X");
    }

    #[test]
    fn credit_codes_of_the_standard_pass() {
        for s in [
            "91350100M000100Y43",
            "91440101MA5CJQ4N59",
            "91350200MA2YJ1XR9G",
            "81320922MC0000012R",
            "81110117MC0000020J",
        ] {
            let code: CreditCode = s.parse().expect("a code of this test");
            assert_eq!(code.warnings(), [], "{s}");
        }
    }

    #[test]
    fn early_genuine_codes_pass_with_a_warning() {
        for s in ["91350203M0001FUE2P", "91350100M0001TGQXM", "91350203M0001QAY9B"] {
            let code: CreditCode = s.parse().expect("a code of this test");
            assert_eq!(code.warnings(), [IdentWarning::LastCharacter], "{s}");
        }
    }

    #[test]
    fn credit_codes_that_cannot_be() {
        for (s, error) in [
            ("91350100M000100Y4", CreditCodeError::Form),
            ("91350100M000100Y4I", CreditCodeError::Form),
            ("9135010AM000100Y43", CreditCodeError::Form),
            ("91350100M000101Y43", CreditCodeError::Check),
        ] {
            assert_eq!(s.parse::<CreditCode>(), Err(error), "{s}");
        }
    }

    #[test]
    fn the_first_characters_say_who_registered_it() {
        let registrar = |s: &str| s.parse::<CreditCode>().map(|c| c.registrar());
        assert_eq!(registrar("81320922MC0000012R"), Ok(Registrar::Union));
        assert_eq!(registrar("91350100M000100Y43"), Ok(Registrar::Enterprise));
    }

    proptest! {
        #[test]
        fn never_panics(typed in "\\PC*", digits in "[0-9]{15,18}[0-9X]?", code in "[0-9A-Z]{17,19}") {
            for s in [typed, digits, code] {
                let _ = s.parse::<ResidentId>().map(|id| (id.warnings(), id.sex(), id.masked()));
                let _ = s.parse::<CreditCode>().map(|c| (c.warnings(), c.registrar()));
            }
        }

        #[test]
        fn one_wrong_digit_is_noticed(at in 0usize..17, by in 1u8..10) {
            let mut s = b"11010519491231002X".to_vec();
            s[at] = b'0' + (s[at] - b'0' + by) % 10;
            let s = String::from_utf8(s).expect("digits");
            prop_assert!(s.parse::<ResidentId>().is_err());
        }
    }
}
