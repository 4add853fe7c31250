//! Blobs read back what was written, under the name of what is in them.

use bytes::Bytes;
use ferrovia_store::blobs::{BLOB_BYTES_MAX, Blob, BlobError, BlobId, Blobs};
use tempfile::TempDir;

/// Runs a test with blobs in memory and in a directory.
fn check<F: Future<Output = ()>>(bytes_max: u64, test: impl Fn(Blobs) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.expect("it needs nothing");
    runtime.block_on(async {
        test(Blobs::in_memory(bytes_max)).await;
        let place = TempDir::new().expect("there is room for temporary files");
        let blobs = Blobs::in_directory(place.path(), bytes_max).await;
        test(blobs.expect("it is writable")).await;
        assert!(leftovers(&place).is_empty(), "{:?}", leftovers(&place));
    });
}

fn leftovers(place: &TempDir) -> Vec<std::path::PathBuf> {
    let unfinished = std::fs::read_dir(place.path().join("unfinished"));
    let files = unfinished.into_iter().flatten();
    files
        .map(|file| file.expect("it is readable").path())
        .collect()
}

fn id(text: &str) -> BlobId {
    text.parse().expect("it is an id")
}

/// SHA-256 of `abc`, of FIPS 180-2.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

#[test]
fn parts_become_one_blob() {
    check(BLOB_BYTES_MAX, |blobs| async move {
        let mut writer = blobs.writer().await.expect("there is room");
        for part in ["a", "", "b", "c"] {
            writer.write(part).await.expect("there is room");
        }
        assert_eq!(
            blobs.size(id(ABC)).await.expect("it answers"),
            None,
            "not before it is finished"
        );
        let blob = writer.finish().await.expect("there is room");
        let expected = Blob {
            id: id(ABC),
            bytes: 3,
        };
        assert_eq!(blob, expected);
        assert_eq!(blob.id.to_string(), ABC);
        assert_eq!(blobs.read_all(blob.id).await.expect("it is there"), "abc");
    });
}

#[test]
fn the_same_content_is_one_blob() {
    check(BLOB_BYTES_MAX, |blobs| async move {
        let large = Bytes::from(vec![7; 3_000_000]);
        let one = blobs.put(large.clone()).await.expect("there is room");
        let other = blobs.put(large.clone()).await.expect("there is room");
        assert_eq!(one, other);
        assert_eq!(blobs.read_all(one.id).await.expect("it is there"), large);
        blobs.delete(one.id).await.expect("it answers");
        assert_eq!(blobs.size(one.id).await.expect("it answers"), None);
        blobs.delete(one.id).await.expect("it is gone already");
    });
}

#[test]
fn ranges_are_read_or_refused() {
    check(BLOB_BYTES_MAX, |blobs| async move {
        let abc = blobs.put("abc").await.expect("there is room").id;
        for (range, expected) in [
            (0..3, "abc"),
            (1..2, "b"),
            (2..3, "c"),
            (3..3, ""),
            (1..1, ""),
        ] {
            let part = blobs.read(abc, range.clone()).await;
            assert_eq!(part.expect("it is within"), expected, "{range:?}");
        }
        assert_eq!(blobs.read(abc, 1..).await.expect("it is within"), "bc");
        assert_eq!(blobs.read(abc, ..=1).await.expect("it is within"), "ab");
        for range in [0..4, 4..5, 4..4] {
            let part = blobs.read(abc, range.clone()).await;
            assert!(
                matches!(part, Err(BlobError::Range(_))),
                "{range:?}: {part:?}"
            );
        }
        let empty = blobs.put("").await.expect("there is room").id;
        assert_eq!(empty, id(EMPTY));
        assert_eq!(blobs.read_all(empty).await.expect("it is there"), "");
        blobs.delete(empty).await.expect("it answers");
        let part = blobs.read(empty, ..).await;
        assert!(
            matches!(part, Err(BlobError::Missing(missing)) if missing == empty),
            "{part:?}"
        );
    });
}

#[test]
fn what_is_too_large_is_not_kept() {
    check(3, |blobs| async move {
        blobs.put("abc").await.expect("it is not too large");
        let refused = blobs.put("abcd").await;
        assert!(
            matches!(refused, Err(BlobError::TooLarge(3))),
            "{refused:?}"
        );
        let mut writer = blobs.writer().await.expect("there is room");
        writer.write("ab").await.expect("it is not too large");
        let refused = writer.write("cd").await;
        assert!(
            matches!(refused, Err(BlobError::TooLarge(3))),
            "{refused:?}"
        );
        let refused = writer.finish().await;
        assert!(
            matches!(refused, Err(BlobError::TooLarge(3))),
            "{refused:?}"
        );
    });
}

#[test]
fn a_directory_is_tidied_and_damage_is_seen() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("it needs nothing").block_on(async {
        let place = TempDir::new().expect("there is room for temporary files");
        let open = || Blobs::in_directory(place.path(), BLOB_BYTES_MAX);
        let blobs = open().await.expect("it is writable");
        let abc = blobs.put("abc").await.expect("there is room").id;
        let mut writer = blobs.writer().await.expect("there is room");
        writer.write("half").await.expect("there is room");
        drop(writer);
        assert_eq!(leftovers(&place).len(), 1);
        let blobs = open().await.expect("it is writable");
        assert!(leftovers(&place).is_empty());
        assert_eq!(blobs.read_all(abc).await.expect("it is there"), "abc");
        let file = place.path().join(&ABC[..2]).join(&ABC[2..]);
        std::fs::write(file, "abd").expect("it is writable");
        let damaged = blobs.read_all(abc).await;
        assert!(matches!(damaged, Err(BlobError::Damaged(_))), "{damaged:?}");
    });
}

#[test]
fn ids_are_64_digits() {
    for wrong in [
        "",
        "ab",
        &ABC[1..],
        &ABC.to_uppercase(),
        &format!("{}é", &ABC[2..]),
    ] {
        assert!(wrong.parse::<BlobId>().is_err(), "{wrong}");
    }
}
