use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use sinew_stdx::{Json, parse_duration};

use crate::error::CliError;

/// The longest payload that is read.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// A payload given to an option (`--input`) as JSON, `@FILE`, a file's path, or `-` for standard input.
pub fn payload(option: &str, given: Option<&str>) -> Result<Json, CliError> {
    let Some(given) = given else { return Ok(Json::null()) };
    let bytes = match given.strip_prefix('@') {
        Some(path) => file(Path::new(path))?,
        None if given == "-" => {
            all(io::stdin().lock()).map_err(|e| CliError::usage(format!("standard input: {e}")))?
        }
        None => match Json::parse(given.as_bytes()) {
            Ok(json) => return Ok(json),
            Err(_) if Path::new(given).is_file() => file(Path::new(given))?,
            Err(error) => return Err(unreadable(option, given, &error.to_string())),
        },
    };
    Json::parse(&bytes).map_err(|e| CliError::usage(format!("the input is no acceptable JSON: {e}")))
}

/// What begins like JSON was meant as such; all else is taken for a file's name.
fn unreadable(option: &str, given: &str, error: &str) -> CliError {
    let message = if given.trim_start().starts_with(['{', '[', '"']) {
        format!("`{given}` is no acceptable JSON: {error}")
    } else {
        format!("there is no file `{given}`, and it is no JSON")
    };
    CliError::usage(message)
        .help(format!("write `{option} '{{\"id\": 7}}'`, `{option} @FILE`, or `{option} -`"))
}

fn file(path: &Path) -> Result<Vec<u8>, CliError> {
    std::fs::File::open(path).and_then(all).map_err(|e| CliError::file(path, &e))
}

fn all(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::other("longer than 16 MiB"));
    }
    Ok(bytes)
}

/// An instant, given as one or as an age such as `2h`.
pub fn since(given: Option<&str>) -> Result<Option<String>, CliError> {
    let Some(given) = given else { return Ok(None) };
    if let Ok(age) = parse_duration(given) {
        return Ok(Some(before_now(age)));
    }
    match given.parse::<jiff::Timestamp>() {
        Ok(instant) => Ok(Some(instant.to_string())),
        Err(_) => Err(CliError::usage(format!("`{given}` is neither an age such as `2h` nor an instant"))
            .help("instants are written like `2026-11-21T08:30:00Z`")),
    }
}

fn before_now(age: Duration) -> String {
    let then = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
    jiff::Timestamp::try_from(then).map_or_else(|_| "1970-01-01T00:00:00Z".to_owned(), |t| t.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_as_text_or_as_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{\"id\": 9007199254740993}\n").unwrap();
        let path = path.to_str().unwrap();
        for given in ["{\"id\": 9007199254740993}", path, &format!("@{path}")] {
            assert_eq!(
                payload("--input", Some(given)).unwrap().as_str(),
                "{\"id\": 9007199254740993}",
                "{given}"
            );
        }
        assert!(payload("--input", None).unwrap().is_null());
        let error = payload("--payload", Some("{nonsense")).unwrap_err();
        assert!(error.message.starts_with("`{nonsense` is no acceptable JSON: "), "{}", error.message);
        assert!(error.help.as_ref().unwrap().contains("--payload @FILE"), "{:?}", error.help);
        let error = payload("--input", Some("nofile.json")).unwrap_err();
        assert_eq!(error.message, "there is no file `nofile.json`, and it is no JSON");
        assert!(error.help.as_ref().unwrap().contains("--input '{\"id\": 7}'"), "{:?}", error.help);
    }

    #[test]
    fn ages_and_instants_are_told_apart() {
        assert_eq!(since(Some("2026-01-02T03:04:05Z")).unwrap().unwrap(), "2026-01-02T03:04:05Z");
        assert!(since(Some("2h")).unwrap().unwrap().starts_with("20"));
        assert!(since(Some("yesterday")).is_err());
    }
}
