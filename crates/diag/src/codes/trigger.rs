//! `SNW-4xxx`: what is refused at the door.

use crate::code::codes;

codes! {}
