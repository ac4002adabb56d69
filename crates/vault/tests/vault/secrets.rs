use std::sync::Arc;
use std::time::Duration;

use sinew_vault::{Secret, SecretError, SecretSource, VaultError, VaultSecrets, VersionState};

use crate::desk::{Desk, START, holds, name, shown, values};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn a_secret_that_is_set_is_there_for_every_process_and_in_no_file() {
    let desk = Desk::new();
    let (vault, other) = (desk.vault().await, desk.vault().await);
    let canary = "canary-7f3a9c";
    assert_eq!(vault.set(&name("crm/client"), &Secret::new(canary), Duration::ZERO).await.unwrap(), 1);
    assert_eq!(values(&other, "crm/client").await, [canary]);
    assert_eq!(values(&other, "crm/other").await, [""; 0]);
    drop((vault, other));
    assert_eq!(values(&desk.vault().await, "crm/client").await, [canary]);
    assert!(!holds(&desk.bytes(), canary));
}

#[tokio::test]
async fn a_secret_is_rotated_in_stages_with_overlap() {
    let desk = Desk::new();
    let vault = desk.vault().await;
    let crm = name("crm/webhook");
    vault.set(&crm, &Secret::new("one"), Duration::ZERO).await.unwrap();
    assert_eq!(vault.stage(&crm, &Secret::new("two")).await.unwrap(), 2);
    assert_eq!(values(&vault, "crm/webhook").await, ["one"]);
    vault.promote(&crm, DAY).await.unwrap();
    assert_eq!(values(&vault, "crm/webhook").await, ["two", "one"]);
    let view = vault.secret(&crm).await.unwrap().unwrap();
    let states: Vec<_> = view.versions.iter().map(|version| (version.number, version.state)).collect();
    assert_eq!(states, [(1, VersionState::Previous { until: START.plus(DAY) }), (2, VersionState::Current)]);
    desk.advance(DAY);
    assert_eq!(values(&vault, "crm/webhook").await, ["two"]);
    assert!(matches!(vault.promote(&crm, DAY).await, Err(VaultError::Version { .. })));
}

#[tokio::test]
async fn what_is_not_there_or_no_secret_is_said_so() {
    let desk = Desk::new();
    let vault = desk.vault().await;
    let error = vault.promote(&name("nothing"), DAY).await.unwrap_err().to_string();
    assert_eq!(error, "the vault holds no secret `nothing`");
    for text in [String::new(), "x".repeat(70_000)] {
        let refused = vault.set(&name("x"), &Secret::new(text), DAY).await;
        assert!(matches!(refused, Err(VaultError::Unfit(_))));
    }
    assert!(matches!(vault.remove(&name("x")).await, Err(VaultError::NoSecret(_))));
}

#[tokio::test]
async fn of_processes_that_change_one_secret_none_is_forgotten() {
    let desk = Desk::new();
    let mut tasks = Vec::new();
    for n in 0..4 {
        let vault = desk.vault().await;
        tasks.push(tokio::spawn(async move {
            for i in 0..5 {
                let value = Secret::new(format!("{n}-{i}"));
                vault.set(&name("x"), &value, Duration::ZERO).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let view = desk.vault().await.secret(&name("x")).await.unwrap().unwrap();
    assert_eq!(view.versions.iter().map(|version| version.number).collect::<Vec<_>>(), [20]);
}

#[tokio::test]
async fn references_are_resolved_on_any_thread() {
    let desk = Desk::new();
    let vault = desk.vault().await;
    vault.set(&name("crm/client"), &Secret::new("s3cret"), Duration::ZERO).await.unwrap();
    vault.stage(&name("crm/client"), &Secret::new("s3cret2")).await.unwrap();
    vault.promote(&name("crm/client"), DAY).await.unwrap();
    let source = Arc::new(VaultSecrets::new(vault));
    assert_eq!(source.resolve(&name("crm/client")).unwrap().expose(), "s3cret2");
    assert_eq!(shown(&source.accepted(&name("crm/client")).unwrap()), ["s3cret2", "s3cret"]);
    let missing = source.resolve(&name("crm/other")).unwrap_err();
    assert!(matches!(&missing, SecretError::Missing { .. }), "{missing}");
    assert!(missing.to_string().contains("sinew secret set crm/other"), "{missing}");
    let own_thread = Arc::clone(&source);
    let there = std::thread::spawn(move || own_thread.resolve(&name("crm/client")).is_ok());
    assert!(there.join().unwrap());
}
