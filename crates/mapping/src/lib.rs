//! JSONata expressions over named JSON values: compiled once, evaluated under limits, and able to say
//! which fields they read.
//!
//! An [`Expression`] is one expression, a [`Mapping`] a tree of them as it stands under `with:` in a flow.
//! Both read a [`Scope`] (JSON values by name) and give [`Json`](sinew_stdx::Json) text back. Numbers that a
//! double cannot hold exactly (64-bit ids, long decimals) come out digit for digit.
//!
//! This crate knows no resource, does no I/O and asks no clock for the time of day: [`Moment`] carries it in.
//! The JSONata engine underneath (`jsonata-core`) does not show through: its values are `Rc`, so an evaluation
//! is one synchronous go, text in and text out.

mod error;
mod expression;
mod limits;
mod mapping;
mod reads;
mod scope;

pub use error::{CompileError, EvaluateError, Excess};
pub use expression::Expression;
pub use limits::{Limits, Moment};
pub use mapping::{Mapping, PathPart, Template};
pub use reads::{FieldTree, Reads, project};
pub use scope::Scope;
