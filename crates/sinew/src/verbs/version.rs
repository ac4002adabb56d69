use serde_json::json;

use crate::error::Exit;
use crate::output::Output;

/// Prints the version.
pub fn run(output: &Output) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let system = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    output.answer(&json!({ "version": version, "system": system }), || format!("sinew {version} ({system})"));
    Exit::Ok
}
