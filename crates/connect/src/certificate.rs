//! What a certificate says about itself (RFC 5280), as far as people are told when it is not trusted. Decides nothing.

/// The longest name that is repeated.
const NAME_SHOWN: usize = 100;
/// `id-at-commonName` and `id-at-organizationName`.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// For whom it was issued.
    pub(crate) subject: String,
    /// Who issued it.
    pub(crate) issuer: String,
    /// Whether both are the same.
    pub(crate) self_signed: bool,
    /// When it ends, as `20271121080000`, and since when it is valid.
    pub(crate) not_before: String,
    pub(crate) not_after: String,
}

/// Reads a certificate; `None` if it is none.
pub(crate) fn said(der: &[u8]) -> Option<Said> {
    let (_, certificate, _) = element(der)?;
    let (_, mut rest, _) = element(certificate)?;
    let mut next = || {
        let (tag, content, after) = element(rest)?;
        rest = after;
        Some((tag, content))
    };
    // The version is there in all but the oldest.
    if next()?.0 == 0xa0 {
        next()?;
    }
    let _algorithm = next()?;
    let (_, issuer) = next()?;
    let (_, validity) = next()?;
    let (_, subject) = next()?;
    let (from_tag, from, after) = element(validity)?;
    let (to_tag, to, _) = element(after)?;
    Some(Said {
        subject: name(subject),
        issuer: name(issuer),
        self_signed: subject == issuer,
        not_before: time(from_tag, from)?,
        not_after: time(to_tag, to)?,
    })
}

/// Tag, content and what comes after it (X.690, section 8.1). Lengths of more than four bytes are in no certificate.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 || rest.len() < count {
            return None;
        }
        let (bytes, rest) = rest.split_at(count);
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    (rest.len() >= length).then(|| {
        let (content, after) = rest.split_at(length);
        (tag, content, after)
    })
}

/// The common name, or the organization.
fn name(mut sets: &[u8]) -> String {
    let (mut common, mut organization) = (None, None);
    while let Some((_, set, after)) = element(sets) {
        sets = after;
        let Some((_, pair, _)) = element(set) else { continue };
        let Some((_, kind, value)) = element(pair) else { continue };
        let Some((_, text, _)) = element(value) else { continue };
        match kind {
            COMMON_NAME => common = Some(text),
            ORGANIZATION => organization = Some(text),
            _ => {}
        }
    }
    let text = String::from_utf8_lossy(common.or(organization).unwrap_or(b"nobody"));
    text.chars().filter(|c| !c.is_control()).take(NAME_SHOWN).collect()
}

/// `20271121080000` of `UTCTime` (whose years are those from 1950) or `GeneralizedTime`.
fn time(tag: u8, text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?.trim_end_matches('Z');
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    match (tag, text.len()) {
        (0x17, 12) => Some(format!("{}{text}", if text.as_bytes()[0] < b'5' { "20" } else { "19" })),
        (0x18, 14) => Some(text.to_owned()),
        _ => None,
    }
}

/// `2027-11-21` of `20271121080000`.
pub(crate) fn day(time: &str) -> String {
    match (time.get(..4), time.get(4..6), time.get(6..8)) {
        (Some(year), Some(month), Some(day)) => format!("{year}-{month}-{day}"),
        _ => time.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn a_certificate_says_for_whom_by_whom_and_until_when() {
        let pem = include_bytes!("../tests/certificates/server.pem");
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        let said = said(&der).unwrap();
        assert_eq!((said.subject.as_str(), said.self_signed), ("localhost", false));
        assert!(said.not_after > said.not_before && said.not_after.len() == 14, "{said:?}");
        let authority = include_bytes!("../tests/certificates/authority.pem");
        let authority = CertificateDer::from_pem_slice(authority).unwrap();
        assert_eq!(super::said(&authority).unwrap().subject, said.issuer);
        assert!(super::said(&authority).unwrap().self_signed);
        assert_eq!(day("20271121080000"), "2027-11-21");
    }

    #[test]
    fn what_is_cut_off_or_lies_about_its_length_is_nothing() {
        let pem = include_bytes!("../tests/certificates/server.pem");
        let der = CertificateDer::from_pem_slice(pem).unwrap();
        for length in 0..der.len().min(200) {
            let _ = said(&der[..length]);
        }
        assert_eq!(said(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(said(b""), None);
    }
}
