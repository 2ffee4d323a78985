//! This machine as it writes: its keys, its union, and the world outside as far as it needs that.

use huiliu_proto::{
    id::DeviceId,
    seal::{GrantKey, SealKey},
    signed::SigningKey,
    union::UnionNumber,
};
use zeroize::Zeroizing;

use super::{memory::Memory, vouchers::Vouchers};
use crate::clock::{Clock, Random};

/// Who writes here.
#[derive(Clone)]
pub struct LocalDevice {
    pub network: String,
    pub union: UnionNumber,
    pub key: SigningKey,
    /// This device's high-water marks, kept outside the database.
    pub memory: Memory,
    pub hub: bool,
    /// The national hub's device: where all authority comes from. Not known before joining.
    pub root: Option<DeviceId>,
    /// What this union's sealed fields are sealed with.
    pub seal: SealKey,
    /// What keys are granted to this device with.
    pub grant: GrantKey,
    /// The key of this hub's index of identity numbers; hubs that may look for duplicates.
    pub index: Option<Zeroizing<[u8; 32]>>,
    /// Keys with which machines of this union prove themselves to each other.
    pub vouchers: Vouchers,
    pub clock: Clock,
    pub random: Random,
}

impl LocalDevice {
    pub fn device(&self) -> DeviceId {
        self.key.device()
    }
}
