//! Keys of sealed fields: granted to those who must read them, taken from those who granted them.

use std::collections::BTreeSet;

use huiliu_proto::{
    handle::{Declared as _, Draft, Row},
    id::{DeviceId, RecordId},
    ident::ResidentId,
    kind::{Privacy, Shape, kinds},
    record::{Record, Refusal},
    records::{enrolment, key_grant, key_return, returned_key},
    rule::Rule,
    seal::{self, SealKey},
    union::UnionNumber,
    v1::{Enrolment, KeyGrant, KeyReturn},
    value::Value,
};

use super::{Ledger, WriteOutcome};
use crate::{
    keyring,
    store::{
        Result, StoreError, projection,
        receivers::{self, Receiver},
    },
};

/// What a provincial hub gives back to a machine of a union below.
#[derive(Debug, Clone, PartialEq)]
pub enum Return {
    /// The device, its union, and how many keys.
    Written {
        union: UnionNumber,
        keys: usize,
    },
    /// No enrolled device below begins like this, or several do.
    NoDevice,
    /// The union granted this hub no key.
    NoKeys(UnionNumber),
    /// This is not the hub of the province the union is in.
    NotProvince(UnionNumber),
    Refused(Vec<Refusal>),
}

impl Ledger {
    /// An enrolment, or a key, arrived that may let this machine grant or take keys.
    pub(super) fn keys_may_move(&mut self, record: &Record) {
        let (me, province) = (self.me.union, self.me.union.province());
        let my_device = Some(&self.me.device().0[..]);
        let concerns_us = match record.kind.number {
            Enrolment::NUMBER => {
                let about = record.read(enrolment::UNION);
                about == Some(me) || (about.is_some() && about == province)
            }
            KeyGrant::NUMBER => record.read(key_grant::TO_DEVICE) == my_device,
            KeyReturn::NUMBER => record.read(key_return::DEVICE) == my_device,
            _ => false,
        };
        self.moving |= concerns_us;
    }

    /// Grants the keys of this union's sealed fields, each once: its own to the provincial hubs, all it holds to other
    /// machines of this union that were vouched for. A hub that enrols a machine cannot vouch for it.
    pub(crate) fn grant_keys(&mut self) -> Result<()> {
        let me = self.me.union;
        if let Some(province) = me.province().filter(|p| *p != me) {
            let own = self.me.seal.clone();
            for hub in receivers::of_union(&self.conn, province)?.into_iter().filter(|r| r.hub) {
                self.grant(&own, province, &hub, None)?;
            }
        }
        let family = receivers::of_union(&self.conn, me)?;
        let others: Vec<&Receiver> = family.iter().filter(|r| r.device != self.me.device()).collect();
        if others.is_empty() {
            return Ok(());
        }
        let vouchers = (self.me.vouchers)();
        if vouchers.is_empty() {
            return Ok(());
        }
        let given = receivers::given(&self.conn, &self.me.device())?;
        let ours: Vec<SealKey> = self.keys.ours().cloned().collect();
        for other in others {
            let Some(voucher) = keyring::vouched(&self.me, &vouchers, other, &given) else { continue };
            for key in &ours {
                let word = voucher.grant(&self.me.device(), &self.me.grant.public, &other.device, &key.id());
                self.grant(key, me, other, Some(word))?;
            }
        }
        Ok(())
    }

    fn grant(&mut self, key: &SealKey, union: UnionNumber, to: &Receiver, voucher: Option<[u8; 32]>) -> Result<()> {
        let id = key.id();
        if receivers::granted(&self.conn, &to.device, &id)? {
            return Ok(());
        }
        // A key that is no point of the curve stands in a signed enrolment: it is the enroller's fault, and no reason
        // to stop here.
        let Ok(wrapped) = key.grant(&to.key) else {
            tracing::warn!(device = ?to.device, "the key a device receives with cannot be used");
            return Ok(());
        };
        let mut grant = Draft::<KeyGrant>::new();
        grant.set(key_grant::TO_UNION, union).set(key_grant::KEY_ID, id).set(key_grant::SEALED, wrapped);
        grant.set(key_grant::TO_DEVICE, to.device.to_vec());
        if let Some(voucher) = voucher {
            grant.set(key_grant::VOUCHER, voucher);
        }
        if let WriteOutcome::Refused(refusals) = self.write_entry(&grant.into_record())? {
            tracing::error!(?refusals, "a key could not be granted");
        }
        Ok(())
    }

    /// Gives a device of a union below that union's keys. A person has compared the device's key.
    pub fn return_keys(&mut self, device: &DeviceId) -> Result<Return> {
        let Some((union, to)) = self.receiver(device)? else { return Ok(Return::NoDevice) };
        if union.province() != Some(self.me.union) || union == self.me.union {
            return Ok(Return::NotProvince(union));
        }
        let granted = receivers::given(&self.conn, &self.me.device())?;
        // Its own it has.
        let others = granted.iter().filter(|g| g.owner == union && g.by != *device);
        let ids: BTreeSet<&[u8]> = others.map(|g| g.key_id.as_slice()).collect();
        let mut lines = vec![];
        for key in ids.into_iter().filter_map(|id| self.keys.get(id)) {
            if let Ok(wrapped) = key.grant(&to.key) {
                lines.push(Row::default().with(returned_key::KEY_ID, key.id()).with(returned_key::SEALED, wrapped));
            }
        }
        if lines.is_empty() {
            return Ok(Return::NoKeys(union));
        }
        let keys = lines.len();
        let mut given = Draft::<KeyReturn>::new();
        given.set(key_return::UNION, union).set(key_return::DEVICE, device.to_vec()).set(key_return::KEYS, lines);
        match self.write_entry(&given.into_record())? {
            WriteOutcome::Refused(refusals) => Ok(Return::Refused(refusals)),
            _ => Ok(Return::Written { union, keys }),
        }
    }

    /// The union whose keys `return_keys` gives this device.
    pub fn returned_to(&self, device: &DeviceId) -> Result<Option<UnionNumber>> {
        Ok(self.receiver(device)?.map(|(union, _)| union))
    }

    /// A device of a union below, as it was enrolled there.
    fn receiver(&self, device: &DeviceId) -> Result<Option<(UnionNumber, Receiver)>> {
        for enrolled in crate::store::trust::enrolments(&self.conn, Some(device))? {
            let mut of_union = receivers::of_union(&self.conn, enrolled.union)?.into_iter();
            if let Some(receiver) = of_union.find(|r| r.device == *device) {
                return Ok(Some((enrolled.union, receiver)));
            }
        }
        Ok(None)
    }

    /// Takes the keys that have been granted or returned; what they open can be indexed now.
    pub(super) fn take_keys(&mut self) -> Result<()> {
        self.took = true;
        for union in self.keys.look(&self.conn, &self.me)? {
            self.index_sealed(union)?;
        }
        Ok(())
    }

    pub(super) fn load_keys(&mut self) -> Result<()> {
        self.took = true;
        self.keys.look(&self.conn, &self.me).map(drop)
    }

    pub(super) fn index_sealed(&self, owner: UnionNumber) -> Result<()> {
        if self.me.index.is_none() {
            return Ok(());
        }
        for kind in kinds().iter().filter(|k| k.shape == Shape::Document) {
            for (at, field) in kind.fields.iter().enumerate().filter(|(_, f)| f.privacy == Privacy::Sealed) {
                for row in projection::list(&self.conn, kind, Some(owner), None, usize::MAX >> 1)? {
                    let index = self.blind(&row.id, field.number, row.record.values()[at].as_ref());
                    projection::set_index(&self.conn, kind, field.name, &row, index.as_ref())?;
                }
            }
        }
        Ok(())
    }

    /// This hub's index of a sealed value, where it may look.
    pub(super) fn blind(&self, id: &RecordId, field: u32, value: Option<&Value>) -> Option<[u8; 17]> {
        let (index, Value::Bytes(sealed)) = (self.me.index.as_ref()?, value?) else { return None };
        // Of its standard form: whoever writes the same number otherwise is found all the same. What is no number has no
        // index, and is a finding of its own (DQ-01).
        let number: ResidentId = self.keys.open(sealed, id, field).ok()?.parse().ok()?;
        Some(seal::blind_index(index, number.as_str()))
    }

    /// Seals a value for a record of this union.
    pub(super) fn seal(&self, text: &str, id: &RecordId, field: u32) -> Result<Vec<u8>> {
        let key = self.keys.sealing(&self.conn, &self.me)?;
        let refused = Rule::new("cannot_be_sealed", "该值无法加密", "the value cannot be sealed");
        key.seal(text, id, field).map_err(|_| StoreError::forbidden(refused))
    }
}
