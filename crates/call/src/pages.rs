use http::Uri;
use sinew_connect::transport::Reader;
use sinew_connect::{follow, same_origin};
use sinew_diag::codes::call as codes;
use sinew_mapping::{Expression, Limits, Moment, Scope};
use sinew_model::{Attempt, Failure, NextCursor, Pagination, Reason};
use sinew_stdx::Json;

use crate::pipeline::{Aim, Bit};
use crate::request::without_keys;
use crate::respond::Answer;
use crate::{CallRequest, Caller};
use sinew_contract::wire::with_field;

/// One page of a long answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its items, as they came.
    pub items: Vec<Json>,
    /// What to resume from after this page ([`Pages::resume`]); `None` if it is the last.
    pub next: Option<Json>,
}

/// The pages of a long answer, read one at a time as they are asked for.
pub struct Pages {
    caller: Caller,
    request: CallRequest,
    /// Where the next page begins; `None` before the first.
    from: Option<Json>,
    ended: bool,
    /// What is being read, where a transport hands out the answer bit by bit.
    reading: Option<Box<dyn Reader>>,
}

impl Pages {
    pub(crate) fn new(caller: Caller, request: CallRequest) -> Self {
        Self { caller, request, from: None, ended: false, reading: None }
    }

    /// The same, starting after the page that gave this token.
    #[must_use]
    pub fn resume(mut self, token: Json) -> Self {
        self.from = Some(token);
        self
    }

    /// The next page; `None` after the last. After a failure the same page may be asked for again.
    pub async fn next(&mut self) -> Option<Result<Page, (Failure, Attempt)>> {
        if self.ended {
            return None;
        }
        let streamed = match &self.request.operation.pagination {
            Some(Pagination::Streamed { page }) => Some(*page),
            _ => None,
        };
        let (outcome, attempt) = match (streamed, self.question()) {
            (Some(page), _) => {
                let bit = Bit { reading: &mut self.reading, from: self.from.as_ref(), page };
                self.caller.attempt_at(&self.request, Aim::Bit(bit)).await
            }
            (None, Ok((request, None))) => self.caller.attempt_at(&request, Aim::Whole).await,
            (None, Ok((request, Some(target)))) => {
                self.caller.attempt_at(&request, Aim::Linked(&target)).await
            }
            (None, Err(failure)) => (Err(failure.clone()), not_made(&self.caller, failure)),
        };
        match outcome.and_then(|answer| self.page(answer)) {
            Ok(page) => {
                self.ended = page.next.is_none();
                self.from.clone_from(&page.next);
                Some(Ok(page))
            }
            Err(failure) => Some(Err((failure.clone(), Attempt { failure: Some(failure), ..attempt }))),
        }
    }

    /// The call for the next page, and its URL if the last page named it.
    fn question(&self) -> Result<(CallRequest, Option<Uri>), Failure> {
        let mut request = self.request.clone();
        let Some(pagination) = &self.request.operation.pagination else { return Ok((request, None)) };
        let (field, value) = match (pagination, &self.from) {
            (Pagination::Cursor { .. } | Pagination::Link { .. } | Pagination::NextUrl { .. }, None)
            | (Pagination::Streamed { .. }, _) => return Ok((request, None)),
            (Pagination::Link { .. } | Pagination::NextUrl { .. }, Some(token)) => {
                return self.linked(token).map(|target| (request, Some(target)));
            }
            (Pagination::Cursor { field, .. }, Some(token)) => (field, token.clone()),
            (Pagination::Page { field, first, .. }, from) => {
                (field, from.clone().unwrap_or_else(|| Json::of(first)))
            }
            (Pagination::Offset { field, first, .. }, from) => {
                (field, from.clone().unwrap_or_else(|| Json::of(first)))
            }
        };
        request.input =
            with_field(&request.input, field, &value).ok_or_else(|| self.broken("the input is no object"))?;
        Ok((request, None))
    }

    /// The URL of a token that is one. It came from outside, so it must lead to the connection's own system.
    fn linked(&self, token: &Json) -> Result<Uri, Failure> {
        let text: String = token.to().map_err(|_| self.broken("the token to resume from is no URL"))?;
        let target: Uri = text.parse().map_err(|_| self.broken("the link to the next page is no URL"))?;
        let home: Option<Uri> = self.request.connection.base_url.parse().ok();
        if home.is_some_and(|home| same_origin(&home, &target)) {
            Ok(target)
        } else {
            Err(self.broken("the link to the next page leads to another host"))
        }
    }

    fn page(&self, answer: Answer) -> Result<Page, Failure> {
        let Some(pagination) = &self.request.operation.pagination else {
            return Ok(Page { items: vec![answer.value], next: None });
        };
        let Some(items) = pagination.items() else {
            return Ok(Page { items: answer.items, next: answer.rest });
        };
        let answer = &answer;
        let items = match self.evaluate(items, &answer.value)? {
            None => Vec::new(),
            Some(items) if items.is_null() => Vec::new(),
            // A list of one is the same as its one item to JSONata.
            Some(items) if !items.as_str().starts_with('[') => vec![items],
            Some(items) => {
                items.to::<Vec<Json>>().map_err(|e| self.broken(&format!("the items cannot be read: {e}")))?
            }
        };
        let next = match pagination {
            Pagination::Cursor { next: NextCursor::Body(next), .. } => {
                self.evaluate(next, &answer.value)?.filter(says_something)
            }
            Pagination::Cursor { next: NextCursor::Header(_), .. } => {
                answer.cursor.clone().filter(says_something)
            }
            Pagination::NextUrl { next, .. } => {
                match self.evaluate(next, &answer.value)?.filter(says_something) {
                    Some(next) => Some(self.next_url(&next, answer)?),
                    None => None,
                }
            }
            _ if items.is_empty() => None,
            Pagination::Page { more: Some(more), .. } | Pagination::Offset { more: Some(more), .. }
                if !self.evaluate(more, &answer.value)?.is_some_and(|more| is_true(&more)) =>
            {
                None
            }
            Pagination::Page { first, .. } => Some(Json::of(&self.number(*first)?.saturating_add(1))),
            Pagination::Offset { first, .. } => {
                Some(Json::of(&self.number(*first)?.saturating_add(items.len() as u64)))
            }
            Pagination::Link { .. } => answer.next.as_ref().map(|next| self.token_of(next.clone())),
            Pagination::Streamed { .. } => None,
        };
        if next.is_some() && next == self.from {
            return Err(self.broken("the next page is the one just read"));
        }
        Ok(Page { items, next })
    }

    /// A URL as what to resume from, without credentials that it repeats.
    fn token_of(&self, next: Uri) -> Json {
        Json::string(&without_keys(next, &self.request.connection.auth).to_string())
    }

    /// The token of a URL that stands in a body, perhaps without its host.
    fn next_url(&self, next: &Json, answer: &Answer) -> Result<Json, Failure> {
        let broken = || self.broken("the link to the next page is no URL");
        let text: String = next.to().map_err(|_| broken())?;
        let from = answer.from.as_ref().ok_or_else(broken)?;
        let next = follow(from, &text).map_err(|_| broken())?;
        Ok(self.token_of(next))
    }

    /// The number that the page just read was asked for by.
    fn number(&self, first: u64) -> Result<u64, Failure> {
        match &self.from {
            None => Ok(first),
            Some(token) => token.to().map_err(|_| self.broken("the token to resume from is no number")),
        }
    }

    fn evaluate(&self, expression: &Expression, body: &Json) -> Result<Option<Json>, Failure> {
        let moment = Moment { now: self.caller.now(), seed: 0 };
        expression
            .evaluate(&Scope::root(body), moment, &Limits::default())
            .map_err(|e| self.broken(&format!("`{}` failed: {e}", expression.source())))
    }

    fn broken(&self, what: &str) -> Failure {
        let request = &self.request;
        let message = format!("the pages of `{}.{}`: {what}", request.connection.name, request.operation.id);
        Failure::new(Reason::Drift, codes::PAGES_BROKEN, message)
    }
}

/// Whether there is a cursor at all.
fn says_something(next: &Json) -> bool {
    !next.is_null() && next.as_str() != "\"\""
}

fn is_true(value: &Json) -> bool {
    !matches!(value.as_str(), "false" | "null" | "0" | "\"\"" | "[]" | "{}")
}

/// An attempt that ended before anything was sent.
fn not_made(caller: &Caller, failure: Failure) -> Attempt {
    Attempt { at: caller.now(), took_ms: 0, request: None, response: None, failure: Some(failure) }
}
