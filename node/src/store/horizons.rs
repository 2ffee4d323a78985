//! How far each union was heard: up to which day its data is here. Who is asked about is judged elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use huiliu_proto::{id::DeviceId, period::Day, union::UnionNumber};

use super::{Fault, View, tables};

/// How far a union was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Up to which day, in China, its data is here.
    pub up_to: Day,
    /// Devices that fell silent while another of the union was heard, and since when: they hold nobody up.
    pub silent: Vec<(DeviceId, Day)>,
}

/// Up to which day, in China, each union's data is here: of its devices the one that has been silent the longest says
/// so, but none that has been silent for more than `patience` days while another was heard. Those count that the union
/// above has enrolled for it and not revoked, and this machine itself; of the nation, whose devices nobody enrols, all.
/// A device that is enrolled and has written nothing yet is not waited for.
pub fn horizons(conn: &View, patience: i64) -> Result<BTreeMap<UnionNumber, Heard>, Fault> {
    type Device = [u8; 32];
    let enrolled: BTreeSet<(Device, i64, i64)> = conn
        .prepare_cached(r#"SELECT device, "union", owner FROM enrolment"#)?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let revoked: BTreeSet<(Device, i64, i64)> = conn
        .prepare_cached(r#"SELECT device, "union", owner FROM revocation"#)?
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
        .collect::<rusqlite::Result<_>>()?;
    const SQL: &str = r#"SELECT "union", device, max(own), max(heard_at), max(applied) FROM feed WHERE head IS NOT NULL
        GROUP BY "union", device"#;
    let mut statement = conn.prepare_cached(SQL)?;
    let mut rows = statement.query([])?;
    let mut devices: BTreeMap<UnionNumber, Vec<(DeviceId, Day)>> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let (union, device, own, time, applied): (UnionNumber, Device, bool, i64, i64) =
            (tables::union(row.get(0)?)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let counts = own
            // Nobody enrols the nation's hub: of its name only what was admitted is judged.
            || {
                let (at, by) = (i64::from(union), i64::from(union.enroller()));
                let admitted = enrolled.contains(&(device, at, by)) || (union.parent().is_none() && applied > 0);
                admitted && !revoked.contains(&(device, at, by))
            };
        if counts {
            devices.entry(union).or_default().push((DeviceId(device), in_calendar(time)));
        }
    }
    let heard = devices.into_iter().filter_map(|(union, devices)| {
        let latest = devices.iter().map(|(_, day)| *day).max()?;
        let (silent, speaking): (Vec<_>, Vec<_>) =
            devices.into_iter().partition(|(_, day)| i64::from(latest.0) - i64::from(day.0) > patience);
        let up_to = speaking.into_iter().map(|(_, day)| day).min()?;
        Some((union, Heard { up_to, silent }))
    });
    Ok(heard.collect())
}

/// The day of a time in China, or the first or last there is: a device says whatever time it likes.
fn in_calendar(time: i64) -> Day {
    const CHINA: i64 = 28_800_000;
    let day = time.saturating_add(CHINA).div_euclid(86_400_000);
    let day = Day(i32::try_from(day).unwrap_or(if day < 0 { i32::MIN } else { i32::MAX }));
    match (Day::from_ymd(1, 1, 1), Day::from_ymd(9999, 12, 31)) {
        (Some(first), Some(last)) => day.clamp(first, last),
        _ => day,
    }
}
