//! What S3 answers, and what its errors mean (its API reference, "Error responses").

use http::StatusCode;
use sinew_contract::xml::{Element, XmlLimits, parse_within};
use sinew_stdx::Timestamp;

use crate::transport::{TransportError, TransportErrorKind as Kind};
use crate::{BodyError, SendError};

const LIMITS: XmlLimits = XmlLimits { bytes_max: 8 << 20, nodes_max: 100_000, depth_max: 20 };

/// What codes mean; for what is not here the status tells.
const CODES: &[(&str, Kind)] = &[
    ("AccessDenied", Kind::Forbidden),
    ("AllAccessDisabled", Kind::Forbidden),
    ("AccountProblem", Kind::Forbidden),
    ("InvalidAccessKeyId", Kind::Login),
    ("SignatureDoesNotMatch", Kind::Login),
    ("AuthorizationHeaderMalformed", Kind::Login),
    ("RequestTimeTooSkewed", Kind::Login),
    ("ExpiredToken", Kind::Login),
    ("InvalidToken", Kind::Login),
    ("TokenRefreshRequired", Kind::Login),
    ("InvalidSecurity", Kind::Login),
    ("ConditionalRequestConflict", Kind::Busy),
    ("OperationAborted", Kind::Busy),
    ("RequestTimeout", Kind::Busy),
    ("SlowDown", Kind::RateLimited),
    ("InvalidObjectState", Kind::Refused),
];

/// Some objects of a bucket.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) objects: Vec<Object>,
    /// What the rest is asked for by.
    pub(super) next: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) key: String,
    pub(super) size: u64,
    pub(super) modified: Timestamp,
}

impl Listing {
    pub(super) fn read(said: &[u8]) -> Result<Self, TransportError> {
        let wrong =
            |what: &str| TransportError::new(Kind::Unusable, format!("the list is not usable: {what}"));
        let root = parse_within(said, LIMITS).map_err(|error| wrong(&error.to_string()))?;
        if &*root.name.local != "ListBucketResult" {
            return Err(wrong(&format!("it is a `{}`", root.name.local)));
        }
        let mut listing = Self::default();
        for contents in root.elements().filter(|element| &*element.name.local == "Contents") {
            let object = object(contents).ok_or_else(|| wrong("an object has no key, size or time"))?;
            listing.objects.push(object);
        }
        if child(&root, "IsTruncated").is_some_and(|text| text == "true") {
            let next = child(&root, "NextContinuationToken");
            listing.next = Some(next.ok_or_else(|| wrong("it is cut off, and does not say how to go on"))?);
        }
        Ok(listing)
    }
}

fn object(contents: &Element) -> Option<Object> {
    let modified: jiff::Timestamp = child(contents, "LastModified")?.parse().ok()?;
    Some(Object {
        key: child(contents, "Key")?,
        size: child(contents, "Size")?.parse().ok()?,
        modified: Timestamp::from_millis(modified.as_millisecond()),
    })
}

fn child(element: &Element, name: &str) -> Option<String> {
    let found = element.elements().find(|element| &*element.name.local == name)?;
    Some(found.text())
}

/// Whether an answer says that an object was copied.
pub(super) fn is_copied(said: &[u8]) -> bool {
    parse_within(said, LIMITS).is_ok_and(|root| &*root.name.local == "CopyObjectResult")
}

/// The error that was answered.
pub(super) fn refused(status: StatusCode, said: &[u8]) -> TransportError {
    let root = parse_within(said, LIMITS).ok().filter(|root| &*root.name.local == "Error");
    let told = |name: &str| root.as_ref().and_then(|root| child(root, name)).filter(|text| !text.is_empty());
    let usual = match status.as_u16() {
        401 => Kind::Login,
        403 => Kind::Forbidden,
        404 => Kind::NotThere,
        409 | 412 => Kind::Conflict,
        429 => Kind::RateLimited,
        503 => Kind::Busy,
        500..=599 => Kind::Broken,
        _ => Kind::Refused,
    };
    let range = status == StatusCode::RANGE_NOT_SATISFIABLE;
    let code = told("Code").or_else(|| range.then(|| "InvalidRange".to_owned()));
    let kind = code.as_ref().and_then(|code| CODES.iter().find(|(known, _)| known == code));
    let kind = kind.map_or(usual, |(_, kind)| kind.clone());
    let mut words = told("Message").unwrap_or_else(|| format!("the system answers {status}"));
    if status.is_redirection() {
        words.push_str("; is the bucket in another region?");
    }
    TransportError::new(kind, words).code(code.unwrap_or_else(|| status.as_u16().to_string()))
}

/// There is no answer.
pub(super) fn unsent(error: SendError) -> TransportError {
    match error {
        SendError::Dial(error) => error.into(),
        SendError::NotWritten(why) => TransportError::new(Kind::Lost, why),
        SendError::CertificateRefused(why) => TransportError::new(Kind::Login, why),
        SendError::DeadlineBefore => TransportError::deadline(false),
        SendError::DeadlineAfter => TransportError::deadline(true),
        SendError::Lost(why) => TransportError::new(Kind::Lost, why).in_doubt(),
    }
}

/// An answer cannot be read to its end.
pub(super) fn unread(error: &BodyError) -> TransportError {
    let words = error.to_string();
    match error {
        BodyError::TooLarge { .. } => TransportError::new(Kind::TooLarge, words),
        BodyError::Deadline => TransportError::deadline(true),
        BodyError::CutOff(_) => TransportError::new(Kind::Lost, words).in_doubt(),
        BodyError::Coding(_) => TransportError::new(Kind::Unusable, words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read() {
        let said = br#"<?xml version="1.0" encoding="UTF-8"?>
            <ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
              <Name>shop</Name><IsTruncated>true</IsTruncated><NextContinuationToken>1/x=</NextContinuationToken>
              <Contents><Key>in/a &amp; b.csv</Key><LastModified>2026-11-21T08:00:00.500Z</LastModified>
                <ETag>"e"</ETag><Size>12</Size></Contents>
              <CommonPrefixes><Prefix>in/old/</Prefix></CommonPrefixes>
            </ListBucketResult>"#;
        let listing = Listing::read(said).unwrap();
        assert_eq!(listing.next.as_deref(), Some("1/x="));
        let [object] = listing.objects.as_slice() else { panic!("{listing:?}") };
        assert_eq!((object.key.as_str(), object.size), ("in/a & b.csv", 12));
        assert_eq!(object.modified.to_string(), "2026-11-21T08:00:00.500Z");
        for garbled in [
            &b"<html/>"[..],
            b"{}",
            b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
            b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
            b"<!DOCTYPE a [<!ENTITY b 'c'>]><ListBucketResult/>",
        ] {
            assert_eq!(Listing::read(garbled).map_err(|error| error.kind), Err(Kind::Unusable));
        }
    }

    #[test]
    fn an_error_tells_its_kind_by_its_code_or_status() {
        let said = |code: &str| format!("<Error><Code>{code}</Code><Message>Words.</Message></Error>");
        for (status, body, kind, code) in [
            (404, said("NoSuchKey"), Kind::NotThere, "NoSuchKey"),
            (403, said("AccessDenied"), Kind::Forbidden, "AccessDenied"),
            (403, said("SignatureDoesNotMatch"), Kind::Login, "SignatureDoesNotMatch"),
            (412, said("PreconditionFailed"), Kind::Conflict, "PreconditionFailed"),
            (503, said("SlowDown"), Kind::RateLimited, "SlowDown"),
            (500, "<html>".to_owned(), Kind::Broken, "500"),
            (416, String::new(), Kind::Refused, "InvalidRange"),
        ] {
            let error = refused(StatusCode::from_u16(status).unwrap(), body.as_bytes());
            assert_eq!((error.kind, error.code.as_deref()), (kind, Some(code)), "{status}");
        }
        let moved = refused(StatusCode::MOVED_PERMANENTLY, said("PermanentRedirect").as_bytes());
        assert!(moved.words.contains("another region"));
        assert!(is_copied(b"<CopyObjectResult/>"));
        for other in [said("InternalError").as_bytes(), b"<html/>", b""] {
            assert!(!is_copied(other));
        }
    }
}
