//! The keys with which machines of one union prove themselves to each other, kept beside the other keys.
//!
//! The machine that invites keeps one for each token it made, until the other can hardly come any more. The machine that
//! joined keeps its own for good: with it the seal keys it was granted are checked each time they are read.

use std::{path::Path, sync::Arc};

use huiliu_proto::{
    id::{hex, unhex},
    token::{TokenId, VoucherKey},
};
use serde::{Deserialize, Serialize};

use super::{Home, IdentityError, keys::Keys};
use crate::clock::Random;

/// Read anew each time: an invitation is made by one process and answered while another serves.
pub type Vouchers = Arc<dyn Fn() -> Vec<VoucherKey> + Send + Sync>;

/// After its token expired, a machine that joined in time may still be heard of late: unions stay without a line for
/// months.
const LATE: i64 = 400 * 86_400_000;
/// Among the keys, and sealed with them.
const FILE: &str = "vouchers";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Voucher {
    token: String,
    key: String,
    /// Forgotten from this moment on; never where it is `None`.
    until: Option<i64>,
}

fn read(keys: &Keys) -> Result<Vec<Voucher>, IdentityError> {
    if !keys.has(FILE) {
        return Ok(vec![]);
    }
    serde_json::from_slice(&keys.read(FILE)?).map_err(|error| super::file_error(Path::new(FILE), error))
}

/// Keeps a voucher key; `expires` is when the token of a machine that is still to come dies.
pub fn remember(
    home: &Home,
    token: &TokenId,
    key: &VoucherKey,
    expires: Option<i64>,
    now: i64,
    random: &Random,
) -> Result<(), IdentityError> {
    let mut kept = read(&home.keys)?;
    kept.retain(|k| k.until.is_none_or(|until| until > now) && k.token != token.to_string());
    let until = expires.map(|at| at.saturating_add(LATE));
    kept.push(Voucher { token: token.to_string(), key: hex(key.as_bytes()), until });
    let text = serde_json::to_string_pretty(&kept).map_err(|error| super::file_error(Path::new(FILE), error))?;
    home.keys.write(FILE, zeroize::Zeroizing::new(text).as_bytes(), random)
}

/// What `LocalDevice` asks. A file that cannot be read is said in the log and vouches for nobody.
pub fn reader(keys: &Keys) -> Vouchers {
    let keys = keys.clone();
    Arc::new(move || {
        let kept = read(&keys).unwrap_or_else(|error| {
            tracing::error!(%error, "the vouchers cannot be read");
            vec![]
        });
        let key = |k: Voucher| Some(VoucherKey::from_bytes(unhex(&k.key)?.try_into().ok()?));
        kept.into_iter().filter_map(key).collect()
    })
}

/// For machines that know of none.
pub fn none() -> Vouchers {
    Arc::new(Vec::new)
}
