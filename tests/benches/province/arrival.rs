//! When what the counties wrote is in the province's tables: asked of its file, as any reader of it can.

use std::{
    collections::HashMap,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use huiliu_proto::id::unhex;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

/// Interval at which the file is asked: the error of each time.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How much of which feeds is to arrive, by county.
pub struct Expected(Vec<HashMap<Vec<u8>, u64>>);

impl Expected {
    /// Of what the driving process said it wrote.
    pub fn read(said: &Value) -> Result<Expected> {
        let counties = said["counties"].as_array().context("the counties have written")?;
        let feed = |feed: &Value| {
            let id = feed["id"].as_str().and_then(unhex).context("a feed's id")?;
            Ok((id, feed["size"].as_u64().context("a feed's size")?))
        };
        let county = |county: &Value| county.as_array().context("a county's feeds")?.iter().map(feed).collect();
        Ok(Expected(counties.iter().map(county).collect::<Result<_>>()?))
    }
}

pub struct Arrivals(Connection);

impl Arrivals {
    pub fn open(database: &Path) -> Result<Arrivals> {
        let conn = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        conn.busy_timeout(Duration::from_secs(5))?;
        Ok(Arrivals(conn))
    }

    /// Waits until all has arrived. Seconds since `start`, for each county.
    pub fn wait(&mut self, expected: &Expected, start: Instant, within: Duration) -> Result<Vec<f64>> {
        let mut arrived: Vec<Option<f64>> = vec![None; expected.0.len()];
        loop {
            let now = start.elapsed();
            let applied = self.applied()?;
            for (feeds, arrived) in expected.0.iter().zip(&mut arrived).filter(|(_, arrived)| arrived.is_none()) {
                if feeds.iter().all(|(id, size)| applied.get(id).is_some_and(|applied| applied >= size)) {
                    *arrived = Some(now.as_secs_f64());
                }
            }
            let missing = arrived.iter().filter(|arrived| arrived.is_none()).count();
            if missing == 0 {
                return Ok(arrived.into_iter().flatten().collect());
            }
            if now > within {
                bail!("after {} s the province has not all of {missing} counties", now.as_secs());
            }
            super::worker::pause(POLL_INTERVAL);
        }
    }

    /// Operations in the tables, by feed.
    fn applied(&self) -> Result<HashMap<Vec<u8>, u64>> {
        let mut statement = self.0.prepare_cached("SELECT id, applied FROM feed")?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
