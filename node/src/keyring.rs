//! The keys this machine holds that open sealed fields, and which of them it seals with.
//!
//! Its own; those its union's other machines granted it; those the province returned to it; at a province those the
//! unions below granted. A key said to be its own union's is taken as one only with a voucher that no hub can make: what
//! is sealed with a key that a level between had slipped in would lie open. Those the province returns open what was
//! sealed with them and do no more, because a level between may have granted the province one in the union's name.

use std::collections::{BTreeSet, HashMap};

use huiliu_proto::{
    handle::Declared as _,
    id::{DeviceId, RecordId},
    records::{key_return, returned_key},
    seal::{self, SealError, SealKey},
    token::VoucherKey,
    union::UnionNumber,
    v1::KeyReturn,
    value::Value,
};
use zeroize::Zeroizing;

use crate::{
    identity::LocalDevice,
    store::{
        Result, View, projection,
        receivers::{self, Given, Receiver},
    },
};

type KeyId = [u8; 8];

pub struct Keyring {
    keys: HashMap<KeyId, SealKey>,
    /// Those of this machine's own union that its machines vouch for: these are sealed with, and granted on.
    ours: BTreeSet<KeyId>,
    own: KeyId,
}

/// The voucher key that proves a machine of one's own union to be one, if there is any: its enrolment proves it to
/// the one who invited it, its grant to the one who was invited.
pub fn vouched<'a>(
    me: &LocalDevice,
    keys: &'a [VoucherKey],
    other: &Receiver,
    given: &[Given],
) -> Option<&'a VoucherKey> {
    keys.iter().find(|key| {
        other.voucher == Some(key.device(&other.device, &other.key))
            || given.iter().any(|g| g.owner == me.union && g.by == other.device && proves(key, me, other, g))
    })
}

fn proves(key: &VoucherKey, me: &LocalDevice, by: &Receiver, given: &Given) -> bool {
    given.voucher == Some(key.grant(&by.device, &by.key, &me.device(), &given.key_id))
}

impl Keyring {
    /// Its own key only.
    pub fn new(me: &LocalDevice) -> Keyring {
        let own = me.seal.id();
        Keyring { keys: HashMap::from([(own, me.seal.clone())]), ours: BTreeSet::from([own]), own }
    }

    /// All it was given.
    pub fn read(conn: &View, me: &LocalDevice) -> Result<Keyring> {
        let mut keyring = Keyring::new(me);
        keyring.look(conn, me)?;
        Ok(keyring)
    }

    /// Takes in what was granted or returned since. Returns the unions whose fields it can open now and could not
    /// before.
    pub fn look(&mut self, conn: &View, me: &LocalDevice) -> Result<BTreeSet<UnionNumber>> {
        let mut new = BTreeSet::new();
        let mut family = None;
        for given in receivers::given(conn, &me.device())? {
            let ours = given.owner == me.union;
            let held = |id: &KeyId| if ours { self.ours.contains(id) } else { self.keys.contains_key(id) };
            if given.key_id.as_slice().try_into().is_ok_and(|id: KeyId| held(&id)) {
                continue;
            }
            if ours {
                // Those that were revoked since, too: how much of what they wrote counts their revocation says, and
                // what they granted before goes on opening what was sealed before.
                let (others, vouchers) = match &family {
                    Some(known) => known,
                    None => family.insert((receivers::ever_of_union(conn, me.union)?, (me.vouchers)())),
                };
                let mut by = others.iter().filter(|o| o.device == given.by);
                if !by.any(|by| vouchers.iter().any(|key| proves(key, me, by, &given))) {
                    tracing::warn!(by = ?given.by, "a key that nobody vouches for was not taken");
                    continue;
                }
            }
            if let Some(id) = self.take(me, given.owner, &given.sealed, &given.key_id, &mut new)
                && ours
            {
                self.ours.insert(id);
            }
        }
        self.look_for_returned(conn, me, &mut new)?;
        Ok(new)
    }

    fn look_for_returned(&mut self, conn: &View, me: &LocalDevice, new: &mut BTreeSet<UnionNumber>) -> Result<()> {
        let Some(province) = me.union.province() else { return Ok(()) };
        let device = Value::Bytes(me.device().to_vec());
        for row in projection::list_where(conn, KeyReturn::kind(), key_return::DEVICE.name(), &device)? {
            if row.place.owner != province || row.record.read(key_return::UNION) != Some(me.union) {
                continue;
            }
            for line in row.record.of::<KeyReturn>().into_iter().flat_map(|keys| keys.lines(key_return::KEYS)) {
                let key = line.get(returned_key::KEY_ID).zip(line.get(returned_key::SEALED));
                let Some((id, sealed)) = key else { continue };
                if id.try_into().is_ok_and(|id: KeyId| self.keys.contains_key(&id)) {
                    continue;
                }
                self.take(me, me.union, sealed, id, new);
            }
        }
        Ok(())
    }

    /// Opens with it from now on. Returns which it is.
    fn take(
        &mut self,
        me: &LocalDevice,
        owner: UnionNumber,
        wrapped: &[u8],
        id: &[u8],
        new: &mut BTreeSet<UnionNumber>,
    ) -> Option<KeyId> {
        let received = me.grant.receive(wrapped, id);
        let key = received
            .inspect_err(|error| tracing::warn!(union = %owner, %error, "a granted key cannot be received"))
            .ok()?;
        let id = key.id();
        if self.keys.insert(id, key).is_none() {
            new.insert(owner);
        }
        Some(id)
    }

    /// `field` is the number of the field the box stands in.
    pub fn open(&self, sealed: &[u8], record: &RecordId, field: u32) -> Result<Zeroizing<String>, SealError> {
        self.keys.get(&seal::key_of(sealed)?).ok_or(SealError::Key)?.open(sealed, record, field)
    }

    /// This union's keys that are held here and vouched for.
    pub fn ours(&self) -> impl Iterator<Item = &SealKey> {
        self.ours.iter().filter_map(|id| self.keys.get(id))
    }

    pub fn get(&self, id: &[u8]) -> Option<&SealKey> {
        self.keys.get(&KeyId::try_from(id).ok()?)
    }

    /// What is sealed with from now on: of the keys of this union that are held, the one whose machine was enrolled
    /// first. So two machines that hold the same keys make the same boxes.
    pub fn sealing(&self, conn: &View, me: &LocalDevice) -> Result<SealKey> {
        if self.ours.len() == 1 {
            return Ok(me.seal.clone());
        }
        let order: Vec<DeviceId> = receivers::of_union(conn, me.union)?.into_iter().map(|r| r.device).collect();
        let mut best = (usize::MAX, self.own);
        for id in &self.ours {
            let made_by = receivers::origin(conn, me.union, id)?;
            let made_by = made_by.or((*id == self.own).then(|| me.device()));
            let place = made_by.and_then(|by| order.iter().position(|d| *d == by)).unwrap_or(usize::MAX);
            best = best.min((place, *id));
        }
        Ok(self.keys.get(&best.1).unwrap_or(&me.seal).clone())
    }
}
