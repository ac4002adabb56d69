use std::fmt::Write as _;
use std::sync::Arc;

use aws_lc_rs::{digest, hmac};
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Request};
use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};
use sinew_model::AwsSigV4;
use sinew_stdx::Timestamp;
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::hmac::hex;
use super::{
    AuthError, Credential, ENCODED, Login, Moment, Proof, Resolve, Signer, masks, sensitive, signed_host,
};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
const CONTENT_HASH: HeaderName = HeaderName::from_static("x-amz-content-sha256");
/// Encodes a path whose segments are encoded once more, as every service but S3 wants it.
const PATH: &AsciiSet = &ENCODED.remove(b'/');

/// AWS Signature Version 4 (AWS General Reference, "Signing AWS API requests").
pub(super) fn credential(aws: &AwsSigV4, resolve: Resolve<'_>) -> Result<Credential, AuthError> {
    let (access_key, secret_key) = (resolve(&aws.access_key)?, resolve(&aws.secret_key)?);
    let session_token = aws.session_token.as_ref().map(resolve).transpose()?;
    let masks = std::iter::once(&secret_key).chain(&session_token).flat_map(masks).collect();
    let headers = if session_token.is_some() { vec![AUTHORIZATION, TOKEN] } else { vec![AUTHORIZATION] };
    let signer = AwsSigner { aws: aws.clone(), access_key, secret_key, session_token };
    let mut credential = Credential { masks, ..Credential::signing(signer, headers) };
    let login = Login::new(Arc::from(""), Secret::new(""), Proof::Password);
    credential.login = Some(Login { signer: credential.signer.clone(), ..login });
    Ok(credential)
}

#[derive(Debug)]
struct AwsSigner {
    aws: AwsSigV4,
    access_key: Secret,
    secret_key: Secret,
    session_token: Option<Secret>,
}

impl Signer for AwsSigner {
    fn sign(&self, request: &mut Request<Bytes>, moment: &Moment) -> Result<Vec<Secret>, AuthError> {
        let time = basic_time(moment.now);
        let body_hash = hex(digest::digest(&digest::SHA256, request.body()).as_ref());
        let plain = |text: &str| HeaderValue::from_str(text).map_err(|_| AuthError::NotForHeaders);
        let host = signed_host(request.uri());
        let headers = request.headers_mut();
        headers.insert(DATE, plain(&time)?);
        if let Some(token) = &self.session_token {
            headers.insert(TOKEN, sensitive(token.expose())?);
        }
        if &*self.aws.service == "s3" {
            headers.insert(CONTENT_HASH, plain(&body_hash)?);
        }
        let (names, canonical) = self.canonical(request, &host, &body_hash);
        let day = &time[..8];
        let scope = format!("{day}/{}/{}/aws4_request", self.aws.region, self.aws.service);
        let canonical_hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{canonical_hash}");
        let signature = Secret::new(hex(hmac::sign(&self.key(day), to_sign.as_bytes()).as_ref()));
        let header = Zeroizing::new(format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            self.access_key.expose(),
            signature.expose()
        ));
        request.headers_mut().insert(AUTHORIZATION, sensitive(&header)?);
        Ok(vec![signature])
    }
}

impl AwsSigner {
    /// The key for a day, region and service.
    fn key(&self, day: &str) -> hmac::Key {
        let secret = Zeroizing::new(format!("AWS4{}", self.secret_key.expose()));
        let mut key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        for part in [day, &self.aws.region, &self.aws.service, "aws4_request"] {
            key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&key, part.as_bytes()).as_ref());
        }
        key
    }

    /// The names of the signed headers, and the canonical request.
    fn canonical(&self, request: &Request<Bytes>, host: &str, body_hash: &str) -> (String, String) {
        let mut headers = vec![("host".to_owned(), host.to_owned())];
        for (name, value) in request.headers() {
            let name = name.as_str();
            if name == "content-type" || name.starts_with("x-amz-") {
                let text = String::from_utf8_lossy(value.as_bytes());
                headers.push((name.to_owned(), text.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
        headers.sort();
        let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let path = request.uri().path();
        let path = if &*self.aws.service == "s3" {
            path.to_owned()
        } else {
            utf8_percent_encode(path, PATH).to_string()
        };
        let mut canonical = format!("{}\n{path}\n{}\n", request.method(), query(request.uri().query()));
        for (name, value) in &headers {
            // Writing into a String does not fail.
            let _ = writeln!(canonical, "{name}:{value}");
        }
        let _ = write!(canonical, "\n{names}\n{body_hash}");
        (names, canonical)
    }
}

/// The query with its pairs encoded anew and sorted.
fn query(query: Option<&str>) -> String {
    let anew = |part: &str| {
        let text = percent_decode_str(part).decode_utf8_lossy();
        utf8_percent_encode(&text, ENCODED).to_string()
    };
    let mut pairs: Vec<(String, String)> = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (anew(name), anew(value))
        })
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// `20150830T123600Z`
fn basic_time(at: Timestamp) -> String {
    let text = at.to_string();
    let to_second = text.split('.').next().unwrap_or_default();
    let compact: String = to_second.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{}Z", compact.trim_end_matches('Z'))
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;
    use sinew_model::SecretRef;

    use super::*;

    /// Signs as the published test suite does: `AKIDEXAMPLE`, 2015-08-30T12:36:00Z, `us-east-1`, `service`.
    fn check(mut request: Request<Bytes>, names: &str, signature: &str) {
        let name = || SecretRef::new("secret:x").unwrap();
        let aws = AwsSigV4 {
            access_key: name(),
            secret_key: name(),
            session_token: None,
            region: "us-east-1".into(),
            service: "service".into(),
        };
        let signer = AwsSigner {
            aws,
            access_key: Secret::new("AKIDEXAMPLE"),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
        };
        let moment = Moment { now: Timestamp::from_millis(1_440_938_160_000), nonce: 0 };
        signer.sign(&mut request, &moment).unwrap();
        assert_eq!(request.headers()[DATE], "20150830T123600Z");
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={names}, \
             Signature={signature}"
        );
        assert_eq!(request.headers()[AUTHORIZATION].to_str().unwrap(), expected);
    }

    #[test]
    fn the_published_vectors_are_signed_as_they_say() {
        let get = |path: &str| {
            Request::get(format!("https://example.amazonaws.com{path}")).body(Bytes::new()).unwrap()
        };
        let plain = "host;x-amz-date";
        check(get("/"), plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
        check(
            get("/?Param2=value2&Param1=value1"),
            plain,
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        );
        let form = Request::post("https://example.amazonaws.com/")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from_static(b"Param1=value1"))
            .unwrap();
        let signature = "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a";
        check(form, "content-type;host;x-amz-date", signature);
    }
}
