//! Durable state in one SQLite file, and a small one for the vault: the embedded backend of `sinew-store`.
//!
//! One thread writes and groups whatever is queued into one transaction; a few threads read beside it, and one moves
//! the write-ahead log into the file. Knows no engine, no record format and no async runtime.
//!
//! A write goes `store` -> `queue` -> `writer` -> `accept` / `advance` / `claim` / `letters` / `prune`; a read goes
//! `store` -> `queue` -> `reader` -> `load` / `list` / `dead_list`.

mod accept;
mod advance;
mod backup;
mod checkpoint;
mod claim;
mod custody;
mod dead_list;
mod fault;
mod files;
mod letters;
mod list;
mod load;
mod memory;
mod merge;
mod open;
mod options;
mod outbox;
mod prune;
mod queue;
mod reader;
mod schema;
mod space;
mod state;
mod store;
mod tx;
mod upkeep;
mod words;
mod writer;

pub use custody::SqliteCustody;
pub use options::SqliteOptions;
pub use store::SqliteStore;
