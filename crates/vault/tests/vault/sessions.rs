use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sinew_diag::codes::call as codes;
use sinew_model::{Failure, Reason};
use sinew_vault::Secret;
use sinew_vault::session::{
    Issued, Obtained, RefreshFailure, RefreshGrant, Refreshing, SessionError, SessionKeeper, SessionProfile,
    SessionState, Want, Why,
};
use tokio::sync::Notify;

use crate::desk::{Desk, holds};

const LIVES: Duration = Duration::from_secs(1000);

/// What the vendor does with the next requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Well,
    Busy,
    /// It renews, and its answer is lost.
    Mute,
    /// It renews, and answers when it is told to.
    Slow,
}

/// A vendor that rotates refresh tokens and takes back everything if one is shown twice.
struct Vendor {
    asked: AtomicU32,
    issued: AtomicU32,
    mood: Mutex<Mood>,
    spent: Mutex<HashSet<String>>,
    rotates: bool,
    asked_now: Notify,
    answer_now: Notify,
}

#[derive(Clone)]
struct Grant(Arc<Vendor>);

impl Vendor {
    fn new(rotates: bool) -> Arc<Self> {
        Arc::new(Self {
            asked: AtomicU32::new(0),
            issued: AtomicU32::new(0),
            mood: Mutex::new(Mood::Well),
            spent: Mutex::default(),
            rotates,
            asked_now: Notify::new(),
            answer_now: Notify::new(),
        })
    }

    fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> u32 {
        self.asked.load(Ordering::SeqCst)
    }

    fn issue(&self) -> Issued {
        let n = self.issued.fetch_add(1, Ordering::SeqCst) + 1;
        Issued {
            access: Secret::new(format!("access-{n}")),
            lives: LIVES,
            refresh: self.rotates.then(|| Secret::new(format!("refresh-{n}"))),
            granted: None,
        }
    }

    fn grant(self: &Arc<Self>) -> Arc<dyn RefreshGrant> {
        Arc::new(Grant(Arc::clone(self)))
    }
}

fn failure(code: sinew_diag::Code, text: &str) -> Failure {
    Failure::new(Reason::Unavailable, code, text)
}

impl RefreshGrant for Grant {
    fn refresh(&self, token: Secret) -> Refreshing {
        let vendor = Arc::clone(&self.0);
        Box::pin(async move {
            vendor.asked.fetch_add(1, Ordering::SeqCst);
            let mood = *vendor.mood.lock().unwrap();
            if mood == Mood::Busy {
                return Err(RefreshFailure::NotDone(failure(codes::UNAVAILABLE, "busy")));
            }
            let first_time = vendor.spent.lock().unwrap().insert(token.expose().to_owned());
            if vendor.rotates && !first_time {
                return Err(RefreshFailure::Refused(failure(codes::TOKEN_REFUSED, "invalid_grant")));
            }
            let issued = vendor.issue();
            vendor.asked_now.notify_one();
            match mood {
                Mood::Mute => {
                    Err(RefreshFailure::AnswerLost(failure(codes::TOKEN_UNAVAILABLE, "connection closed")))
                }
                Mood::Slow => {
                    vendor.answer_now.notified().await;
                    Ok(issued)
                }
                _ => Ok(issued),
            }
        })
    }
}

fn profile() -> SessionProfile {
    SessionProfile {
        connection: "crm".into(),
        account: "client-1@vendor".into(),
        rotates: None,
        ask_max: Duration::from_secs(5),
    }
}

async fn keeper(desk: &Desk, me: &str) -> SessionKeeper {
    SessionKeeper::new(desk.vault().await, me, 1.0)
}

/// A session of three processes.
async fn connected(desk: &Desk, vendor: &Vendor) -> Vec<SessionKeeper> {
    let keepers = vec![keeper(desk, "a").await, keeper(desk, "b").await, keeper(desk, "c").await];
    let first = Issued { refresh: Some(Secret::new("refresh-0")), ..vendor.issue() };
    keepers[0].connect(&profile(), &first).await.unwrap();
    keepers
}

fn shown(obtained: Result<Obtained, SessionError>) -> Result<String, String> {
    obtained.map(|token| token.access.expose().to_owned()).map_err(|e| e.to_string())
}

async fn get(keeper: &SessionKeeper, vendor: &Arc<Vendor>, want: Want) -> Result<String, String> {
    shown(keeper.obtain(&profile(), want, &vendor.grant()).await)
}

const ANY: Want = Want { past: None, refused: false };

#[tokio::test]
async fn a_hundred_callers_in_three_processes_cause_one_renewal() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    for round in 1..=5 {
        desk.advance(LIVES);
        let callers: Vec<_> = (0..102)
            .map(|n| {
                let (keeper, vendor) = (keepers[n % 3].clone(), Arc::clone(&vendor));
                tokio::spawn(async move { get(&keeper, &vendor, ANY).await })
            })
            .collect();
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Ok(format!("access-{}", round + 1)));
        }
        assert_eq!(vendor.asked(), round);
    }
    assert!(!holds(&desk.bytes(), "access-") && !holds(&desk.bytes(), "refresh-"));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    let used = keepers[0].obtain(&profile(), ANY, &vendor.grant()).await.unwrap();
    let other = Want { past: Some(used.generation), refused: true };
    for keeper in &keepers {
        assert_eq!(get(keeper, &vendor, other).await.as_deref(), Ok("access-2"));
    }
    assert_eq!(vendor.asked(), 1);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_take_the_answer_along() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    desk.advance(LIVES);
    vendor.set(Mood::Slow);
    let (keeper, asker) = (keepers[0].clone(), Arc::clone(&vendor));
    let caller = tokio::spawn(async move { get(&keeper, &asker, ANY).await });
    vendor.asked_now.notified().await;
    caller.abort();
    assert!(caller.await.is_err());
    vendor.answer_now.notify_one();
    assert_eq!(get(&keepers[1], &vendor, ANY).await.as_deref(), Ok("access-2"));
    assert_eq!(vendor.asked(), 1);
}

#[tokio::test]
async fn a_holder_that_dies_costs_a_reconnection_and_no_second_request() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    desk.advance(LIVES);
    vendor.set(Mood::Slow);
    // A process that is killed between the vendor's answer and the commit: its runtime ends under it.
    let (keeper, asker) = (keepers[0].clone(), Arc::clone(&vendor));
    let process = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let asking = Arc::clone(&asker);
        runtime.spawn(async move { get(&keeper, &asking, ANY).await });
        runtime.block_on(asker.asked_now.notified());
    });
    tokio::task::spawn_blocking(move || process.join().unwrap()).await.unwrap();
    desk.advance(Duration::from_mins(1));
    let message = get(&keepers[1], &vendor, ANY).await.unwrap_err();
    assert!(message.contains("needs reconnecting") && message.contains("a was renewing it"), "{message}");
    let record = keepers[2].session("crm").await.unwrap().unwrap();
    assert_eq!(record.state, SessionState::NeedsReconnecting);
    assert_eq!(record.why, Some(Why::HolderLost { by: "a".to_owned() }));
    assert_eq!(vendor.asked(), 1);

    vendor.set(Mood::Well);
    let again = Issued { refresh: Some(Secret::new("refresh-new")), ..vendor.issue() };
    keepers[2].connect(&profile(), &again).await.unwrap();
    assert_eq!(get(&keepers[1], &vendor, ANY).await.as_deref(), Ok("access-3"));
}

#[tokio::test]
async fn a_holder_that_was_only_slow_puts_its_tokens_in_place_of_the_verdict() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    desk.advance(LIVES);
    vendor.set(Mood::Slow);
    let (keeper, asker) = (keepers[0].clone(), Arc::clone(&vendor));
    let caller = tokio::spawn(async move { get(&keeper, &asker, ANY).await });
    vendor.asked_now.notified().await;
    desk.advance(Duration::from_mins(1));
    assert!(get(&keepers[1], &vendor, ANY).await.is_err());
    vendor.answer_now.notify_one();
    assert_eq!(caller.await.unwrap().as_deref(), Ok("access-2"));
    assert_eq!(get(&keepers[1], &vendor, ANY).await.as_deref(), Ok("access-2"));
}

#[tokio::test]
async fn an_answer_that_is_lost_is_not_guessed_unless_asking_again_is_harmless() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    desk.advance(LIVES);
    vendor.set(Mood::Mute);
    let message = get(&keepers[0], &vendor, ANY).await.unwrap_err();
    assert!(message.contains("did not arrive (connection closed)"), "{message}");
    assert_eq!(vendor.asked(), 1);

    let (desk, vendor) = (Desk::new(), Vendor::new(false));
    let keepers = connected(&desk, &vendor).await;
    // It is seen once that this vendor does not rotate.
    desk.advance(LIVES);
    assert_eq!(get(&keepers[0], &vendor, ANY).await.as_deref(), Ok("access-2"));
    desk.advance(LIVES);
    vendor.set(Mood::Mute);
    assert_eq!(get(&keepers[1], &vendor, ANY).await.unwrap_err(), "connection closed");
    vendor.set(Mood::Well);
    assert_eq!(get(&keepers[1], &vendor, ANY).await.as_deref(), Ok("access-4"));
}

#[tokio::test]
async fn a_vendor_that_is_busy_is_asked_again_and_one_that_refuses_is_not() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    desk.advance(LIVES);
    vendor.set(Mood::Busy);
    assert_eq!(get(&keepers[0], &vendor, ANY).await.unwrap_err(), "busy");
    vendor.set(Mood::Well);
    assert_eq!(get(&keepers[1], &vendor, ANY).await.as_deref(), Ok("access-2"));

    vendor.spent.lock().unwrap().insert("refresh-2".to_owned());
    desk.advance(LIVES);
    for keeper in &keepers {
        let message = get(keeper, &vendor, ANY).await.unwrap_err();
        assert!(message.contains("refused to renew it: invalid_grant"), "{message}");
    }
    assert_eq!(vendor.asked(), 3);
}

#[tokio::test]
async fn a_session_of_another_client_is_none_and_one_that_was_ended_is_gone() {
    let (desk, vendor) = (Desk::new(), Vendor::new(true));
    let keepers = connected(&desk, &vendor).await;
    let other = SessionProfile { account: "client-2@vendor".into(), ..profile() };
    let refused = keepers[0].obtain(&other, ANY, &vendor.grant()).await;
    assert!(matches!(refused, Err(SessionError::NotConnected)));
    assert!(keepers[1].disconnect("crm").await.unwrap());
    assert!(!keepers[2].disconnect("crm").await.unwrap());
    assert_eq!(get(&keepers[0], &vendor, ANY).await.unwrap_err(), "nobody has logged in for it yet");
}
