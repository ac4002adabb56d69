//! Telling people what needs them: once, then less and less often, and when it is over.
//!
//! A [`Monitor`] sees what runs and calls do, keeps one alert open for each thing that is wrong, and sends messages to
//! the project's channels. It never holds up a run or a call. What is wrong and when it is over is decided without
//! looking at a clock or a store: both are handed in.

mod book;
mod channel;
mod delivery;
mod desk;
mod facts;
mod message;
mod monitor;
mod pulse;
mod rate;
mod signal;
mod silence;

pub use monitor::{Monitor, MonitorOptions};
