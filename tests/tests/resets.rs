//! A forgotten password, set anew by word of the union above over the telephone: for that machine, that account and that one
//! asking, and by nobody else's word.

use huiliu_node::{
    app::{
        Mode,
        account::{
            self, AccountError, New, NewPassword,
            reset::{self, ResetError},
        },
    },
    identity::{
        Role,
        keys::Passphrase,
        reset::{Resets, TRIES, WAITS},
        session::Sessions,
    },
    operator::Account,
    store::projection,
};
use huiliu_proto::{
    handle::Declared as _,
    operator::Operator,
    records::password_reset as said,
    reset::Mistyped,
    v1::{OperatorRole, PasswordReset},
};
use huiliu_tests::chain::{Chain, Place};

const FIRST: &str = "春天里的小城 2026 号";
const SECOND: &str = "秋天里的大城 2027 号";

fn passphrase(text: &str) -> Passphrase {
    Passphrase::chosen(text).expect("long enough")
}

fn person(place: &Place, by: Option<&Account>, name: &str, role: OperatorRole) -> Account {
    let store = place.store.acting(by.map(|by| Operator { account: by.id, verified: true }));
    let new = New { name: name.to_owned(), roles: 1 << role as i32, mediator: None };
    account::add(&store, place.machine.union(), new, Mode::Write).expect("an account is made").account
}

/// Sets the first password of an administrator.
fn begins(place: &Place, account: &Account) -> Result<(), AccountError> {
    let (me, dir) = (place.machine.me(), &place.machine.home.dir);
    let new = NewPassword { account, known: None, new: &passphrase(FIRST) };
    let sessions = Sessions::new(dir, &me.key);
    account::set_password(&place.store, me.union, &sessions, &new, &me.random, Mode::Write).map(|_| ())
}

fn logs_in(place: &Place, account: &Account, password: &str) -> bool {
    let (me, dir) = (place.machine.me(), &place.machine.home.dir);
    let sessions = Sessions::new(dir, &me.key);
    account::log_in(&place.store, me.union, &sessions, account, &passphrase(password)).is_ok()
}

fn asks(place: &Place, account: &Account) -> Result<String, ResetError> {
    let resets = Resets(&place.machine.home.dir);
    reset::ask(&place.store, &place.machine.me(), &resets, account).map(|asked| asked.request.spoken())
}

fn answers(place: &Place, by: Option<&Account>, number: &str) -> Result<String, ResetError> {
    let me = place.machine.me();
    let plan = place.store.read(|conn| Ok(reset::plan(conn, &me, number))).expect("readable")?;
    let store = place.store.acting(by.map(|by| Operator { account: by.id, verified: true }));
    let (answer, _) = reset::answer(&store, &me, &plan, "王芳来电，已回拨核实", Mode::Write)?;
    Ok(answer.spoken().to_string())
}

fn sets(place: &Place, account: &Account, code: &str) -> Result<(), ResetError> {
    let (me, dir) = (place.machine.me(), &place.machine.home.dir);
    let both = (&Resets(dir), &Sessions::new(dir, &me.key));
    reset::set(&place.store, &me, both, account, (code, &passphrase(SECOND)), &me.random, Mode::Write).map(|_| ())
}

/// A county whose only administrator forgot hers, below a city.
struct Town {
    chain: Chain,
    admin: Account,
    clerk: Account,
}

fn town(seed: u64) -> Town {
    let chain = Chain::new(seed);
    let admin = person(&chain.county, None, "王芳", OperatorRole::Administrator);
    let clerk = person(&chain.county, Some(&admin), "李明", OperatorRole::Preparer);
    begins(&chain.county, &admin).expect("the first is set by whoever made the account");
    chain.settle().expect("they exchange");
    Town { chain, admin, clerk }
}

#[test]
fn the_union_above_says_a_code_and_gives_no_keys() {
    let Town { chain, admin, .. } = town(81);
    let (county, city) = (&chain.county, &chain.city);
    let number = asks(county, &admin).expect("somebody is above");
    let plan = city.store.read(|conn| Ok(reset::plan(conn, &city.machine.me(), &number))).expect("readable");
    let plan = plan.expect("it is known who asks");
    assert_eq!((plan.device, plan.union), (county.device(), county.machine.union()));
    assert_eq!(plan.account.map(|account| account.name).as_deref(), Some("王芳"));
    let code = answers(city, None, &number).expect("a city without accounts answers");
    sets(county, &admin, &code).expect("it is the answer");
    assert!(logs_in(county, &admin, SECOND) && !logs_in(county, &admin, FIRST));
    // Once. Nor does it serve where what was asked is put back as it stood.
    assert!(matches!(sets(county, &admin, &code), Err(ResetError::NotAsked)));
    chain.settle().expect("they exchange");
    // That it was said stands at both, and nothing of the code does.
    for place in [county, city] {
        let all =
            place.store.read(|conn| projection::list(conn, PasswordReset::kind(), None, None, 10)).expect("readable");
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].place.owner, city.machine.union());
        assert_eq!(all[0].record.read(said::DEVICE), Some(&county.device().0[..]));
        assert_eq!(all[0].record.read(said::ACCOUNT), Some(admin.id.as_bytes()));
        let told = format!("{:?}", all[0].record.values());
        assert!(!told.contains(&code[..4]) || !told.contains(&code[5..9]), "{told}");
    }
    chain.holds().expect("all invariants");
}

#[test]
fn an_answer_is_for_one_account_one_machine_and_one_asking() {
    let Town { mut chain, admin, clerk } = town(82);
    let number = asks(&chain.county, &admin).expect("somebody is above");
    let code = answers(&chain.city, None, &number).expect("answered");
    // Of another account, and of another asking.
    assert!(matches!(sets(&chain.county, &clerk, &code), Err(ResetError::NotAsked)));
    let file = chain.county.machine.home.dir.join("password-reset.json");
    let kept = std::fs::read(&file).expect("it waits");
    asks(&chain.county, &clerk).expect("somebody is above");
    assert!(matches!(sets(&chain.county, &clerk, &code), Err(ResetError::Wrong(_))));
    asks(&chain.county, &admin).expect("somebody is above");
    assert!(matches!(sets(&chain.county, &admin, &code), Err(ResetError::Wrong(_))));
    // Neither the one next door nor a level further up answers for the city.
    assert!(matches!(answers(&chain.province, None, &number), Err(ResetError::NoDevice)));
    assert!(matches!(answers(&chain.county, None, &number), Err(ResetError::NotHub)));
    // What was asked first is put back: the answer fits, once. Then there is another password, and it fits no more.
    std::fs::write(&file, &kept).expect("written");
    sets(&chain.county, &admin, &code).expect("it is the answer");
    std::fs::write(&file, &kept).expect("written");
    assert!(matches!(sets(&chain.county, &admin, &code), Err(ResetError::Wrong(_))));
    // Moved to the union's other machine, it is none either.
    let second = Place::new(chain.world.add("320922", Role::Node).expect("the county's second machine joins"));
    chain.settle_with(&second).expect("they exchange");
    let number = asks(&chain.county, &admin).expect("somebody is above");
    let code = answers(&chain.city, None, &number).expect("answered");
    std::fs::copy(&file, second.machine.home.dir.join("password-reset.json")).expect("copied");
    assert!(matches!(sets(&second, &admin, &code), Err(ResetError::Wrong(_))));
    sets(&chain.county, &admin, &code).expect("it is the answer");
}

#[test]
fn it_ends_with_the_day_with_the_tries_and_is_seen_where_it_is_mistyped() {
    let Town { chain, admin, .. } = town(83);
    let (county, city) = (&chain.county, &chain.city);
    let number = asks(county, &admin).expect("somebody is above");
    let code = answers(city, None, &number).expect("answered");
    // A slip is seen, and takes no try.
    let digit = code[..1].parse::<u32>().expect("a digit");
    let slip = format!("{}{}", (digit + 1) % 10, &code[1..]);
    for _ in 0..=TRIES {
        assert!(matches!(sets(county, &admin, &slip), Err(ResetError::Mistyped(Mistyped::Check))));
    }
    assert!(matches!(answers(city, None, &number[1..]), Err(ResetError::Mistyped(Mistyped::Length(_)))));
    // An answer to something else is no slip.
    let other = asks(county, &admin).and_then(|number| answers(city, None, &number)).expect("answered");
    asks(county, &admin).expect("somebody is above");
    for left in (0..TRIES).rev() {
        assert!(matches!(sets(county, &admin, &other), Err(ResetError::Wrong(found)) if found == left));
    }
    assert!(matches!(sets(county, &admin, &other), Err(ResetError::NotAsked)));
    let code = asks(county, &admin).and_then(|number| answers(city, None, &number)).expect("answered");
    chain.days(WAITS / 86_400_000 + 1);
    assert!(matches!(sets(county, &admin, &code), Err(ResetError::NotAsked)));
}

#[test]
fn above_an_administrator_who_has_logged_in_answers() {
    let Town { chain, admin, .. } = town(84);
    let above = person(&chain.city, None, "周强", OperatorRole::Administrator);
    let clerk = person(&chain.city, Some(&above), "吴敏", OperatorRole::Preparer);
    let number = asks(&chain.county, &admin).expect("somebody is above");
    for by in [None, Some(&clerk)] {
        let refused = answers(&chain.city, by, &number);
        assert!(matches!(refused, Err(ResetError::Account(AccountError::Administrator))), "{refused:?}");
    }
    let code = answers(&chain.city, Some(&above), &number).expect("she may");
    sets(&chain.county, &admin, &code).expect("it is the answer");
    // The root asks nobody, and its key is known to no province.
    for place in [&chain.nation, &chain.province] {
        let keeper = person(place, None, "冯涛", OperatorRole::Administrator);
        assert!(matches!(asks(place, &keeper), Err(ResetError::NobodyAbove)));
    }
    // Of a machine that was shut out nothing is answered.
    let number = asks(&chain.county, &admin).expect("it does not know yet");
    chain.city_revokes(chain.county.device());
    assert!(matches!(answers(&chain.city, Some(&above), &number), Err(ResetError::NoDevice)));
}

/// Where the passwords have not come, whoever sits there sets none: the one above is asked.
#[test]
fn first_passwords_are_set_where_the_accounts_were_made() {
    let mut chain = Chain::new(85);
    let second = Place::new(chain.world.add("320922", Role::Node).expect("the county's second machine joins"));
    let admin = person(&chain.county, None, "王芳", OperatorRole::Administrator);
    begins(&chain.county, &admin).expect("the first is set by whoever made the account");
    chain.settle_with(&second).expect("they exchange");
    assert!(!logs_in(&second, &admin, FIRST), "passwords of machines without a hub of their own stay where they are");
    let tried = begins(&second, &admin);
    assert!(matches!(tried, Err(AccountError::Administrator)), "{tried:?}");
    let number = asks(&second, &admin).expect("somebody is above");
    let code = answers(&chain.city, None, &number).expect("answered");
    sets(&second, &admin, &code).expect("it is the answer");
    assert!(logs_in(&second, &admin, SECOND) && logs_in(&chain.county, &admin, FIRST));
}
