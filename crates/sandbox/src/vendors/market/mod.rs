//! The market: a shop of which everything is asked by GraphQL, under a budget of points.

mod cost;
mod resolve;
mod state;

use std::fmt;

use apollo_compiler::executable::Operation;
use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::resolvers::Execution;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema};
use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Vendor;
use crate::exchange::{Call, Reply};
use crate::idempotency::{IdempotencyKeys, Once};
use crate::world::World;
use cost::Points;
use resolve::Root;
use state::State;

const NAME: &str = "market";
const SCHEMA: &str = include_str!("schema.graphql");

/// A shop behind one endpoint: Relay pages, a cost for each query, errors beside data.
pub(super) struct Market {
    schema: Valid<Schema>,
    points: Points,
    keys: IdempotencyKeys,
    state: Mutex<State>,
    seed: u64,
}

/// A request as GraphQL over HTTP has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    query: String,
    variables: Option<JsonMap>,
    operation_name: Option<String>,
}

/// A request that can be executed.
struct Query<'a> {
    document: &'a Valid<ExecutableDocument>,
    operation: &'a Operation,
    variables: &'a Valid<JsonMap>,
}

impl Vendor for Market {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        match (&call.method, call.path().as_slice()) {
            (&Method::POST, ["graphql"]) => self.asked(call, world).at("POST /graphql"),
            _ => self
                .problem(StatusCode::NOT_FOUND, "NOT_FOUND", "everything is at POST /graphql")
                .at("no route"),
        }
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        Reply::of(status, &json!({ "errors": [error(code, message)] }))
    }

    /// `POST /_control/market/broken` with `["supplier"]`: these fields fail from now on.
    fn control(&self, call: &Call, _world: &World) -> Option<Reply> {
        let mut state = self.state.lock();
        match (&call.method, call.path().as_slice()) {
            (&Method::POST, [_, "broken"]) => {
                state.broken = serde_json::from_slice(&call.body).ok()?;
                Some(Reply::no_content())
            }
            (&Method::GET, [_, "broken"]) => Some(Reply::of(StatusCode::OK, &state.broken)),
            (&Method::DELETE, [_, "broken"]) => {
                state.broken.clear();
                Some(Reply::no_content())
            }
            _ => None,
        }
    }

    fn reset(&self, _world: &World) {
        self.keys.reset();
        self.points.reset();
        *self.state.lock() = State::new(self.seed);
    }
}

impl Market {
    #[expect(clippy::panic, reason = "the schema is part of the program, and a test reads it")]
    pub(super) fn new(seed: u64) -> Self {
        let schema = Schema::parse_and_validate(SCHEMA, "schema.graphql")
            .unwrap_or_else(|refused| panic!("{}", refused.errors));
        Self {
            schema,
            points: Points::default(),
            keys: IdempotencyKeys::default(),
            state: Mutex::new(State::new(seed)),
            seed,
        }
    }

    fn asked(&self, call: &Call, world: &World) -> Reply {
        let asked: Asked = match serde_json::from_slice(&call.body) {
            Ok(asked) => asked,
            Err(error) => {
                return self.problem(
                    StatusCode::BAD_REQUEST,
                    "BAD_REQUEST",
                    &format!("not a request: {error}"),
                );
            }
        };
        let document = match ExecutableDocument::parse_and_validate(&self.schema, &asked.query, "query") {
            Ok(document) => document,
            Err(refused) => {
                let errors = refused.errors.iter().map(|refused| refused.error.to_string());
                let errors: Vec<_> =
                    errors.map(|message| error("GRAPHQL_VALIDATION_FAILED", &message)).collect();
                return Reply::of(StatusCode::OK, &json!({ "errors": errors }));
            }
        };
        let operation = match document.operations.get(asked.operation_name.as_deref()) {
            Ok(operation) => operation,
            Err(refused) => return refused_with("OPERATION_RESOLUTION_FAILURE", refused.message()),
        };
        match coerce_variable_values(&self.schema, operation, &asked.variables.unwrap_or_default()) {
            Ok(variables) => {
                let query = Query { document: &document, operation, variables: &variables };
                self.admitted(call, world, &query)
            }
            Err(refused) => refused_with("BAD_USER_INPUT", refused.message()),
        }
    }

    /// Answers a query that can be executed, if its caller is known and has the points for it.
    fn admitted(&self, call: &Call, world: &World, query: &Query<'_>) -> Reply {
        let requested = cost::of(query.operation, query.document, query.variables);
        // Anybody may ask what there is.
        if requested > 0 && call.header("x-market-token") != Some("market-key") {
            return refused_with("UNAUTHENTICATED", "no valid X-Market-Token was given");
        }
        let tuning = world.tuning();
        let (capacity, rate) = (tuning.market_points, tuning.market_points_per_s);
        if requested > u64::from(capacity) {
            let message = format!("the query costs {requested} points, and at most {capacity} are given");
            return refused_with("MAX_COST_EXCEEDED", message);
        }
        let level = self.points.take(call.now, requested, rate, capacity);
        let told = |actual: Value| {
            json!({ "cost": {
                "requestedQueryCost": requested,
                "actualQueryCost": actual,
                "throttleStatus": {
                    "maximumAvailable": capacity, "currentlyAvailable": level.left, "restoreRate": rate,
                },
            } })
        };
        if !level.granted {
            let errors = [error("THROTTLED", "Throttled")];
            let answer = json!({ "errors": errors, "extensions": told(Value::Null) });
            return Reply::of(StatusCode::OK, &answer).at("throttled");
        }
        let performed = || {
            let mut answer = self.execute(call, world, query);
            answer["extensions"] = told(requested.into());
            Reply::of(StatusCode::OK, &answer)
        };
        if !query.operation.is_mutation() {
            return performed();
        }
        match self.keys.once(call, tuning.max_records, performed) {
            Once::First(reply) => reply,
            Once::Replayed(reply) => {
                world.truth.replayed(NAME);
                reply
            }
            Once::OtherBody => refused_with("IDEMPOTENCY_KEY_REUSED", "this key was used with another body"),
        }
    }

    fn execute(&self, call: &Call, world: &World, query: &Query<'_>) -> Value {
        let root = Root { state: &self.state, call, world, is_mutation: query.operation.is_mutation() };
        let executed = Execution::new(&self.schema, query.document)
            .operation(query.operation)
            .coerced_variable_values(query.variables)
            .enable_schema_introspection(true)
            .execute_sync(&root);
        match executed {
            Ok(answer) => {
                let mut answer = serde_json::to_value(answer).unwrap_or_default();
                for error in answer.get_mut("errors").and_then(Value::as_array_mut).into_iter().flatten() {
                    error["extensions"] = json!({ "code": "INTERNAL_SERVER_ERROR" });
                }
                answer
            }
            Err(refused) => json!({ "errors": [error("BAD_REQUEST", &refused.message().to_string())] }),
        }
    }
}

/// An error as this vendor words it, with 200 as GraphQL servers do.
fn refused_with(code: &str, message: impl fmt::Display) -> Reply {
    Reply::of(StatusCode::OK, &json!({ "errors": [error(code, &message.to_string())] }))
}

fn error(code: &str, message: &str) -> Value {
    json!({ "message": message, "extensions": { "code": code } })
}
