//! What is called by another transport than HTTP: its second, third and fourth stage.

mod command;
mod file;
mod publish;

use std::sync::Arc;

use sinew_connect::auth::Credential;
use sinew_connect::transport::{
    Ask, Client, MailAsk, Piece, SqlAsk, TransportError, TransportErrorKind as Kind,
};
use sinew_connect::{DialError, Limits, SendError};
use sinew_contract::wire::Fields;
use sinew_diag::Code;
use sinew_diag::codes::call as codes;
use sinew_model::{
    Binding, Connection, DriftPolicy, Effect, Failure, Idempotency, MailBinding, Operation, Reason,
    SqlBinding, Trace,
};
use sinew_stdx::Json;
use tokio::time::Instant;

use crate::CallRequest;
use crate::pipeline::{Aim, Bit};
use crate::request::{check_contract, lacks};
use crate::respond::{Answer, WORDS_SHOWN, held_to_contract};
use crate::send;
use crate::state::ConnectionState;

/// What is the same for every call of an operation.
pub(crate) struct AskPlan {
    /// The operation it was made of.
    pub(crate) operation: Arc<Operation>,
    /// `orders.findOrder`, as messages say it.
    pub(crate) shown: Arc<str>,
}

impl AskPlan {
    /// Works out what is fixed; fails if the connection's transport does not understand the operation.
    pub(crate) fn new(connection: &Connection, operation: &Arc<Operation>) -> Result<Self, Failure> {
        let shown: Arc<str> = format!("{}.{}", connection.name, operation.id).into();
        if operation.binding.family() != connection.connector.transport.facts().speaks.family() {
            return Err(no_client(&shown, "its connector's transport does not understand it"));
        }
        Ok(Self { operation: Arc::clone(operation), shown })
    }

    /// Of what is not asked, but listened to.
    pub(crate) fn listening(connection: &Connection, operation: &Arc<Operation>) -> Self {
        let shown = format!("{}.{}", connection.name, operation.id).into();
        Self { operation: Arc::clone(operation), shown }
    }
}

/// What came of an ask.
pub(crate) struct Told {
    value: Json,
    items: Vec<Json>,
    rest: Option<Json>,
    pub(crate) summary: String,
}

/// It cannot be called at all.
pub(crate) fn no_client(shown: &str, why: &str) -> Failure {
    Failure::new(Reason::Refused, codes::NOT_CALLABLE, format!("`{shown}` cannot be called: {why}"))
}

/// Forms what is asked.
pub(crate) fn form(plan: &AskPlan, call: &CallRequest, span: Trace) -> Result<Ask, Failure> {
    check_contract(&plan.operation, &plan.shown, &call.input)?;
    match &plan.operation.binding {
        Binding::Mail(letter) => Ok(mail(plan, letter, call)),
        Binding::Sql(statement) => sql(plan, statement, call),
        Binding::Command(binding) => command::form(plan, binding, call),
        Binding::File(binding) => file::form(plan, binding, call),
        Binding::Publish(message) => publish::form(plan, message, call, span).map(Ask::Publish),
        Binding::Http(_) => Err(no_client(&plan.shown, "it is an HTTP request")),
    }
}

/// A letter. What it says is its transport's business.
fn mail(plan: &AskPlan, letter: &Arc<MailBinding>, call: &CallRequest) -> Ask {
    let key = match &plan.operation.idempotency {
        Idempotency::Key { .. } => call.idempotency_key.clone(),
        Idempotency::Natural | Idempotency::None => None,
    };
    Ask::Mail(MailAsk { binding: Arc::clone(letter), input: call.input.clone(), key })
}

/// A statement with a value for each of its parameters.
fn sql(plan: &AskPlan, statement: &Arc<SqlBinding>, call: &CallRequest) -> Result<Ask, Failure> {
    let fields = Fields::of(&call.input);
    let key = match &plan.operation.idempotency {
        Idempotency::Key { header } => Some(header).zip(call.idempotency_key.as_ref()),
        Idempotency::Natural | Idempotency::None => None,
    };
    let mut values = Vec::with_capacity(statement.parameters.len());
    for parameter in &statement.parameters {
        let given = fields.as_ref().and_then(|fields| fields.get(&parameter.field));
        values.push(match (given, key) {
            (Some(value), _) => Json::from_printed(value.get()),
            (None, Some((carrier, key))) if *carrier == parameter.field => Json::string(key),
            (None, _) if parameter.required => return Err(lacks(&plan.shown, &parameter.field)),
            (None, _) => Json::null(),
        });
    }
    let reads = plan.operation.effect == Effect::Read;
    Ok(Ask::Sql(SqlAsk { statement: Arc::clone(statement), values, reads }))
}

/// What speaks to the system.
pub(crate) fn client(state: &ConnectionState) -> Result<&Arc<dyn Client>, TransportError> {
    match &state.system {
        Ok(client) => Ok(client),
        Err(error) => Err(TransportError::new(Kind::NotOpened, error.to_string())),
    }
}

/// How long it may take.
pub(crate) fn limits(state: &ConnectionState, until: Instant) -> Limits {
    let deadlines = &state.connection.deadlines;
    Limits { until, connect: deadlines.connect, read: deadlines.read }
}

/// Asks the system.
pub(crate) async fn perform(
    state: &ConnectionState,
    plan: &AskPlan,
    ask: &Ask,
    credential: &Credential,
    aim: &mut Aim<'_>,
    until: Instant,
) -> Result<Told, TransportError> {
    let client = client(state)?;
    let limits = limits(state, until);
    let login = credential.login.as_ref();
    let Aim::Bit(Bit { reading, from, page }) = aim else {
        let told = client.perform(ask, login, &limits).await?;
        return Ok(Told { value: told.value, items: Vec::new(), rest: None, summary: told.summary });
    };
    // Whatever fails is read anew: what is being read is put back only if it is whole.
    if let Some(mut before) = reading.take()
        && let Some(piece) = before.next(&limits).await?
    {
        **reading = piece.next.is_some().then_some(before);
        return Ok(bit_of(plan, piece));
    }
    let page = page.get() as usize;
    let mut anew = client.read(ask, login, &limits, *from, page).await?;
    let given_up = || TransportError::new(Kind::Lost, "the answer ended before its first piece");
    let piece = anew.next(&limits).await?.ok_or_else(given_up)?;
    **reading = piece.next.is_some().then_some(anew);
    Ok(bit_of(plan, piece))
}

fn bit_of(plan: &AskPlan, piece: Piece) -> Told {
    let Piece { items, next } = piece;
    // Only a contract asks for the list itself.
    let value = if plan.operation.output.is_some() { Json::array(&items) } else { Json::null() };
    let summary = format!("{} item{}", items.len(), if items.len() == 1 { "" } else { "s" });
    Told { value, items, rest: next, summary }
}

/// The answer, held against its contract.
pub(crate) fn answer(plan: &AskPlan, policy: DriftPolicy, told: Told) -> Result<Answer, Failure> {
    let drift = held_to_contract(plan.operation.output.as_ref(), &plan.shown, policy, &told.value)?;
    let Told { value, items, rest, .. } = told;
    Ok(Answer { value, items, rest, next: None, drift, cursor: None, from: None })
}

/// Whether the system was reached with it.
pub(crate) fn was_asked(error: &TransportError) -> bool {
    let before = matches!(
        error.kind,
        Kind::NotOpened
            | Kind::Dial(_)
            | Kind::NoTls
            | Kind::HostKey
            | Kind::Login
            | Kind::Unfit
            | Kind::Token
            | Kind::NoTurn
    );
    !before && (error.may_have_taken_effect || error.code.is_some())
}

/// What a failure means.
pub(crate) fn failure(plan: &AskPlan, error: &TransportError) -> Failure {
    let in_doubt = error.may_have_taken_effect && plan.operation.effect != Effect::Read;
    let asked = error.may_have_taken_effect || error.code.is_some();
    let (reason, code) = meaning(&error.kind, asked);
    let reason = if in_doubt { Reason::Unknown } else { reason };
    let code = if in_doubt && error.kind == Kind::Broken { codes::EFFECT_UNKNOWN } else { code };
    let words = error.words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut message = format!("`{}`: ", plan.shown);
    message.extend(words.chars().filter(|c| !c.is_control()).take(WORDS_SHOWN));
    if let Some(code) = &error.code {
        message = format!("{message} ({code})");
    }
    let failure = Failure::new(reason, code, message);
    if in_doubt {
        return failure.help(send::unknown_help(&plan.operation.idempotency));
    }
    match help(&error.kind) {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// The reason and code of each kind of failure; `asked` tells whether the system may have acted.
fn meaning(kind: &Kind, asked: bool) -> (Reason, Code) {
    match kind {
        Kind::Dial(error) => {
            let refused = matches!(&**error, DialError::Refused { .. } | DialError::InClear { .. });
            let reason = if refused { Reason::Refused } else { Reason::Unavailable };
            (reason, send::code_of(&SendError::Dial((**error).clone())))
        }
        Kind::NoTls => (Reason::Unavailable, codes::TLS_NOT_OFFERED),
        Kind::HostKey => (Reason::Refused, codes::HOST_KEY),
        Kind::Login => (Reason::Credential, codes::CREDENTIAL_REFUSED),
        Kind::Forbidden => (Reason::Credential, codes::FORBIDDEN),
        Kind::Unfit => (Reason::Mapping, codes::INPUT_UNPLACEABLE),
        Kind::NotOpened => (Reason::Refused, codes::NOT_CALLABLE),
        Kind::Token => (Reason::Drift, codes::PAGES_BROKEN),
        Kind::NoTurn => (Reason::RateLimited, codes::BUDGET_SPENT),
        Kind::NotThere => (Reason::Rejected, codes::NOT_FOUND),
        Kind::Conflict => (Reason::Rejected, codes::CONFLICT),
        Kind::Refused => (Reason::Rejected, codes::REJECTED),
        Kind::Busy | Kind::Broken => (Reason::Unavailable, codes::UNAVAILABLE),
        Kind::RateLimited => (Reason::RateLimited, codes::RATE_LIMITED),
        Kind::Lost if asked => (Reason::Unavailable, codes::ANSWER_LOST),
        Kind::Lost => (Reason::Unavailable, codes::NOT_CONNECTED),
        // What a statement that was called off says: it had begun, and has no effect.
        Kind::Deadline if asked => (Reason::Unavailable, codes::ANSWER_DEADLINE),
        Kind::Deadline => (Reason::Unavailable, codes::SEND_DEADLINE),
        Kind::Unusable => (Reason::Unavailable, codes::ANSWER_UNUSABLE),
        Kind::Departs => (Reason::Drift, codes::DRIFT),
        Kind::TooLarge => (Reason::Refused, codes::ANSWER_TOO_LARGE),
    }
}

fn help(kind: &Kind) -> Option<&'static str> {
    match kind {
        Kind::Dial(error) => send::mend(&SendError::Dial((**error).clone())),
        Kind::NoTls => Some(
            "switch TLS on there; in a network that you trust the connection can say `tls: { mode: none }`",
        ),
        Kind::HostKey => Some(
            "ask whoever runs the system whether this is its key; if it is, put it under `host_keys` of the connection",
        ),
        Kind::TooLarge => Some("read it page by page (`all_pages`, or `each`), or raise `response_max`"),
        _ => None,
    }
}
