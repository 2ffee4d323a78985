//! Words for the reasons that the protocol gives as numbers: for logs, status lines and JSON. What is decided is decided
//! by the number.

use crate::v1::{Farewell, Refusal};

impl Refusal {
    pub fn word(self) -> &'static str {
        match self {
            Refusal::None => "none",
            Refusal::Fork => "fork",
            Refusal::Root => "root",
            Refusal::Signature => "signature",
            Refusal::Gap => "gap",
            Refusal::Bounds => "bounds",
            Refusal::Header => "header",
            Refusal::Newer => "newer",
            Refusal::Later => "later",
            Refusal::Room => "room",
            Refusal::Failed => "failed",
            Refusal::Damaged => "damaged",
        }
    }

    /// Whether a later exchange takes it without anybody doing anything: neither a connection problem nor a fault.
    pub fn is_waiting(self) -> bool {
        matches!(self, Refusal::Room | Refusal::Newer | Refusal::Later)
    }

    /// Whether the peer that sent it is at fault, and not its author: no version of an honest program relays such bytes.
    pub fn is_forging(self) -> bool {
        matches!(self, Refusal::Root | Refusal::Signature | Refusal::Bounds | Refusal::Header)
    }
}

impl Farewell {
    pub fn word(self) -> &'static str {
        match self {
            Farewell::Unspecified => "ended",
            Farewell::Done => "done",
            Farewell::Again => "again",
            Farewell::Network => "network",
            Farewell::Protocol => "protocol",
            Farewell::Stranger => "stranger",
            Farewell::Bounds => "bounds",
            Farewell::Revoked => "revoked",
            Farewell::Certificate => "certificate",
            Farewell::Later => "later",
            Farewell::Silence => "silence",
        }
    }
}
