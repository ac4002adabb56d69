use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sinew_stdx::Json;
use sinew_store::{Blob, BlobHash};

use crate::Entry;

/// Values longer than this are kept once, by their hash, beside the journal.
const INLINE_MAX_BYTES: usize = 8 * 1024;

/// A journal entry that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not an entry of a kind known here.
    #[error("journal entry {seq} is not readable: {message}")]
    Entry {
        /// Its sequence number.
        seq: usize,
        /// Why.
        message: String,
    },
    /// It refers to a value that is not there.
    #[error("journal entry {seq} refers to a value that the store does not have: {hash}")]
    MissingBlob {
        /// Its sequence number.
        seq: usize,
        /// The value's hash.
        hash: String,
    },
}

/// A value as the journal holds it.
#[derive(Serialize, Deserialize)]
enum Stored {
    /// Here.
    #[serde(rename = "v")]
    Inline(Json),
    /// Beside the journal, under this hash.
    #[serde(rename = "b")]
    Blob(String),
}

/// Writes an entry as JSON text; large values go to `blobs`.
pub fn encode(entry: Entry, blobs: &mut Vec<Blob>) -> Vec<u8> {
    let stored: Result<Entry<Stored>, std::convert::Infallible> = entry.map_values(&mut |value: Json| {
        if value.as_bytes().len() <= INLINE_MAX_BYTES {
            return Ok(Stored::Inline(value));
        }
        let hash = blake3::hash(value.as_bytes());
        if blobs.iter().all(|blob| blob.hash != *hash.as_bytes()) {
            blobs.push(Blob { hash: *hash.as_bytes(), bytes: Arc::from(value.as_bytes()) });
        }
        Ok(Stored::Blob(hash.to_hex().to_string()))
    });
    let Ok(stored) = stored;
    // Every part of an entry is JSON by its type: text, numbers, and values that are JSON already.
    serde_json::to_vec(&stored).unwrap_or_default()
}

/// Reads the entries of a journal, in order.
pub fn decode(entries: &[Vec<u8>], blobs: &[Blob]) -> Result<Vec<Entry>, DecodeError> {
    entries.iter().enumerate().map(|(seq, bytes)| decode_one(seq, bytes, blobs)).collect()
}

fn decode_one(seq: usize, bytes: &[u8], blobs: &[Blob]) -> Result<Entry, DecodeError> {
    let stored: Entry<Stored> =
        serde_json::from_slice(bytes).map_err(|e| DecodeError::Entry { seq, message: e.to_string() })?;
    stored.map_values(&mut |value| match value {
        Stored::Inline(json) => Ok(json),
        Stored::Blob(hash) => {
            let wanted = blake3::Hash::from_hex(&hash).ok().map(|h| BlobHash::from(*h.as_bytes()));
            let blob = blobs.iter().find(|blob| Some(blob.hash) == wanted);
            let text = blob.and_then(|blob| std::str::from_utf8(&blob.bytes).ok());
            text.map(Json::from_printed).ok_or(DecodeError::MissingBlob { seq, hash })
        }
    })
}

#[cfg(test)]
mod tests {
    use sinew_stdx::Timestamp;

    use super::*;
    use crate::Record;

    fn round_trip(result: Json) -> (usize, usize) {
        let entry = Entry { at: Timestamp::from_millis(7), record: Record::Finished { result } };
        let mut blobs = Vec::new();
        let bytes = encode(entry.clone(), &mut blobs);
        assert_eq!(decode(std::slice::from_ref(&bytes), &blobs).unwrap(), [entry]);
        (bytes.len(), blobs.len())
    }

    #[test]
    fn small_values_stand_in_the_entry_digit_for_digit() {
        let (bytes, blobs) = round_trip(Json::from_printed(r#"{"id":9007199254740993}"#));
        assert!(bytes < 100 && blobs == 0);
    }

    #[test]
    fn large_values_stand_beside_it() {
        let (bytes, blobs) = round_trip(Json::string(&"x".repeat(100_000)));
        assert!(bytes < 200 && blobs == 1);
    }

    #[test]
    fn a_value_that_looks_like_a_reference_stays_a_value() {
        assert_eq!(round_trip(Json::from_printed(r#"{"b":"00"}"#)).1, 0);
    }

    #[test]
    fn what_cannot_be_read_is_said_by_number() {
        let error = decode(&[b"{}".to_vec()], &[]).unwrap_err();
        assert!(error.to_string().starts_with("journal entry 0"), "{error}");
        let lost = br#"{"at":1,"do":{"finished":{"result":{"b":"00"}}}}"#.to_vec();
        assert!(matches!(decode(&[lost], &[]), Err(DecodeError::MissingBlob { seq: 0, .. })));
    }
}
