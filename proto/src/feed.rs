//! What a feed's header says: whose feed it is and how far it travels. Nothing here knows how it travels.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    algorithms::{SUITE, Suite, UnknownSuite},
    id::{DeviceId, FeedId, Hash},
    kind::{Author, Kind, Reach},
    union::{Level, UnionError, UnionNumber},
    v1, wire,
};

const MAX_HEADER: usize = 512;
const MAX_NETWORK: usize = 64;

/// How far the operations of a feed travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The union's own records, up to this level.
    Own(Reach),
    /// The union's early warnings, up to this level: exchanged before anything else.
    Warning(Reach),
    /// What a hub says to the branch of a union below it; also seen on the way there, and by every level above the hub.
    Branch(UnionNumber),
    /// The same for what is personal: above the hub seen up to the province.
    PersonalBranch(UnionNumber),
    /// What a hub says to everyone below it; also seen by every level above the hub.
    Everyone,
    /// A newer version's; see `Feed::newer`.
    Newer,
}

/// In which order feeds are exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    Warnings,
    /// What speaks down: it carries the enrolments that admit the rest.
    Authority,
    Records,
    /// Nobody here knows what it is.
    Newer,
}

impl Scope {
    /// Whether records of that kind stand in a feed of this scope.
    pub fn holds(self, kind: &Kind) -> bool {
        match (kind.author, self) {
            (Author::Owner, Scope::Own(reach)) => !kind.warning && reach == kind.reach,
            (Author::Owner, Scope::Warning(reach)) => kind.warning && reach == kind.reach,
            (Author::Superior, Scope::Branch(_)) => kind.reach == Reach::Nation,
            (Author::Superior, Scope::PersonalBranch(_)) => kind.reach == Reach::Province,
            (Author::Publisher, Scope::Everyone) => true,
            _ => false,
        }
    }

    /// What a hub says to those below it.
    pub fn speaks_down(self) -> bool {
        matches!(self, Scope::Branch(_) | Scope::PersonalBranch(_) | Scope::Everyone)
    }

    /// The branch it is said to, where it is one.
    pub fn branch(self) -> Option<UnionNumber> {
        match self {
            Scope::Branch(branch) | Scope::PersonalBranch(branch) => Some(branch),
            _ => None,
        }
    }

    /// When it is exchanged.
    pub fn turn(self) -> Turn {
        match self {
            Scope::Warning(_) => Turn::Warnings,
            Scope::Branch(_) | Scope::PersonalBranch(_) | Scope::Everyone => Turn::Authority,
            Scope::Own(_) => Turn::Records,
            Scope::Newer => Turn::Newer,
        }
    }
}

/// Changes with what a header may say: feeds that were a newer version's are then read again.
pub const HEADER_FORM: u8 = 2;
/// Fields of a header that this version knows.
const FIELDS: std::ops::RangeInclusive<u32> = 1..=12;

/// What a header says that this version does not know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Newer {
    Field(u32),
    /// How far it travels.
    Scope,
    /// A union in no list of this version.
    Union(u64),
}

/// Why bytes are not a feed header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    #[error("the feed header is longer than {MAX_HEADER} bytes or not a message")]
    Malformed,
    #[error("the feed header names no union that exists: {0}")]
    Union(u64),
    #[error("the feed header's device key is not 32 bytes long")]
    Device,
    #[error("the feed header's scope is missing")]
    Scope,
    #[error("the feed header's network name is empty or longer than {MAX_NETWORK} bytes")]
    Network,
    #[error("the feed header names a feed to continue by something that is not a feed id")]
    Continues,
    #[error("the feed cannot be read: {0}")]
    Algorithms(#[from] UnknownSuite),
}

/// A feed's header, parsed, with the bytes it came as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub id: FeedId,
    pub network: String,
    /// Of a union that is in no list of this version, the nearest above it that is.
    pub union: UnionNumber,
    pub device: DeviceId,
    pub incarnation: u32,
    pub scope: Scope,
    /// It was written by a newer version: it is kept and handed on upwards, and counts nowhere.
    pub newer: Option<Newer>,
    /// The feed of the incarnation before, and how much of it the device stands by.
    pub continues: Option<(FeedId, u64)>,
    pub header: Bytes,
}

impl Feed {
    pub fn new(
        network: &str,
        union: UnionNumber,
        device: DeviceId,
        incarnation: u32,
        scope: Scope,
        continues: Option<(FeedId, u64)>,
    ) -> Result<Feed, FeedError> {
        use v1::feed_header::Scope as Wire;
        let header = v1::FeedHeader {
            network: network.to_owned(),
            union: union.into(),
            device: device.to_vec().into(),
            incarnation,
            scope: Some(match scope {
                Scope::Own(reach) => Wire::Reach(reach.number()),
                Scope::Warning(reach) => Wire::Warning(reach.number()),
                Scope::Branch(branch) => Wire::Branch(branch.into()),
                Scope::PersonalBranch(branch) => Wire::PersonalBranch(branch.into()),
                Scope::Everyone => Wire::Everyone(true),
                Scope::Newer => return Err(FeedError::Scope),
            }),
            continues: continues.map(|(feed, _)| feed.to_vec().into()).unwrap_or_default(),
            continues_at: continues.map_or(0, |(_, at)| at),
            algorithms: SUITE.number(),
        };
        Feed::parse(header.encode_to_vec().into())
    }

    pub fn parse(header: Bytes) -> Result<Feed, FeedError> {
        use v1::feed_header::Scope as Wire;
        if header.len() > MAX_HEADER {
            return Err(FeedError::Malformed);
        }
        let wire = v1::FeedHeader::decode(header.clone()).map_err(|_| FeedError::Malformed)?;
        Suite::try_from(wire.algorithms)?;
        if wire.network.is_empty() || wire.network.len() > MAX_NETWORK {
            return Err(FeedError::Network);
        }
        let device = DeviceId::try_from(&wire.device[..]).map_err(|_| FeedError::Device)?;
        let fields = wire::fields(&header).ok_or(FeedError::Malformed)?;
        let mut newer = fields.into_iter().find(|number| !FIELDS.contains(number)).map(Newer::Field);
        let union = known(wire.union, &mut newer)?.unwrap_or_else(|| UnionNumber::nearest(wire.union));
        let unknown = newer.is_some();
        let scope = match wire.scope {
            Some(Wire::Reach(reach)) => Reach::numbered(reach).map(Scope::Own),
            Some(Wire::Warning(reach)) => Reach::numbered(reach).map(Scope::Warning),
            Some(Wire::Branch(branch)) => known(branch, &mut newer)?.map(Scope::Branch),
            Some(Wire::PersonalBranch(branch)) => known(branch, &mut newer)?.map(Scope::PersonalBranch),
            Some(Wire::Everyone(true)) => Some(Scope::Everyone),
            // A newer scope is a field of its own.
            None if unknown => None,
            Some(Wire::Everyone(false)) | None => return Err(FeedError::Scope),
        };
        if scope.is_none() {
            newer = newer.or(Some(Newer::Scope));
        }
        let scope = scope.unwrap_or(Scope::Newer);
        let continues = match &wire.continues[..] {
            [] => None,
            id => Some((FeedId::try_from(id).map_err(|_| FeedError::Continues)?, wire.continues_at)),
        };
        let mut id = [0; 16];
        id.copy_from_slice(&Hash::of(&[b"huiliu/feed/1", &header]).0[..16]);
        Ok(Feed {
            id: FeedId(id),
            network: wire.network,
            union,
            device,
            incarnation: wire.incarnation,
            scope,
            newer,
            continues,
            header,
        })
    }

    /// Whether the union at `reader` is meant to have this feed. Both ends of a link ask this of both unions; what
    /// both are meant to have is what they exchange.
    pub fn seen_by(&self, reader: UnionNumber) -> bool {
        if reader == self.union && !matches!(self.newer, Some(Newer::Union(_))) {
            return true;
        }
        let above = reader.contains(self.union);
        let province = above && reader.level() != Level::Nation;
        let (below, on_the_way) = (self.union.contains(reader), |branch| reader.contains(branch));
        match self.scope {
            // What it says to those below is not read, so nobody knows to whom it may go.
            Scope::Newer | Scope::PersonalBranch(_) if self.newer.is_some() => province,
            Scope::Branch(_) | Scope::Everyone if self.newer.is_some() => above,
            Scope::Newer | Scope::Own(Reach::Union) | Scope::Warning(Reach::Union) => false,
            Scope::Own(Reach::Province) | Scope::Warning(Reach::Province) => province,
            Scope::Own(Reach::Nation) | Scope::Warning(Reach::Nation) => above,
            Scope::Branch(branch) => above || branch.contains(reader) || (below && on_the_way(branch)),
            Scope::PersonalBranch(branch) => province || branch.contains(reader) || (below && on_the_way(branch)),
            Scope::Everyone => above || below,
        }
    }

    /// Whether it speaks to one union further down alone. On all others more may rest: enrolments stand in the feed of a direct child.
    pub fn speaks_far(&self) -> bool {
        self.scope.branch().is_some_and(|branch| branch.parent() != Some(self.union) && branch != self.union)
    }

    /// Whether a receipt of that union says something: it is meant to have the feed, and does not write it.
    pub fn confirmed_by(&self, union: UnionNumber) -> bool {
        union != self.union && self.seen_by(union)
    }
}

/// A union by its number; one that is in no list of this version makes the header a newer version's.
fn known(number: u64, newer: &mut Option<Newer>) -> Result<Option<UnionNumber>, FeedError> {
    match UnionNumber::try_from(number).and_then(UnionNumber::as_union) {
        Ok(union) => Ok(Some(union)),
        Err(UnionError::Unknown(_)) => {
            *newer = newer.or(Some(Newer::Union(number)));
            Ok(None)
        }
        Err(UnionError::Form | UnionError::NoUnion(_)) => Err(FeedError::Union(number)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> UnionNumber {
        text.parse().unwrap()
    }

    fn feed(union: &str, scope: Scope) -> Feed {
        Feed::new("test", code(union), DeviceId([3; 32]), 0, scope, None).unwrap()
    }

    #[test]
    fn who_sees_what() {
        let table = [
            ("320922", Scope::Own(Reach::Union), &["320922"][..], &["320900", "320000", "100000", "320923"][..]),
            ("320922", Scope::Own(Reach::Province), &["320922", "320900", "320000"], &["100000", "320923", "110000"]),
            ("320922", Scope::Own(Reach::Nation), &["320922", "320900", "320000", "100000"], &["320923", "320100"]),
            (
                "320000",
                Scope::Branch(code("320900")),
                &["320000", "320900", "320922", "320923", "100000"],
                &["320100", "320102", "110000"],
            ),
            // Deeper: on the way there, and nowhere beside.
            (
                "100000",
                Scope::Branch(code("320922")),
                &["100000", "320000", "320900", "320922", "320922-012"],
                &["320923", "320100", "110000"],
            ),
            (
                "320000",
                Scope::PersonalBranch(code("320922")),
                &["320000", "320900", "320922"],
                &["100000", "320923", "320100", "110000"],
            ),
            ("320922", Scope::Warning(Reach::Nation), &["320922", "320900", "320000", "100000"], &["320923"]),
            ("320922", Scope::Warning(Reach::Province), &["320922", "320900", "320000"], &["100000", "320923"]),
            // The branch of the whole country.
            ("100000", Scope::Branch(code("100000")), &["100000", "320922", "110117"], &[]),
            ("320000", Scope::Everyone, &["320900", "320922", "320100", "100000"], &["110000", "110117"]),
            ("100000", Scope::Everyone, &["320922", "110117", "659001", "441900"], &[]),
        ];
        for (union, scope, yes, no) in table {
            let feed = feed(union, scope);
            yes.iter().for_each(|u| assert!(feed.seen_by(code(u)), "{u} should see {feed:?}"));
            no.iter().for_each(|u| assert!(!feed.seen_by(code(u)), "{u} should not see {feed:?}"));
        }
    }

    #[test]
    fn a_header_of_other_algorithms_is_refused_in_words() {
        // As a newer version might write it: its device's key is of another length, too.
        let header = v1::FeedHeader {
            network: "test".into(),
            union: 320_922,
            device: vec![2; 33].into(),
            scope: Some(v1::feed_header::Scope::Reach(Reach::Nation.number())),
            algorithms: 2,
            ..Default::default()
        };
        let error = Feed::parse(header.encode_to_vec().into()).unwrap_err();
        assert_eq!(error, FeedError::Algorithms(UnknownSuite(2)));
        assert!(error.to_string().contains("does not know; upgrade this program"), "{error}");
    }

    #[test]
    fn a_header_reads_back_and_nonsense_does_not() {
        let before = feed("320922", Scope::Own(Reach::Nation));
        let after =
            Feed::new("test", before.union, before.device, 1, Scope::Own(Reach::Nation), Some((before.id, 7))).unwrap();
        assert_ne!(before.id, after.id);
        assert_eq!(Feed::parse(after.header.clone()).unwrap(), after);
        assert_eq!(Feed::parse(Bytes::from_static(b"\xff\xff")), Err(FeedError::Malformed));
        assert_eq!(Feed::parse(Bytes::from(vec![0; 600])), Err(FeedError::Malformed));
        assert_eq!(Feed::parse(Bytes::new()), Err(FeedError::Algorithms(UnknownSuite(0))));
        // Whether it may speak there is not the header's question.
        let not_ours = Feed::new("test", code("320900"), DeviceId([3; 32]), 0, Scope::Branch(code("110117")), None);
        assert!(not_ours.is_ok_and(|feed| feed.newer.is_none()));
    }

    /// Headers as a newer version might write them.
    #[test]
    fn what_a_newer_version_wrote_is_read_as_such_and_goes_upwards() {
        use v1::feed_header::Scope as Wire;
        let plain = v1::FeedHeader {
            network: "test".into(),
            union: 320_922,
            device: vec![3; 32].into(),
            scope: Some(Wire::Reach(Reach::Nation.number())),
            algorithms: 1,
            ..Default::default()
        };
        let parse =
            |header: &v1::FeedHeader, more: &[u8]| Feed::parse([&header.encode_to_vec()[..], more].concat().into());
        let field = [15 << 3, 1];
        assert_eq!(parse(&plain, &[]).unwrap().newer, None);
        let more = parse(&plain, &field).unwrap();
        assert_eq!((more.newer, more.scope), (Some(Newer::Field(15)), Scope::Own(Reach::Nation)));
        let sees = |feed: &Feed, yes: &[&str], no: &[&str]| {
            yes.iter().for_each(|u| assert!(feed.seen_by(code(u)), "{u} should see {feed:?}"));
            no.iter().for_each(|u| assert!(!feed.seen_by(code(u)), "{u} should not see {feed:?}"));
        };
        sees(&more, &["320922", "320900", "100000"], &["320923"]);
        // A scope in a field of its own, and one with a number that is not known: how far it goes nobody knows.
        let unheard = v1::FeedHeader { scope: None, ..plain.clone() };
        assert_eq!(parse(&unheard, &[]), Err(FeedError::Scope));
        let reach = v1::FeedHeader { scope: Some(Wire::Reach(9)), ..plain.clone() };
        for (feed, why) in [(parse(&unheard, &field), Newer::Field(15)), (parse(&reach, &[]), Newer::Scope)] {
            let feed = feed.unwrap();
            assert_eq!((feed.newer, feed.scope), (Some(why), Scope::Newer));
            sees(&feed, &["320922", "320900", "320000"], &["100000", "320923"]);
        }
        // A union that came after this version: its six digits say where it lies.
        let county = v1::FeedHeader { union: 320_999, ..plain.clone() };
        let feed = parse(&county, &[]).unwrap();
        assert_eq!((feed.union, feed.newer), (code("320900"), Some(Newer::Union(320_999))));
        sees(&feed, &["320900", "320000", "100000"], &["320922", "110000"]);
        let branch = v1::FeedHeader { scope: Some(Wire::Branch(12_329_901)), ..plain.clone() };
        let feed = parse(&branch, &[]).unwrap();
        assert_eq!((feed.newer, feed.scope), (Some(Newer::Union(12_329_901)), Scope::Newer));
        // What no version writes is still nonsense.
        let nobody = v1::FeedHeader { union: 12, ..plain };
        assert_eq!(parse(&nobody, &[]), Err(FeedError::Union(12)));
    }

    #[test]
    fn warnings_go_first() {
        let mut scopes = [Scope::Newer, Scope::Own(Reach::Nation), Scope::Everyone, Scope::Warning(Reach::Nation)];
        scopes.sort_by_key(|scope| scope.turn());
        assert_eq!(scopes[0], Scope::Warning(Reach::Nation));
        assert_eq!(scopes[3], Scope::Newer);
    }
}
