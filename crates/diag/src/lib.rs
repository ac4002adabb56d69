//! Diagnostics: what is wrong, where, and how to mend it, under a code that never changes its meaning.
//!
//! Knows no resource, no file system and no terminal: it holds findings and renders them to text or JSON.

mod code;
pub mod codes;
mod diagnostic;
mod render;

pub use code::{Code, Page, page, pages};
pub use diagnostic::{Diagnostic, Diagnostics, Place, Severity};
pub use render::{Style, render};
