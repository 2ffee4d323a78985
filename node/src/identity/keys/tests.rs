use super::*;
use crate::clock;

const NAMES: [&str; 3] = ["seal", "signing", "tls.pem"];

fn phrase(text: &str) -> Passphrase {
    Passphrase::chosen(text).unwrap()
}

/// A directory with a few keys, and what is in them.
fn keys(home: &Path) -> Keys {
    fs::create_dir_all(home.join("keys")).unwrap();
    let keys = Keys::open(home);
    for name in NAMES {
        keys.write(name, name.as_bytes(), &clock::random()).unwrap();
    }
    keys
}

fn all_there(keys: &Keys) -> bool {
    NAMES.iter().all(|name| keys.read(name).is_ok_and(|bytes| &bytes[..] == name.as_bytes()))
}

/// As after a crash: what is on the disk, and who knows the passphrase.
fn reopened(home: &Path, passphrase: &Passphrase) -> Keys {
    let mut keys = Keys::open(home);
    if keys.locked() {
        assert!(!all_there(&keys), "locked keys cannot be read");
        keys.unlock(passphrase).unwrap();
    }
    keys
}

fn files(home: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(home.join("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn sealed_and_unsealed_again() {
    let (dir, random) = (tempfile::tempdir().unwrap(), clock::random());
    let (first, second) = (phrase("correct horse 27"), phrase("battery staple 9"));
    let mut keys = keys(dir.path());
    assert_eq!(keys.kept().unwrap(), KeyStorage::Clear);
    assert!(matches!(keys.unseal(&random), Err(IdentityError::Keys(KeyError::NotSealed))));

    keys.seal(&first, &random).unwrap();
    assert_eq!((keys.kept().unwrap(), all_there(&keys)), (KeyStorage::Sealed, true));
    assert_eq!(files(dir.path()), ["lock", "seal.sealed", "signing.sealed", "tls.pem.sealed"]);
    assert!(matches!(keys.seal(&first, &random), Err(IdentityError::Keys(KeyError::Sealed))));

    let mut other = Keys::open(dir.path());
    assert!(other.locked());
    assert!(matches!(other.read("signing"), Err(IdentityError::Keys(KeyError::Locked))));
    assert!(matches!(other.write("new", b"", &random), Err(IdentityError::Keys(KeyError::Locked))));
    assert!(matches!(other.unlock(&second), Err(IdentityError::Keys(KeyError::Wrong))));
    assert!(matches!(other.change(&second, &random), Err(IdentityError::Keys(KeyError::Locked))));
    other.unlock(&first).unwrap();
    other.write("late", b"more", &random).unwrap();
    other.change(&second, &random).unwrap();

    let mut third = Keys::open(dir.path());
    assert!(third.unlock(&first).is_err(), "the old passphrase is out");
    third.unlock(&second).unwrap();
    assert!(all_there(&third) && &third.read("late").unwrap()[..] == b"more");
    third.unseal(&random).unwrap();
    assert_eq!(files(dir.path()), ["late", "seal", "signing", "tls.pem"]);
    assert!(all_there(&Keys::open(dir.path())));
}

#[test]
fn sealing_may_break_off_anywhere() {
    let random = clock::random();
    let passphrase = phrase("correct horse 27");
    let steps = 1 + 2 * NAMES.len();
    for done in 0..=steps {
        let dir = tempfile::tempdir().unwrap();
        let mut broken = keys(dir.path());
        let plan = broken.sealing(&passphrase, &random).unwrap();
        assert_eq!(plan.len(), steps);
        broken.run(&plan[..done], &random).unwrap();
        let mut after = reopened(dir.path(), &passphrase);
        assert!(all_there(&after), "after {done} steps");
        // Run again, it is finished.
        if done < steps {
            after.seal(&passphrase, &random).unwrap();
        }
        assert_eq!(after.kept().unwrap(), KeyStorage::Sealed);
        assert!(all_there(&reopened(dir.path(), &passphrase)), "sealed anew after {done} steps");
        assert_eq!(files(dir.path()), ["lock", "seal.sealed", "signing.sealed", "tls.pem.sealed"]);
    }
}

#[test]
fn unsealing_may_break_off_anywhere() {
    let random = clock::random();
    let passphrase = phrase("correct horse 27");
    for done in 0..=2 * NAMES.len() + 1 {
        let dir = tempfile::tempdir().unwrap();
        let mut keys = keys(dir.path());
        keys.seal(&passphrase, &random).unwrap();
        let plan = keys.unsealing().unwrap();
        keys.run(&plan[..done], &random).unwrap();
        let mut after = reopened(dir.path(), &passphrase);
        assert!(all_there(&after), "after {done} steps");
        if after.kept().unwrap() != KeyStorage::Clear {
            after.unseal(&random).unwrap();
        }
        assert_eq!(files(dir.path()), NAMES);
        assert!(all_there(&after));
    }
}

#[test]
fn a_new_home_never_has_its_keys_in_the_clear() {
    let (dir, random) = (tempfile::tempdir().unwrap(), clock::random());
    fs::create_dir_all(dir.path().join("keys")).unwrap();
    let mut keys = Keys::open(dir.path());
    keys.begin_sealed(&phrase("correct horse 27"), &random).unwrap();
    let seed = keys.new_seed("signing", &random).unwrap();
    assert_eq!(files(dir.path()), ["lock", "signing.sealed"]);
    assert_eq!(reopened(dir.path(), &phrase("correct horse 27")).seed("signing").unwrap(), seed);
}

#[test]
fn files_that_changed_places_are_refused() {
    let (dir, random) = (tempfile::tempdir().unwrap(), clock::random());
    let mut keys = keys(dir.path());
    keys.seal(&phrase("correct horse 27"), &random).unwrap();
    fs::copy(keys.sealed_path("seal"), keys.sealed_path("signing")).unwrap();
    let error = keys.read("signing").unwrap_err().to_string();
    assert!(error.contains("signing.sealed") && error.contains("damaged"), "{error}");
}

#[cfg(unix)]
#[test]
fn files_that_others_may_read_are_named() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let keys = keys(dir.path());
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    set(&dir.path().join("keys"), 0o700);
    assert!(keys.exposed().is_empty(), "what is written is its owner's only");
    let signing = dir.path().join("keys/signing");
    set(&signing, 0o640);
    assert_eq!(keys.exposed(), [signing]);
}
