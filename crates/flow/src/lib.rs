//! The engine's runtime: performs what `flow-core` decides, and keeps what came of it.
//!
//! Accepts work from triggers, drives runs, waits, recovers after a crash, keeps dead letters and raises alerts. Decides
//! nothing about steps (that is the state machine's), speaks no SQL and no vendor's protocol.

mod admission;
pub mod alert;
mod backlog;
pub mod deliver;
mod drive;
mod engine;
mod letters;
mod observe;
mod outside;
mod perform;
mod refusal;
mod submit;
pub mod trigger;
mod versions;

pub use engine::{Engine, EngineOptions, RunEnd};
pub use letters::{Edited, LetterDetail, ReplayOptions};
pub use observe::{NothingObserved, Observer};
pub use outside::RunDetail;
pub use refusal::{Answered, Refusal};
pub use submit::{Admission, Submission};
