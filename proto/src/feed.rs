//! What a feed's header says: whose feed it is and how far it travels. Nothing here knows how it travels.

use bytes::Bytes;
use prost::Message as _;

use crate::{
    algorithms::{SUITE, Suite, UnknownSuite},
    id::{DeviceId, FeedId, Hash},
    kind::{Author, Kind, Reach},
    union::{Level, UnionNumber},
    v1,
};

const MAX_HEADER: usize = 512;
const MAX_NETWORK: usize = 64;

/// How far the operations of a feed travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The union's own records, up to this level.
    Own(Reach),
    /// What a hub says to the branch of one of its children; also seen by every level above the hub.
    Branch(UnionNumber),
    /// What a hub says to everyone below it; also seen by every level above the hub.
    Everyone,
}

impl Scope {
    /// Whether records of that kind stand in a feed of this scope.
    pub fn holds(self, kind: &Kind) -> bool {
        match (kind.author, self) {
            (Author::Owner, Scope::Own(reach)) => reach == kind.reach,
            (Author::Superior, Scope::Branch(_)) | (Author::Publisher, Scope::Everyone) => true,
            _ => false,
        }
    }
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
    #[error("the feed header's scope is missing, or names a branch that is not the union's")]
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
    pub union: UnionNumber,
    pub device: DeviceId,
    pub incarnation: u32,
    pub scope: Scope,
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
                Scope::Branch(branch) => Wire::Branch(branch.into()),
                Scope::Everyone => Wire::Everyone(true),
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
        let union = UnionNumber::try_from(wire.union).map_err(|_| FeedError::Union(wire.union))?;
        let device = DeviceId::try_from(&wire.device[..]).map_err(|_| FeedError::Device)?;
        let scope = match wire.scope {
            Some(Wire::Reach(reach)) => Scope::Own(Reach::numbered(reach).ok_or(FeedError::Scope)?),
            Some(Wire::Branch(branch)) => {
                let branch = UnionNumber::try_from(branch).map_err(|_| FeedError::Union(branch))?;
                if branch.parent() != Some(union) {
                    return Err(FeedError::Scope);
                }
                Scope::Branch(branch)
            }
            Some(Wire::Everyone(true)) => Scope::Everyone,
            _ => return Err(FeedError::Scope),
        };
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
            continues,
            header,
        })
    }

    /// Whether the union at `reader` is meant to have this feed. Both ends of a link ask this of both unions; what
    /// both are meant to have is what they exchange.
    pub fn seen_by(&self, reader: UnionNumber) -> bool {
        if reader == self.union {
            return true;
        }
        let above = reader.contains(self.union);
        match self.scope {
            Scope::Own(Reach::Union) => false,
            Scope::Own(Reach::Province) => above && reader.level() != Level::Nation,
            Scope::Own(Reach::Nation) => above,
            Scope::Branch(branch) => above || branch.contains(reader),
            Scope::Everyone => above || self.union.contains(reader),
        }
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
        let not_ours = Feed::new("test", code("320900"), DeviceId([3; 32]), 0, Scope::Branch(code("110117")), None);
        assert_eq!(not_ours, Err(FeedError::Scope));
    }
}
