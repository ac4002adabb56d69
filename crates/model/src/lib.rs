//! The resources of a project: from YAML documents to a validated snapshot.
//!
//! Two phases. *Raw*: documents become trees whose every node knows its place. *Validated*: trees become the types of
//! this crate, references resolved and expressions compiled, or a list of everything that is wrong.
//!
//! Does no I/O (files come in as text), reads no clock and no environment (variables come in as a map).

mod auth;
mod binding;
mod channel;
mod connection;
mod connector;
mod description;
mod flow;
mod gateway;
mod graphql;
mod limits;
mod name;
mod operations;
mod outcome;
mod principal;
mod profile;
mod raw;
mod read;
mod scopes;
mod shape;
mod snapshot;
mod step;
mod subscriber;
mod tls;
mod transport;
mod trigger;
mod webhook;

pub use auth::{
    ApiKey, Auth, AuthorizationCode, AwsSigV4, BasicLogin, ClientProof, Endpoints, Grant, HmacSigning,
    JwtAlgorithm, JwtBearer, JwtKey, KeyEncoding, KeyLocation, OAuth1, OAuth1Method, OAuth2, OAuthClient,
    ScopeIn, SessionKeep, SessionLogin, SessionSource, SessionValue, SignatureEncoding, SignatureHash,
    SignaturePart, SshKey, TimestampFormat, TokenExchange, TokenGiven, WsSecurity,
};
pub use binding::{
    Argument, Binding, BodyKind, BodyPart, CommandBinding, Destination, DestinationPiece, Dialect, Family,
    FileBinding, FileForm, FileList, FilePath, HttpBinding, MailBinding, MessageBody, NamePattern, Parameter,
    ParameterLocation, PathError, PublishBinding, SqlAnswer, SqlBinding, SqlParameter, SqlPiece, TextPiece,
};
pub use channel::{AlertChannel, AlertKind, ChannelKind, EmailTls, UrlOrSecret};
pub use connection::{Access, AddressKind, Breaker, Connection, Deadlines, Egress, Owner, SecretRef};
pub use connector::{
    Connector, DriftPolicy, Effect, ErrorShape, Idempotency, NextCursor, Operation, Pagination, Probe,
};
pub use description::{Description, DescriptionError, DescriptionKind, Listed};
pub use flow::{Flow, FlowLimits, FlowVersion, KeyPolicy, OnFailure, Priority};
pub use gateway::{
    Admission, Api, Balance, Consumer, Endpoint, FieldMatch, FieldTest, Outliers, Plan, Retries, Route,
    RouteMethods, RouteTarget, Upstream, UpstreamTimeouts,
};
pub use graphql::{Asked, GraphQlBody, PageSize};
pub use limits::{Clock, Left, LimitHabit, ToldLimit, ToldWait, WaitSource};
pub use name::{
    ApiName, ChannelName, ConnectionName, ConnectorId, ConsumerName, EventName, FlowName, InvalidName,
    OperationId, PlanName, StepName, SubscriberName, UpstreamName,
};
pub use operations::Operations;
pub use outcome::{Attempt, Failure, Outcome, Reason, SeenMessage};
pub use principal::{Principal, PrincipalKind, Trace};
pub use profile::{
    Category, Example, ExampleDelivery, ExamplePages, Examples, Login, Means, Profile, Published, Server,
    TokenLife,
};
pub use read::{
    SourceFile, categories, flow_from_source, json_schema, json_schema_of, kinds, load, load_with, reference,
    runbooks,
};
pub use scopes::{Lacking, ScopeAdvice, Use};
pub use shape::{closest, did_you_mean};
pub use sinew_records::Format as FileFormat;
pub use snapshot::Snapshot;
pub use step::{
    Approve, Arm, Block, Branch, Call, Catch, Each, EachSource, Emit, Parallel, Reduce, Retry, Step,
    StepKind, SubFlow, Wait,
};
pub use subscriber::Subscriber;
pub use tls::{Pem, TlsMode, TlsOptions};
pub use transport::{Facts, Listens, Scheme, SchemeTls, Speaks, Transport, UrlPath};
pub use trigger::{
    Answer, Begin, Dedupe, EventTrigger, Keeps, Listened, Missed, Poll, Schedule, Stream, StreamProtocol,
    Trigger, Webhook,
};
pub use webhook::{
    Challenge, ChallengeAnswer, ChallengeMethod, Condition, Encoding, FieldPath, Hash, KeyText, Part, Proof,
    PublicKeyAlgorithm, Registration, Signature, SignedTime, Source, SourceAt, Subscribed, Subscription,
    TimeUnit, Told, Verify, WebhookHabit,
};
