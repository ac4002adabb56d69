use std::sync::Arc;

use serde_json::Value;
use sinew_contract::openapi::{
    Api, BodyForm, Effect as Guessed, InputBody, Location, Operation as Described, Style,
};
use sinew_contract::wire::Manner;
use sinew_contract::{Schema, document};

use super::{DescriptionError, Files, Listed, Open, Published, Read};
use crate::{
    Binding, BodyKind, BodyPart, Effect, HttpBinding, Idempotency, Operation, OperationId, Parameter,
    ParameterLocation,
};

impl Published for Api {
    fn operation(&self, id: &str) -> Option<Operation> {
        let described = self.operations.iter().find(|operation| operation.id == id)?;
        Some(operation(self, described, OperationId::new(id).ok()?))
    }
}

/// Reads an API description.
pub(super) fn read(files: &Files, open: Option<Open<'_>>) -> Result<Read, DescriptionError> {
    let unusable = |cause: String| DescriptionError::Unusable { path: files.path.clone(), cause };
    let root = document::parse(&files.root()).map_err(|error| unusable(error.to_string()))?;
    let (root, missing) = document::bundle(root, |name| parse(&files.beside(name, open)?));
    let mut warnings: Vec<String> =
        missing.iter().map(|of| format!("{} is missing: {}", of.file, of.message)).collect();
    let api = Api::read(root).map_err(|error| unusable(error.to_string()))?;
    warnings.extend(api.warnings.iter().map(ToString::to_string));
    Ok(Read {
        title: api.title.clone(),
        version: api.version.clone(),
        servers: api.servers.iter().map(|server| Arc::from(server.url.as_str())).collect(),
        listed: api.operations.iter().filter_map(Listed::of_openapi).collect(),
        warnings,
        published: Arc::new(api),
    })
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    document::parse(bytes).map_err(|error| error.to_string())
}

impl Listed {
    /// An operation of an API description.
    pub fn of_openapi(operation: &Described) -> Option<Self> {
        Some(Self {
            id: OperationId::new(&operation.id).ok()?,
            summary: operation.summary.as_str().into(),
            effect: effect(operation.effect),
            reached: format!("{} {}", operation.method, operation.path).into(),
            deprecated: operation.deprecated,
        })
    }
}

fn operation(api: &Api, described: &Described, id: OperationId) -> Operation {
    let input = api.input(described);
    let effect = effect(described.effect);
    let key = described.parameters.iter().position(is_key);
    let parameters = described.parameters.iter().zip(&input.parameters).enumerate();
    let parameters = parameters.filter(|(n, _)| Some(*n) != key).map(|(_, (parameter, field))| Parameter {
        field: field.as_str().into(),
        name: parameter.name.as_str().into(),
        location: location(parameter.location),
        required: parameter.required,
        manner: Some(manner(parameter)),
    });
    let mut schema = input.schema;
    if let Some(field) = key.and_then(|n| input.parameters.get(n)) {
        without(&mut schema, field);
    }
    Operation {
        id,
        description: described.summary.as_str().into(),
        effect,
        idempotency: match key.filter(|_| effect != Effect::Read).and_then(|n| described.parameters.get(n)) {
            Some(parameter) => Idempotency::Key { header: parameter.name.as_str().into() },
            None if effect == Effect::Read || matches!(&*described.method, "PUT" | "DELETE") => {
                Idempotency::Natural
            }
            None => Idempotency::None,
        },
        probe: None,
        binding: Binding::Http(HttpBinding {
            method: described.method.as_str().into(),
            path: described.path.as_str().into(),
            server: described.servers.first().map(|server| Arc::from(server.url.as_str())),
            parameters: parameters.collect(),
            body: body(input.body, input.form),
        }),
        // A schema that does not compile says nothing, which is better than an operation that cannot be called.
        input: Schema::compile(schema).ok(),
        output: api.output(described).and_then(|schema| Schema::compile(schema).ok()),
        pagination: None,
        deadline: None,
        scopes: scopes(described),
    }
}

/// A header by which a repeated call is recognised. The engine fills it; callers do not.
fn is_key(parameter: &sinew_contract::openapi::Parameter) -> bool {
    let name = parameter.name.to_ascii_lowercase();
    let known =
        ["idempotency-key", "x-idempotency-key", "idempotencykey", "x-idempotencykey", "paypal-request-id"];
    parameter.location == Location::Header && known.contains(&name.as_str())
}

fn without(schema: &mut Value, field: &str) {
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.remove(field);
    }
    if let Some(Value::Array(required)) = schema.get_mut("required") {
        required.retain(|name| name.as_str() != Some(field));
    }
}

pub(super) fn effect(guessed: Guessed) -> Effect {
    match guessed {
        Guessed::Read => Effect::Read,
        Guessed::Write => Effect::Write,
        Guessed::Destructive => Effect::Destructive,
    }
}

fn location(location: Location) -> ParameterLocation {
    match location {
        Location::Path => ParameterLocation::Path,
        Location::Query => ParameterLocation::Query,
        Location::Header => ParameterLocation::Header,
        Location::Cookie => ParameterLocation::Cookie,
    }
}

fn manner(parameter: &sinew_contract::openapi::Parameter) -> Manner {
    // Some authors give the style of another place; what it can mean there is the usual one.
    let style = match (parameter.location, parameter.style) {
        (Location::Header, style) if style != Style::Json => Style::Simple,
        (Location::Cookie | Location::Query, Style::Simple | Style::Label | Style::Matrix) => Style::Form,
        (_, style) => style,
    };
    Manner { style, explode: parameter.explode, allow_reserved: parameter.allow_reserved }
}

fn body(part: InputBody, form: BodyForm) -> BodyKind {
    let (part, field): (_, Arc<str>) = match part {
        InputBody::None => return BodyKind::None,
        InputBody::Rest => (BodyPart::Rest, Arc::from("body")),
        InputBody::Field(field) => {
            let field: Arc<str> = field.into();
            (BodyPart::Field(Arc::clone(&field)), field)
        }
    };
    match form {
        BodyForm::None => BodyKind::None,
        BodyForm::Json(media_type) => BodyKind::Json { part, media_type: media_type.into() },
        BodyForm::Form(fields) => BodyKind::Form { part, fields: Some(fields.into()) },
        BodyForm::Multipart(media_type, fields) => {
            BodyKind::Multipart { part, media_type: media_type.into(), fields: fields.into() }
        }
        BodyForm::Text(media_type) => BodyKind::Text { field, media_type: media_type.into() },
        BodyForm::File(media_type) => BodyKind::File { field, media_type: media_type.into() },
    }
}

/// Sets of scopes of which one is enough. What asks for none at all asks for nothing.
fn scopes(described: &Described) -> Vec<Vec<Arc<str>>> {
    let sets = described.security.iter().map(|set| {
        set.iter().flat_map(|(_, scopes)| scopes).map(|scope| Arc::from(scope.as_str())).collect::<Vec<_>>()
    });
    let sets: Vec<_> = sets.collect();
    if sets.iter().any(Vec::is_empty) { Vec::new() } else { sets }
}
