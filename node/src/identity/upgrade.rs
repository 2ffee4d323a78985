//! A home of protocol 1 becomes one of protocol 2: its records, its device and its seal keys stay, its TLS keys were of a
//! kind that few TLS stacks read. With new ones it joins again, with a new token; the root begins a new certificate.

use std::fs;

use super::{Home, IdentityError, certificates, disk_error, write_file};
use crate::clock::{Clock, Random};
use crate::files::sync_dir;

impl Home {
    /// Makes new TLS keys where those that are here are of protocol 1, and forgets the certificates for the old ones. True
    /// if it did: the machine, and everybody below it, has to join again. May be called again where it broke off.
    pub fn leave_protocol_1(&mut self, clock: &Clock, random: &Random) -> Result<bool, IdentityError> {
        if self.key("tls")?.is_compatible(&rcgen::PKCS_ECDSA_P256_SHA256) {
            return Ok(false);
        }
        let root = self.config.hub && self.config.union.parent().is_none() && self.config.parent.is_none();
        // The root's device stays the same: what its word admits goes on counting meanwhile.
        self.config.parent = None;
        self.save()?;
        for name in ["tls.pem", "authority.pem", "root.pem"] {
            let path = self.dir.join("certs").join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(disk_error(&path, error)),
                _ => {}
            }
        }
        if self.config.hub {
            let authority = certificates::new_key()?;
            self.keys.write_pem("authority", &authority, random)?;
            if root {
                let certificate = certificates::root(&authority, self.config.union, clock(), random)?;
                write_file(&self.dir.join("certs/root.pem"), certificate.as_bytes())?;
                write_file(&self.dir.join("certs/authority.pem"), b"")?;
            }
        }
        sync_dir(&self.dir.join("certs"));
        // Last: by this key it is seen that nothing of this is left to do.
        let tls = certificates::new_key()?;
        self.keys.write_pem("tls", &tls, random)?;
        Ok(true)
    }
}
