//! Says by itself what counts of the unions directly below: of each of their devices at most once a day, and only where that
//! is something else than was said before. So a proof can show a record as of a day without anybody having thought of it.

use std::time::Duration;

use huiliu_node::{
    clock::{self, Clock},
    standing,
    store::Result,
    writer::Store,
};
use huiliu_proto::{id::DeviceId, union::UnionNumber};

/// A hub that begins to serve first hears what came about meanwhile.
const FIRST: Duration = Duration::from_secs(600);
/// How often it is looked whether there is something to say.
const VOUCHING_INTERVAL: Duration = Duration::from_secs(3600);

/// Looks for ever. What cannot be said now is said at the next look.
pub async fn stay(store: &Store, me: UnionNumber, device: DeviceId, clock: &Clock) {
    tokio::time::sleep(FIRST).await;
    loop {
        match vouch(store, me, device, clock()).await {
            Ok(0) => {}
            Ok(said) => tracing::info!(devices = said, "said what counts of the unions below"),
            Err(error) => tracing::error!(%error, "what counts of the unions below could not be said"),
        }
        tokio::time::sleep(VOUCHING_INTERVAL).await;
    }
}

/// Says what is to be said today, a device in a job; of how many.
pub async fn vouch(store: &Store, me: UnionNumber, device: DeviceId, now: i64) -> Result<usize> {
    let today = clock::day(now);
    let due = store.look(move |conn| standing::due(conn, me, &device, today)).await?;
    let mut said = 0;
    for (union, device) in due {
        let vouched = store.write(move |ledger| ledger.vouch_for(union, &device)).await?;
        match vouched {
            Some(vouched) if vouched.refused.is_some() => {
                tracing::error!(%union, refused = ?vouched.refused, "a vouching breaks a rule");
            }
            Some(_) => said += 1,
            None => {}
        }
    }
    Ok(said)
}
