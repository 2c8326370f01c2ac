//! Private files and folders, and safe file names made from external text.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use pinnace_core::swarm::hex;

/// The longest wait for a lock that another process holds.
pub(super) const LOCK: Duration = Duration::from_secs(5);

/// Locks a file, shared or exclusively; returns `false` if another process held the lock for that long.
pub(super) fn lock(file: &File, shared: bool) -> io::Result<bool> {
    let since = Instant::now();
    loop {
        match if shared { file.try_lock_shared() } else { file.try_lock() } {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if since.elapsed() < LOCK => std::thread::sleep(Duration::from_millis(5)),
            Err(TryLockError::WouldBlock) => return Ok(false),
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
    }
}

/// Creates a folder and its parents, for the owner alone (0700); an existing folder keeps its mode.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file to read and append. It is created for the owner alone (0600), and wider permissions are reset
/// to that.
pub(super) fn private_file(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
    let mut rights = file.metadata()?.permissions();
    if rights.mode() & 0o077 != 0 {
        rights.set_mode(0o600);
        file.set_permissions(rights)?;
    }
    Ok(file)
}

/// Writes a file for the owner alone (0600) beside its place and renames it, so that the file has either the
/// old text or the complete new one.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A `NamedTempFile` is created with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_data()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Returns a file name for an id: the id if it consists of letters, digits, `-` and `_` (at most 64), else a
/// hash of it.
///
/// Ids come from an engine; none may point outside of its folder.
pub fn safe_name(id: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !id.is_empty() && id.len() <= 64 && id.bytes().all(plain) {
        id.to_owned()
    } else {
        format!("x-{}", &hex(&Sha256::digest(id.as_bytes()))[..20])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        assert_eq!(safe_name("qk3v0example"), "qk3v0example");
        for id in ["", "..", "a/b", "/etc/passwd", "a\0b", &"a".repeat(65)] {
            let name = safe_name(id);
            assert!(name.starts_with("x-") && name.len() == 22, "{id:?} {name}");
        }
    }
}
