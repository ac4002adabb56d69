//! `SNW-5xxx`: durable state.

use crate::code::codes;

codes! {}
