use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderName, Request};
use percent_encoding::utf8_percent_encode;
use sinew_model::{
    HmacSigning, KeyEncoding, SignatureEncoding, SignatureHash, SignaturePart, TimestampFormat,
};
use sinew_stdx::Timestamp;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::oauth2::uuid;
use super::{
    AuthError, Credential, ENCODED, Moment, Resolve, Signer, masks, sensitive, signed_host, with_query,
};

/// Requests signed as a vendor describes it.
pub(super) fn credential(signing: &HmacSigning, resolve: Resolve<'_>) -> Result<Credential, AuthError> {
    let secret = resolve(&signing.key)?;
    let bytes = key_bytes(signing.key_encoding, secret.expose())?;
    let algorithm = match signing.algorithm {
        SignatureHash::Sha256 => hmac::HMAC_SHA256,
        SignatureHash::Sha384 => hmac::HMAC_SHA384,
        SignatureHash::Sha512 => hmac::HMAC_SHA512,
        SignatureHash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    };
    let name = |(name, parts): &(std::sync::Arc<str>, Vec<SignaturePart>)| {
        let header = HeaderName::from_bytes(name.as_bytes());
        header.map(|header| (header, parts.clone())).map_err(|_| AuthError::NoHeaderName(name.to_string()))
    };
    let headers = signing.headers.iter().map(name).collect::<Result<Vec<_>, _>>()?;
    let shown_as_masks = headers.iter().filter(|(_, parts)| parts.contains(&SignaturePart::Signature));
    let masked_headers = shown_as_masks.map(|(name, _)| name.clone()).collect();
    let signer = HmacSigner { signing: signing.clone(), key: hmac::Key::new(algorithm, &bytes), headers };
    Ok(Credential { masks: masks(&secret), ..Credential::signing(signer, masked_headers) })
}

fn key_bytes(encoding: KeyEncoding, text: &str) -> Result<Zeroizing<Vec<u8>>, AuthError> {
    let bytes = match encoding {
        KeyEncoding::Text => Some(text.as_bytes().to_vec()),
        KeyEncoding::Base64 => {
            let plain = text.trim_end_matches('=').replace('+', "-").replace('/', "_");
            URL_SAFE_NO_PAD.decode(plain).ok()
        }
        KeyEncoding::Hex => {
            let digits = text.is_ascii() && text.len().is_multiple_of(2);
            let pairs =
                (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
            digits.then(|| pairs.collect::<Option<Vec<u8>>>()).flatten()
        }
    };
    bytes.map(Zeroizing::new).ok_or(AuthError::BadKeyEncoding)
}

#[derive(Debug)]
struct HmacSigner {
    signing: HmacSigning,
    key: hmac::Key,
    headers: Vec<(HeaderName, Vec<SignaturePart>)>,
}

impl Signer for HmacSigner {
    /// What does not hold the signature is placed first, since it may be signed too.
    fn sign(&self, request: &mut Request<Bytes>, moment: &Moment) -> Result<Vec<Secret>, AuthError> {
        self.place(request, moment, None)?;
        let parts = self.signing.signed.iter().flat_map(|part| self.part(part, request, moment, None));
        let signed: Vec<u8> = parts.collect();
        let signature = encoded(self.signing.encoding, hmac::sign(&self.key, &signed).as_ref());
        let signature = Secret::new(signature);
        self.place(request, moment, Some(&signature))?;
        Ok(masks(&signature))
    }
}

impl HmacSigner {
    /// Places what holds the signature, if there is one, or else what does not.
    fn place(
        &self,
        request: &mut Request<Bytes>,
        moment: &Moment,
        signature: Option<&Secret>,
    ) -> Result<(), AuthError> {
        let its_turn =
            |parts: &[SignaturePart]| parts.contains(&SignaturePart::Signature) == signature.is_some();
        let text = |parts: &[SignaturePart], request: &Request<Bytes>| {
            let bytes: Vec<u8> =
                parts.iter().flat_map(|part| self.part(part, request, moment, signature)).collect();
            Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
        };
        for (name, parts) in self.headers.iter().filter(|(_, parts)| its_turn(parts)) {
            let mut value = sensitive(&text(parts, request))?;
            value.set_sensitive(signature.is_some());
            request.headers_mut().insert(name, value);
        }
        for (name, parts) in self.signing.query.iter().filter(|(_, parts)| its_turn(parts)) {
            let value = text(parts, request);
            let pair =
                format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(&value, ENCODED));
            *request.uri_mut() = with_query(request.uri(), &pair).ok_or(AuthError::NotForUrls)?;
        }
        Ok(())
    }

    fn part(
        &self,
        part: &SignaturePart,
        request: &Request<Bytes>,
        moment: &Moment,
        signature: Option<&Secret>,
    ) -> Vec<u8> {
        let uri = request.uri();
        let query = uri.query().unwrap_or_default();
        let text = match part {
            SignaturePart::Text(text) => text.to_string(),
            SignaturePart::Method => request.method().to_string(),
            SignaturePart::Host => signed_host(uri),
            SignaturePart::Path => uri.path().to_owned(),
            SignaturePart::Query => query.to_owned(),
            SignaturePart::QuerySorted => {
                let mut pairs: Vec<_> = query.split('&').filter(|pair| !pair.is_empty()).collect();
                pairs.sort_unstable();
                pairs.join("&")
            }
            SignaturePart::Target => uri.path_and_query().map_or("/", |target| target.as_str()).to_owned(),
            SignaturePart::Url => uri.to_string(),
            SignaturePart::Body => return request.body().to_vec(),
            SignaturePart::BodyHash(hash, encoding) => {
                let algorithm = match hash {
                    SignatureHash::Sha256 => &digest::SHA256,
                    SignatureHash::Sha384 => &digest::SHA384,
                    SignatureHash::Sha512 => &digest::SHA512,
                    SignatureHash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
                };
                encoded(*encoding, digest::digest(algorithm, request.body()).as_ref())
            }
            SignaturePart::Header(name) => {
                return request
                    .headers()
                    .get(&**name)
                    .map(|value| value.as_bytes().to_vec())
                    .unwrap_or_default();
            }
            SignaturePart::Timestamp => written(self.signing.timestamp, moment.now),
            SignaturePart::Nonce => uuid(moment.nonce),
            SignaturePart::KeyId => self.signing.key_id.as_deref().unwrap_or_default().to_owned(),
            SignaturePart::Signature => signature.map_or("", Secret::expose).to_owned(),
        };
        text.into_bytes()
    }
}

fn encoded(encoding: SignatureEncoding, bytes: &[u8]) -> String {
    match encoding {
        SignatureEncoding::Hex => hex(bytes),
        SignatureEncoding::HexUpper => hex(bytes).to_ascii_uppercase(),
        SignatureEncoding::Base64 => STANDARD.encode(bytes),
        SignatureEncoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
    }
}

/// Hexadecimal in small letters.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing into a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn written(format: TimestampFormat, at: Timestamp) -> String {
    match format {
        TimestampFormat::Seconds => (at.as_millis() / 1000).to_string(),
        TimestampFormat::Millis => at.as_millis().to_string(),
        TimestampFormat::Iso8601 => {
            let text = at.to_string();
            format!("{}Z", text.split('.').next().unwrap_or_default().trim_end_matches('Z'))
        }
        TimestampFormat::HttpDate => {
            let since = std::time::Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(0));
            httpdate::fmt_http_date(std::time::UNIX_EPOCH + since)
        }
    }
}

#[cfg(test)]
mod tests {
    use sinew_model::SecretRef;

    use super::*;

    fn signing(signed: &str) -> HmacSigning {
        HmacSigning {
            key: SecretRef::new("secret:x").unwrap(),
            key_encoding: KeyEncoding::Text,
            key_id: Some("k1".into()),
            algorithm: SignatureHash::Sha256,
            signed: SignaturePart::template(signed).unwrap(),
            encoding: SignatureEncoding::Hex,
            timestamp: TimestampFormat::Seconds,
            headers: vec![("x-signature".into(), vec![SignaturePart::Signature])],
            query: Vec::new(),
        }
    }

    fn check(signing: &HmacSigning, key: &str) -> Request<Bytes> {
        let credential = credential(signing, &|_| Ok(Secret::new(key))).unwrap();
        let mut request = Request::post("https://pay.example/v1/x?b=2&a=1")
            .header("content-type", "application/json")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let moment = Moment { now: Timestamp::from_millis(1_795_248_000_000), nonce: 7 };
        credential.apply(&mut request, &moment).unwrap();
        request
    }

    fn signed(text: &[u8], key: &[u8]) -> String {
        hex(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref())
    }

    #[test]
    fn an_hmac_is_what_the_standard_says() {
        // RFC 4231, section 4.3.
        let mut described = signing("what do ya want for nothing?");
        let jefe = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(check(&described, "Jefe").headers()["x-signature"], jefe);
        (described.key_encoding, described.encoding) = (KeyEncoding::Base64, SignatureEncoding::HexUpper);
        assert_eq!(check(&described, "SmVmZQ==").headers()["x-signature"], jefe.to_ascii_uppercase());
        described.key_encoding = KeyEncoding::Hex;
        assert_eq!(check(&described, "4a656665").headers()["x-signature"], jefe.to_ascii_uppercase());
        let wrong = credential(&described, &|_| Ok(Secret::new("4a6"))).map(|_| ());
        assert_eq!(wrong, Err(AuthError::BadKeyEncoding));
    }

    #[test]
    fn every_part_is_signed_as_it_goes_out() {
        let all = "{method}\n{host}\n{path}\n{query}\n{query_sorted}\n{target}\n{body}\n{body:sha256}\n\
            {header:Content-Type}\n{timestamp}\n{nonce}\n{key_id}";
        let expected = "POST\npay.example\n/v1/x\nb=2&a=1\na=1&b=2\n/v1/x?b=2&a=1\n{}\n\
            44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\napplication/json\n1795248000\n\
            00000000-0000-0000-0000-000000000007\nk1";
        assert_eq!(
            check(&signing(all), "k").headers()["x-signature"],
            signed(expected.as_bytes(), b"k").as_str()
        );
    }

    #[test]
    fn what_is_placed_beside_the_signature_can_be_signed_too() {
        let parts = |text: &str| SignaturePart::template(text).unwrap();
        let mut described = signing("{header:x-time}\n{target}");
        described.timestamp = TimestampFormat::Iso8601;
        described.headers = vec![
            ("authorization".into(), parts("HMAC {key_id}:{signature}")),
            ("x-time".into(), parts("{timestamp}")),
        ];
        described.query = vec![("nonce".into(), parts("{nonce}")), ("sig".into(), parts("{signature}"))];
        let request = check(&described, "k");
        let target = "/v1/x?b=2&a=1&nonce=00000000-0000-0000-0000-000000000007";
        let signature = signed(format!("2026-11-21T08:00:00Z\n{target}").as_bytes(), b"k");
        assert_eq!(request.headers()["authorization"], format!("HMAC k1:{signature}").as_str());
        assert_eq!(request.uri().path_and_query().unwrap().as_str(), format!("{target}&sig={signature}"));
        assert_eq!(
            written(TimestampFormat::HttpDate, Timestamp::from_millis(1_795_248_000_000)),
            "Sat, 21 Nov 2026 08:00:00 GMT"
        );
    }
}
