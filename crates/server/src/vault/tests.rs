use ferrovia_expr::value;
use ferrovia_store::Memory;

use super::*;

fn names(names: &[&str]) -> Vec<Arc<str>> {
    names.iter().map(|name| Arc::from(*name)).collect()
}

fn opened(journal: &Arc<Memory>, path: &std::path::Path) -> Result<Vault, VaultError> {
    let beside = [("both", value!("file")), ("beside", value!("file"))];
    let keys = KeysIn::File(path.to_owned());
    Vault::open(journal.clone(), keys, beside.into_iter().collect())
}

#[tokio::test]
async fn the_namespace_comes_before_all_namespaces_and_the_file_last() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets.key");
    let journal = Arc::new(Memory::new(1));
    let vault = opened(&journal, &path).unwrap();
    // There is no key before there is something to seal.
    assert!(!path.exists());
    vault.set("shop", "both", &value!("own")).await.unwrap();
    vault.set("*", "both", &value!("all")).await.unwrap();
    vault
        .set("*", "many", &value!({ "user": "u", "pin": 7 }))
        .await
        .unwrap();
    for vault in [vault, opened(&journal, &path).unwrap()] {
        let asked = names(&["both", "beside", "many", "none"]);
        let get = |namespace: &str| Value::from(vault.secrets(namespace, &asked).unwrap());
        let many = value!({ "user": "u", "pin": 7 });
        assert_eq!(
            get("shop"),
            value!({ "both": "own", "beside": "file", "many": many.clone() })
        );
        assert_eq!(
            get("bank"),
            value!({ "both": "all", "beside": "file", "many": many })
        );
        assert!(!format!("{vault:?}").contains("own"));
    }
    let kept = journal.entries(KIND, None, None, 10).unwrap();
    assert_eq!(kept.len(), 3);
    for entry in kept {
        let text = String::from_utf8_lossy(&entry.value).into_owned();
        assert!(!text.contains("own") && !text.contains("all"), "{text}");
    }
}

#[tokio::test]
async fn a_secret_that_is_removed_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets.key");
    let journal = Arc::new(Memory::new(1));
    let vault = opened(&journal, &path).unwrap();
    vault.set("shop", "a", &value!("x")).await.unwrap();
    vault.remove("shop", "a").await.unwrap();
    assert!(matches!(
        vault.remove("shop", "a").await,
        Err(VaultError::None)
    ));
    let left = vault.secrets("shop", &names(&["a"])).unwrap();
    assert!(left.is_empty());
    assert!(opened(&journal, &path).unwrap().names().is_empty());
}

#[tokio::test]
async fn a_new_key_seals_everything_and_the_old_one_opens_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets.key");
    let journal = Arc::new(Memory::new(1));
    let vault = opened(&journal, &path).unwrap();
    for name in ["a", "b"] {
        vault.set("shop", name, &value!("kept")).await.unwrap();
    }
    let old = std::fs::read(&path).unwrap();
    for _ in 0..2 {
        let rotated = vault.rotate().await.unwrap();
        assert_eq!(rotated.resealed, 2);
        let keys = file::read(&path).unwrap();
        assert_eq!((keys.len(), keys.newest()), (1, rotated.key));
    }
    let again = opened(&journal, &path).unwrap();
    let kept = again.secrets("shop", &names(&["a", "b"])).unwrap();
    assert_eq!(Value::from(kept), value!({ "a": "kept", "b": "kept" }));
    let elsewhere = directory.path().join("old.key");
    let ring = Keyring::parse(std::str::from_utf8(&old).unwrap()).unwrap();
    let old = Vault::open(journal.clone(), KeysIn::Given(ring), Object::default()).unwrap();
    let refused = old.secrets("shop", &names(&["a"])).unwrap_err();
    assert!(
        refused.contains("not here") && !refused.contains("kept"),
        "{refused}"
    );
    // Anew, a key would open nothing: that is for a person to decide.
    assert!(matches!(
        opened(&journal, &elsewhere),
        Err(VaultError::Lost(_))
    ));
    assert!(!elsewhere.exists());
}

#[tokio::test]
async fn a_rotation_that_was_cut_off_is_finished_by_the_next_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets.key");
    let journal = Arc::new(Memory::new(1));
    let vault = opened(&journal, &path).unwrap();
    vault.set("shop", "a", &value!("kept")).await.unwrap();
    // As if the process had ended after the new key was written.
    let both = file::read(&path).unwrap().rotated().unwrap();
    file::replace(&path, &both).unwrap();
    let vault = opened(&journal, &path).unwrap();
    let kept = vault.secrets("shop", &names(&["a"])).unwrap();
    assert_eq!(kept.get("a"), Some(&value!("kept")));
    vault.rotate().await.unwrap();
    assert_eq!(file::read(&path).unwrap().len(), 1);
    let kept = vault.secrets("shop", &names(&["a"])).unwrap();
    assert_eq!(kept.get("a"), Some(&value!("kept")));
}

#[tokio::test]
async fn what_is_too_long_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secrets.key");
    let vault = opened(&Arc::new(Memory::new(1)), &path).unwrap();
    let long = Value::from("x".repeat(crate::seal::SECRET_BYTES_MAX + 1));
    assert!(matches!(
        vault.set("shop", "a", &long).await,
        Err(VaultError::Seal(SealError::TooLong))
    ));
}
