//! `SNW-6xxx`: the control API and the command line.

use crate::code::codes;

codes! {}
