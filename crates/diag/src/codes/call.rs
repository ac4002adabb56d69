//! `SNW-2xxx`: what goes wrong on a call to another system.

use crate::code::codes;

codes! {}
