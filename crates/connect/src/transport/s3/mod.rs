//! Objects of Amazon S3 and of what speaks like it, by its REST API (2006-03-01). An object's key is its path.

mod answers;
mod site;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use tokio::time::timeout;

use self::answers::{Listing, refused, unread, unsent};
use self::site::Site;
use super::files::{self, Call, Chunks, Entry, Files, Gathering, Opened, Start, Store};
use super::{
    Client, ClientOptions, Content, NotOpened, Now, Pending, Place, TransportError,
    TransportErrorKind as Kind,
};
use crate::auth::Moment;
use crate::{Answer, HttpClient};

const COPY_SOURCE: HeaderName = HeaderName::from_static("x-amz-copy-source");
/// The most bytes of what is said besides what is in files: a list of a thousand keys, each as long as can be.
const SAID_MAX: u64 = 8 * 1024 * 1024;
/// How many lists of a thousand a folder may be told in, empty ones too.
const LISTS_MAX: usize = 10_000;

/// Files of a bucket under one log-in.
#[expect(clippy::needless_pass_by_value, reason = "all transports are opened alike")]
pub(super) fn open(place: Place, options: &ClientOptions) -> Result<Arc<dyn Client>, NotOpened> {
    let http = HttpClient::new(crate::ClientOptions {
        egress: options.egress.clone(),
        connect: options.connect,
        idle_max: options.idle_max,
        tls: options.tls.clone(),
    });
    let bucket = Bucket { http, site: Site::of(&place)?, now: Arc::clone(&options.now) };
    Ok(Arc::new(Files::new(bucket, options)))
}

struct Bucket {
    http: HttpClient,
    site: Site,
    now: Now,
}

impl Bucket {
    /// Sends a request; gives the answer if it says that all went well.
    async fn ask(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        call: Call<'_>,
    ) -> Result<Answer, TransportError> {
        let changes = method == Method::PUT || method == Method::DELETE;
        let answer = self.send(method, url, headers, body, call).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        let error = not_done(answer, call).await;
        Err(if changes && error.kind == Kind::Broken { error.in_doubt() } else { error })
    }

    /// Sends a request; gives the answer, whatever it says.
    async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
        call: Call<'_>,
    ) -> Result<Answer, TransportError> {
        let unfit = |why: String| TransportError::new(Kind::Unfit, why);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = url.parse().map_err(|_| unfit(format!("`{url}` is no URL")))?;
        *request.headers_mut() = headers;
        if let Some(signer) = call.login.and_then(|login| login.signer.as_ref()) {
            let moment = Moment { now: (self.now)(), nonce: 0 };
            signer.sign(&mut request, &moment).map_err(|error| unfit(error.to_string()))?;
        }
        self.http.send(request.map(Full::new), call.limits).await.map_err(unsent)
    }

    async fn lists(
        &self,
        folder: &str,
        token: Option<&str>,
        call: Call<'_>,
    ) -> Result<Listing, TransportError> {
        let url = self.site.list(folder, token);
        let answer = self.ask(Method::GET, &url, HeaderMap::new(), Bytes::new(), call).await?;
        let said = answer.read(SAID_MAX, call.limits).await.map_err(|error| unread(&error))?;
        Listing::read(&said)
    }
}

impl Store for Bucket {
    async fn list(
        &self,
        folder: &str,
        into: &mut Gathering<'_>,
        call: Call<'_>,
    ) -> Result<(), TransportError> {
        let (within, mut token) = (self.site.folder(folder), None::<String>);
        for _ in 0..LISTS_MAX {
            let listing = self.lists(folder, token.as_deref(), call).await?;
            for object in listing.objects {
                // The folder itself may be there as an object without content.
                let name = object.key.strip_prefix(&within).filter(|name| !name.is_empty());
                let Some(name) = name.filter(|name| !name.contains('/')) else { continue };
                into.add(Entry { name: name.to_owned(), size: object.size, modified: object.modified })?;
            }
            if listing.next.is_none() {
                return Ok(());
            }
            token = listing.next;
        }
        Err(TransportError::new(Kind::Unusable, "the list of the folder has no end"))
    }

    async fn open(&self, path: &str, start: &Start, call: Call<'_>) -> Result<Opened, TransportError> {
        let mut headers = HeaderMap::new();
        // Places in a file are places in what is stored.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if start.at > 0 {
            headers.insert(RANGE, plain(&format!("bytes={}-", start.at))?);
        }
        if let Some(version) = start.version.as_deref().filter(|version| version.starts_with('"')) {
            headers.insert(IF_MATCH, plain(version)?);
        }
        let answer = self.send(Method::GET, &self.site.object(path), headers, Bytes::new(), call).await?;
        if answer.status == StatusCode::RANGE_NOT_SATISFIABLE {
            // What ends where we were was read to its end; what ends before is another.
            let end = answer.headers.get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
            if end != Some(&*format!("bytes */{}", start.at)) {
                return Err(files::changed(path).code("InvalidRange"));
            }
            let version = start.version.clone().unwrap_or_default();
            return Ok(Opened { version, bytes: Box::new(Nothing) });
        }
        if !answer.status.is_success() {
            let error = not_done(answer, call).await;
            let is_other = start.version.is_some() && error.kind == Kind::Conflict;
            return Err(if is_other {
                TransportError { code: error.code, ..files::changed(path) }
            } else {
                error
            });
        }
        let said = |name: HeaderName| answer.headers.get(name).and_then(|value| value.to_str().ok());
        let version = said(ETAG).or_else(|| said(LAST_MODIFIED)).unwrap_or_default();
        if start.version.as_deref().is_some_and(|before| before != version) {
            return Err(files::changed(path));
        }
        let begins = format!("bytes {}-", start.at);
        let is_part = answer.status == StatusCode::PARTIAL_CONTENT;
        if is_part && !said(CONTENT_RANGE).is_some_and(|range| range.starts_with(&begins)) {
            return Err(TransportError::new(
                Kind::Unusable,
                "the system answers with another part of the file",
            ));
        }
        let skip = if is_part { 0 } else { start.at };
        let version = Arc::from(version);
        Ok(Opened { version, bytes: Box::new(Body { answer, wait: call.limits.read, skip }) })
    }

    async fn write(
        &self,
        path: &str,
        content: &Content,
        new: bool,
        call: Call<'_>,
    ) -> Result<(), TransportError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content.media_type));
        if new {
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        }
        let bytes = content.bytes.clone();
        let written = self.ask(Method::PUT, &self.site.object(path), headers, bytes, call).await;
        written.map(drop).map_err(|error| match error.kind {
            Kind::Conflict if new => TransportError { code: error.code, ..files::there_already(path) },
            _ => error,
        })
    }

    async fn rename(&self, path: &str, to: &str, call: Call<'_>) -> Result<(), TransportError> {
        if path == to {
            return Ok(());
        }
        let mut headers = HeaderMap::new();
        headers.insert(COPY_SOURCE, plain(&self.site.source(path))?);
        let answer = self.ask(Method::PUT, &self.site.object(to), headers, Bytes::new(), call).await?;
        // What fails while it copies says so behind a status that says otherwise.
        let said = answer.read(SAID_MAX, call.limits).await.map_err(|e| unread(&e).in_doubt())?;
        if !answers::is_copied(&said) {
            return Err(refused(StatusCode::INTERNAL_SERVER_ERROR, &said).in_doubt());
        }
        self.remove(path, call).await.map_err(|error| {
            let words = format!("it was copied, but `{path}` is still there: {}", error.words);
            TransportError { words, ..error }.in_doubt()
        })
    }

    async fn remove(&self, path: &str, call: Call<'_>) -> Result<(), TransportError> {
        let url = self.site.object(path);
        match self.ask(Method::DELETE, &url, HeaderMap::new(), Bytes::new(), call).await {
            Err(error) if error.kind == Kind::NotThere && error.code.as_deref() != Some("NoSuchBucket") => {
                Ok(())
            }
            removed => removed.map(drop),
        }
    }
}

/// What an answer says that says that it was not done.
async fn not_done(answer: Answer, call: Call<'_>) -> TransportError {
    let status = answer.status;
    let said = answer.read(SAID_MAX, call.limits).await.unwrap_or_default();
    refused(status, &said)
}

fn plain(text: &str) -> Result<HeaderValue, TransportError> {
    let wrong = |_| TransportError::new(Kind::Unfit, "it does not fit into a header");
    HeaderValue::from_str(text).map_err(wrong)
}

/// What is in an object, as it comes.
struct Body {
    answer: Answer,
    /// How long the next piece may take.
    wait: Duration,
    /// Bytes that are not wanted.
    skip: u64,
}

impl Chunks for Body {
    fn next(&mut self) -> Pending<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async move {
            loop {
                let piece = timeout(self.wait, self.answer.piece()).await;
                let mut piece = match piece.map_err(|_| TransportError::deadline(true))? {
                    None => return Ok(None),
                    Some(Err(why)) => return Err(TransportError::new(Kind::Lost, why).in_doubt()),
                    Some(Ok(piece)) => piece,
                };
                let skipped = usize::try_from(self.skip).unwrap_or(usize::MAX).min(piece.len());
                self.skip -= skipped as u64;
                let rest = piece.split_off(skipped);
                if !rest.is_empty() {
                    return Ok(Some(rest));
                }
            }
        })
    }
}

struct Nothing;

impl Chunks for Nothing {
    fn next(&mut self) -> Pending<'_, Result<Option<Bytes>, TransportError>> {
        Box::pin(async { Ok(None) })
    }
}
