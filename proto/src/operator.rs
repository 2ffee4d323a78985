//! Who did it: 16 bytes in an operation's header name the account, and say whether its password was asked for.
//!
//! A record id is a UUIDv8, so the four bits of the version are the same in each. They say how the device knows: 8, the
//! account's id as it is, where the person had logged in; 9 where somebody only gave the name. Both are the device's word.

use crate::{id::RecordId, operation::OPERATOR};

const VERSION: usize = 6;
const LOGGED_IN: u8 = 8;
const NAMED: u8 = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    pub account: RecordId,
    /// Logged in with the account's password, as the device says.
    pub verified: bool,
}

impl Operator {
    pub fn to_bytes(self) -> [u8; OPERATOR] {
        let mut bytes = self.account.0;
        bytes[VERSION] = version(if self.verified { LOGGED_IN } else { NAMED }, bytes[VERSION]);
        bytes
    }

    /// Anything but 8 is not verified.
    pub fn from_bytes(bytes: [u8; OPERATOR]) -> Operator {
        let mut account = RecordId(bytes);
        let verified = bytes[VERSION] >> 4 == LOGGED_IN;
        account.0[VERSION] = version(LOGGED_IN, bytes[VERSION]);
        Operator { account, verified }
    }
}

fn version(version: u8, byte: u8) -> u8 {
    version << 4 | byte & 0x0f
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{DeviceId, RecordIds};

    #[test]
    fn the_header_says_whether_somebody_logged_in() {
        let account = RecordIds::new(&DeviceId([7; 32]), [1, 2, 3, 4], None).next(1_700_000_000_123);
        let [logged_in, named] = [true, false].map(|verified| Operator { account, verified });
        assert_eq!(logged_in.to_bytes(), account.0, "the account's id as it is");
        assert_ne!(named.to_bytes(), account.0);
        for operator in [logged_in, named] {
            assert_eq!(Operator::from_bytes(operator.to_bytes()), operator);
        }
        let mut strange = account.0;
        strange[VERSION] |= 0xf0;
        assert_eq!(Operator::from_bytes(strange), named, "what nobody knows is not verified");
    }
}
