use std::sync::Arc;
use std::time::Duration;

use sinew_store::custody::{Change, Kind, Swap};
use sinew_vault::{KeyError, KeyFile, LocalKey, Secret, TextKeys, Vault, VaultError};

use crate::desk::{Desk, name, values};

async fn fill(vault: &Arc<Vault>, count: usize) {
    for n in 0..count {
        let value = Secret::new(format!("value-{n}"));
        vault.set(&name(&format!("s/{n}")), &value, Duration::ZERO).await.unwrap();
    }
}

async fn check(vault: &Arc<Vault>, count: usize) {
    for n in 0..count {
        assert_eq!(values(vault, &format!("s/{n}")).await, [format!("value-{n}")]);
    }
}

#[tokio::test]
async fn a_master_key_is_retired_while_others_go_on() {
    let desk = Desk::new();
    let (vault, other) = (desk.vault().await, desk.vault().await);
    fill(&vault, 450).await;
    let old = vault.status().await.unwrap().current;
    let new = desk.key_file().add().unwrap();
    assert_eq!(vault.rotate(new.as_str()).await.unwrap().rewrapped, 450);
    // The other process knows only the old key so far; it learns of the new one when it needs it.
    check(&other, 450).await;
    other.set(&name("late"), &Secret::new("x"), Duration::ZERO).await.unwrap();
    let status = vault.status().await.unwrap();
    assert_eq!((&*status.current, status.outdated, status.secrets), (new.as_str(), 0, 451));
    assert_eq!(
        (status.retiring.len(), status.given),
        (0, {
            let mut both = vec![old, new.to_string()];
            both.sort();
            both
        })
    );
    assert!(desk.key_file().keep_only(&new).unwrap());
    drop((vault, other));
    check(&desk.vault().await, 450).await;
}

#[tokio::test]
async fn a_process_with_the_old_key_writes_nothing_more_under_it() {
    let desk = Desk::new();
    let (_, old_text) = LocalKey::fresh().unwrap();
    let (new, new_text) = LocalKey::fresh().unwrap();
    let both = format!("{},{}", *old_text, *new_text);
    let keys = |text: &str| Box::new(TextKeys::read(text, "SINEW_MASTER_KEY").unwrap());
    let before = desk.vault_with(keys(&old_text)).await.unwrap();
    fill(&before, 3).await;
    let vault = desk.vault_with(keys(&both)).await.unwrap();
    vault.rotate(&vault.status().await.unwrap().newest).await.unwrap();
    let refused = before.set(&name("late"), &Secret::new("x"), Duration::ZERO).await.unwrap_err();
    assert!(refused.to_string().contains(new_id(&new).as_str()), "{refused}");
    assert!(desk.vault_with(keys(&old_text)).await.is_err());
    check(&desk.vault_with(keys(&new_text)).await.unwrap(), 3).await;
}

fn new_id(key: &LocalKey) -> String {
    use sinew_vault::MasterKey as _;
    key.id().to_string()
}

#[tokio::test]
async fn an_interrupted_rotation_is_gone_on_with() {
    let desk = Desk::new();
    let vault = desk.vault().await;
    fill(&vault, 10).await;
    let new = desk.key_file().add().unwrap();
    // Interrupted right after the new key came into use, and after half of the records.
    let custody = desk.custody();
    let keyring = custody.kept(Kind::Keyring, "master".into()).await.unwrap().unwrap();
    let text = String::from_utf8(keyring.bytes.to_vec()).unwrap();
    let old = vault.status().await.unwrap().current;
    let text = text
        .replace(&format!("\"current\":\"{old}\""), &format!("\"current\":\"{new}\""))
        .replace("\"retiring\":[]", &format!("\"retiring\":[\"{old}\"]"));
    let seen = Some(keyring.revision);
    let change =
        Change { kind: Kind::Keyring, name: "master".into(), seen, under: None, bytes: Some(text.into()) };
    assert!(matches!(custody.change(change).await.unwrap(), Swap::Done(_)));
    for n in 0..5 {
        vault
            .set(&name(&format!("s/{n}")), &Secret::new(format!("value-{n}")), Duration::ZERO)
            .await
            .unwrap();
    }
    let status = vault.status().await.unwrap();
    assert_eq!((status.retiring, status.outdated), (vec![old], 5));
    check(&vault, 10).await;
    assert_eq!(vault.rotate(new.as_str()).await.unwrap().rewrapped, 5);
    let status = vault.status().await.unwrap();
    assert_eq!((status.retiring.len(), status.outdated), (0, 0));
    assert_eq!(vault.rotate(new.as_str()).await.unwrap().rewrapped, 0);
}

#[tokio::test]
async fn writing_and_rotating_at_once_loses_nothing() {
    let desk = Desk::new();
    let vault = desk.vault().await;
    fill(&vault, 20).await;
    let writer = desk.vault().await;
    let writing = tokio::spawn(async move {
        for round in 0..30 {
            for n in 0..20 {
                let value = Secret::new(format!("value-{n}"));
                writer.set(&name(&format!("s/{n}")), &value, Duration::ZERO).await.unwrap();
            }
            writer.set(&name(&format!("new/{round}")), &Secret::new("x"), Duration::ZERO).await.unwrap();
        }
    });
    let mut last = None;
    for _ in 0..3 {
        let new = desk.key_file().add().unwrap();
        vault.rotate(new.as_str()).await.unwrap();
        desk.key_file().keep_only(&new).unwrap();
        last = Some(new);
    }
    writing.await.unwrap();
    let status = desk.vault().await.status().await.unwrap();
    assert_eq!((status.current, status.outdated), (last.unwrap().to_string(), 0));
    check(&desk.vault().await, 20).await;
}

#[tokio::test]
async fn a_vault_without_its_key_says_which_it_needs() {
    let desk = Desk::new();
    let id = desk.vault().await.status().await.unwrap().current;
    let other = KeyFile::new(desk.folder.path().join("other.key"));
    other.make().unwrap();
    let Err(error) = desk.vault_with(Box::new(other)).await else { panic!("it opened") };
    assert!(error.to_string().contains(&id), "{error}");
    assert!(matches!(error, VaultError::Key { error: KeyError::Unknown(_), .. }));
}

#[tokio::test]
async fn a_record_that_was_moved_does_not_open() {
    let desk = Desk::new();
    let vault = desk.vault().await;
    vault.set(&name("cheap"), &Secret::new("mine"), Duration::ZERO).await.unwrap();
    vault.set(&name("dear"), &Secret::new("theirs"), Duration::ZERO).await.unwrap();
    let custody: Arc<_> = desk.custody();
    let cheap = custody.kept(Kind::Secret, "cheap".into()).await.unwrap().unwrap();
    let dear = custody.kept(Kind::Secret, "dear".into()).await.unwrap().unwrap();
    let bytes = Some(dear.bytes.to_vec());
    let change =
        Change { kind: Kind::Secret, name: "cheap".into(), seen: Some(cheap.revision), under: None, bytes };
    assert!(matches!(custody.change(change).await.unwrap(), Swap::Done(_)));
    let error = vault.values(&name("cheap")).await.unwrap_err();
    assert!(matches!(error, VaultError::Key { error: KeyError::NotOpened, .. }), "{error}");
}
