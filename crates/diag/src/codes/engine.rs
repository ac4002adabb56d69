//! `SNW-3xxx`: what ends or stops a run.

use crate::code::codes;

codes! {}
