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

mod analysis;
mod cost;
mod diagnose;
mod digits;
mod direct;
mod error;
mod expression;
mod functions;
mod guard;
mod limits;
mod mapping;
mod printer;
mod program;
mod project;
mod reader;
mod reads;
mod scope;
mod session;
#[cfg(test)]
mod soundness;
mod syntax;
mod text;
mod tokens;
mod vm;

pub use error::{CompileError, EvaluateError, Excess};
pub use expression::Expression;
pub use functions::{FunctionDoc, functions};
pub use limits::{Limits, Moment};
pub use mapping::{Mapping, PathPart, Template};
pub use project::project;
pub use reads::{FieldTree, Reads};
pub use scope::Scope;
