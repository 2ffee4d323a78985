//! Who this union's machine is: its keys, its configuration, and how it joins a network.
//!
//! A home is a directory: `config.json`, `memory.json`, `keys/`, `certs/` and the database. Keys and memory live outside
//! the database, so that a database that was restored or copied does not take them along.
//!
//! Joining works with a token over the line, or with two files where there is none; see `joining`. A union may record
//! for weeks before it joins.

pub mod certificates;
pub mod joining;
pub mod keys;
mod local_device;
pub mod memory;
pub mod reset;
pub mod session;
pub mod tls;
mod upgrade;
pub mod validity;
pub mod vouchers;

pub use joining::{Asked, Grant, Request};
pub use local_device::LocalDevice;

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use huiliu_proto::{
    id::DeviceId,
    seal::{GrantKey, SealKey},
    signed::SigningKey,
    union::{Level, UnionNumber},
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use self::{
    keys::{KeyError, Keys, Passphrase},
    memory::Memory,
};
use crate::{
    clock::{Clock, Random},
    files::sync_dir,
    store::{self, StoreError, disk},
};

const DATABASE: &str = "huiliu.db";
const MEMORY: &str = "memory.json";
/// Stands in a directory from the first step of `init` to the last, which makes the configuration of it.
const BEGUN: &str = "init.partial";

#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("there is already a home at {0}")]
    Exists(PathBuf),
    #[error("there is no home at {0}")]
    Missing(PathBuf),
    #[error("{path} cannot be used: {cause}")]
    File { path: PathBuf, cause: String },
    #[error("{0} is not a union of this federation")]
    NoUnion(UnionNumber),
    #[error("only the national union is the root of a network")]
    NotNational,
    #[error("the grant is for another machine: its certificate is not for this machine's key")]
    OtherMachine,
    #[error("the grant is of the network {theirs:?}, this machine was set up for {ours:?}")]
    OtherNetwork { ours: String, theirs: String },
    #[error("the invitation is for {theirs}, this machine was set up for {ours}")]
    OtherUnion { ours: UnionNumber, theirs: UnionNumber },
    #[error("the invitation is for {}, this machine was set up as {}", role(*.theirs), role(!*.theirs))]
    OtherRole { theirs: bool },
    #[error("no union is below {0}: it has no hub")]
    NoneBelow(UnionNumber),
    #[error("the request was made by another device or for another token")]
    OtherRequest,
    #[error("the key is not of the kind that is used here, ECDSA P-256")]
    KeyKind,
    #[error("this machine has joined a network with another root")]
    OtherRoot,
    #[error("the certificates do not lead to the root of this network: {0}")]
    Chain(String),
    #[error("this machine has not joined a network yet")]
    NotJoined,
    #[error("a certificate could not be made or read")]
    Certificate(#[from] rcgen::Error),
    #[error("TLS could not be set up")]
    Tls(#[from] rustls::Error),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn role(hub: bool) -> &'static str {
    if hub { "a hub" } else { "a machine that records" }
}

/// What a machine is set up as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Node,
    Hub,
    /// The national hub, where all authority comes from.
    Root,
}

/// What a home is made of.
#[derive(Debug)]
pub struct Setup<'a> {
    pub dir: &'a Path,
    pub network: &'a str,
    pub union: UnionNumber,
    pub role: Role,
    /// With which its keys are sealed.
    pub passphrase: Option<&'a Passphrase>,
}

impl<'a> Setup<'a> {
    /// With keys that no passphrase seals.
    pub fn new(dir: &'a Path, network: &'a str, union: UnionNumber, role: Role) -> Setup<'a> {
        Setup { dir, network, union, role, passphrase: None }
    }
}

/// The union above, and where it listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    pub union: UnionNumber,
    pub device: DeviceId,
    /// `host:port`.
    pub address: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub network: String,
    pub union: UnionNumber,
    pub hub: bool,
    pub root: Option<DeviceId>,
    pub parent: Option<Parent>,
    /// Where a hub listens, `host:port`.
    pub listen: Option<String>,
    /// Where those below reach it, if that is another address than the one it listens on.
    pub announce: Option<String>,
}

/// A union's machine on disk.
#[derive(Debug, Clone)]
pub struct Home {
    pub dir: PathBuf,
    pub config: Config,
    pub keys: Keys,
}

/// `config.json`, and the parts of requests and grants that travel as files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConfigFile {
    network: String,
    union: u64,
    hub: bool,
    root: Option<String>,
    parent_union: Option<u64>,
    parent_device: Option<String>,
    parent_address: Option<String>,
    listen: Option<String>,
    announce: Option<String>,
}

impl Home {
    /// Makes keys, configuration and an empty database, which has to open once before this is a home.
    pub fn init(
        setup: &Setup<'_>,
        clock: &Clock,
        random: &Random,
        opens: impl FnOnce(&Home) -> Result<(), IdentityError>,
    ) -> Result<Home, IdentityError> {
        let &Setup { dir, network, union, role, passphrase } = setup;
        union.as_union().map_err(|_| IdentityError::NoUnion(union))?;
        // The nation has one hub, the network's root; its other machines record, and join that one.
        let national = union.level() == Level::Nation;
        if (role == Role::Root && !national) || (role == Role::Hub && national) {
            return Err(IdentityError::NotNational);
        }
        if role == Role::Hub && !union.may_have_hub() {
            return Err(IdentityError::NoneBelow(union));
        }
        begin_init(dir)?;
        for folder in ["keys", "certs"] {
            private_dir(&dir.join(folder))?;
        }
        let mut keys = Keys::open(dir);
        if let Some(passphrase) = passphrase {
            keys.begin_sealed(passphrase, random)?;
        }
        let seed = |name: &str| keys.new_seed(name, random);
        let signing = SigningKey::from_seed(&*seed("signing")?);
        seed("seal")?;
        seed("grant")?;
        if role != Role::Node {
            seed("index")?;
        }
        let tls = certificates::new_key()?;
        keys.write_pem("tls", &tls, random)?;
        if role != Role::Node {
            let authority = certificates::new_key()?;
            keys.write_pem("authority", &authority, random)?;
            if role == Role::Root {
                let root = certificates::root(&authority, union, clock(), random)?;
                write_file(&dir.join("certs/root.pem"), root.as_bytes())?;
                write_file(&dir.join("certs/authority.pem"), b"")?;
            }
        }
        let config = Config {
            network: network.to_owned(),
            union,
            hub: role != Role::Node,
            root: (role == Role::Root).then(|| signing.device()),
            parent: None,
            listen: None,
            announce: None,
        };
        let home = Home { dir: dir.to_owned(), config, keys };
        store::create(&home.database())?;
        let memory = dir.join(MEMORY);
        Memory::create(&memory).map_err(|e| disk_error(&memory, e))?;
        opens(&home)?;
        // Last, and in one step: a home is one once its configuration is there, and no `init` is under way from then on.
        let begun = dir.join(BEGUN);
        home.write_config(&begun)?;
        let config = dir.join("config.json");
        fs::rename(&begun, &config).map_err(|error| disk_error(&config, error))?;
        sync_dir(dir);
        Ok(home)
    }

    pub fn open(dir: &Path) -> Result<Home, IdentityError> {
        let path = dir.join("config.json");
        // One that nobody is permitted to look into is not missing.
        if !path.try_exists().map_err(|e| disk_error(&path, e))? {
            return Err(IdentityError::Missing(dir.to_owned()));
        }
        let file: ConfigFile = read_json(&path)?;
        let broken = |what: &str| IdentityError::File { path: path.clone(), cause: format!("`{what}` is not valid") };
        let device = |text: &str, what: &str| text.parse::<DeviceId>().map_err(|_| broken(what));
        let union = |code: u64, what: &str| UnionNumber::try_from(code).map_err(|_| broken(what));
        let parent = match (file.parent_union, &file.parent_device, file.parent_address) {
            (Some(code), Some(id), Some(address)) => {
                Some(Parent { union: union(code, "parent_union")?, device: device(id, "parent_device")?, address })
            }
            (None, None, None) => None,
            _ => return Err(broken("parent_union, parent_device, parent_address")),
        };
        let config = Config {
            network: file.network,
            union: union(file.union, "union")?,
            hub: file.hub,
            root: file.root.as_deref().map(|root| device(root, "root")).transpose()?,
            parent,
            listen: file.listen,
            announce: file.announce,
        };
        Ok(Home { dir: dir.to_owned(), config, keys: Keys::open(dir) })
    }

    /// Writes the configuration, whole or not at all.
    pub fn save(&self) -> Result<(), IdentityError> {
        self.write_config(&self.dir.join("config.json"))
    }

    fn write_config(&self, path: &Path) -> Result<(), IdentityError> {
        let config = &self.config;
        let parent = config.parent.as_ref();
        let file = ConfigFile {
            network: config.network.clone(),
            union: config.union.into(),
            hub: config.hub,
            root: config.root.map(|root| root.to_string()),
            parent_union: parent.map(|p| p.union.into()),
            parent_device: parent.map(|p| p.device.to_string()),
            parent_address: parent.map(|p| p.address.clone()),
            listen: config.listen.clone(),
            announce: config.announce.clone(),
        };
        write_json(path, &file)
    }

    pub fn database(&self) -> PathBuf {
        self.dir.join(DATABASE)
    }

    /// The keys, read from their files.
    pub fn me(&self, clock: Clock, random: Random) -> Result<LocalDevice, IdentityError> {
        let hub = self.config.hub;
        Ok(LocalDevice {
            network: self.config.network.clone(),
            union: self.config.union,
            key: SigningKey::from_seed(&*self.seed("signing")?),
            memory: self.memory()?,
            hub,
            root: self.config.root,
            seal: SealKey::from_bytes(*self.seed("seal")?),
            grant: GrantKey::from_seed(&*self.seed("grant")?),
            index: if hub { Some(self.seed("index")?) } else { None },
            vouchers: vouchers::reader(&self.keys),
            clock,
            random,
        })
    }

    /// The national hub's certificate.
    pub fn root_certificate(&self) -> Result<String, IdentityError> {
        read_text(&self.dir.join("certs/root.pem")).map_err(|_| IdentityError::NotJoined)
    }

    /// This hub's authority certificate and those above it, without the root's.
    pub fn authority_chain(&self) -> Result<String, IdentityError> {
        read_text(&self.dir.join("certs/authority.pem")).map_err(|_| IdentityError::NotJoined)
    }

    /// This machine's certificate and those above it, without the root's.
    pub fn tls_chain(&self) -> Result<String, IdentityError> {
        read_text(&self.dir.join("certs/tls.pem")).map_err(|_| IdentityError::NotJoined)
    }

    /// A TLS or authority key.
    pub fn key(&self, name: &str) -> Result<Zeroizing<rcgen::KeyPair>, IdentityError> {
        self.keys.pem(name)
    }

    fn memory(&self) -> Result<Memory, IdentityError> {
        let path = self.dir.join(MEMORY);
        Memory::open(&path).map_err(|error| disk_error(&path, error))
    }

    fn seed(&self, name: &str) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
        self.keys.seed(name)
    }
}

/// Prepares a directory for a new home. What an `init` that broke off left behind was never a home and never used: it is
/// cleared away. Keys or data of which nobody knows where they come from are not.
fn begin_init(dir: &Path) -> Result<(), IdentityError> {
    let there = |name: &str| dir.join(name).try_exists().map_err(|error| disk_error(&dir.join(name), error));
    if there("config.json")? {
        return Err(IdentityError::Exists(dir.to_owned()));
    }
    private_dir(dir)?;
    if there(BEGUN)? {
        for folder in ["keys", "certs"] {
            remove(&dir.join(folder), |path| fs::remove_dir_all(path))?;
        }
        let database = ["", "-wal", "-shm", "-journal", ".lock"].map(|end| format!("{DATABASE}{end}"));
        let memory = ["memory.json", "memory.new", "memory.lock", "init.new"].map(str::to_owned);
        for file in database.iter().chain(&memory) {
            remove(&dir.join(file), |path| fs::remove_file(path))?;
        }
        return Ok(());
    }
    if there("keys")? {
        Keys::open(dir).must_be_new()?;
    }
    if there(DATABASE)? {
        return Err(StoreError::Exists(dir.join(DATABASE)).into());
    }
    write_file(&dir.join(BEGUN), b"")
}

fn remove(path: &Path, how: fn(&Path) -> std::io::Result<()>) -> Result<(), IdentityError> {
    match how(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(disk_error(path, error)),
        _ => Ok(()),
    }
}

/// Files that strangers hand over are small.
const MAX_FILE: u64 = 256 * 1024;

fn file_error(path: &Path, cause: impl ToString) -> IdentityError {
    IdentityError::File { path: path.to_owned(), cause: cause.to_string() }
}

/// A file that could not be read or written; if it is the disk that is full or fails, that is what is said.
fn disk_error(path: &Path, error: std::io::Error) -> IdentityError {
    match disk::judge(StoreError::Io(error), path) {
        StoreError::Io(error) => file_error(path, error),
        trouble => IdentityError::Store(trouble),
    }
}

fn read_text(path: &Path) -> Result<String, IdentityError> {
    let size = fs::metadata(path).map_err(|e| disk_error(path, e))?.len();
    if size > MAX_FILE {
        return Err(file_error(path, format!("it is larger than {MAX_FILE} bytes")));
    }
    fs::read_to_string(path).map_err(|e| disk_error(path, e))
}

fn read_json<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, IdentityError> {
    serde_json::from_str(&read_text(path)?).map_err(|e| file_error(path, e))
}

fn write_json(path: &Path, value: &impl Serialize) -> Result<(), IdentityError> {
    let text = serde_json::to_string_pretty(value).map_err(|e| file_error(path, e))?;
    write_file(path, text.as_bytes())
}

/// Writes beside the target and renames: whole or not at all.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    write_mode(path, bytes, 0o644)
}

fn write_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<(), IdentityError> {
    write_whole(path, bytes, mode).map_err(|e| disk_error(path, e))
}

fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    // One that a crash left may be anybody's to read: made anew, it is not.
    let _ = fs::remove_file(&beside);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = options.open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    if let Some(dir) = path.parent() {
        sync_dir(dir);
    }
    Ok(())
}

/// A file that holds a secret and was asked for: only its owner may read it.
pub fn write_secret(path: &Path, bytes: &[u8]) -> Result<(), IdentityError> {
    write_mode(path, bytes, 0o600)
}

fn private_dir(path: &Path) -> Result<(), IdentityError> {
    fs::create_dir_all(path).map_err(|e| disk_error(path, e))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|e| disk_error(path, e))?;
    }
    Ok(())
}
