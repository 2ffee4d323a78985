//! Who acts for a union: its accounts as they are known here, and whom an operation names.

use std::collections::{HashMap, hash_map::Entry};

use huiliu_proto::{
    handle::Declared as _,
    id::RecordId,
    operation::Operation,
    operator::Operator,
    records::account::{self as fields, room::has},
    union::UnionNumber,
    v1::{Account as Kind, AccountState, OperatorRole},
    value::Value,
};

use crate::store::{
    Result, View,
    projection::{self, Shown},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub id: RecordId,
    pub name: String,
    /// Bit n stands for role n.
    pub roles: i64,
    pub active: bool,
    /// The dossier of a guide.
    pub mediator: Option<RecordId>,
}

impl Account {
    pub fn has(&self, role: OperatorRole) -> bool {
        has(self.roles, role)
    }

    pub fn has_any(&self, roles: &[OperatorRole]) -> bool {
        roles.iter().any(|role| self.has(*role))
    }

    fn of(shown: &Shown) -> Account {
        let record = &shown.record;
        Account {
            id: shown.id,
            name: record.read(fields::NAME).unwrap_or_default().to_owned(),
            roles: record.read(fields::ROLES).unwrap_or(0),
            active: record.read(fields::STATE) == Some(AccountState::AccountActive as i64),
            mediator: record.read(fields::MEDIATOR),
        }
    }
}

pub fn get(conn: &View, union: UnionNumber, id: &RecordId) -> Result<Option<Account>> {
    Ok(projection::get_of(conn, Kind::kind(), union, id)?.map(|shown| Account::of(&shown)))
}

/// Some of a union's accounts, in the order in which they were made.
pub fn page(conn: &View, union: UnionNumber, after: Option<RecordId>, most: usize) -> Result<Vec<Account>> {
    Ok(projection::list(conn, Kind::kind(), Some(union), after, most)?.iter().map(Account::of).collect())
}

/// All of a union's accounts that satisfy something.
pub fn all(conn: &View, union: UnionNumber, wanted: impl Fn(&Account) -> bool) -> Result<Vec<Account>> {
    const PAGE: usize = 1000;
    let (mut found, mut after) = (vec![], None);
    loop {
        let page = page(conn, union, after, PAGE)?;
        let more = page.len() == PAGE;
        after = page.last().map(|account| account.id);
        found.extend(page.into_iter().filter(&wanted));
        if !more {
            return Ok(found);
        }
    }
}

/// The accounts of a union that go by this name.
pub fn named(conn: &View, union: UnionNumber, name: &str) -> Result<Vec<Account>> {
    let found = projection::list_where(conn, Kind::kind(), fields::NAME.name(), &Value::Text(name.to_owned()))?;
    Ok(found.iter().filter(|shown| shown.place.owner == union).map(Account::of).collect())
}

/// The accounts of a union whose ids begin with these hexadecimal digits.
pub fn of_prefix(conn: &View, union: UnionNumber, digits: &str, most: usize) -> Result<Vec<Account>> {
    let found = projection::of_prefix(conn, Kind::kind(), Some(union), digits, most)?;
    Ok(found.iter().map(Account::of).collect())
}

/// Whether a union has accounts, as far as they are known here.
pub fn has_any(conn: &View, union: UnionNumber) -> Result<bool> {
    Ok(projection::count(conn, Kind::kind(), Some(union))? > 0)
}

/// When a union made its first account, as its device says; none where it has none, or they are not known here.
pub fn begun(conn: &View, union: UnionNumber) -> Result<Option<i64>> {
    Ok(page(conn, union, None, 1)?.first().map(|account| account.id.time()))
}

/// Whom an operation names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// `name` where the account is known here.
    Person { account: RecordId, name: Option<String>, verified: bool },
    /// It was written before its union had accounts.
    Before,
    /// The union has accounts, and nobody is named: the program did it by itself, or nobody had logged in.
    Nobody,
    /// Nobody is named, and whether the union had accounts is not known here.
    Unknown,
}

/// Says whom operations name. Each account, and when a union's first was made, is looked up once.
pub struct Names<'a> {
    conn: &'a View,
    begun: HashMap<UnionNumber, Option<i64>>,
    names: HashMap<(UnionNumber, RecordId), Option<String>>,
}

impl<'a> Names<'a> {
    pub fn new(conn: &'a View) -> Names<'a> {
        Names { conn, begun: HashMap::new(), names: HashMap::new() }
    }

    pub fn who(&mut self, union: UnionNumber, operation: &Operation) -> Result<Who> {
        let Some(bytes) = operation.operator else {
            let begun = match self.begun.entry(union) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(unknown) => *unknown.insert(begun(self.conn, union)?),
            };
            return Ok(match begun {
                None => Who::Unknown,
                Some(begun) if operation.time < begun => Who::Before,
                Some(_) => Who::Nobody,
            });
        };
        let Operator { account, verified } = Operator::from_bytes(bytes);
        let name = match self.names.entry((union, account)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(unknown) => {
                unknown.insert(get(self.conn, union, &account)?.map(|account| account.name)).clone()
            }
        };
        Ok(Who::Person { account, name, verified })
    }
}
