//! Invites a further machine of one's own union, at the hub above: a call of join.proto.

use huiliu_proto::{
    token::{Pin, Token, pass_hash},
    v1,
};

use super::{
    join::{self, Minted},
    uplink::{Uplink, UplinkError},
};
use crate::identity::{IdentityError, vouchers};

/// Makes a token for a further machine of this union. The hub above learns the hash of the pass; what this machine will
/// know the other by stays here.
pub async fn invite(uplink: &Uplink, days: u32) -> Result<Minted, UplinkError> {
    let home = &uplink.home;
    let parent = home.config.parent.clone().ok_or(IdentityError::NotJoined)?;
    let root = home.fingerprint()?.ok_or(IdentityError::NotJoined)?;
    let (id, secret) = join::draw(&uplink.random);
    let (channel, overheard) = uplink.connect(&parent).await?;
    let request = v1::InviteRequest {
        token: id.0.to_vec().into(),
        pass_hash: pass_hash(&*secret.pass(&id)).to_vec().into(),
        days,
    };
    let invited = join::answer(join::client(channel).invite(request), &parent.address, &overheard).await?;
    let expires_at = invited.expires_at;
    vouchers::remember(home, &id, &secret.voucher_key(&id), Some(expires_at), (uplink.clock)(), &uplink.random)?;
    let token = Token {
        network: home.config.network.clone(),
        root,
        hub: parent.union,
        address: parent.address,
        pin: Pin::of(&home.parent_key()?),
        union: home.config.union,
        as_hub: false,
        vouched: true,
        id,
        secret,
    };
    Ok(Minted { token, expires_at })
}
