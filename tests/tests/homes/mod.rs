//! Homes that earlier versions wrote, kept under `data`: one folder a home, its database compressed, and the figures
//! that it showed. The keys in them are of a test network and open nothing else; the people are made up.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::Ordering,
};

use huiliu_node::{identity::Home, writer::Store};
use huiliu_tests::{
    disk,
    talk::talk,
    world::{Conduct, Machine, hand_clock, random},
};
use serde_json::Value as Json;
use tempfile::TempDir;

pub use huiliu_tests::world::START;

/// Figures: home, union and measure, to the union alone and with all below.
pub type Figures = BTreeMap<String, Json>;

/// A home's name and its union.
pub type Named<'a> = (&'a str, &'a str);

/// Copies of homes, to work with.
pub struct Homes {
    dir: TempDir,
    kept: PathBuf,
}

pub fn kept(set: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(set)
}

impl Homes {
    pub fn empty(set: &str) -> Homes {
        Homes { dir: tempfile::tempdir().unwrap(), kept: kept(set) }
    }

    pub fn copy(set: &str, homes: &[Named<'_>]) -> Homes {
        let copies = Homes::empty(set);
        for (name, _) in homes {
            disk::copy(&copies.kept.join(name), &copies.path(name)).unwrap();
            private(&copies.path(name));
            expand(&copies.path(name).join("huiliu.db"));
        }
        copies
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What the program itself says, which has to go well.
    pub fn good(&self, home: &str, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_program"));
        command.arg("--home").arg(self.path(home)).args(arguments).env("LANG", "en_US.UTF-8");
        let ran = command.output().expect("the program starts");
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{home} {arguments:?}: {}\n{out}{err}", ran.status);
        out.into_owned()
    }

    /// What each home shows of each union, over 2025 and 2026.
    pub fn figures(&self, homes: &[Named<'_>]) -> Figures {
        let mut figures = Figures::new();
        for (home, _) in homes {
            for (_, union) in homes {
                let span = ["--json", "rollup", "--union", union, "--from", "2025-01", "--to", "2026-12"];
                let shown: Json = serde_json::from_str(&self.good(home, &span)).unwrap();
                for measure in shown["measures"].as_array().unwrap() {
                    if measure["own"] != 0 || measure["total"] != 0 {
                        let key = format!("{home} on {union}: {}", measure["measure"].as_str().unwrap());
                        figures.insert(key, serde_json::json!([measure["own"], measure["total"]]));
                    }
                }
            }
        }
        figures
    }

    /// The figures that were kept with the homes.
    pub fn expected(&self, when: &str) -> Figures {
        let all = fs::read(self.kept.join("figures.json")).unwrap();
        serde_json::from_slice::<BTreeMap<String, Figures>>(&all).unwrap()[when].clone()
    }

    /// The machines that these homes are, at a time.
    pub fn machines(&self, homes: &[Named<'_>], at: i64) -> Vec<Machine> {
        let (clock, hand) = hand_clock();
        hand.store(at, Ordering::Relaxed);
        let machine = |(n, (name, _)): (usize, &Named<'_>)| Machine {
            name: (*name).to_owned(),
            home: Home::open(&self.path(name)).unwrap(),
            clock: clock.clone(),
            random: random(n as u64 + 1),
            conduct: Conduct::Honest,
            allows: None,
        };
        homes.iter().enumerate().map(machine).collect()
    }

    /// The lower of each pair calls the upper one.
    pub fn exchange(&self, machines: &[Machine], stores: &[Store], calls: &[(usize, usize)]) {
        for (lower, upper) in calls {
            talk((&machines[*lower], &stores[*lower]), (&machines[*upper], &stores[*upper])).unwrap();
        }
    }
}

/// Keys are their owner's alone, which a repository does not keep.
fn private(home: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    for entry in fs::read_dir(home.join("keys")).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(home.join("keys"), fs::Permissions::from_mode(0o700)).unwrap();
}

fn packed(file: &Path) -> PathBuf {
    file.with_file_name(format!("{}.zst", file.file_name().unwrap().to_str().unwrap()))
}

/// Puts a file in the place of its compressed form.
pub fn expand(file: &Path) {
    fs::write(file, zstd::decode_all(fs::File::open(packed(file)).unwrap()).unwrap()).unwrap();
    fs::remove_file(packed(file)).unwrap();
}
