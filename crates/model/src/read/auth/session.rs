use std::sync::Arc;

use sinew_diag::codes::config;

use crate::raw::Node;
use crate::shape::{FIELD, Field, HEADER, Record, Shape, Words, default, one_of, optional, required, words};
use crate::{Auth, SecretRef, SessionKeep, SessionLogin, SessionSource, SessionValue};

use super::{Fields, Login};

pub(super) const FIELDS: &[Field] = &[one_of(
    "session",
    Shape::Record(&SESSION),
    "A log-in of its own, whose cookie or token is sent with every call and renewed when it ends.",
)
.like("{ path: /login, fields: { user: sinew, password: secret:erp/password }, keep: { cookies: [JSESSIONID] } }")];

static SESSION: Record = Record {
    name: "session",
    doc: "A log-in of its own, whose cookie or token is sent with every call and renewed when it ends.",
    fields: &[&[
        required("path", Shape::Text, "Where the log-in goes, below `base_url`.").like("/login"),
        default("method", Shape::Word(Method::WORDS), "post", "Its method."),
        optional(
            "fields",
            Shape::Table(&FIELD, &Shape::Text),
            "The fields of its body; `a.b` stands inside `a`. A value `secret:path/name` is the secret.",
        )
        .like("{ user: sinew, password: secret:erp/password }"),
        default("as", Shape::Word(Body::WORDS), "json", "How the fields are written."),
        optional("username", Shape::Text, "A user name that it sends as HTTP Basic."),
        optional("password", Shape::Secret, "The password to it."),
        optional(
            "headers",
            Shape::Table(&HEADER, &Shape::Text),
            "Headers of the log-in. A value `secret:path/name` is the secret.",
        ),
        required("keep", Shape::Record(&KEEP), "What of the answer is kept.")
            .like("{ cookies: [JSESSIONID] }"),
        default("lives", Shape::Duration, "20m", "How long a session is used; a 401 ends it before."),
    ]],
};

static KEEP: Record = Record {
    name: "session_keep",
    doc: "What of the answer to a log-in is kept, and where it goes.",
    fields: &[&[
        one_of("cookies", Shape::List(&Shape::Text), "The cookies of these names; none named: all.")
            .like("[JSESSIONID]"),
        one_of(
            "field",
            Shape::Text,
            "A field of its JSON body, `a.b` inside `a`; `.` is the whole body, a text.",
        )
        .like("data.token"),
        one_of("header", Shape::Name(&HEADER), "A header of the answer.").like("X-Auth-Token"),
        default("send", Shape::Name(&HEADER), "Authorization", "The header of the calls that carries it.")
            .like("X-Auth-Token"),
        optional(
            "prefix",
            Shape::Text,
            "What stands before it; a space follows. Left out: `Bearer` in `Authorization`, else nothing.",
        ),
    ]],
};

#[derive(Clone, Copy)]
enum Method {
    Post,
    Put,
    Get,
}

words!(Method {
    Post = "post", "POST";
    Put = "put", "PUT";
    Get = "get", "GET";
});

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body {
    Json,
    Form,
}

words!(Body {
    Json = "json", "as a JSON object";
    Form = "form", "as a form";
});

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let session = login.auth.record("session")?;
    if session.node("username").is_some() != session.node("password").is_some() {
        let message = "`username` and `password` belong together";
        login.reader.error(config::MISSING_FIELD, message, session.place("username"));
    }
    let path = session.said("path")?;
    Some(Auth::Session(Box::new(SessionLogin {
        url: Arc::from(format!("{}/{}", login.base_url?, path.trim_start_matches('/'))),
        method: Arc::from(match session.word("method")? {
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Get => "GET",
        }),
        fields: values(session, "fields"),
        form: session.word::<Body>("as")? == Body::Form,
        basic: session.text("username").zip(session.secret("password")),
        headers: values(session, "headers"),
        keep: keep(session.record("keep")?)?,
        lives: session.duration("lives")?,
    })))
}

/// Texts and secrets by name.
fn values(session: Fields<'_>, name: &str) -> Vec<(Arc<str>, SessionValue)> {
    let entries = session.node(name).map_or(&[][..], Node::entries);
    let value = |text: &str| {
        SecretRef::new(text).map_or_else(|| SessionValue::Text(Arc::from(text)), SessionValue::Secret)
    };
    entries.iter().filter_map(|e| Some((Arc::from(e.name.as_str()), value(e.value.text()?)))).collect()
}

fn keep(keep: Fields<'_>) -> Option<SessionKeep> {
    let from = match keep.alternative()? {
        ("cookies", _) => return Some(SessionKeep::Cookies(keep.texts("cookies"))),
        ("header", node) => SessionSource::Header(Arc::from(node.text()?)),
        (_, node) => SessionSource::Field(Arc::from(node.text()?.trim_matches('.'))),
    };
    let header = keep.text("send")?;
    let prefix = match keep.said("prefix") {
        Some(prefix) => format!("{} ", prefix.trim_end()),
        None if header.eq_ignore_ascii_case("authorization") => "Bearer ".to_owned(),
        None => String::new(),
    };
    Some(SessionKeep::Value { from, header, prefix: prefix.into() })
}
