//! Where a bucket is, and where its objects are.

use percent_encoding::{AsciiSet, utf8_percent_encode};

use crate::auth::ENCODED;
use crate::transport::{NotOpened, Place};

/// A key in a URL: everything but what never needs to be encoded, and the slashes.
const KEY: &AsciiSet = &ENCODED.remove(b'/');

/// A bucket, and the part of it that is the folder of everything here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// `https://host/bucket`, or `https://bucket.s3.host`.
    url: String,
    bucket: String,
    /// What every key begins with: nothing, or `folder/`.
    prefix: String,
}

impl Site {
    /// The bucket is the first part of the path, unless the host begins with it as Amazon's do: `bucket.s3.`, `bucket.s3-`.
    pub(super) fn of(place: &Place) -> Result<Self, NotOpened> {
        let host = &place.host;
        let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let mut url = format!("{}://{shown}", place.scheme.word);
        if place.port != place.scheme.port {
            url = format!("{url}:{}", place.port);
        }
        let path = place.path.trim_matches('/');
        let in_host = [".s3.", ".s3-"].iter().find_map(|mark| host.find(mark)).filter(|at| *at > 0);
        let (bucket, prefix) = match in_host {
            Some(at) => (&host[..at], path),
            None => path.split_once('/').unwrap_or((path, "")),
        };
        if bucket.is_empty() {
            return Err(NotOpened::Url);
        }
        if in_host.is_none() {
            url = format!("{url}/{}", encoded(bucket));
        }
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { url, bucket: bucket.to_owned(), prefix })
    }

    /// The URL of an object.
    pub(super) fn object(&self, path: &str) -> String {
        format!("{}/{}{}", self.url, encoded(&self.prefix), encoded(path))
    }

    /// An object as what is copied.
    pub(super) fn source(&self, path: &str) -> String {
        format!("/{}/{}{}", self.bucket, encoded(&self.prefix), encoded(path))
    }

    /// What the keys of a folder's objects begin with.
    pub(super) fn folder(&self, folder: &str) -> String {
        let end = if folder.is_empty() { "" } else { "/" };
        format!("{}{folder}{end}", self.prefix)
    }

    /// The URL that tells the objects of a folder.
    pub(super) fn list(&self, folder: &str, token: Option<&str>) -> String {
        let all = |text: &str| utf8_percent_encode(text, ENCODED).to_string();
        let token = token.map_or(String::new(), |token| format!("continuation-token={}&", all(token)));
        let prefix = all(&self.folder(folder));
        format!("{}/?{token}delimiter=%2F&list-type=2&max-keys=1000&prefix={prefix}", self.url)
    }
}

fn encoded(key: &str) -> String {
    utf8_percent_encode(key, KEY).to_string()
}

#[cfg(test)]
mod tests {
    use sinew_model::Transport;

    use super::*;

    fn check(url: &str) -> Option<[String; 3]> {
        let (scheme, rest) = url.split_once("://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
        let scheme = Transport::S3.scheme(scheme).unwrap();
        let place = Place { scheme, host: host.into(), port: port.parse().unwrap(), path: path.into() };
        let site = Site::of(&place).ok()?;
        Some([site.object("in/a b+.csv"), site.source("x"), site.list("in", Some("a/b="))])
    }

    #[test]
    fn a_bucket_is_in_the_path_or_in_the_host() {
        let query = "continuation-token=a%2Fb%3D&delimiter=%2F&list-type=2&max-keys=1000&prefix=";
        assert_eq!(
            check("https://s3.eu-central-1.amazonaws.com/shop").unwrap(),
            [
                "https://s3.eu-central-1.amazonaws.com/shop/in/a%20b%2B.csv".to_owned(),
                "/shop/x".to_owned(),
                format!("https://s3.eu-central-1.amazonaws.com/shop/?{query}in%2F"),
            ]
        );
        assert_eq!(
            check("https://shop.s3.eu-central-1.amazonaws.com/daily/2026").unwrap(),
            [
                "https://shop.s3.eu-central-1.amazonaws.com/daily/2026/in/a%20b%2B.csv".to_owned(),
                "/shop/daily/2026/x".to_owned(),
                format!("https://shop.s3.eu-central-1.amazonaws.com/?{query}daily%2F2026%2Fin%2F"),
            ]
        );
        assert_eq!(
            check("http://localhost:9000/shop/").unwrap()[0],
            "http://localhost:9000/shop/in/a%20b%2B.csv"
        );
        assert_eq!(check("https://s3.amazonaws.com"), None);
    }
}
