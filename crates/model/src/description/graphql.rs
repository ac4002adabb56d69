use std::sync::Arc;

use serde_json::json;
use sinew_contract::Schema;
use sinew_contract::graphql::{Api, Missing, Operation as Described, Pages, Request, Wanted};
use sinew_contract::openapi::Effect as Guessed;
use sinew_mapping::{Expression, Reads};

use super::{DescriptionError, Files, Listed, Published, Read};
use crate::{
    Asked, Binding, BodyKind, Effect, GraphQlBody, HttpBinding, Idempotency, NextCursor, Operation,
    OperationId, PageSize, Pagination,
};

/// Items of a page if nobody says how many. Some vendors refuse to guess, and many give no more than 100.
const PAGE: u32 = 50;

impl Published for Api {
    fn operation(&self, id: &str) -> Option<Operation> {
        let described = self.operations.iter().find(|operation| operation.id == id)?;
        let request = self.request(described, &Wanted::Everything);
        let effect = effect(described.effect);
        Some(Operation {
            id: OperationId::new(id).ok()?,
            description: described.description.as_str().into(),
            effect,
            idempotency: if effect == Effect::Read { Idempotency::Natural } else { Idempotency::None },
            probe: None,
            binding: Binding::Http(HttpBinding {
                method: "POST".into(),
                path: "".into(),
                server: None,
                parameters: Vec::new(),
                body: BodyKind::GraphQl(body(described, &request)),
            }),
            // A schema that does not compile says nothing, which is better than an operation that cannot be called.
            input: Schema::compile(request.input).ok(),
            output: Schema::compile(request.output).ok(),
            pagination: described.pages.and_then(pagination),
            deadline: None,
            scopes: Vec::new(),
        })
    }

    fn asked(
        &self,
        id: &str,
        reads: &Reads,
        all_pages: bool,
        partial: bool,
    ) -> Option<(Asked, Vec<Missing>)> {
        let described = self.operations.iter().find(|operation| operation.id == id)?;
        let reads = if partial { reads.under("data") } else { reads.clone() };
        let wanted = match described.pages.filter(|_| all_pages) {
            Some(pages) => pages.page(wanted(&reads)),
            None => wanted(&reads),
        };
        let mut request = self.request(described, &wanted);
        let missing = std::mem::take(&mut request.missing);
        let body = GraphQlBody { partial, ..(*body(described, &request)).clone() };
        let output = Schema::compile(enveloped(request.output, partial)).ok();
        Some((Asked { body: Arc::new(body), output }, missing))
    }

    fn selected(&self, operation: &mut Operation, select: &str) -> Result<(), String> {
        let id = operation.id.as_str();
        let Some(described) = self.operations.iter().find(|of| of.id == id) else { return Ok(()) };
        let request = self.request_of(described, select).map_err(|error| error.to_string())?;
        let body = GraphQlBody { authored: true, ..(*body(described, &request)).clone() };
        if let Binding::Http(http) = &mut operation.binding {
            http.body = BodyKind::GraphQl(Arc::new(body));
        }
        operation.input = Schema::compile(request.input).ok();
        operation.output = Schema::compile(request.output).ok();
        Ok(())
    }
}

impl Operation {
    /// Errors beside data become part of the value, which then has no pages.
    pub(crate) fn allow_partial(&mut self) {
        let Binding::Http(HttpBinding { body, .. }) = &mut self.binding else { return };
        let BodyKind::GraphQl(graphql) = &*body else { return };
        *body = BodyKind::GraphQl(Arc::new(GraphQlBody { partial: true, ..(**graphql).clone() }));
        self.pagination = None;
        let output = self.output.take().map(|output| enveloped(output.source().clone(), true));
        self.output = output.and_then(|output| Schema::compile(output).ok());
    }
}

/// The value, or, if errors may stand beside it, both.
fn enveloped(output: serde_json::Value, partial: bool) -> serde_json::Value {
    if !partial {
        return output;
    }
    json!({
        "type": "object",
        "required": ["data", "errors"],
        "properties": { "data": output, "errors": { "type": "array", "items": { "type": "object" } } },
    })
}

/// Reads a schema.
pub(super) fn read(files: &Files) -> Result<Read, DescriptionError> {
    let unusable = |cause: String| DescriptionError::Unusable { path: files.path.clone(), cause };
    let api = Api::read(&files.root()).map_err(|error| unusable(error.to_string()))?;
    Ok(Read {
        title: "a GraphQL API".to_owned(),
        version: String::new(),
        servers: Vec::new(),
        listed: api.operations.iter().filter_map(Listed::of_graphql).collect(),
        warnings: api.warnings.iter().map(ToString::to_string).collect(),
        published: Arc::new(api),
    })
}

impl Listed {
    /// An operation of a GraphQL schema.
    pub fn of_graphql(operation: &Described) -> Option<Self> {
        Some(Self {
            id: OperationId::new(&operation.id).ok()?,
            summary: operation.description.as_str().into(),
            effect: effect(operation.effect),
            reached: format!("{} {}", operation.root.keyword(), operation.field).into(),
            deprecated: operation.deprecated.is_some(),
        })
    }
}

fn body(described: &Described, request: &Request) -> Arc<GraphQlBody> {
    Arc::new(GraphQlBody {
        page: described.pages.map(|pages| PageSize {
            field: Pages::SIZE.into(),
            unless: pages.unless().map(Arc::from),
            items: PAGE,
        }),
        restore: request.restore.clone().map(Arc::new),
        ..GraphQlBody::of(&request.document, &request.name, &described.field)
    })
}

fn pagination(pages: Pages) -> Option<Pagination> {
    Some(Pagination::Cursor {
        items: Expression::compile(pages.items()).ok()?,
        next: NextCursor::Body(Expression::compile(Pages::NEXT).ok()?),
        field: Pages::AFTER.into(),
    })
}

/// What is read of a value, as what is wanted of it.
fn wanted(reads: &Reads) -> Wanted {
    match reads {
        Reads::Everything => Wanted::Everything,
        Reads::Fields(fields) => {
            Wanted::Fields(fields.iter().map(|(name, reads)| (name.to_owned(), wanted(reads))).collect())
        }
    }
}

fn effect(guessed: Guessed) -> Effect {
    match guessed {
        Guessed::Read => Effect::Read,
        Guessed::Write => Effect::Write,
        Guessed::Destructive => Effect::Destructive,
    }
}
