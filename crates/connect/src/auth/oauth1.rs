use std::fmt::Write as _;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use sinew_model::{OAuth1, OAuth1Method};
use sinew_vault::Secret;
use zeroize::Zeroizing;

use super::{AuthError, Credential, ENCODED, Moment, Resolve, Signer, masks, sensitive, signed_host};

/// OAuth 1.0a (RFC 5849).
pub(super) fn credential(oauth: &OAuth1, resolve: Resolve<'_>) -> Result<Credential, AuthError> {
    let consumer_secret = resolve(&oauth.consumer_secret)?;
    let (token, token_secret) = match &oauth.token {
        Some((token, secret)) => (Some(resolve(token)?), Some(resolve(secret)?)),
        None => (None, None),
    };
    let secrets = std::iter::once(&consumer_secret).chain(&token).chain(&token_secret);
    let masks = secrets.flat_map(masks).collect();
    let signer = OAuth1Signer { oauth: oauth.clone(), consumer_secret, token, token_secret };
    Ok(Credential { masks, ..Credential::signing(signer, vec![AUTHORIZATION]) })
}

#[derive(Debug)]
struct OAuth1Signer {
    oauth: OAuth1,
    consumer_secret: Secret,
    token: Option<Secret>,
    token_secret: Option<Secret>,
}

impl Signer for OAuth1Signer {
    fn sign(&self, request: &mut Request<Bytes>, moment: &Moment) -> Result<Vec<Secret>, AuthError> {
        let seconds = (moment.now.as_millis() / 1000).to_string();
        let nonce = format!("{:032x}", moment.nonce);
        let mut parameters = vec![
            ("oauth_consumer_key", self.oauth.consumer_key.to_string()),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", self.method_name().to_owned()),
            ("oauth_timestamp", seconds),
            ("oauth_version", "1.0".to_owned()),
        ];
        if let Some(token) = &self.token {
            parameters.push(("oauth_token", token.expose().to_owned()));
        }
        let signature = self.signature(request, &parameters);
        parameters.push(("oauth_signature", signature.expose().to_owned()));
        let mut header = Zeroizing::new(String::from("OAuth "));
        if let Some(realm) = &self.oauth.realm {
            // Writing into a String does not fail.
            let _ = write!(header, "realm=\"{realm}\", ");
        }
        let shown: Vec<_> =
            parameters.iter().map(|(name, value)| format!("{name}=\"{}\"", encoded(value))).collect();
        header.push_str(&shown.join(", "));
        request.headers_mut().insert(AUTHORIZATION, sensitive(&header)?);
        Ok(masks(&signature))
    }
}

impl OAuth1Signer {
    fn method_name(&self) -> &'static str {
        match self.oauth.method {
            OAuth1Method::HmacSha1 => "HMAC-SHA1",
            OAuth1Method::HmacSha256 => "HMAC-SHA256",
            OAuth1Method::Plaintext => "PLAINTEXT",
        }
    }

    /// Section 3.4.
    fn signature(&self, request: &Request<Bytes>, parameters: &[(&str, String)]) -> Secret {
        let token_secret = self.token_secret.as_ref().map_or("", Secret::expose);
        let key =
            Zeroizing::new(format!("{}&{}", encoded(self.consumer_secret.expose()), encoded(token_secret)));
        let algorithm = match self.oauth.method {
            OAuth1Method::HmacSha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            OAuth1Method::HmacSha256 => hmac::HMAC_SHA256,
            OAuth1Method::Plaintext => return Secret::new(key.to_string()),
        };
        let base = base_string(request, parameters);
        let key = hmac::Key::new(algorithm, key.as_bytes());
        Secret::new(STANDARD.encode(hmac::sign(&key, base.as_bytes())))
    }
}

/// Section 3.4.1: method, URL, and all parameters sorted.
fn base_string(request: &Request<Bytes>, parameters: &[(&str, String)]) -> String {
    let uri = request.uri();
    let scheme = uri.scheme_str().unwrap_or("https").to_ascii_lowercase();
    let url = format!("{scheme}://{}{}", signed_host(uri), uri.path());
    let mut pairs: Vec<(String, String)> =
        parameters.iter().map(|(name, value)| (encoded(name), encoded(value))).collect();
    pairs.extend(form_pairs(uri.query().unwrap_or_default()));
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.starts_with("application/x-www-form-urlencoded") {
        pairs.extend(form_pairs(&String::from_utf8_lossy(request.body())));
    }
    pairs.sort();
    let joined: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&{}&{}", request.method(), encoded(&url), encoded(&joined.join("&")))
}

/// The pairs of a query or form, decoded and encoded anew.
fn form_pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    let anew = |part: &str| encoded(&percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy());
    text.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (anew(name), anew(value))
    })
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use sinew_model::SecretRef;
    use sinew_stdx::Timestamp;

    use super::*;

    fn signer(method: OAuth1Method, consumer_secret: &str, token_secret: Option<&str>) -> OAuth1Signer {
        let name = SecretRef::new("secret:x").unwrap();
        OAuth1Signer {
            oauth: OAuth1 {
                consumer_key: "dpf43f3p2l4k3l03".into(),
                consumer_secret: name,
                token: None,
                method,
                realm: Some("Photos".into()),
            },
            consumer_secret: Secret::new(consumer_secret),
            token: token_secret.map(|_| Secret::new("nnch734d00sl2jdk")),
            token_secret: token_secret.map(Secret::new),
        }
    }

    #[test]
    fn the_example_of_the_standard_is_signed_as_it_says() {
        // RFC 5849, section 1.2.
        let photo = [
            ("oauth_consumer_key", "dpf43f3p2l4k3l03".to_owned()),
            ("oauth_token", "nnch734d00sl2jdk".to_owned()),
            ("oauth_signature_method", "HMAC-SHA1".to_owned()),
            ("oauth_timestamp", "137131202".to_owned()),
            ("oauth_nonce", "chapoH".to_owned()),
        ];
        let url = "http://photos.example.net/photos?file=vacation.jpg&size=original";
        let request = Request::get(url).body(Bytes::new()).unwrap();
        let photo_signer = signer(OAuth1Method::HmacSha1, "kd94hf93k423kf44", Some("pfkkdhi9sl3r4s00"));
        assert_eq!(photo_signer.signature(&request, &photo).expose(), "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
    }

    #[test]
    fn parameters_of_query_and_form_are_sorted_and_encoded_into_the_base_string() {
        // RFC 5849, section 3.4.1.1.
        let request = Request::post("http://EXAMPLE.COM:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from_static(b"c2&a3=2+q"))
            .unwrap();
        let parameters = [
            ("oauth_consumer_key", "9djdj82h48djs9d2".to_owned()),
            ("oauth_token", "kkk9d7dh3k39sjv7".to_owned()),
            ("oauth_signature_method", "HMAC-SHA1".to_owned()),
            ("oauth_timestamp", "137131201".to_owned()),
            ("oauth_nonce", "7d8f3e4a".to_owned()),
        ];
        assert_eq!(
            base_string(&request, &parameters),
            "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D\
             %26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1\
             %26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
        );
    }

    #[test]
    fn the_header_names_realm_and_method() {
        let mut request = Request::get("https://a.example/x").body(Bytes::new()).unwrap();
        let moment = Moment { now: Timestamp::from_millis(1_000), nonce: 255 };
        signer(OAuth1Method::Plaintext, "a b", Some("c")).sign(&mut request, &moment).unwrap();
        let header = request.headers()[AUTHORIZATION].to_str().unwrap();
        assert!(header.starts_with("OAuth realm=\"Photos\", oauth_consumer_key="), "{header}");
        assert!(
            header.contains("oauth_nonce=\"000000000000000000000000000000ff\"") && header.contains("=\"1\"")
        );
        assert!(header.ends_with("oauth_signature=\"a%2520b%26c\""), "{header}");
    }
}
