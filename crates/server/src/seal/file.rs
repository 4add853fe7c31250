//! The file that holds the keys: for the owner alone, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{BadKeys, Keyring};
use crate::access::token::NoRandom;

/// More is no file of keys.
const FILE_BYTES_MAX: u64 = 4_096;

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Made anew, it would open nothing that was sealed before: that is for a person to decide.
    #[error("there is no key file {}", .0.display())]
    Missing(PathBuf),
    #[error("the key file {} is there already", .0.display())]
    Exists(PathBuf),
    #[error("others can read or change the key file {}: its mode is {mode:03o}, it has to be 600", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("{} is not a file of keys", .0.display())]
    NotAFile(PathBuf),
    #[error("the key file {}: {cause}", path.display())]
    Keys { path: PathBuf, cause: BadKeys },
    #[error("the key file {}: {cause}", path.display())]
    Io { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// Reads keys from a file that only its owner can read.
pub fn read(path: &Path) -> Result<Keyring, KeyFileError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => io_error(path, cause),
    };
    let file = File::open(path).map_err(failed)?;
    // Asked of what was opened, not of the name, which could lead elsewhere by now.
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(KeyFileError::NotAFile(path.to_owned()));
    }
    let mode = mode(&metadata);
    if mode & 0o077 != 0 {
        let path = path.to_owned();
        return Err(KeyFileError::Open { path, mode });
    }
    // As long as it gets, so that growing leaves no copies behind.
    let mut text = Zeroizing::new(String::with_capacity(FILE_BYTES_MAX as usize));
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Keyring::parse(&text).map_err(|cause| KeyFileError::Keys {
        path: path.to_owned(),
        cause,
    })
}

/// Makes a file with one new key. Of two that do so at the same time, one is told that the file exists.
pub fn create(path: &Path) -> Result<Keyring, KeyFileError> {
    let keys = Keyring::generate()?;
    write_beside(path, &keys, |written| {
        // A link does not replace what is there, which a rename would.
        fs::hard_link(written, path)?;
        fs::remove_file(written)
    })?;
    Ok(keys)
}

/// Puts other keys into the file, after a rotation.
pub fn replace(path: &Path, keys: &Keyring) -> Result<(), KeyFileError> {
    write_beside(path, keys, |written| fs::rename(written, path))
}

fn write_beside(
    path: &Path,
    keys: &Keyring,
    publish: impl Fn(&Path) -> io::Result<()>,
) -> Result<(), KeyFileError> {
    let failed = |cause: io::Error| match cause.kind() {
        io::ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_owned()),
        _ => io_error(path, cause),
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    let salt = crate::access::token::random::<8>()?;
    name.push(format!(".{}.new", crate::digits::hex(&*salt)));
    let beside = path.with_file_name(name);
    let written = (|| {
        let mut file = private().open(&beside)?;
        file.write_all(keys.text().as_bytes())?;
        // A key that is lost with the power takes all secrets with it.
        file.sync_all()?;
        publish(&beside)?;
        sync_directory(path)
    })();
    if written.is_err() {
        // It may not have come to be; the failure that counts is the first.
        let _ = fs::remove_file(&beside);
    }
    written.map_err(failed)
}

fn io_error(path: &Path, cause: io::Error) -> KeyFileError {
    let path = path.to_owned();
    KeyFileError::Io { path, cause }
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

#[cfg(unix)]
fn mode(metadata: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

/// Elsewhere files have no modes; they inherit who may read them from their directory.
#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> u32 {
    0o600
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_new_key_is_for_its_owner_and_stays() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets.key");
        assert!(matches!(read(&path), Err(KeyFileError::Missing(_))));
        let made = create(&path).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(read(&path).unwrap().newest(), made.newest());
        // A second start that thinks it is the first replaces nothing.
        assert!(matches!(create(&path), Err(KeyFileError::Exists(_))));
        assert_eq!(read(&path).unwrap().newest(), made.newest());
        assert_eq!(names(directory.path()), ["secrets.key"]);
    }

    #[test]
    fn a_file_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets.key");
        create(&path).unwrap();
        for mode in [0o644, 0o640, 0o604, 0o620, 0o601, 0o777] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            match read(&path) {
                Err(KeyFileError::Open { mode: seen, .. }) => assert_eq!(seen, mode),
                other => panic!("{mode:o}: {other:?}"),
            }
        }
        for mode in [0o600, 0o400] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert!(read(&path).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn keys_are_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secrets.key");
        let old = create(&path).unwrap();
        let new = old.rotated().unwrap();
        replace(&path, &new).unwrap();
        assert_eq!(*read(&path).unwrap().text(), *new.text());
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(names(directory.path()), ["secrets.key"]);
        let nowhere = directory.path().join("no/such/directory/secrets.key");
        assert!(matches!(
            replace(&nowhere, &new),
            Err(KeyFileError::Io { .. })
        ));
    }

    #[test]
    fn what_is_no_key_file_is_refused_without_quoting_it() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(
            read(directory.path()),
            Err(KeyFileError::NotAFile(_))
        ));
        let path = directory.path().join("secrets.key");
        let write = |text: &str| {
            let _ = fs::remove_file(&path);
            private()
                .open(&path)
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            read(&path).unwrap_err()
        };
        assert!(matches!(
            write(""),
            KeyFileError::Keys {
                cause: BadKeys::None,
                ..
            }
        ));
        let told = write("hunter2hunter2").to_string();
        assert!(
            told.contains("key 1") && !told.contains("hunter2"),
            "{told}"
        );
        let long = "x".repeat(FILE_BYTES_MAX as usize + 1);
        assert!(matches!(write(&long), KeyFileError::NotAFile(_)));
    }
}
