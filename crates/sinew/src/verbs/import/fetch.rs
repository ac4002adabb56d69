use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::Full;
use sinew_connect::{
    ClientOptions, DialError, HttpClient, Limits, Refusal, SendError, Tls, Trust, follow, same_origin,
};
use sinew_diag::codes::control;
use sinew_model::{AddressKind, Egress};
use tokio::time::Instant;

use crate::cli::Reach;
use crate::error::{CliError, Exit};

/// The largest description that is read.
const BYTES_MAX: u64 = 64 << 20;
/// How long fetching one file may take.
const PATIENCE: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(10);
/// Redirects that are followed.
const REDIRECTS_MAX: usize = 5;
const AGENT: &str = concat!("sinew/", env!("CARGO_PKG_VERSION"));

/// Where a description is.
pub(in crate::verbs) enum Source {
    /// A file.
    File(PathBuf),
    /// A URL, and what it may be reached through.
    Url(Box<(Uri, HttpClient)>),
}

/// As it was named.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(at) => at.0.fmt(f),
        }
    }
}

impl Source {
    /// A file, unless it is written like a URL.
    pub(in crate::verbs) fn of(text: &str, allow: &[Reach]) -> Result<Self, CliError> {
        if !text.contains("://") {
            return Ok(Self::File(PathBuf::from(text)));
        }
        let url: Uri = text.parse().map_err(|_| CliError::usage(format!("`{text}` is no URL")))?;
        if !matches!(url.scheme_str(), Some("http" | "https")) {
            return Err(CliError::usage(format!("`{text}` is neither an http nor an https URL")));
        }
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let kind = |reach: &Reach| match reach {
            Reach::Loopback => AddressKind::Loopback,
            Reach::Private => AddressKind::Private,
        };
        let client = HttpClient::new(ClientOptions {
            egress: Egress { allow: allow.iter().map(kind).collect() },
            connect: CONNECT,
            idle_max: 1,
            tls: Tls::new(Trust::default()),
        });
        Ok(Self::Url(Box::new((url, client))))
    }

    /// The description itself.
    pub(in crate::verbs) fn read(&self) -> Result<Vec<u8>, CliError> {
        self.answer(None)
    }

    /// What an endpoint answers to this JSON; of a file, what is in it.
    pub(in crate::verbs) fn ask(&self, question: &str) -> Result<Vec<u8>, CliError> {
        self.answer(Some(Bytes::from(question.to_owned())))
    }

    fn answer(&self, question: Option<Bytes>) -> Result<Vec<u8>, CliError> {
        match self {
            Self::File(path) => file(path).map_err(|e| CliError::file(path, &e)),
            Self::Url(at) => fetch(&at.1, &at.0, question).map_err(|cause| {
                let mut error =
                    CliError::new(Exit::Unreachable, control::UNREACHABLE, format!("{}: {cause}", at.0));
                if cause.contains("--allow") {
                    error = error
                        .help("a description on your own network is fetched with `--allow loopback,private`");
                }
                error
            }),
        }
    }

    /// A file that the description refers to: beside it, in a folder below, or on the same host.
    pub(in crate::verbs) fn beside(&self, name: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::File(path) => {
                if name.contains("://") {
                    return Err(
                        "it is elsewhere; fetch it, and let the description refer to the file".to_owned()
                    );
                }
                let folder = path.parent().unwrap_or(Path::new(""));
                let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                let told = |e: std::io::Error| e.to_string();
                let (root, at) =
                    (folder.canonicalize().map_err(told)?, folder.join(name).canonicalize().map_err(told)?);
                if !at.starts_with(&root) {
                    return Err("it lies outside of the description's folder".to_owned());
                }
                file(&at).map_err(told)
            }
            Self::Url(base) => on_host(base, name),
        }
    }

    /// A part of a description whose parts lie in several folders: on the same host, or a file that is called like such a
    /// part, also if it lies above the description.
    pub(in crate::verbs) fn around(&self, name: &str) -> Result<Vec<u8>, String> {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let is_part = ending.is_some_and(|ending| PARTS.contains(&ending.as_str()));
        match self {
            Self::File(path) if is_part && !name.contains("://") && !name.starts_with('/') => {
                let folder = path.parent().unwrap_or(Path::new(""));
                file(&folder.join(name)).map_err(|error| error.to_string())
            }
            Self::File(_) | Self::Url(_) => self.beside(name),
        }
    }
}

/// How files end that descriptions of web services are made of.
const PARTS: [&str; 3] = ["wsdl", "xsd", "xml"];

fn on_host((url, client): &(Uri, HttpClient), name: &str) -> Result<Vec<u8>, String> {
    let at = follow(url, name).map_err(|e| e.to_string())?;
    if !same_origin(url, &at) {
        return Err("it is on another host than the description".to_owned());
    }
    fetch(client, &at, None)
}

fn file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(std::io::Error::other(format!("larger than {} MB", BYTES_MAX >> 20)));
    }
    Ok(bytes)
}

fn fetch(client: &HttpClient, url: &Uri, question: Option<Bytes>) -> Result<Vec<u8>, String> {
    super::super::waiting(get(client, url, question)).map_err(|e| e.message.clone())?
}

/// Why nothing is fetched from an address of this kind. There is no connection yet that could allow it.
fn refused(kind: AddressKind) -> &'static str {
    match kind {
        AddressKind::Loopback => {
            "it is at a loopback address, which is fetched from only with `--allow loopback`"
        }
        AddressKind::Private => {
            "it is at a private address, which is fetched from only with `--allow private`"
        }
        AddressKind::LinkLocal => "it is at a link-local address, which is never fetched from",
    }
}

/// Gets what is there, or what is answered to a question, which goes nowhere else than it was sent to.
async fn get(client: &HttpClient, url: &Uri, question: Option<Bytes>) -> Result<Vec<u8>, String> {
    let limits = Limits { until: Instant::now() + PATIENCE, connect: CONNECT, read: PATIENCE };
    let mut at = url.clone();
    for _ in 0..=REDIRECTS_MAX {
        let mut request = Request::new(Full::new(question.clone().unwrap_or_default()));
        if question.is_some() {
            *request.method_mut() = Method::POST;
            request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        *request.uri_mut() = at.clone();
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(AGENT));
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json, application/yaml, text/xml, */*"));
        let answer = client.send(request, &limits).await.map_err(|error| match &error {
            SendError::Dial(DialError::Refused { refusal: Refusal::NotAllowed(kind), .. }) => {
                refused(*kind).to_owned()
            }
            _ => error.to_string(),
        })?;
        if answer.status.is_redirection() {
            let location = answer.headers.get(LOCATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
            at = follow(&at, location).map_err(|e| e.to_string())?;
            if question.is_some() {
                return Err(format!("it is elsewhere now: import {at}"));
            }
            continue;
        }
        if !answer.status.is_success() {
            let hint = match answer.status.as_u16() {
                401 | 403 => "; it asks for a login: fetch it yourself, and import the file",
                _ => "",
            };
            return Err(format!("the answer is {}{hint}", answer.status));
        }
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
        let is_page = kind.is_some_and(|kind| kind.starts_with("text/html"));
        let body = answer.read(BYTES_MAX, &limits).await.map_err(|e| e.to_string())?;
        // Some servers call everything a page.
        if is_page && !body.trim_ascii_start().starts_with(b"<?xml") {
            return Err(
                "the answer is a page for people (HTML), no description; look on it for a link to one"
                    .to_owned(),
            );
        }
        return Ok(body.to_vec());
    }
    Err(format!("more than {REDIRECTS_MAX} redirects"))
}
