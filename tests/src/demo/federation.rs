//! The demo's unions, all in this process: each with its own home, keys and database, and real TLS between them.

use std::{
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use huiliu_hub::{authority, downlink};
use huiliu_node::{
    clock::{self, Clock},
    identity::{Home, Role, Setup},
    sync::{exchange::End, line, uplink::Uplink},
    writer::{Store, Threads},
};
use huiliu_proto::{
    period::Day,
    union::{Level, UnionNumber},
};
use indicatif::ProgressBar;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub const NETWORK: &str = "huiliu-demo";
/// How long a server that has been told to stop may take.
const STOPPING: Duration = Duration::from_secs(10);

/// One union's machine.
pub struct Member {
    pub union: UnionNumber,
    pub home: Home,
    pub store: Store,
    address: Option<SocketAddr>,
    hub: Option<Running>,
    uplink: Option<Running>,
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    async fn stop(self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOPPING, self.task).await.is_err() {
            tracing::warn!("a task of the demo took too long to stop and was left");
        }
    }
}

pub struct Federation {
    pub clock: Clock,
    /// Each after the union above it.
    pub members: Vec<Member>,
}

/// The machine's clock; before `day`, that day's morning: the checks judge that day, and on a machine whose clock is
/// behind it no union would have been heard that far.
pub fn not_before(day: Day, system: Clock) -> Clock {
    const NINE_IN_CHINA: i64 = 3_600_000;
    let started = Instant::now();
    let earliest = i64::from(day.0) * 86_400_000 + NINE_IN_CHINA;
    std::sync::Arc::new(move || {
        let passed = i64::try_from(started.elapsed().as_millis()).unwrap_or(0);
        system().max(earliest + passed)
    })
}

async fn asked_to_stop(mut stop: watch::Receiver<bool>) {
    // An error means that nobody is left who could ask.
    let _ = stop.wait_for(|stop| *stop).await;
}

impl Federation {
    /// Sets the unions up below `dir`: keys, databases, requests and enrolments from the top down.
    pub async fn found(
        dir: &Path,
        unions: &[UnionNumber],
        clock: Clock,
        bar: &ProgressBar,
    ) -> anyhow::Result<Federation> {
        let mut federation = Federation { clock, members: vec![] };
        for union in unions {
            let leaf = !unions.iter().any(|u| u.parent() == Some(*union));
            let role = match union.level() {
                Level::Nation => Role::Root,
                _ if leaf => Role::Node,
                _ => Role::Hub,
            };
            federation.join(&dir.join(union.to_string()), *union, role).await.with_context(|| format!("{union:?}"))?;
            bar.inc(1);
        }
        Ok(federation)
    }

    async fn join(&mut self, dir: &Path, union: UnionNumber, role: Role) -> anyhow::Result<()> {
        let mut home =
            huiliu_node::writer::init(&Setup::new(dir, NETWORK, union, role), &self.clock, &clock::random())?;
        let mut address = None;
        if role != Role::Node {
            // A port that is free now; nobody listens on it until the hub starts.
            let free = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
            address = Some(free);
            home.config.listen = Some(free.to_string());
            home.save()?;
        }
        if let Some(above) = union.parent() {
            let parent = self.member(above)?;
            let grant = authority::enrol(&parent.home, &parent.store, &home.request()?, &self.clock).await?;
            home.accept(&grant, None, &self.clock, &clock::random())?;
        }
        let store = Store::of(&home, self.clock.clone(), clock::random(), Threads::Own)?;
        self.members.push(Member { union, home, store, address, hub: None, uplink: None });
        Ok(())
    }

    pub fn member(&self, union: UnionNumber) -> anyhow::Result<&Member> {
        self.members.iter().find(|m| m.union == union).with_context(|| format!("{union:?} is not in the demo"))
    }

    fn member_mut(&mut self, union: UnionNumber) -> anyhow::Result<&mut Member> {
        self.members.iter_mut().find(|m| m.union == union).with_context(|| format!("{union:?} is not in the demo"))
    }

    pub fn hubs(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|m| m.is_hub())
    }

    pub async fn start_hubs(&mut self) -> anyhow::Result<()> {
        let hubs: Vec<UnionNumber> = self.hubs().map(|m| m.union).collect();
        for union in hubs {
            self.start_hub(union).await?;
        }
        Ok(())
    }

    pub async fn start_hub(&mut self, union: UnionNumber) -> anyhow::Result<()> {
        let clock = self.clock.clone();
        let member = self.member_mut(union)?;
        let address = member.address.context("only hubs serve")?;
        let listener = match TcpListener::bind(address).await {
            Ok(listener) => listener,
            // Something else took the port meanwhile.
            Err(_) => TcpListener::bind("127.0.0.1:0").await?,
        };
        let bound = listener.local_addr()?;
        let (home, store) = (member.home.clone(), member.store.clone());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let serving = downlink::serve(&home, &store, listener, &clock, asked_to_stop(stopped));
            // What is written from another terminal is sent on at once, as by any program that serves.
            let ended = tokio::select! {
                ended = serving => ended.map_err(anyhow::Error::from),
                ended = store.hear_others() => ended.map_err(anyhow::Error::from),
            };
            if let Err(error) = ended {
                tracing::error!(%error, "a hub of the demo could not serve");
            }
        });
        member.hub = Some(Running { stop, task });
        if bound != address {
            self.moved(union, bound).await?;
        }
        Ok(())
    }

    /// Tells those below where their hub listens now; those that were calling the old place call the new one.
    async fn moved(&mut self, hub: UnionNumber, to: SocketAddr) -> anyhow::Result<()> {
        let mut calling = vec![];
        for member in &mut self.members {
            if member.union == hub {
                member.address = Some(to);
                member.home.config.listen = Some(to.to_string());
                member.home.save()?;
            }
            if let Some(parent) = member.home.config.parent.as_mut().filter(|p| p.union == hub) {
                parent.address = to.to_string();
                member.home.save()?;
                if let Some(uplink) = member.uplink.take() {
                    uplink.stop().await;
                    calling.push(member.union);
                }
            }
        }
        calling.into_iter().try_for_each(|union| self.connect(union))
    }

    /// Everyone stays on the line to the union above, from now on.
    pub fn connect_all(&mut self) -> anyhow::Result<()> {
        let below: Vec<UnionNumber> = self.members.iter().map(|m| m.union).filter(|u| u.parent().is_some()).collect();
        below.into_iter().try_for_each(|union| self.connect(union))
    }

    pub fn connect(&mut self, union: UnionNumber) -> anyhow::Result<()> {
        let clock = self.clock.clone();
        let member = self.member_mut(union)?;
        let uplink = member.uplink(clock);
        let others = (!member.is_hub()).then(|| member.store.clone());
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(async move {
            let hear = async {
                match others {
                    Some(store) => store.hear_others().await,
                    // A hub hears them where it serves.
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = uplink.stay(asked_to_stop(stopped)) => {}
                ended = hear => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "what others write cannot be heard");
                    }
                }
            }
        });
        member.uplink = Some(Running { stop, task });
        Ok(())
    }

    /// Cuts a hub off: it serves nobody and calls nobody.
    pub async fn cut_off(&mut self, union: UnionNumber) -> anyhow::Result<()> {
        let member = self.member_mut(union)?;
        for running in [member.uplink.take(), member.hub.take()].into_iter().flatten() {
            running.stop().await;
        }
        Ok(())
    }

    pub async fn bring_back(&mut self, union: UnionNumber) -> anyhow::Result<()> {
        self.start_hub(union).await?;
        self.connect(union)
    }

    pub async fn stop(&mut self) {
        let running: Vec<Running> =
            self.members.iter_mut().flat_map(|m| [m.uplink.take(), m.hub.take()]).flatten().collect();
        for one in &running {
            one.stop.send_replace(true);
        }
        for one in running {
            one.stop().await;
        }
    }

    /// One exchange of a union with the one above it.
    pub async fn call(&self, union: UnionNumber) -> anyhow::Result<()> {
        let report = self.member(union)?.uplink(self.clock.clone()).exchange(false, &|_| ()).await?;
        match report.end {
            End::Done => Ok(()),
            End::Broken { cause, detail, .. } => bail!("{union:?}: {}: {detail}", cause.word()),
        }
    }
}

impl Member {
    pub fn is_hub(&self) -> bool {
        self.home.config.hub
    }

    fn uplink(&self, time: Clock) -> Uplink {
        Uplink {
            home: self.home.clone(),
            store: self.store.clone(),
            dial: line::tcp(),
            clock: time,
            random: clock::random(),
        }
    }
}

#[cfg(test)]
mod tests {
    use huiliu_node::ledger::Ledger;
    use huiliu_proto::id::RecordId;

    use super::*;
    use crate::{
        demo::{dataset, streams},
        people,
    };

    /// The nation and a province, which have all of each other.
    async fn on_the_line(dir: &Path) -> Federation {
        let unions = [UnionNumber::NATION, 320_000u64.try_into().unwrap()];
        let mut federation = Federation::found(dir, &unions, clock::system(), &ProgressBar::hidden()).await.unwrap();
        federation.start_hubs().await.unwrap();
        federation.connect_all().unwrap();
        streams::converge(&federation, Duration::from_secs(60), &|_| ()).await.unwrap();
        federation
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hub_that_lost_its_port_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut federation = on_the_line(dir.path()).await;
        federation.cut_off(UnionNumber::NATION).await.unwrap();
        let port = federation.members[0].address.unwrap();
        // The hub's listener may close a moment after the hub.
        let _stranger = loop {
            match TcpListener::bind(port).await {
                Ok(stranger) => break stranger,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        federation.start_hub(UnionNumber::NATION).await.unwrap();
        let nation = &federation.members[0].store;
        let mut keys = dataset::Keys::default();
        let years = dataset::years().unwrap();
        let programmes = &years[0].rows[..1];
        dataset::record(nation, programmes, &mut keys, &ProgressBar::hidden()).await.unwrap();
        streams::converge(&federation, Duration::from_secs(60), &|_| ()).await.unwrap();
        federation.stop().await;
    }

    /// Another program opens the home of a member and writes there.
    async fn from_elsewhere(
        federation: &Federation,
        at: usize,
        work: impl FnOnce(&mut Ledger) -> huiliu_node::store::Result<RecordId> + Send + 'static,
    ) -> RecordId {
        let home = federation.members[at].home.clone();
        let written = tokio::task::spawn_blocking(move || {
            let store = Store::of(&home, clock::system(), clock::random(), Threads::Inline).unwrap();
            store.write_blocking(work).unwrap()
        });
        written.await.unwrap()
    }

    /// Waits until every member has a record of this kind.
    async fn arrives(federation: &Federation, kind: &str) {
        let kind = huiliu_proto::kind::kind(kind).unwrap();
        let count = |member: &Member| {
            member.store.read(|conn| huiliu_node::store::projection::count(conn, kind, None)).unwrap()
        };
        let began = Instant::now();
        while federation.members.iter().any(|member| count(member) != 1) {
            let had: Vec<_> = federation.members.iter().map(count).collect();
            assert!(began.elapsed() < Duration::from_secs(60), "{} has not arrived: {had:?}", kind.name);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_written_from_another_terminal_travels_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut federation = on_the_line(dir.path()).await;
        let programme = from_elsewhere(&federation, 0, people::programme).await;
        arrives(&federation, "programme").await;
        // What a province publishes goes down only; its own money goes up.
        let programme = huiliu_proto::id::hex(programme.as_bytes());
        let own = move |ledger: &mut Ledger| {
            let fields = [
                ("programme", &programme[..]),
                ("source", "本级配套"),
                ("year", "2025"),
                ("amount", "1000"),
                ("booked_on", "2025-11-18"),
                ("voucher_no", "1"),
            ];
            people::write(ledger, "matching", &fields)
        };
        from_elsewhere(&federation, 1, own).await;
        arrives(&federation, "matching").await;
        federation.stop().await;
    }

    #[test]
    fn a_clock_that_is_behind_begins_on_the_day_itself() {
        let day: Day = "2026-03-31".parse().unwrap();
        let at = |millis: i64| not_before(day, std::sync::Arc::new(move || millis))();
        assert_eq!(clock::day(at(0)), day);
        let later = (i64::from(day.0) + 100) * 86_400_000;
        assert_eq!(at(later), later);
    }
}
