use std::sync::Arc;

use sinew_stdx::Timestamp;
use sinew_store::RunId;

use crate::Fault;

/// Lines of a page unless said otherwise, and at most.
const PAGE: u32 = 50;
const PAGE_MAX: u32 = 1000;

/// The id of a run or dead letter.
pub(crate) fn id(text: &str) -> Result<RunId, Fault> {
    RunId::parse(text).map_err(|e| Fault::bad_request(e.to_string()))
}

/// Words that may be left out: ids, instants, texts.
pub(crate) fn maybe_id(text: Option<&str>) -> Result<Option<RunId>, Fault> {
    text.map(id).transpose()
}

pub(crate) fn maybe_instant(text: Option<&str>) -> Result<Option<Timestamp>, Fault> {
    text.map(instant).transpose()
}

pub(crate) fn instant(text: &str) -> Result<Timestamp, Fault> {
    let instant: jiff::Timestamp = text.parse().map_err(|_| {
        Fault::bad_request(format!("`{text}` is no instant; write it like `2026-11-21T08:30:00Z`"))
    })?;
    Ok(Timestamp::from_millis(instant.as_millisecond()))
}

pub(crate) fn shared(text: Option<&str>) -> Option<Arc<str>> {
    text.map(Arc::from)
}

/// How many lines a page has.
pub(crate) fn page_lines(asked: Option<u32>) -> Result<u32, Fault> {
    match asked {
        None => Ok(PAGE),
        Some(lines @ 1..=PAGE_MAX) => Ok(lines),
        Some(lines) => Err(Fault::bad_request(format!("`limit` is {lines}; it is 1 to {PAGE_MAX}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_limits_are_checked() {
        assert_eq!(maybe_instant(Some("1970-01-01T00:00:01Z")).unwrap(), Some(Timestamp::from_millis(1000)));
        assert!(maybe_instant(Some("yesterday")).unwrap_err().detail.contains("yesterday"));
        assert_eq!(page_lines(None).unwrap(), 50);
        assert!(page_lines(Some(0)).is_err() && page_lines(Some(1001)).is_err());
        assert!(id("nonsense").is_err());
    }
}
