use std::sync::Arc;

use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use sinew_connect::{follow, same_origin};
use sinew_contract::wire::Manner;
use sinew_diag::codes::call as codes;
use sinew_model::{
    Binding, BodyKind, BodyPart, Connection, Failure, HttpBinding, Idempotency, Operation, Parameter,
    ParameterLocation, Reason,
};

use crate::ask::AskPlan;

const AGENT: &str = concat!("sinew/", env!("CARGO_PKG_VERSION"));
const ACCEPTED: &str = "application/json, text/*;q=0.9, */*;q=0.5";
const ACCEPTED_OF_SOAP: &str = "text/xml, application/soap+xml, multipart/related, */*;q=0.5";
const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

/// What is the same for every call of an operation over a connection.
pub(crate) enum Plan {
    /// It becomes HTTP requests.
    Http(Box<HttpPlan>),
    /// It becomes what another transport understands.
    Ask(AskPlan),
}

impl Plan {
    /// Works out what is fixed; fails if no call can ever be made of it.
    pub(crate) fn new(connection: &Connection, operation: &Arc<Operation>) -> Result<Self, Failure> {
        match &operation.binding {
            Binding::Http(http) => Ok(Self::Http(Box::new(HttpPlan::new(connection, operation, http)?))),
            Binding::Mail(_)
            | Binding::Sql(_)
            | Binding::Command(_)
            | Binding::File(_)
            | Binding::Publish(_) => Ok(Self::Ask(AskPlan::new(connection, operation)?)),
        }
    }

    /// The operation it was made of.
    pub(crate) fn operation(&self) -> &Arc<Operation> {
        match self {
            Self::Http(plan) => &plan.operation,
            Self::Ask(plan) => &plan.operation,
        }
    }

    /// `crm.getContact`, as messages say it.
    pub(crate) fn shown(&self) -> &str {
        match self {
            Self::Http(plan) => &plan.shown,
            Self::Ask(plan) => &plan.shown,
        }
    }
}

/// What of a request is the same for every call.
pub(crate) struct HttpPlan {
    /// How a call becomes a request.
    pub(crate) http: HttpBinding,
    /// The operation it was made of.
    pub(crate) operation: Arc<Operation>,
    /// `crm.getContact`, as messages say it.
    pub(crate) shown: Arc<str>,
    pub(crate) method: Method,
    /// The URL in pieces: literal text and path parameters in turn.
    pub(crate) path: Vec<Piece>,
    /// The whole URL, if nothing in it depends on the input.
    pub(crate) fixed: Option<Uri>,
    /// Query parameters.
    pub(crate) query: Vec<Place>,
    /// Header parameters.
    pub(crate) headers: Vec<(Place, HeaderName)>,
    /// Cookie parameters.
    pub(crate) cookies: Vec<Place>,
    /// Headers that every call sends.
    pub(crate) sent_always: HeaderMap,
    /// The header for the idempotency key.
    pub(crate) key_header: Option<HeaderName>,
    /// Whether the input is anything else than the body's JSON as it stands.
    pub(crate) splits_input: bool,
}

/// A piece of a URL.
pub(crate) enum Piece {
    Literal(String),
    Field(Place),
}

/// An input field and where it goes.
#[derive(Clone)]
pub(crate) struct Place {
    /// The input field.
    pub(crate) field: Arc<str>,
    /// Its name on the wire.
    pub(crate) name: Arc<str>,
    /// Whether a call without it is refused.
    pub(crate) required: bool,
    /// How its value is written; if nobody says, plain values and lists of them are taken.
    pub(crate) manner: Option<Manner>,
}

impl Place {
    fn of(parameter: &Parameter) -> Self {
        Self {
            field: parameter.field.clone(),
            name: parameter.name.clone(),
            required: parameter.required,
            manner: parameter.manner,
        }
    }
}

impl HttpPlan {
    /// Works out what is fixed; fails if no request can ever be made of it.
    fn new(connection: &Connection, operation: &Arc<Operation>, http: &HttpBinding) -> Result<Self, Failure> {
        let shown: Arc<str> = format!("{}.{}", connection.name, operation.id).into();
        let wrong = |what: String| {
            Failure::new(Reason::Refused, codes::NOT_CALLABLE, format!("`{shown}` cannot be called: {what}"))
        };
        let method = Method::from_bytes(http.method.as_bytes())
            .map_err(|_| wrong(format!("`{}` is no HTTP method", http.method)))?;
        let base: Uri =
            connection.base_url.parse().map_err(|_| wrong("its `base_url` is no URL".to_owned()))?;
        let scheme_ok = matches!(base.scheme_str(), Some("http" | "https"));
        if !scheme_ok || base.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(wrong("its `base_url` is no http or https URL, or holds a user name".to_owned()));
        }
        let at = |location| http.parameters.iter().filter(move |p| p.location == location);
        let served = served_at(connection, &base, http.server.as_deref());
        // Where nothing follows, the address is as it was given.
        let served = if http.path.is_empty() { &*served } else { served.trim_end_matches('/') };
        let path = pieces(served, http, &at(ParameterLocation::Path).collect::<Vec<_>>());
        let query: Vec<_> = at(ParameterLocation::Query).map(Place::of).collect();
        let mut headers = Vec::new();
        for parameter in at(ParameterLocation::Header) {
            let name = HeaderName::from_bytes(parameter.name.as_bytes())
                .map_err(|_| wrong(format!("`{}` is no header name", parameter.name)))?;
            headers.push((Place::of(parameter), name));
        }
        let cookies: Vec<_> = at(ParameterLocation::Cookie).map(Place::of).collect();
        let key_header = match &operation.idempotency {
            Idempotency::Key { header } => Some(
                HeaderName::from_bytes(header.as_bytes())
                    .map_err(|_| wrong(format!("`{header}` is no header name")))?,
            ),
            Idempotency::Natural | Idempotency::None => None,
        };
        let fixed = match path.as_slice() {
            [Piece::Literal(url)] if query.is_empty() => {
                Some(url.parse().map_err(|_| wrong(format!("`{}` is no URL path", http.path)))?)
            }
            _ => None,
        };
        let whole_body = matches!(
            &http.body,
            BodyKind::Json { part: BodyPart::Rest, .. } | BodyKind::GraphQl(_) | BodyKind::Soap(_)
        );
        let splits_input = !(whole_body && http.parameters.is_empty() && path.len() == 1);
        let sent_always = sent_always(connection, http).map_err(wrong)?;
        Ok(Self {
            http: http.clone(),
            operation: Arc::clone(operation),
            shown: shown.clone(),
            method,
            path,
            fixed,
            query,
            headers,
            cookies,
            sent_always,
            key_header,
            splits_input,
        })
    }
}

/// Cuts `/contacts/{id}` into literals and fields. A name that is no declared parameter is the input field of that name.
fn pieces(base: &str, http: &HttpBinding, parameters: &[&Parameter]) -> Vec<Piece> {
    let (mut pieces, mut literal, mut rest) = (Vec::new(), base.to_owned(), &*http.path);
    if !rest.starts_with('/') && !rest.is_empty() {
        literal.push('/');
    }
    while let Some((before, inside)) = rest.split_once('{') {
        let Some((name, after)) = inside.split_once('}') else { break };
        literal.push_str(before);
        pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        let declared = parameters.iter().find(|p| &*p.name == name);
        let field = declared.map_or_else(|| name.into(), |p| p.field.clone());
        let manner = declared.and_then(|p| p.manner);
        pieces.push(Piece::Field(Place { field, name: name.into(), required: true, manner }));
        rest = after;
    }
    literal.push_str(rest);
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

/// Where an operation is served: where its connection says, but for those whose vendor serves them elsewhere, and these only
/// if the connection is to the vendor and not to a proxy or a stand-in.
fn served_at(connection: &Connection, base: &Uri, server: Option<&str>) -> String {
    let published = |url: &&str| {
        let of_vendor = |of: &Arc<str>| of.parse().is_ok_and(|of| same_origin(&of, base));
        url.starts_with('/') || connection.connector.servers.iter().any(of_vendor)
    };
    let elsewhere = server.filter(published).and_then(|url| follow(base, url).ok());
    elsewhere.map_or_else(|| connection.base_url.to_string(), |url| url.to_string())
}

fn sent_always(connection: &Connection, http: &HttpBinding) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let is_soap = matches!(http.body, BodyKind::Soap(_));
    headers.insert(ACCEPT, HeaderValue::from_static(if is_soap { ACCEPTED_OF_SOAP } else { ACCEPTED }));
    let content_type = match &http.body {
        // A form of parts names its boundary, which depends on the parts; so may a SOAP message.
        BodyKind::None | BodyKind::Multipart { .. } => None,
        BodyKind::Soap(codec) => {
            if let Some(action) = codec.action() {
                let value = HeaderValue::from_bytes(action.as_bytes())
                    .map_err(|_| format!("its SOAP action {action} fits into no header"))?;
                headers.insert(SOAP_ACTION, value);
            }
            None
        }
        BodyKind::Form { .. } => Some("application/x-www-form-urlencoded"),
        BodyKind::GraphQl(_) => Some("application/json"),
        BodyKind::Json { media_type, .. }
        | BodyKind::Text { media_type, .. }
        | BodyKind::File { media_type, .. } => Some(&**media_type),
    };
    if let Some(content_type) = content_type {
        let value =
            HeaderValue::from_str(content_type).map_err(|_| format!("`{content_type}` is no media type"))?;
        headers.insert(CONTENT_TYPE, value);
    }
    for (name, value) in &connection.headers {
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
            format!("the value of its header `{name}` holds characters that no header may hold")
        })?;
        headers.insert(name, value);
    }
    Ok(headers)
}
