//! Two desks of one hub: what one was shown is asked again before it is written, and a trial writes nothing.

use huiliu_hub::{
    app::{
        invite::{self, Ask, InviteError},
        purge::{self, OrderError},
        revoke::{self, RevokeError},
        vouch,
    },
    authority::{self, AuthorityError},
    purge::PurgeError,
    revocation::RevocationError,
};
use huiliu_node::{
    app::{
        Mode, init,
        join::{self, AcceptError},
        quarantine::{self, HeldCursor, Page, RuleError},
        receipts::{self, ReceiptError},
    },
    identity::Home,
    ledger::Incoming,
    store::{
        View,
        evidence::Peer,
        feeds,
        invitations::{self, Invitation},
        trust,
    },
};
use huiliu_proto::{
    feed::Scope,
    id::FeedId,
    kind::{Reach, kind},
    operation::Operation,
    record::Record,
    records::enrolment,
    signed::SigningKey,
    token::TokenId,
    union::UnionNumber,
    v1::Ruling,
    value::Value,
};
use huiliu_tests::{
    chain::{self, Chain},
    forger::{Forger, attested},
    relay::take,
};

fn union(text: &str) -> UnionNumber {
    text.parse().unwrap()
}

fn writes(place: &chain::Place, record: Record) {
    place.store.write_blocking(move |ledger| ledger.write_entry(&record).map(drop)).unwrap();
}

#[test]
fn a_device_is_shut_out_once_by_whichever_desk_comes_first() {
    let chain = Chain::new(120);
    let (city, me) = (&chain.city.store, chain.city.machine.me());
    let key = SigningKey::from_seed(&[9; 32]);
    writes(&chain.city, attested(&key, union("320922"), false));
    let digits = key.device().to_string();
    let out = |of: &str| city.read(|conn| trust::revoked(conn, &key.device(), union(of))).unwrap();
    let shown = revoke::plan(city, &me, &digits[..8], None).unwrap();
    let revoke = |mode| revoke::revoke(city, &me, &shown, false, "丢失", mode);

    let trial = revoke(Mode::DryRun).unwrap();
    assert_eq!((trial.devices, out("320922")), (vec![key.device()], false));
    // Meanwhile it is let in for another union: the person was not asked about that one.
    writes(&chain.city, attested(&key, union("320900-003"), false));
    assert!(matches!(revoke(Mode::Write), Err(RevokeError::Changed)));
    assert!(!out("320922"));
    let both = revoke::plan(city, &me, &digits, None).unwrap();
    assert!(revoke::revoke(city, &me, &both, false, "丢失", Mode::Write).is_ok());
    assert!(out("320922") && out("320900-003"));
    let again = revoke::revoke(city, &me, &both, false, "丢失", Mode::Write);
    assert!(matches!(again, Err(RevokeError::Revocation(RevocationError::Already))), "{again:?}");
    // A machine that records has nobody below.
    let (county, clerk) = (&chain.county.store, chain.county.machine.me());
    assert!(matches!(revoke::plan(county, &clerk, &digits, None), Err(RevokeError::NotHub)));
    assert!(matches!(purge::plan(county, &clerk, &digits), Err(OrderError::NotHub)));
    assert!(vouch::vouch(county, &clerk, None, Mode::Write, &mut ()).is_err());
}

#[test]
fn a_machine_that_came_with_two_tokens_of_a_family_is_named_once() {
    let chain = Chain::new(125);
    let (city, me) = (&chain.city.store, chain.city.machine.me());
    let key = |seed: u8| SigningKey::from_seed(&[seed; 32]);
    let invited = |seed: u8, by: u8| {
        let mut record = attested(&key(seed), union("320922"), false);
        record.set(enrolment::INVITED_BY.name(), Value::Bytes(key(by).device().to_vec()));
        writes(&chain.city, record);
    };
    writes(&chain.city, attested(&key(9), union("320922"), false));
    invited(10, 9);
    let shown = revoke::plan(city, &me, &key(9).device().to_string(), None).unwrap();
    assert_eq!(shown.invited.len(), 1);
    // What the other let in since is of its family, and of the first one's.
    invited(11, 10);
    invited(12, 10);
    let revoked = revoke::revoke(city, &me, &shown, true, "失窃", Mode::Write).unwrap();
    let mut left = [key(11).device(), key(12).device()];
    left.sort_unstable();
    assert_eq!((revoked.devices, revoked.left), (vec![key(9).device(), key(10).device()], left.to_vec()));
}

#[test]
fn a_feed_whose_device_was_enrolled_meanwhile_is_not_deleted() {
    let chain = Chain::new(121);
    let (city, me) = (&chain.city.store, chain.city.machine.me());
    let junk = |seed: u8| -> FeedId {
        let mut forger = Forger::stranger(seed, union("320922"), Scope::Own(Reach::Nation));
        let operation = Operation::new(kind("work_entry").unwrap().number, forger.id(), None, vec![1], None);
        let from = Some(Peer { union: union("320922"), device: chain.county.device() });
        take(city, Incoming { from, ..forger.say(&[operation]) });
        forger.feed.id
    };
    let has = |id: &FeedId| city.read(|conn| feeds::by_id(conn, id)).unwrap().is_some();
    let (one, other) = (junk(80), junk(81));
    let plan = |id: &FeedId| purge::plan(city, &me, &id.to_string()[..16]).unwrap();

    let (shown, later) = (plan(&one), plan(&other));
    assert!(purge::order(city, &me, &shown, "垃圾数据", Mode::DryRun).is_ok() && has(&one));
    assert_eq!(purge::order(city, &me, &shown, "垃圾数据", Mode::Write).unwrap(), shown);
    assert!(!has(&one));
    writes(&chain.city, attested(&SigningKey::from_seed(&[81; 32]), union("320922"), false));
    let refused = purge::order(city, &me, &later, "垃圾数据", Mode::Write);
    assert!(matches!(refused, Err(OrderError::Purge(PurgeError::Unknown))), "{refused:?}");
    assert!(has(&other), "it is admitted, and stays");
}

#[test]
fn no_token_is_stored_that_no_machine_can_use() {
    let chain = Chain::new(122);
    let (city, machine) = (&chain.city.store, &chain.city.machine);
    let mut home = machine.home.clone();
    home.config.announce = Some("127.0.0.1:1".into());
    home.save().unwrap();
    let invite_of = |number: &str, days, as_hub, mode| {
        let ask = Ask { union: union(number), further: false, as_hub, days, address: None };
        invite::invite(&home, city, (&machine.clock, &machine.random), ask, mode)
    };
    let invite = |days, as_hub, mode| invite_of("320903", days, as_hub, mode);
    let stored = || city.read(invitations::all).unwrap().len();
    for days in [0, 31, u32::MAX] {
        assert!(matches!(invite(days, false, Mode::Write), Err(InviteError::Days)), "{days}");
    }
    let park = |as_hub| invite_of("320900-001", 7, as_hub, Mode::Write);
    assert!(matches!(park(true), Err(InviteError::NoHub(_))), "who gives no numbers runs no hub");
    let nobody = park(false);
    assert!(matches!(nobody, Err(InviteError::Authority(AuthorityError::Unregistered(_)))), "nobody registered it");
    assert!(invite(7, false, Mode::DryRun).unwrap().is_none());
    assert_eq!(stored(), 0);
    assert!(invite(7, false, Mode::Write).unwrap().is_some());
    let all: Vec<Invitation> = city.read(invitations::all).unwrap();
    assert!(all.len() == 1 && !all[0].as_hub);
    // One by one, the newest first.
    for _ in 0..2 {
        chain.wait(1000);
        let ask = Ask { union: union("320903"), further: false, as_hub: false, days: 7, address: None };
        invite::invite(&home, city, (&machine.clock, &machine.random), ask, Mode::Write).unwrap();
    }
    let all: Vec<TokenId> = city.read(invitations::all).unwrap().iter().map(|one| one.id).collect();
    let (mut told, mut after) = (vec![], None);
    loop {
        let page = invite::page(city, after, 1).unwrap();
        told.extend(page.given.iter().map(|one| one.invitation.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(all.len() == 3 && told == all, "{told:?}");
    assert!(invite::page(city, Some(all[2]), 1).unwrap().given.is_empty());
    assert!(matches!(invite::page(city, Some(TokenId([0; 6])), 1), Err(InviteError::Unknown(_))));
}

#[test]
fn a_refused_invitation_remembers_nothing() {
    let chain = Chain::new(126);
    let refused = |place: &chain::Place, of: &str| {
        let machine = &place.machine;
        let address = Some("hub.example:7443".to_owned());
        let ask = Ask { union: union(of), further: false, as_hub: false, days: 7, address };
        let kept = || (machine.me().vouchers)().len();
        let before = (Home::open(&machine.home.dir).unwrap().config.announce, kept());
        let invited = invite::invite(&machine.home, &place.store, (&machine.clock, &machine.random), ask, Mode::Write);
        assert!(matches!(invited.err(), Some(InviteError::Occupied(_))), "{of}");
        assert_eq!((Home::open(&machine.home.dir).unwrap().config.announce, kept()), before, "{of}");
    };
    refused(&chain.city, "320922");
    // A further machine of the nation's own, without saying that it is one.
    refused(&chain.nation, "100000");
}

#[test]
fn what_is_held_is_told_by_pages_and_ruled_on_as_it_was_shown() {
    let chain = Chain::new(123);
    let (city, me) = (&chain.city.store, chain.city.machine.me());
    let key = SigningKey::from_seed(&[82; 32]);
    writes(&chain.city, attested(&key, union("320922"), false));
    let thief = revoke::plan(city, &me, &key.device().to_string(), None).unwrap();
    revoke::revoke(city, &me, &thief, false, "失窃", Mode::Write).unwrap();
    let mut forger = Forger::stranger(82, union("320922"), Scope::Own(Reach::Province));
    let number = kind("work_entry").unwrap().number;
    let said: Vec<_> = (0..3).map(|_| Operation::new(number, forger.id(), None, vec![1], None)).collect();
    let from = Some(Peer { union: union("320922"), device: chain.county.device() });
    take(city, Incoming { from, ..forger.say(&said) });

    let page = |after: Option<HeldCursor>, most, all| {
        let look = |conn: &View| {
            let after = after.map(|place| quarantine::find(conn, &place.to_string()).unwrap());
            quarantine::page(conn, after.as_ref(), most, all)
        };
        let page: Page = city.read(look).unwrap();
        (page.rows.len(), page.next, page.open)
    };
    let place = |seq| Some(HeldCursor { feed: forger.feed.id, seq: Some(seq) });
    assert_eq!(page(None, 2, false), (2, place(1), true));
    assert_eq!(page(place(1), 2, false), (1, None, true));
    assert_eq!(page(place(2), 2, false), (0, None, true), "what stands before still waits");

    let which = |part: &str| format!("{}#{part}", forger.feed.id);
    let plan = |part: &str, ruling| {
        let look = |conn: &View| Ok(quarantine::plan(conn, &me, &which(part), ruling, "经查"));
        city.read(look).unwrap().unwrap()
    };
    let rule = |shown, mode| quarantine::rule(city, &me, shown, "经查", mode);
    let (release, reject) = (plan("0-1", Ruling::Released), plan("0", Ruling::Rejected));
    assert_eq!((release.operations(), reject.operations()), (2, 1));
    rule(&reject, Mode::DryRun).unwrap();
    assert_eq!(page(None, 9, false).0, 3, "a trial rules on nothing");
    rule(&reject, Mode::Write).unwrap();
    assert_eq!((page(None, 9, false).0, page(None, 9, true).0), (2, 3));
    // The other desk was shown that nobody had ruled on it.
    assert!(matches!(rule(&release, Mode::Write), Err(RuleError::Changed)));
    assert!(matches!(rule(&reject, Mode::Write), Err(RuleError::Changed)), "nor twice the same");
    rule(&plan("1-2", Ruling::Rejected), Mode::Write).unwrap();
    assert_eq!(page(None, 9, false), (0, None, false));
}

#[test]
fn receipts_are_told_by_pages() {
    let chain = Chain::new(124);
    let page = |after, most| chain.county.store.read(|conn| receipts::page(conn, after, most)).unwrap();
    let all: Vec<_> = page(None, 1000).receipts.into_iter().map(|one| one.receipt).collect();
    assert!(all.len() > 2 && page(None, all.len()).next.is_none(), "{}", all.len());
    let (mut told, mut after) = (vec![], None);
    loop {
        let receipts::Page { receipts, next } = page(after, 2);
        told.extend(receipts.into_iter().map(|one| one.receipt));
        let Some(next) = next else { break };
        after = Some(next.to_string().parse().unwrap());
        assert_eq!(after, Some(next), "as it is typed");
    }
    assert_eq!(told, all);
    assert!(matches!("7@320900".parse::<receipts::ReceiptCursor>(), Err(ReceiptError::NoPlace(_))));
}

#[test]
fn an_answer_is_taken_once_its_network_was_compared() {
    let chain = Chain::new(125);
    let city = &chain.city;
    let (clock, random) = (&city.machine.clock, &city.machine.random);
    let dir = tempfile::tempdir().unwrap();
    let (network, union) = (&city.machine.home.config.network, union("320903"));
    let (root, hub, passphrase) = (false, false, None);
    let ask = init::Ask { dir: dir.path(), network, union, root, hub, passphrase };
    let mut home = init::init(&ask, false, clock, random).unwrap();
    let request = home.request().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let enrolled = authority::enrol(&city.machine.home, &city.store, &request, clock);
    let grant = runtime.block_on(enrolled).unwrap();

    let fingerprint = join::to_compare(&home, &grant).unwrap().unwrap();
    let refused = join::accept(&mut home, &grant, None, clock, random);
    assert!(matches!(refused, Err(AcceptError::NotCompared(root)) if root == fingerprint), "{refused:?}");
    assert!(home.config.parent.is_none());
    join::accept(&mut home, &grant, Some(fingerprint), clock, random).unwrap();
    // From now on the root is known.
    assert_eq!(join::to_compare(&home, &grant).unwrap(), None);
    join::accept(&mut home, &grant, None, clock, random).unwrap();
}
