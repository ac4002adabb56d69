//! The control API's server: who may ask, what is asked, what is answered.
//!
//! A request goes `http` (guard, handler) -> `cases` (the use case) -> `view` (wire types). Reaches the system only
//! through the engine's handle and the store's traits; knows no SQL, no vendor's protocol and no file of a project
//! (whoever starts it hands in how the project is read).

mod app;
mod cases;
mod fault;
mod http;
mod meters;
mod token;
mod view;

pub use app::{Control, ControlOptions};
pub use cases::project::{Follower, Project, Reloader};
pub use fault::Fault;
pub use http::serve::RunningControl;
pub use meters::Meters;
pub use token::{ControlToken, TokenError};
pub use view::findings;
