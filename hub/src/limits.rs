//! Rate limits for callers that are not enrolled: a token bucket for each address, and one for all.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::Mutex,
    time::Duration,
};

use tokio::time::Instant;

/// Burst and interval for one address. An office behind one address sets up its machines in a row.
const PER_ADDRESS: Rate = Rate { burst: 20, every: Duration::from_secs(3) };
/// All strangers together: a token is 128 bits, this keeps the hub's work bounded. So far above what one address has that
/// a handful of them cannot use it up.
const ALL_ADDRESSES: Rate = Rate { burst: 400, every: Duration::from_millis(20) };
/// Reserve for addresses that have not called lately, once others have used up the common bucket.
const NEWCOMERS: Rate = Rate { burst: 60, every: Duration::from_millis(100) };
/// Addresses that are remembered. When there are more, those that have not called for long are forgotten.
const ADDRESSES: usize = 4096;

#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    every: Duration,
}

/// The moment at which the bucket would be full again; each call moves it.
#[derive(Clone, Copy)]
struct Bucket(Instant);

impl Bucket {
    /// How long until there is one to take.
    fn wait(&self, rate: Rate, now: Instant) -> Option<Duration> {
        let owed = self.0.saturating_duration_since(now) + rate.every;
        owed.checked_sub(rate.every * rate.burst).filter(|wait| !wait.is_zero())
    }

    fn take(&mut self, rate: Rate, now: Instant) {
        self.0 = self.0.max(now) + rate.every;
    }
}

pub struct RateLimiter(Mutex<Buckets>);

struct Buckets {
    all: Bucket,
    newcomers: Bucket,
    each: HashMap<IpAddr, Bucket>,
}

impl Default for RateLimiter {
    fn default() -> RateLimiter {
        let full = Bucket(Instant::now());
        RateLimiter(Mutex::new(Buckets { all: full, newcomers: full, each: HashMap::new() }))
    }
}

impl RateLimiter {
    /// One call from this address; an error says how long to wait.
    pub fn take(&self, from: IpAddr) -> Result<(), Duration> {
        let now = Instant::now();
        let Ok(mut guard) = self.0.lock() else { return Err(ALL_ADDRESSES.every) };
        let Buckets { all, newcomers, each } = &mut *guard;
        if each.len() >= ADDRESSES {
            each.retain(|_, bucket| bucket.0 > now);
        }
        if each.len() >= ADDRESSES && !each.contains_key(&household(from)) {
            // There is no room to remember one more; the reserve is for such as this.
            return match newcomers.wait(NEWCOMERS, now) {
                None => {
                    newcomers.take(NEWCOMERS, now);
                    Ok(())
                }
                Some(wait) => Err(wait),
            };
        }
        let one = each.entry(household(from)).or_insert(Bucket(now));
        let new = one.0 <= now;
        if let Some(wait) = one.wait(PER_ADDRESS, now) {
            return Err(wait);
        }
        match all.wait(ALL_ADDRESSES, now) {
            None => all.take(ALL_ADDRESSES, now),
            Some(_) if new && newcomers.wait(NEWCOMERS, now).is_none() => newcomers.take(NEWCOMERS, now),
            Some(wait) => return Err(wait),
        }
        one.take(PER_ADDRESS, now);
        Ok(())
    }
}

/// Shortest interval between two log lines about the same thing.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// An event that strangers can cause, logged seldom.
#[derive(Default)]
pub struct Seldom(Mutex<(Option<Instant>, u64)>);

impl Seldom {
    /// Whether to log it now, and how often it was not logged since the last time.
    pub fn say(&self) -> Option<u64> {
        let now = Instant::now();
        let mut guard = self.0.lock().ok()?;
        let (last, unsaid) = &mut *guard;
        if last.is_some_and(|last| now.duration_since(last) < LOG_INTERVAL) {
            *unsaid += 1;
            return None;
        }
        *last = Some(now);
        Some(std::mem::take(unsaid))
    }
}

/// A holder of one IPv6 address has a whole /64.
pub fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.into(),
            None => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_address_that_knocks_too_often_waits_and_others_do_not() {
        let limiter = RateLimiter::default();
        let (loud, quiet): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..PER_ADDRESS.burst {
            assert_eq!(limiter.take(loud), Ok(()));
        }
        assert_eq!(limiter.take(loud), Err(PER_ADDRESS.every));
        assert_eq!(limiter.take(quiet), Ok(()));
        tokio::time::advance(PER_ADDRESS.every).await;
        assert_eq!(limiter.take(loud), Ok(()));
        assert!(limiter.take(loud).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn all_together_are_bounded_and_so_is_what_is_remembered() {
        let limiter = RateLimiter::default();
        let let_in = (0..10_000_u32).filter(|n| limiter.take(IpAddr::from(n.to_be_bytes())).is_ok()).count();
        assert_eq!(let_in, (ALL_ADDRESSES.burst + NEWCOMERS.burst) as usize);
        assert!(limiter.0.lock().unwrap().each.len() <= ADDRESSES);
        let neighbour = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 1, 2, 3, last]);
        assert_eq!(household(neighbour(1)), household(neighbour(2)));
    }

    /// M5: while more addresses call than are remembered, those that are may call, and one that is not now and then.
    #[tokio::test(start_paused = true)]
    async fn more_addresses_than_are_remembered_keep_nobody_out() {
        let limiter = RateLimiter::default();
        let known: IpAddr = "200.0.0.1".parse().unwrap();
        assert_eq!(limiter.take(known), Ok(()));
        {
            let mut buckets = limiter.0.lock().unwrap();
            let later = Instant::now() + Duration::from_secs(60);
            buckets.each.insert(known, Bucket(later - Duration::from_secs(30)));
            buckets.each.extend((0..5_000_u32).map(|n| (IpAddr::from(n.to_be_bytes()), Bucket(later))));
        }
        assert_eq!(limiter.take(known), Ok(()));
        let unknown: IpAddr = "200.0.0.2".parse().unwrap();
        for _ in 0..NEWCOMERS.burst {
            assert_eq!(limiter.take(unknown), Ok(()));
        }
        assert_eq!(limiter.take(unknown), Err(NEWCOMERS.every));
    }

    /// M5: a handful of addresses does not use up what there is for all.
    #[tokio::test(start_paused = true)]
    async fn six_loud_addresses_keep_nobody_out() {
        let limiter = RateLimiter::default();
        let loud: Vec<IpAddr> = (1..=6_u8).map(|n| [10, 0, 0, n].into()).collect();
        for second in 0..120_u8 {
            for from in &loud {
                for _ in 0..100 {
                    let _ = limiter.take(*from);
                }
            }
            assert_eq!(limiter.take([10, 0, 1, second].into()), Ok(()), "second {second}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_often_is_said_seldom_and_counted() {
        let seldom = Seldom::default();
        assert_eq!(seldom.say(), Some(0));
        assert!((0..50).all(|_| seldom.say().is_none()));
        tokio::time::advance(LOG_INTERVAL).await;
        assert_eq!(seldom.say(), Some(50));
    }
}
