//! A password that is set anew by word of the union above, over the telephone: two numbers that people read to each other.
//!
//! The one asked for names the machine, the account and this one asking. The answer is a code of authentication under what the
//! machine and the hub above share without having said it: each has the other's X25519 key from its enrolment. It opens nothing
//! and gives no key; whoever hears both has nothing of use for the next time.

use zeroize::Zeroizing;

use crate::{
    id::{DeviceId, Hash, RecordId},
    seal::mac,
    union::UnionNumber,
};

const DEVICE: usize = 9;
const ACCOUNT: usize = 7;
const NONCE: usize = 12;
/// More than 2^66 answers.
const ANSWER: usize = 20;
const CHECK: usize = 2;
/// People read and type as many digits at once.
const GROUP: usize = 4;

/// Why a number that was typed is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mistyped {
    #[error("it has {0} digits")]
    Length(usize),
    /// The last two digits are made from the others.
    #[error("the digits do not belong together")]
    Check,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request(String);

/// What a request is made from. `drawn` is drawn for this one asking; `password` is the record of the one until now, so that
/// a request is of no use once a password was set; `asked_at` cannot be moved, for the same reason.
pub struct Asking<'a> {
    pub device: &'a DeviceId,
    pub account: &'a RecordId,
    pub password: Option<&'a RecordId>,
    pub drawn: &'a [u8; 32],
    pub asked_at: i64,
}

impl Request {
    /// How many digits one has.
    pub const LENGTH: usize = DEVICE + ACCOUNT + NONCE + CHECK;

    pub fn new(asking: &Asking<'_>) -> Request {
        let Asking { device, account, password, drawn, asked_at } = asking;
        let password = password.map_or(&[][..], |id| id.as_bytes());
        let nonce =
            Hash::of(&[b"huiliu/reset-nonce/1", &drawn[..], &asked_at.to_be_bytes(), account.as_bytes(), password]);
        Request(of_device(device) + &of_account(account) + &digits(&nonce.0, NONCE))
    }

    pub fn typed(text: &str) -> Result<Request, Mistyped> {
        checked(text, Self::LENGTH).map(Request)
    }

    pub fn names_device(&self, device: &DeviceId) -> bool {
        self.0[..DEVICE] == of_device(device)
    }

    pub fn names_account(&self, account: &RecordId) -> bool {
        self.0[DEVICE..DEVICE + ACCOUNT] == of_account(account)
    }

    pub fn spoken(&self) -> String {
        spoken(&self.0)
    }
}

/// What a hub of the union above answers.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer(Zeroizing<String>);

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Answer(..)")
    }
}

impl Answer {
    pub const LENGTH: usize = ANSWER + CHECK;

    /// `shared`: what device and hub share (`GrantKey::shared`).
    pub fn new(shared: &[u8; 32], hub: &DeviceId, device: &DeviceId, union: UnionNumber, request: &Request) -> Answer {
        let union = u64::from(union).to_be_bytes();
        let parts = [b"huiliu/reset-answer/1", hub.as_bytes(), device.as_bytes(), &union, request.0.as_bytes()];
        Answer(Zeroizing::new(digits(&mac(shared, &parts), ANSWER)))
    }

    pub fn typed(text: &str) -> Result<Answer, Mistyped> {
        checked(text, Self::LENGTH).map(|digits| Answer(Zeroizing::new(digits)))
    }

    pub fn spoken(&self) -> Zeroizing<String> {
        Zeroizing::new(spoken(&self.0))
    }
}

fn of_device(device: &DeviceId) -> String {
    digits(&Hash::of(&[b"huiliu/reset-device/1", device.as_bytes()]).0, DEVICE)
}

fn of_account(account: &RecordId) -> String {
    digits(&Hash::of(&[b"huiliu/reset-account/1", account.as_bytes()]).0, ACCOUNT)
}

/// The first 16 bytes as so many decimal digits: at most 20 of 38, so that all come up alike.
fn digits(bytes: &[u8; 32], many: usize) -> String {
    let mut first = [0; 16];
    first.copy_from_slice(&bytes[..16]);
    let number = u128::from_be_bytes(first) % 10u128.pow(many as u32);
    format!("{number:0many$}")
}

/// ISO 7064 MOD 97-10: any digit that is wrong, and any two that changed places, are seen.
fn check(digits: &str) -> String {
    let rest = digits.bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97);
    format!("{:02}", 98 - rest * 100 % 97)
}

fn spoken(digits: &str) -> String {
    let all: Vec<char> = digits.chars().chain(check(digits).chars()).collect();
    all.chunks(GROUP).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

/// The digits of a number that was typed, without those that check them; blanks, hyphens and wide digits do no harm.
fn checked(text: &str, length: usize) -> Result<String, Mistyped> {
    let narrow = |c: char| match c {
        '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10).unwrap_or(c),
        _ => c,
    };
    let mut digits: String = text.chars().map(narrow).filter(char::is_ascii_digit).collect();
    if digits.len() != length {
        return Err(Mistyped::Length(digits.len()));
    }
    let last = digits.split_off(length - CHECK);
    if check(&digits) == last { Ok(digits) } else { Err(Mistyped::Check) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::GrantKey;

    const COUNTY: DeviceId = DeviceId([1; 32]);
    const CITY: DeviceId = DeviceId([2; 32]);

    fn asking<'a>(account: &'a RecordId, drawn: &'a [u8; 32]) -> Asking<'a> {
        Asking { device: &COUNTY, account, password: None, drawn, asked_at: 7 }
    }

    #[test]
    fn both_ends_come_to_one_answer_and_nobody_else() {
        let keys: Vec<GrantKey> = (1..=3).map(|n| GrantKey::from_seed(&[n; 32])).collect();
        let shared = |mine: usize, other: usize| keys[mine].shared(&keys[other].public).expect("a good key");
        let request = Request::new(&asking(&RecordId([5; 16]), &[9; 32]));
        let union: UnionNumber = "320922".parse().expect("a union");
        let answer =
            |shared: &[u8; 32], hub: &DeviceId, device: &DeviceId| Answer::new(shared, hub, device, union, &request);
        let good = answer(&shared(0, 1), &CITY, &COUNTY);
        assert_eq!(good, answer(&shared(1, 0), &CITY, &COUNTY));
        for other in [
            answer(&shared(0, 2), &CITY, &COUNTY),
            answer(&shared(1, 2), &CITY, &COUNTY),
            answer(&shared(0, 1), &DeviceId([3; 32]), &COUNTY),
            answer(&shared(0, 1), &CITY, &DeviceId([3; 32])),
            Answer::new(&shared(0, 1), &CITY, &COUNTY, "320923".parse().expect("a union"), &request),
        ] {
            assert_ne!(good, other);
        }
        assert!(keys[0].shared(&[0; 32]).is_none(), "a key that shares nothing");
        assert_eq!(format!("{good:?}"), "Answer(..)");
    }

    #[test]
    fn a_request_is_of_one_asking() {
        let (account, drawn) = (RecordId([5; 16]), [9; 32]);
        let one = Request::new(&asking(&account, &drawn));
        assert_eq!(one, Request::new(&asking(&account, &drawn)));
        assert!(one.names_device(&COUNTY) && one.names_account(&account));
        assert!(!one.names_device(&CITY) && !one.names_account(&RecordId([6; 16])));
        let password = RecordId([8; 16]);
        for other in [
            Asking { password: Some(&password), ..asking(&account, &drawn) },
            Asking { asked_at: 8, ..asking(&account, &drawn) },
            Asking { drawn: &[8; 32], ..asking(&account, &drawn) },
        ] {
            assert_ne!(one, Request::new(&other));
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_seen() {
        let request = Request::new(&asking(&RecordId([5; 16]), &[9; 32]));
        let said = request.spoken();
        assert_eq!(Request::typed(&said), Ok(request.clone()));
        let wide: String =
            said.chars().filter_map(|c| c.to_digit(10)).filter_map(|d| char::from_u32('０' as u32 + d)).collect();
        assert_eq!(Request::typed(&wide), Ok(request));
        let digits: Vec<char> = said.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits.len(), Request::LENGTH);
        assert_eq!(Request::typed(&said[1..]), Err(Mistyped::Length(Request::LENGTH - 1)));
        for at in 0..digits.len() {
            for digit in '0'..='9' {
                let mut wrong = digits.clone();
                wrong[at] = digit;
                let typed = Request::typed(&wrong.iter().collect::<String>());
                assert_eq!(typed.is_ok(), digit == digits[at], "{at} {digit}");
            }
            if at > 0 && digits[at] != digits[at - 1] {
                let mut wrong = digits.clone();
                wrong.swap(at, at - 1);
                assert_eq!(Request::typed(&wrong.iter().collect::<String>()), Err(Mistyped::Check));
            }
        }
    }
}
