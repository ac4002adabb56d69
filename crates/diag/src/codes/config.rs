//! `SNW-1xxx`: what is wrong in a project's files.

use crate::code::codes;

codes! {}
