//! A connection to the scripted server, and calls over it.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sinew_call::{
    Attempted, CallRecord, CallRecorder, CallRequest, Caller, CallerOptions, SystemClock, Trust,
};
use sinew_mapping::Expression;
use sinew_model::{
    Access, AddressKind, Auth, Binding, BodyKind, Breaker, ClientProof, Connection, ConnectionName,
    Connector, ConnectorId, Deadlines, DriftPolicy, Effect, Egress, Endpoints, ErrorShape, Grant,
    HttpBinding, Idempotency, LimitHabit, OAuth2, OAuthClient, Operation, OperationId, Owner, Parameter,
    ParameterLocation, Principal, PrincipalKind, Priority, Probe, SecretRef, TlsOptions, Trace, Transport,
};
use sinew_stdx::{ByteSize, Json};
use sinew_vault::EnvironmentSecrets;
use sinew_vault::session::SessionKeeper;

use crate::server::Server;

/// The value of every secret in these tests.
pub const SECRET: &str = "s3cr3t/va\"lue";

/// Keeps what is recorded.
#[derive(Default)]
pub struct Recorder(pub Mutex<Vec<CallRecord>>);

impl CallRecorder for Recorder {
    fn record(&self, record: CallRecord) {
        self.0.lock().unwrap().push(record);
    }
}

impl Recorder {
    /// The kinds of what was recorded, in order.
    pub fn kinds(&self) -> Vec<&'static str> {
        let kind = |record: &CallRecord| match record {
            CallRecord::Attempted(_) => "attempted",
            CallRecord::TokenAsked(_) => "token asked",
            CallRecord::BreakerOpened { .. } => "breaker opened",
            CallRecord::BreakerClosed { .. } => "breaker closed",
            CallRecord::CredentialFailed { .. } => "credential failed",
            CallRecord::CredentialRecovered { .. } => "credential recovered",
        };
        self.0.lock().unwrap().iter().map(kind).collect()
    }
}

/// A caller and a connection; tests change the parts before they call.
pub struct Fixture {
    pub connection: Connection,
    pub caller: Caller,
    pub recorder: Arc<Recorder>,
}

impl Fixture {
    pub fn new(server: &Server) -> Self {
        Self::at(&server.url)
    }

    pub fn at(url: &str) -> Self {
        Self::with(url, None)
    }

    /// With sessions that are kept.
    pub fn keeping(url: &str, sessions: SessionKeeper) -> Self {
        Self::with(url, Some(sessions))
    }

    fn with(url: &str, sessions: Option<SessionKeeper>) -> Self {
        let recorder = Arc::new(Recorder::default());
        let secrets =
            EnvironmentSecrets::from_lookup(|name| (name == "SINEW_SECRET_KEY").then(|| SECRET.to_owned()));
        let options = CallerOptions {
            secrets: Arc::new(secrets),
            recorder: Arc::clone(&recorder) as Arc<dyn CallRecorder>,
            clock: Arc::new(SystemClock),
            seed: 7,
            trust: Trust::default(),
        };
        let caller = Caller::with_sessions(options, sessions);
        Self { connection: connection(url), caller, recorder }
    }

    pub fn request(&self, operation: Operation, input: &str) -> CallRequest {
        CallRequest {
            connection: Arc::new(self.connection.clone()),
            operation: Arc::new(operation),
            asks: None,
            input: Json::parse(input.as_bytes()).unwrap(),
            principal: Principal::new(PrincipalKind::Flow, "lead-intake"),
            trace: Trace { trace_id: 0xabc, span_id: 1, sampled: true },
            idempotency_key: Some("run-1/create".into()),
            priority: Priority::Interactive,
            deadline: None,
            purpose: "test".into(),
        }
    }

    pub async fn call(&self, operation: Operation, input: &str) -> Attempted {
        self.caller.attempt(&self.request(operation, input)).await
    }
}

pub fn secret() -> SecretRef {
    SecretRef::new("secret:key").unwrap()
}

/// OAuth 2, with the token endpoint at `/token`.
pub fn oauth2(url: &str, grant: Grant, proof: ClientProof) -> OAuth2 {
    OAuth2 {
        grant,
        endpoints: Endpoints { token: Some(format!("{url}/token").into()), ..Endpoints::default() },
        client: OAuthClient { id: Some("aladdin".into()), proof },
        scopes: Vec::new(),
        scope_separator: ' ',
        audience: None,
        resource: None,
        rotates: None,
        parameters: Vec::new(),
    }
}

/// OAuth 2 client credentials.
pub fn client_credentials(url: &str, proof: ClientProof) -> Auth {
    Auth::OAuth2(Box::new(oauth2(url, Grant::ClientCredentials, proof)))
}

fn connection(url: &str) -> Connection {
    let expression = |source| Some(Expression::compile(source).unwrap());
    Connection {
        name: ConnectionName::new("crm").unwrap(),
        connector: Arc::new(Connector {
            transport: Transport::Http,
            id: ConnectorId::new("test@1").unwrap(),
            description: "".into(),
            operations: [read()].into_iter().collect(),
            servers: Vec::new(),
            drift: DriftPolicy::Refuse,
            errors: ErrorShape {
                code: expression("error.code"),
                message: expression("error.message"),
                ..ErrorShape::default()
            },
            limits: LimitHabit::default(),
            webhooks: None,
        }),
        owner: Owner { team: "t".into(), contact: "c".into(), runbook: "r".into() },
        base_url: url.into(),
        auth: Auth::None,
        tls: TlsOptions::default(),
        access: Access::Write,
        budget: None,
        concurrency_max: NonZeroU32::new(64).unwrap(),
        deadlines: Deadlines {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(5),
            total: Duration::from_secs(5),
        },
        breaker: Breaker { failures: NonZeroU32::new(1000).unwrap(), open_for: Duration::from_secs(10) },
        egress: Egress { allow: [AddressKind::Loopback].into() },
        response_max: ByteSize(64 * 1024),
        headers: Vec::new(),
        webhook_secret: Vec::new(),
        host_keys: Vec::new(),
        webhook_token: None,
    }
}

fn operation(id: &str, effect: Effect, idempotency: Idempotency, method: &str, path: &str) -> Operation {
    Operation {
        scopes: Vec::new(),
        id: OperationId::new(id).unwrap(),
        description: "".into(),
        effect,
        idempotency,
        probe: None,
        binding: Binding::Http(HttpBinding {
            server: None,
            method: method.into(),
            path: path.into(),
            parameters: Vec::new(),
            body: if method == "POST" { BodyKind::json() } else { BodyKind::None },
        }),
        input: None,
        output: None,
        pagination: None,
        deadline: None,
    }
}

/// The request that an operation becomes.
pub fn http(operation: &mut Operation) -> &mut HttpBinding {
    match &mut operation.binding {
        Binding::Http(http) => http,
        _ => panic!("the operation is no HTTP request"),
    }
}

/// `GET /things?id=..&page=..&cursor=..`
pub fn read() -> Operation {
    let mut operation = operation("read", Effect::Read, Idempotency::Natural, "GET", "/things");
    http(&mut operation).parameters = ["id", "page", "cursor"].map(query).to_vec();
    operation
}

pub fn query(field: &str) -> Parameter {
    Parameter {
        field: field.into(),
        name: field.into(),
        location: ParameterLocation::Query,
        required: false,
        manner: None,
    }
}

/// `POST /things` at a system that acts twice.
pub fn write() -> Operation {
    operation("create", Effect::Write, Idempotency::None, "POST", "/things")
}

/// `POST /things` at a system that knows keys.
pub fn keyed_write() -> Operation {
    Operation { idempotency: Idempotency::Key { header: "Idempotency-Key".into() }, ..write() }
}

/// A write whose effect can be looked up by `read`.
pub fn probed_write() -> Operation {
    let with = sinew_mapping::Template::Object(vec![(
        "id".to_owned(),
        sinew_mapping::Template::Expression("input.ref".to_owned()),
    )]);
    let probe = Probe {
        operation: OperationId::new("read").unwrap(),
        with: sinew_mapping::Mapping::compile(&with).unwrap(),
        found: Expression::compile("data[0]").unwrap(),
    };
    Operation { probe: Some(probe), ..write() }
}
