//! Every order in which things can happen in an exchange, tried by a model checker: two and three machines, with a disk
//! that was restored, a feed with two histories, and one that was settled on. The conversation is the real one
//! (`Exchange::step`), the disks are the model's.
//!
//! `HUILIU_LONG=1` tries more letters and calls.

use std::{
    collections::BTreeSet,
    hash::{Hash, Hasher},
};

use huiliu_node::sync::exchange::End;
use huiliu_tests::model::{Disk, Line, Next};
use stateright::{Checker as _, Model, Property};

fn long() -> bool {
    std::env::var_os("HUILIU_LONG").is_some()
}

/// Machines, and the lines between them.
#[derive(Clone, Debug)]
struct World {
    disks: Vec<Disk>,
    lines: Vec<Line>,
    print: Vec<u8>,
}

impl World {
    fn new(mut disks: Vec<Disk>) -> World {
        let lines = (1..disks.len()).map(|upper| Line::new(&mut disks, upper - 1, upper)).collect();
        let mut world = World { disks, lines, print: vec![] };
        world.look();
        world
    }

    /// What tells this world from another.
    fn look(&mut self) {
        let mut print = format!("{:?}", self.disks).into_bytes();
        self.lines.iter().for_each(|line| print.extend(line.fingerprint()));
        self.print = print;
    }

    fn letters(&self) -> BTreeSet<u8> {
        self.disks.iter().flat_map(|disk| disk.feeds.values().flat_map(|feed| feed.letters.clone())).collect()
    }
}

impl PartialEq for World {
    fn eq(&self, other: &World) -> bool {
        self.print == other.print
    }
}

impl Eq for World {}

impl Hash for World {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.print.hash(state);
    }
}

struct Story {
    begins: World,
    most_calls: usize,
}

impl Story {
    fn next(&self, world: &World) -> Vec<(usize, Next)> {
        let lines = world.lines.iter().enumerate();
        lines.flat_map(|(n, line)| line.next(self.most_calls).into_iter().map(move |next| (n, next))).collect()
    }

    fn at_rest(&self, world: &World) -> bool {
        self.next(world).is_empty()
    }
}

impl Model for Story {
    type State = World;
    type Action = (usize, Next);

    fn init_states(&self) -> Vec<World> {
        vec![self.begins.clone()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<(usize, Next)>) {
        actions.extend(self.next(world));
    }

    fn next_state(&self, world: &World, (line, next): (usize, Next)) -> Option<World> {
        let mut world = world.clone();
        let before = world.disks.clone();
        world.lines[line].step(next, &mut world.disks);
        // Whoever shares a disk that changed hears of it.
        for disk in (0..before.len()).filter(|n| before[*n] != world.disks[*n]).collect::<Vec<_>>() {
            for line in &mut world.lines {
                line.notice(disk, &mut world.disks);
            }
        }
        world.lines.iter_mut().for_each(|line| line.compare(&world.disks));
        world.look();
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Story>> {
        vec![
            Property::always("what is acknowledged is held", |_, world: &World| {
                world.lines.iter().flat_map(Line::acknowledged).all(|(disk, feed, size)| {
                    let held = world.disks[disk].feeds.get(&feed).map_or(0, |f| f.looked_through());
                    size <= held
                })
            }),
            Property::always("nobody waits for ever", |story: &Story, world: &World| {
                !story.at_rest(world) || world.lines.iter().all(|l| l.lower.ended.is_some() && l.upper.ended.is_some())
            }),
            Property::always("it ends well", |story: &Story, world: &World| {
                !story.at_rest(world)
                    || world
                        .lines
                        .iter()
                        .all(|line| line.lower.ended == Some(End::Done) && line.upper.ended == Some(End::Done))
            }),
            Property::always("both come to the same", |story: &Story, world: &World| {
                !story.at_rest(world) || world.lines.iter().all(Line::is_even)
            }),
            Property::always("no letter is lost", |story: &Story, world: &World| {
                !story.at_rest(world) || world.letters().is_superset(&story.begins.letters())
            }),
        ]
    }
}

/// Tries everything; the number of different worlds.
fn check(name: &str, disks: Vec<Disk>, most_calls: usize) -> usize {
    let story = Story { begins: World::new(disks), most_calls };
    let checked = story.checker().threads(2).spawn_bfs().join();
    if let Some((property, path)) = checked.discoveries().into_iter().next() {
        let world = path.last_state();
        let step = |(line, next): &(usize, Next)| match next {
            Next::Hear { upper } => format!("{line}{}", if *upper { "H" } else { "h" }),
            Next::Answer { upper } => format!("{line}{}", if *upper { "A" } else { "a" }),
            Next::Call => format!("{line}call"),
        };
        panic!(
            "{name}: not so that {property}; after {}: {}\n{:?}",
            path.clone().into_actions().iter().map(step).collect::<Vec<_>>().join(" "),
            world.disks.iter().map(Disk::brief).collect::<Vec<_>>().join("; "),
            world.lines.iter().map(|l| (l.calls, &l.lower.ended, &l.upper.ended)).collect::<Vec<_>>()
        );
    }
    checked.unique_state_count()
}

fn county() -> Disk {
    Disk::new("320922", 101)
}

fn city() -> Disk {
    Disk::new("320900", 1)
}

fn province() -> Disk {
    Disk::new("320000", 2)
}

#[test]
fn two_machines_in_every_order() {
    let (mut lower, mut upper) = (county(), city());
    lower.write(0, if long() { b"abcd" } else { b"ab" });
    upper.write(0, b"x");
    let worlds = check("new on both sides", vec![lower, upper], 1);
    assert!(worlds > 40, "{worlds}");
}

#[test]
fn a_restored_lower_machine_in_every_order() {
    // Restored, it asks first.
    let (mut lower, mut upper) = (county(), city());
    lower.write(0, b"a");
    upper.has(&lower, 0, b"abc");
    check("restored, asks first", vec![lower.clone(), upper.clone()], 1);
    // Restored, it writes first.
    lower.write(0, b"d");
    check("restored, writes first", vec![lower.clone(), upper.clone()], 6);
    // Longer than what is above.
    lower.write(0, b"ef");
    check("restored, writes more", vec![lower, upper], 6);
}

#[test]
fn a_restored_upper_machine_in_every_order() {
    let (mut lower, mut upper) = (county(), city());
    upper.write(0, b"x");
    lower.has(&upper, 0, b"xyz");
    lower.write(0, b"a");
    check("the hub was restored", vec![lower.clone(), upper.clone()], 6);
    upper.write(0, b"w");
    check("the hub was restored, and wrote", vec![lower, upper], 8);
}

#[test]
fn three_machines_with_a_fork_in_every_order() {
    // The county's disk was restored; what it wrote first is at the city, and not yet above.
    let (mut lower, mut middle, mut upper) = (county(), city(), province());
    lower.write(0, b"ad");
    middle.has(&lower, 0, b"ab");
    upper.has(&lower, 0, b"a");
    let worlds = check("three", vec![lower, middle, upper], if long() { 8 } else { 5 });
    assert!(worlds > 40, "{worlds}");
}
