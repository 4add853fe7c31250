//! Passwords, as Argon2id hashes in PHC strings.
//!
//! The bytes of a password are taken as they come; texts that only look alike are different ones.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{Error, PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::token::{NoRandom, random};

pub const PASSWORD_CHARS_MIN: usize = 12;
/// So that nobody makes the server hash a novel.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// What the OWASP Password Storage Cheat Sheet gives as the least for Argon2id.
pub const MEMORY_KIB: u32 = 19 * 1_024;
pub const PASSES: u32 = 2;
pub const LANES: u32 = 1;
const SALT_BYTES: usize = 16;
/// A salt and a hash that belong to nobody, in the alphabet of PHC strings.
const NOBODY: &str = "AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a text cannot become somebody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters")]
    Short,
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    Long,
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
    #[error("there is no memory to hash a password")]
    NoMemory,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    Right,
    /// Right, but hashed with other parameters than today's: this is to be stored instead.
    Outdated(String),
    Wrong,
}

/// What is stored cannot be compared with anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncheckable {
    #[error("the stored hash of a password cannot be read")]
    Damaged,
    #[error("there is no memory to hash a password")]
    NoMemory,
}

/// The hash to store.
pub fn hash(password: &str) -> Result<String, Unfit> {
    if password.chars().take(PASSWORD_CHARS_MIN).count() < PASSWORD_CHARS_MIN {
        return Err(Unfit::Short);
    }
    if password.len() > PASSWORD_BYTES_MAX {
        return Err(Unfit::Long);
    }
    let salt: Zeroizing<[u8; SALT_BYTES]> = random()?;
    let hash = argon2().hash_password_with_salt(password.as_bytes(), &*salt);
    // All else that can go wrong is ruled out by the constants above.
    Ok(hash.map_err(|_| Unfit::NoMemory)?.to_string())
}

/// Compares a password with what is stored. Of a user who does not exist nothing is stored: that takes as long.
pub fn check(password: &str, stored: Option<&str>) -> Result<Checked, Uncheckable> {
    if password.len() > PASSWORD_BYTES_MAX {
        return Ok(Checked::Wrong);
    }
    let nobody;
    let text = match stored {
        Some(stored) => stored,
        None => {
            nobody = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${NOBODY}");
            &nobody
        }
    };
    let hash = PasswordHash::new(text).map_err(|_| Uncheckable::Damaged)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(Uncheckable::Damaged);
    }
    let current = is_current(&hash);
    match argon2().verify_password(password.as_bytes(), &hash) {
        // Nobody has no password that is right, whatever the bytes.
        Ok(()) if stored.is_none() => Ok(Checked::Wrong),
        Ok(()) if current => Ok(Checked::Right),
        // Whoever has a short password from before can still sign in.
        Ok(()) => Ok(self::hash(password).map_or(Checked::Right, Checked::Outdated)),
        Err(Error::PasswordInvalid) => Ok(Checked::Wrong),
        Err(Error::OutOfMemory) => Err(Uncheckable::NoMemory),
        Err(_) => Err(Uncheckable::Damaged),
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn is_current(hash: &PasswordHash) -> bool {
    let same = |params: Params| {
        (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES)
    };
    hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    #[test]
    fn a_password_is_recognised_and_others_are_not() {
        let stored = hash(PASSWORD).unwrap();
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        assert_eq!(check(PASSWORD, Some(&stored)), Ok(Checked::Right));
        for wrong in [
            "",
            "correct horse batter",
            "correct horse battery ",
            "Correct horse battery",
        ] {
            assert_eq!(check(wrong, Some(&stored)), Ok(Checked::Wrong), "{wrong}");
        }
        assert_ne!(hash(PASSWORD).unwrap(), stored, "the salt is new each time");
    }

    #[test]
    fn hashes_of_others_are_read() {
        // Python's argon2-cffi: PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
        //     .hash("correct horse battery", salt=b"0123456789abcdef")
        let stored = "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$69I7qCjDTsQwhQqFvpQJiqEI0lGQvxC84fXE0Ktxca4";
        assert_eq!(check(PASSWORD, Some(stored)), Ok(Checked::Right));
    }

    #[test]
    fn other_parameters_are_replaced_when_the_password_is_known() {
        for (algorithm, version, memory, passes, lanes) in [
            (Algorithm::Argon2id, Version::V0x13, 64, 1, 1),
            (Algorithm::Argon2id, Version::V0x13, MEMORY_KIB, 3, 1),
            (Algorithm::Argon2id, Version::V0x13, MEMORY_KIB, PASSES, 2),
            (
                Algorithm::Argon2i,
                Version::V0x13,
                MEMORY_KIB,
                PASSES,
                LANES,
            ),
            (
                Algorithm::Argon2id,
                Version::V0x10,
                MEMORY_KIB,
                PASSES,
                LANES,
            ),
        ] {
            let params = Params::new(memory, passes, lanes, None).unwrap();
            let old = Argon2::new(algorithm, version, params);
            let old = old.hash_password_with_salt(PASSWORD.as_bytes(), b"0123456789abcdef");
            let old = old.unwrap().to_string();
            let Ok(Checked::Outdated(new)) = check(PASSWORD, Some(&old)) else {
                panic!("{old} is not today's");
            };
            assert_eq!(check(PASSWORD, Some(&new)), Ok(Checked::Right));
            assert_eq!(check("another password", Some(&old)), Ok(Checked::Wrong));
        }
    }

    #[test]
    fn short_passwords_of_before_still_work() {
        let params = Params::new(64, 1, 1, None).unwrap();
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let old = old
            .hash_password_with_salt(b"short", b"0123456789abcdef")
            .unwrap();
        assert_eq!(check("short", Some(&old.to_string())), Ok(Checked::Right));
    }

    #[test]
    fn lengths_are_bounded() {
        assert_eq!(hash("elevenchars"), Err(Unfit::Short));
        assert_eq!(
            hash("ééééééééééé"),
            Err(Unfit::Short),
            "characters, not bytes"
        );
        assert!(hash("twelve chars").is_ok());
        assert!(hash(&"x".repeat(PASSWORD_BYTES_MAX)).is_ok());
        let long = "x".repeat(PASSWORD_BYTES_MAX + 1);
        assert_eq!(hash(&long), Err(Unfit::Long));
        let stored = hash(PASSWORD).unwrap();
        assert_eq!(check(&long, Some(&stored)), Ok(Checked::Wrong));
    }

    #[test]
    fn nobody_is_as_much_work_as_somebody() {
        assert_eq!(check(PASSWORD, None), Ok(Checked::Wrong));
        let nobody = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}${NOBODY}");
        let nobody = PasswordHash::new(&nobody).unwrap();
        let somebody = hash(PASSWORD).unwrap();
        let somebody = PasswordHash::new(&somebody).unwrap();
        assert!(is_current(&nobody));
        assert_eq!(nobody.params, somebody.params);
        let lengths = |hash: &PasswordHash| (hash.salt.unwrap().len(), hash.hash.unwrap().len());
        assert_eq!(lengths(&nobody), lengths(&somebody));
    }

    #[test]
    fn what_is_no_hash_lets_nobody_in() {
        for damaged in [
            "",
            "$",
            "plain text pass",
            "$argon2id$v=19$m=1",
            "$2b$12$abcdefghijklmnopqrstuv",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ",
        ] {
            assert_eq!(
                check(PASSWORD, Some(damaged)),
                Err(Uncheckable::Damaged),
                "{damaged}"
            );
        }
    }
}
