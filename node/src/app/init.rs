//! A union's machine on its first day.

use std::path::Path;

use huiliu_proto::union::UnionNumber;

use crate::{
    clock::{Clock, Random},
    identity::{Home, IdentityError, Role, Setup, keys::Passphrase},
    writer,
};

/// What a person says of a machine.
pub struct Ask<'a> {
    pub dir: &'a Path,
    pub network: &'a str,
    pub union: UnionNumber,
    pub root: bool,
    pub hub: bool,
    /// With what its keys are sealed.
    pub passphrase: Option<&'a Passphrase>,
}

/// What a machine is: the root where that is said, a hub where that is said, or, with a program that `serves`, where unions of
/// the directory are below the union. A county's hub, for the townships that it registered, is one where that is said.
fn role(union: UnionNumber, root: bool, hub: bool, serves: bool) -> Role {
    match root {
        true => Role::Root,
        false if hub || (serves && union.has_unions_below()) => Role::Hub,
        false => Role::Node,
    }
}

/// Makes its home: keys, configuration and an empty database. It can work at once.
pub fn init(ask: &Ask<'_>, serves: bool, clock: &Clock, random: &Random) -> Result<Home, IdentityError> {
    let role = role(ask.union, ask.root, ask.hub, serves);
    let setup = Setup { passphrase: ask.passphrase, ..Setup::new(ask.dir, ask.network, ask.union, role) };
    writer::init(&setup, clock, random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_nobody_below_runs_no_hub_unless_she_says_so() {
        let (city, county) = ("320900".parse().expect("a union"), "320922".parse().expect("a union"));
        assert!(matches!(role(city, false, false, true), Role::Hub));
        assert!(matches!(role(county, false, false, true), Role::Node));
        assert!(matches!(role(city, false, false, false), Role::Node));
        // For its townships.
        assert!(matches!(role(county, false, true, false), Role::Hub));
        assert!(matches!(role(UnionNumber::NATION, true, false, false), Role::Root));
    }
}
