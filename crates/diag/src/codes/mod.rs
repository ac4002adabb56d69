//! Every error code, one file a part of the house. A new code is one line there and one page in `docs/errors/`.

pub mod call;
pub mod config;
pub mod control;
pub mod engine;
pub mod gateway;
pub mod store;
pub mod trigger;
pub mod vault;

use crate::Page;

pub(crate) static ALL: &[&[Page]] = &[
    config::PAGES,
    call::PAGES,
    engine::PAGES,
    trigger::PAGES,
    store::PAGES,
    control::PAGES,
    vault::PAGES,
    gateway::PAGES,
];
