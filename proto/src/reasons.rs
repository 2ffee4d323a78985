//! Words for the reasons that the protocol gives as numbers: for logs, status lines and JSON. What is decided is decided
//! by the number.

use crate::{
    lang::Label,
    v1::{Farewell, Refusal},
};

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

    /// The reason with that word.
    pub fn worded(word: &str) -> Option<Refusal> {
        (0..64).filter_map(|number| Refusal::try_from(number).ok()).find(|refusal| refusal.word() == word)
    }

    /// Why a batch was not taken, for people.
    pub fn label(self) -> Label {
        let (zh, en) = match self {
            Refusal::None => ("没有说明原因", "no reason was given"),
            Refusal::Fork => ("两边的内容不一致", "the two ends hold different histories"),
            Refusal::Root => ("内容与校验值不符", "the operations do not match the root"),
            Refusal::Signature => ("签名无效", "the signature is invalid"),
            Refusal::Gap => ("中间缺少内容", "operations before it are missing"),
            Refusal::Bounds => ("超出允许的大小", "it exceeds a bound"),
            Refusal::Header => ("不该由此送来", "its header does not belong here"),
            Refusal::Newer => ("由更新的版本写成", "a newer version wrote it"),
            Refusal::Later => ("今日数量已满，以后再收", "today's allowance is used up; it is taken later"),
            Refusal::Room => {
                ("设备未登记，暂存已满，以后再收", "no room for a device that is not enrolled; it is taken later")
            }
            Refusal::Failed => ("对方处理时出错", "the other end failed"),
            Refusal::Damaged => ("对方的存储受损", "the other end's storage is damaged"),
        };
        Label::new(zh, en)
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

    /// Why an exchange ended, for people.
    pub fn label(self) -> Label {
        let (zh, en) = match self {
            Farewell::Unspecified => ("对方结束了交换", "the other end finished"),
            Farewell::Done => ("已完成", "done"),
            Farewell::Again => ("需要再交换一次", "another exchange is needed"),
            Farewell::Network => ("对方属于另一个网络", "the other end belongs to another network"),
            Farewell::Protocol => ("两边的版本不能互通", "the two ends speak no common protocol"),
            Farewell::Stranger => ("对方没有本机的登记", "this machine is not enrolled there"),
            Farewell::Bounds => ("内容超出允许的大小", "a message exceeds a bound"),
            Farewell::Revoked => ("设备已被注销", "the device was revoked"),
            Farewell::Certificate => ("证书已过期", "the certificate has expired"),
            Farewell::Later => ("对方请稍后再试", "the other end asks to try later"),
            Farewell::Silence => ("对方没有应答", "the other end did not answer"),
        };
        Label::new(zh, en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_word_of_its_own_and_a_label_in_chinese() {
        for refusal in (0..64).filter_map(|number| Refusal::try_from(number).ok()) {
            assert_eq!(Refusal::worded(refusal.word()), Some(refusal));
            let label = refusal.label();
            assert!(!label.zh.bytes().any(|b| b.is_ascii_alphabetic()) && !label.en.is_empty(), "{label:?}");
        }
        assert_eq!(Refusal::worded("nothing"), None);
        for farewell in (0..64).filter_map(|number| Farewell::try_from(number).ok()) {
            let label = farewell.label();
            assert!(!label.zh.bytes().any(|b| b.is_ascii_alphabetic()) && !label.en.is_empty(), "{label:?}");
        }
    }
}
