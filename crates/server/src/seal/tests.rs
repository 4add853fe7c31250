//! What sealing keeps, and what somebody may try who can write to the database.

use proptest::prelude::*;

use super::*;

const LABEL: Label<'static> = Label {
    namespace: "team-a",
    name: "mail-password",
};

fn ring() -> Keyring {
    Keyring::parse(&BASE64.encode([7; KEY_BYTES])).unwrap()
}

#[test]
fn a_sealed_secret_opens_and_does_not_show() {
    let ring = ring();
    for secret in [&b""[..], b"hunter2", &[0; SECRET_BYTES_MAX]] {
        let sealed = ring.seal(LABEL, secret).unwrap();
        assert_eq!(ring.open(LABEL, &sealed).unwrap().as_slice(), secret);
        let kept = Sealed::from_bytes(sealed.as_bytes().to_vec()).unwrap();
        assert_eq!(kept, sealed);
        assert_eq!(kept.key(), Ok(ring.newest()));
        assert_ne!(
            ring.seal(LABEL, secret).unwrap(),
            sealed,
            "the nonce is new each time"
        );
    }
    let sealed = ring.seal(LABEL, b"hunter2").unwrap();
    assert!(!sealed.as_bytes().windows(7).any(|part| part == b"hunter2"));
    let long = [0; SECRET_BYTES_MAX + 1];
    assert_eq!(ring.seal(LABEL, &long), Err(SealError::TooLong));
}

#[test]
fn others_read_the_same_form() {
    // Python, cryptography: AESGCM(bytes([7] * 32)).encrypt(bytes(range(12)), b"hunter2", aad), where kid is
    // sha256(b"ferrovia secrets key id\0" + bytes([7] * 32)).digest()[:8], and aad is b"ferrovia secret\0\x01" + kid +
    // (6).to_bytes(8, "big") + b"team-a" + (13).to_bytes(8, "big") + b"mail-password"; in front \x01, kid and the nonce.
    let sealed = "AeWR6LeMl7zbAAECAwQFBgcICQoLcPSHBHh763Ow+xlbbFMtK5qX4yWOxUc=";
    let sealed = Sealed::from_bytes(BASE64.decode(sealed).unwrap()).unwrap();
    assert_eq!(ring().open(LABEL, &sealed).unwrap().as_slice(), b"hunter2");
}

#[test]
fn no_bit_can_be_changed() {
    let ring = ring();
    let sealed = ring.seal(LABEL, b"hunter2").unwrap();
    for index in 0..sealed.0.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed.0[index] ^= 1 << bit;
            let expected = match index {
                0 => OpenError::Form,
                1..=KEY_ID_BYTES => OpenError::UnknownKey(changed.parts().unwrap().key),
                _ => OpenError::Tampered,
            };
            assert_eq!(ring.open(LABEL, &changed).unwrap_err(), expected, "{index}");
        }
    }
    for length in 0..sealed.0.len() {
        let cut = Sealed(sealed.0[..length].to_vec());
        assert!(ring.open(LABEL, &cut).is_err(), "{length}");
    }
    let longer = Sealed([&sealed.0[..], b"\0"].concat());
    assert_eq!(ring.open(LABEL, &longer), Err(OpenError::Tampered));
    assert_eq!(
        Sealed::from_bytes(vec![FORM; HEAD_BYTES + TAG_BYTES - 1]),
        Err(OpenError::Form)
    );
}

#[test]
fn a_secret_cannot_be_moved_to_another_name() {
    let ring = ring();
    let label = |namespace, name| Label { namespace, name };
    let labels = [
        label("a", "b"),
        label("b", "a"),
        label("ab", ""),
        label("", "ab"),
        label("a", "c"),
        label("A", "b"),
    ];
    for here in labels {
        let sealed = ring.seal(here, b"hunter2").unwrap();
        for there in labels {
            let opened = ring.open(there, &sealed);
            if here == there {
                assert!(opened.is_ok());
            } else {
                assert_eq!(opened, Err(OpenError::Tampered), "{here:?} at {there:?}");
            }
        }
    }
}

#[test]
fn another_key_opens_nothing() {
    let (ring, other) = (ring(), Keyring::generate().unwrap());
    let sealed = ring.seal(LABEL, b"hunter2").unwrap();
    let unknown = OpenError::UnknownKey(ring.newest());
    assert_eq!(other.open(LABEL, &sealed), Err(unknown));
    assert_eq!(other.reseal(LABEL, &sealed), Err(unknown.into()));
    // Not even if the value says that it is of this key.
    let mut renamed = sealed;
    renamed.0[1..=KEY_ID_BYTES].copy_from_slice(&other.newest().0);
    assert_eq!(other.open(LABEL, &renamed), Err(OpenError::Tampered));
}

#[test]
fn keys_are_changed_without_losing_a_secret() {
    let old = ring();
    let sealed = old.seal(LABEL, b"hunter2").unwrap();
    assert_eq!(old.reseal(LABEL, &sealed), Ok(None));

    let both = old.rotated().unwrap();
    assert_ne!(both.newest(), old.newest());
    assert_eq!(both.open(LABEL, &sealed).unwrap().as_slice(), b"hunter2");
    let moved = both
        .reseal(LABEL, &sealed)
        .unwrap()
        .expect("it was under the old key");
    assert_eq!(moved.key(), Ok(both.newest()));
    assert_eq!(both.reseal(LABEL, &moved), Ok(None));

    // The old key can go.
    let text = both.text();
    let new = Keyring::parse(text.lines().next().unwrap()).unwrap();
    assert_eq!(new.open(LABEL, &moved).unwrap().as_slice(), b"hunter2");
    assert_eq!(
        new.open(LABEL, &sealed),
        Err(OpenError::UnknownKey(old.newest()))
    );
}

#[test]
fn keys_are_read_as_they_are_written() {
    let mut ring = ring();
    while let Ok(more) = ring.rotated() {
        ring = more;
    }
    assert_eq!(ring.0.len(), KEYS_MAX);
    assert_eq!(ring.rotated().unwrap_err(), RotateError::TooMany);
    let text = ring.text();
    assert_eq!(*Keyring::parse(&text).unwrap().text(), *text);
    let spaced = format!("\n  {} \t\r\n", text.replace('\n', "  "));
    assert_eq!(*Keyring::parse(&spaced).unwrap().text(), *text);

    let key = BASE64.encode([1; KEY_BYTES]);
    let one_more = format!("{}{key}", *text);
    for (wrong, expected) in [
        ("", BadKeys::None),
        (" \n", BadKeys::None),
        ("key", BadKeys::Form(1)),
        (&*BASE64.encode([1; 16]), BadKeys::Form(1)),
        (&*BASE64.encode([1; 33]), BadKeys::Form(1)),
        (&*format!("{key} {}", &key[1..]), BadKeys::Form(2)),
        (&*format!("{key}\n{key}"), BadKeys::Repeated),
        (&*one_more, BadKeys::TooMany),
    ] {
        assert_eq!(Keyring::parse(wrong).unwrap_err(), expected, "{wrong}");
    }
}

#[test]
fn nothing_shows_a_key() {
    let ring = ring();
    let shown = format!("{ring:?} {}", ring.newest());
    assert_eq!(shown, format!("[KeyId({0})] {0}", ring.newest()));
    assert!(!shown.contains("0707") && !ring.text().contains(&ring.newest().to_string()));
}

proptest! {
    #[test]
    fn whatever_is_kept_is_judged(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let mut bytes = bytes;
        if let Some(form) = bytes.first_mut() {
            *form = FORM;
        }
        if let Ok(sealed) = Sealed::from_bytes(bytes) {
            prop_assert!(ring().open(LABEL, &sealed).is_err());
        }
    }
}
