//! Invitations that were given here, and whether one still lets a machine in.

use huiliu_proto::{
    id::{DeviceId, Hash},
    joining::Reason,
    token::{TokenId, pass_hash},
    union::UnionNumber,
};
use rusqlite::{OptionalExtension as _, Row};

use super::{Database, Result, View, tables, trust};

/// Wrong passes after which an invitation is dead.
pub const TRIES: u32 = 5;
/// Open ones a union may have at once: whoever steals a machine cannot fill the hub with them.
pub const OPEN: u64 = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub id: TokenId,
    pub union: UnionNumber,
    pub pass_hash: Hash,
    pub further: bool,
    pub as_hub: bool,
    pub asked_by: Option<DeviceId>,
    pub made_at: i64,
    pub expires_at: i64,
    pub revoked_at: Option<i64>,
    /// It was seen to have expired.
    pub ended: bool,
    pub tries: u32,
    /// When it was first used, by which device and TLS key.
    pub used: Option<(i64, DeviceId, Hash)>,
}

impl Invitation {
    /// May this device, with this TLS key and pass, come in? Whoever used it first may come again.
    pub fn lets_in(&self, pass: &[u8], device: &DeviceId, tls_key: &Hash, now: i64) -> Result<(), Reason> {
        if self.revoked_at.is_some() {
            return Err(Reason::Revoked);
        }
        if self.tries >= TRIES {
            return Err(Reason::Tries);
        }
        // Hashes are compared: how long that takes tells nothing about the pass.
        if pass_hash(pass) != self.pass_hash {
            return Err(Reason::Pass);
        }
        if self.ended || now >= self.expires_at {
            return Err(Reason::Expired);
        }
        match &self.used {
            Some((_, by, with)) if (by, with) != (device, tls_key) => Err(Reason::Used),
            _ => Ok(()),
        }
    }

    /// What became of it, as a word.
    pub fn state(&self, now: i64) -> &'static str {
        match self {
            Invitation { used: Some(_), .. } => "used",
            Invitation { revoked_at: Some(_), .. } => "revoked",
            Invitation { tries: TRIES.., .. } => "tries",
            Invitation { ended: true, .. } => "expired",
            Invitation { expires_at, .. } if now >= *expires_at => "expired",
            _ => "open",
        }
    }
}

const SELECT: &str = r#"SELECT id, "union", pass_hash, further, asked_by, made_at, expires_at, revoked_at, tries,
    used_at, device, tls_key, as_hub, ended FROM invitation"#;

fn invitation(row: &Row<'_>) -> rusqlite::Result<Invitation> {
    let used = match (row.get(9)?, row.get(10)?, row.get(11)?) {
        (Some(at), Some(device), Some(key)) => Some((at, DeviceId(device), Hash(key))),
        _ => None,
    };
    Ok(Invitation {
        id: TokenId(row.get(0)?),
        union: tables::union(row.get(1)?)?,
        pass_hash: Hash(row.get(2)?),
        further: row.get(3)?,
        as_hub: row.get(12)?,
        asked_by: row.get::<_, Option<[u8; 32]>>(4)?.map(DeviceId),
        made_at: row.get(5)?,
        expires_at: row.get(6)?,
        revoked_at: row.get(7)?,
        ended: row.get(13)?,
        tries: row.get(8)?,
        used,
    })
}

pub fn add(conn: &Database, new: &Invitation) -> Result<()> {
    const SQL: &str = r#"INSERT INTO invitation (id, "union", pass_hash, further, asked_by, made_at, expires_at, as_hub)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"#;
    conn.prepare_cached(SQL)?.execute((
        new.id.0,
        i64::from(new.union),
        new.pass_hash.as_bytes(),
        new.further,
        new.asked_by.map(|d| d.0),
        new.made_at,
        new.expires_at,
        new.as_hub,
    ))?;
    Ok(())
}

pub fn get(conn: &View, id: &TokenId) -> Result<Option<Invitation>> {
    let mut statement = conn.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
    Ok(statement.query_row([id.0], invitation).optional()?)
}

/// Ends those that have expired, for good: a clock that is set back afterwards brings none back. False where there were
/// none.
pub fn sweep(conn: &Database, now: i64) -> Result<bool> {
    const SQL: &str = "UPDATE invitation SET ended = 1 WHERE ended = 0 AND expires_at <= ?1";
    Ok(conn.prepare_cached(SQL)?.execute([now])? > 0)
}

/// Whether `sweep` would find any.
pub fn due(conn: &View, now: i64) -> Result<bool> {
    const SQL: &str = "SELECT EXISTS (SELECT 1 FROM invitation WHERE ended = 0 AND expires_at <= ?1)";
    Ok(conn.prepare_cached(SQL)?.query_row([now], |row| row.get(0))?)
}

/// All, the newest first.
pub fn all(conn: &View) -> Result<Vec<Invitation>> {
    page(conn, None, usize::MAX)
}

/// The first `most` after one, in the same order.
pub fn page(conn: &View, after: Option<&Invitation>, most: usize) -> Result<Vec<Invitation>> {
    const AFTER: &str = "WHERE made_at < ?1 OR (made_at = ?1 AND id > ?2) ORDER BY made_at DESC, id LIMIT ?3";
    let mut statement = conn.prepare_cached(&format!("{SELECT} {AFTER}"))?;
    let (at, id) = after.map_or((i64::MAX, vec![]), |after| (after.made_at, after.id.0.to_vec()));
    let rows = statement.query_map((at, id, i64::try_from(most).unwrap_or(i64::MAX)), invitation)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Whether the machine that asked for it was revoked: whoever stole that machine may hold the token.
pub fn void(conn: &View, invitation: &Invitation) -> Result<bool> {
    invitation.asked_by.map_or(Ok(false), |by| trust::revoked(conn, &by, invitation.union))
}

/// How many of a union may still be used.
pub fn open(conn: &View, union: UnionNumber, now: i64) -> Result<u64> {
    let mut count = 0;
    for one in all(conn)?.iter().filter(|one| one.union == union && one.state(now) == "open") {
        count += u64::from(!void(conn, one)?);
    }
    Ok(count)
}

/// Revokes all that could still be used; how many.
pub fn revoke_open(conn: &Database, now: i64) -> Result<usize> {
    const SQL: &str = "UPDATE invitation SET revoked_at = ?1 WHERE revoked_at IS NULL AND used_at IS NULL";
    Ok(conn.execute(SQL, [now])?)
}

/// Counts a wrong pass.
pub fn tried(conn: &Database, id: &TokenId) -> Result<()> {
    conn.prepare_cached("UPDATE invitation SET tries = tries + 1 WHERE id = ?1")?.execute([id.0])?;
    Ok(())
}

/// Binds it to the first machine that used it.
pub fn used(conn: &Database, id: &TokenId, device: &DeviceId, tls_key: &Hash, now: i64) -> Result<()> {
    const SQL: &str = "UPDATE invitation SET used_at = ?2, device = ?3, tls_key = ?4 WHERE id = ?1 AND used_at IS NULL";
    conn.prepare_cached(SQL)?.execute((id.0, now, device.as_bytes(), tls_key.as_bytes()))?;
    Ok(())
}

/// Takes back one that was not used. False where there is none such.
pub fn revoke(conn: &Database, id: &TokenId, now: i64) -> Result<bool> {
    const SQL: &str = "UPDATE invitation SET revoked_at = ?2 WHERE id = ?1 AND used_at IS NULL AND revoked_at IS NULL";
    Ok(conn.prepare_cached(SQL)?.execute((id.0, now))? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_lets_one_machine_in() {
        let (device, key) = (DeviceId([1; 32]), Hash([2; 32]));
        let open = Invitation {
            id: TokenId([0; 6]),
            union: "320922".parse().unwrap(),
            pass_hash: pass_hash(&[7; 32]),
            further: false,
            as_hub: false,
            asked_by: None,
            made_at: 0,
            expires_at: 100,
            revoked_at: None,
            ended: false,
            tries: 0,
            used: None,
        };
        let lets_in = |i: &Invitation, pass: u8, device: &DeviceId, now| i.lets_in(&[pass; 32], device, &key, now);
        assert_eq!(lets_in(&open, 7, &device, 99), Ok(()));
        assert_eq!(lets_in(&open, 8, &device, 99), Err(Reason::Pass));
        assert_eq!(lets_in(&open, 7, &device, 100), Err(Reason::Expired));
        let ended = Invitation { ended: true, ..open.clone() };
        assert_eq!(lets_in(&ended, 7, &device, 50), Err(Reason::Expired), "the clock was set back");
        let used = Invitation { used: Some((5, device, key)), ..open.clone() };
        assert_eq!(lets_in(&used, 7, &device, 99), Ok(()), "the answer was lost");
        assert_eq!(lets_in(&used, 7, &DeviceId([3; 32]), 99), Err(Reason::Used));
        assert_eq!(used.lets_in(&[7; 32], &device, &Hash([9; 32]), 99), Err(Reason::Used), "another TLS key");
        let dead = Invitation { tries: TRIES, ..open.clone() };
        assert_eq!(lets_in(&dead, 7, &device, 99), Err(Reason::Tries));
        let revoked = Invitation { revoked_at: Some(1), ..open };
        assert_eq!(lets_in(&revoked, 7, &device, 99), Err(Reason::Revoked));
        assert_eq!((used.state(0), dead.state(0), revoked.state(0)), ("used", "tries", "revoked"));
    }
}
