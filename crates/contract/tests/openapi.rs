//! API descriptions, read as their users need them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};
use sinew_contract::openapi::{
    Api, Edition, Effect, Grant, InputBody, Location, NotAnApi, Operation, SchemeKind, Style,
};
use sinew_contract::{Schema, document, example_of};

const PETS: &str = "
openapi: 3.0.3
info: { title: Pets, version: 1.0 }
servers:
  - url: https://{region}.pets.example/v1/
    variables: { region: { default: eu, enum: [eu, us] } }
security: [{ key: [] }]
paths:
  /pets/{petId}:
    parameters:
      - { name: petId, in: path, required: true, schema: { type: string } }
      - { name: trace, in: header, schema: { type: string } }
    get:
      operationId: showPet
      parameters: [{ name: fields, in: query, explode: false, schema: { type: array, items: { type: string } } }]
      responses:
        '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Pet' } } } }
        default: { description: error }
    put:
      operationId: replace-pet
      requestBody:
        required: true
        content:
          application/xml: { schema: { type: string } }
          application/json: { schema: { $ref: '#/components/schemas/Pet' } }
      responses: { '204': { description: done } }
  /pets/search:
    post:
      requestBody: { content: { application/json: { schema: { oneOf: [{ type: object }, { type: array, items: {} }] } } } }
      responses: {}
  /filter:
    get:
      operationId: showPet
      parameters:
        - { name: filter, in: query, style: deepObject, explode: true, schema: { type: object } }
        - { name: where, in: query, content: { application/json: { schema: { type: object } } } }
        - { $ref: '#/components/parameters/gone' }
      responses: {}
components:
  schemas:
    Pet:
      type: object
      required: [id, name]
      properties:
        id: { type: integer, readOnly: true }
        name: { type: string, nullable: true }
        petId: { type: string }
        friends: { type: array, items: { $ref: '#/components/schemas/Pet' } }
";

fn read(text: &str) -> Api {
    Api::read(document::parse(text.as_bytes()).unwrap()).unwrap()
}

fn operation<'a>(api: &'a Api, id: &str) -> &'a Operation {
    let ids: Vec<_> = api.operations.iter().map(|operation| &operation.id).collect();
    api.operations
        .iter()
        .find(|operation| operation.id == id)
        .unwrap_or_else(|| panic!("{id} is none of {ids:?}"))
}

#[test]
fn a_description_is_its_operations() {
    let api = read(PETS);
    assert_eq!((api.title.as_str(), api.version.as_str(), api.edition), ("Pets", "1.0", Edition::OpenApi30));
    assert_eq!(api.servers[0].url, "https://eu.pets.example/v1");
    let shown: Vec<_> =
        api.operations.iter().map(|of| (of.id.as_str(), of.method.as_str(), of.effect)).collect();
    let wanted = [
        ("showPet", "GET", Effect::Read),
        ("replace_pet", "PUT", Effect::Write),
        ("post_pets_search", "POST", Effect::Read),
        ("get_filter", "GET", Effect::Read),
    ];
    assert_eq!(shown, wanted);
    assert_eq!(operation(&api, "showPet").security, [vec![("key".to_owned(), Vec::new())]]);
    let warnings: Vec<_> = api.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "/paths/~1filter/get: `showPet` is the id of another operation; this one is called `get_filter`",
            "/paths/~1filter/get/parameters/2: `#/components/parameters/gone` leads nowhere; ignored",
        ]
    );
}

#[test]
fn parameters_say_how_they_are_written() {
    let api = read(PETS);
    let written = |id: &str| -> Vec<_> {
        let parameters = operation(&api, id).parameters.iter();
        parameters.map(|of| (of.name.as_str(), of.location, of.style, of.explode)).collect()
    };
    assert_eq!(
        written("showPet"),
        [
            ("fields", Location::Query, Style::Form, false),
            ("petId", Location::Path, Style::Simple, false),
            ("trace", Location::Header, Style::Simple, false),
        ]
    );
    assert_eq!(
        written("get_filter"),
        [
            ("filter", Location::Query, Style::DeepObject, true),
            ("where", Location::Query, Style::Json, false),
        ]
    );
}

#[test]
fn the_fields_of_a_body_stand_beside_the_parameters() {
    let api = read(PETS);
    let input = api.input(operation(&api, "replace_pet"));
    assert_eq!((input.parameters, input.body), (vec!["path_petId".into(), "trace".into()], InputBody::Rest));
    assert_eq!(input.schema["required"], json!(["path_petId", "name"]), "what is read only is not asked for");
    let schema = Schema::compile(input.schema).unwrap();
    assert!(schema.fits(&json!({"path_petId": "7", "petId": "8", "name": null, "friends": [{"name": "x"}]})));
    assert!(!schema.fits(&json!({"path_petId": "7"})));
    assert!(schema.fits(&example_of(&schema).unwrap()));
}

#[test]
fn a_body_that_is_no_plain_object_is_a_field() {
    let api = read(PETS);
    let input = api.input(operation(&api, "post_pets_search"));
    assert_eq!(input.body, InputBody::Field("body".into()));
    assert_eq!(input.schema["properties"]["body"]["oneOf"].as_array().unwrap().len(), 2);
    assert_eq!(input.schema.get("required"), None);
}

#[test]
fn what_a_body_must_have_that_may_be_left_out_is_not_asked_for_but_told() {
    let body = json!({"content": {"application/json": {"schema": {
        "type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "size": {"type": "integer"}}}}}});
    let document = json!({"openapi": "3.0.3", "info": {"title": "Pets", "version": "1"},
        "paths": {"/pets": {"post": {"operationId": "addPet", "requestBody": body, "responses": {"204": {"description": "ok"}}}}}});
    let api = read(&document.to_string());
    let input = api.input(operation(&api, "addPet"));
    assert_eq!((input.schema.get("required"), &input.schema["x-required-in-body"]), (None, &json!(["name"])));
    assert!(Schema::compile(input.schema).unwrap().fits(&json!({})));
}

#[test]
fn an_answer_has_the_schema_of_success() {
    let api = read(PETS);
    let output = api.output(operation(&api, "showPet")).unwrap();
    let schema = Schema::compile(output).unwrap();
    assert!(schema.fits(&json!({"id": 1, "name": "Rex", "friends": []})));
    assert!(!schema.fits(&json!({"name": "Rex"})), "the system tells what it sets");
    assert_eq!(api.output(operation(&api, "replace_pet")), None);
}

#[test]
fn swagger_2_is_read_as_well() {
    let api = read(
        r##"{"swagger": "2.0", "info": {"title": "Old", "version": "1"}, "host": "old.example", "basePath": "/api/",
        "schemes": ["http", "https"], "consumes": ["application/json"], "paths": {
        "/files": {"post": {"operationId": "upload", "parameters": [
            {"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "pipes"},
            {"name": "file", "in": "formData", "type": "file", "required": true},
            {"name": "note", "in": "formData", "type": "string"}], "responses": {}}},
        "/users": {"post": {"operationId": "createUser", "parameters": [
            {"name": "body", "in": "body", "required": true, "schema": {"$ref": "#/definitions/User"}}],
            "responses": {"201": {"description": "ok", "schema": {"$ref": "#/definitions/User"}}}}}},
        "definitions": {"User": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}}}"##,
    );
    let urls: Vec<_> = api.servers.iter().map(|server| server.url.as_str()).collect();
    assert_eq!(urls, ["https://old.example/api", "http://old.example/api"]);
    let upload = operation(&api, "upload");
    assert_eq!(upload.parameters[0].style, Style::PipeDelimited);
    assert!(upload.body.as_ref().unwrap().content[0].is_multipart());
    assert_eq!(api.input(upload).schema["required"], json!(["file"]));
    let create = operation(&api, "createUser");
    assert_eq!(api.input(create).schema["required"], json!(["name"]));
    assert_eq!(api.output(create).unwrap()["$ref"], "#/$defs/User");
}

#[test]
fn what_is_no_description_is_told_apart() {
    let refused = |document: Value| Api::read(document).unwrap_err();
    assert_eq!(refused(json!([])), NotAnApi::NotAMap);
    assert_eq!(refused(json!({"openapi": "4.0.0"})), NotAnApi::Version("4.0.0".into()));
    assert_eq!(refused(json!({"openapi": "3.1.0"})), NotAnApi::NoPaths);
    let postman = refused(json!({"info": {"_postman_id": "x"}, "item": []}));
    assert!(postman.to_string().contains("Postman can export it"), "{postman}");
}

#[test]
fn mistakes_of_authors_do_not_stop_the_rest() {
    let api = read(
        r##"{"openapi": "3.0.0", "info": [], "paths": {"no-slash/{id}": {"get": {"responses": [], "parameters": {}}},
        "/x": {"$ref": "/x"}, "/y": {"$ref": "#/paths/~1y"}, "/z": {"get": null, "post": {"parameters": [
        {"name": "q", "in": "somewhere"}, {"in": "query"}, {"name": "id", "in": "path"}]}}}}"##,
    );
    let paths: Vec<_> = api.operations.iter().map(|operation| operation.path.as_str()).collect();
    assert_eq!(paths, ["/no-slash/{id}", "/z"]);
    assert_eq!(api.operations[0].parameters[0].name, "id");
    assert_eq!(api.warnings.len(), 8, "{:#?}", api.warnings);
}

#[test]
fn events_are_webhooks_and_callbacks() {
    let api = read(
        "
openapi: 3.1.0
info: { title: Shop, version: '2' }
webhooks:
  order.paid:
    post: { summary: An order was paid., requestBody: { content: { application/json: { schema: { $ref: '#/components/schemas/Order' } } } } }
paths:
  /watch:
    post:
      operationId: watch
      callbacks: { changed: { '{$request.body#/url}': { post: { requestBody: { content: { application/json: {} } } } } } }
components: { schemas: { Order: { type: object, required: [id] } } }
",
    );
    let events: Vec<_> = api.events.iter().map(|of| (of.name.as_str(), of.asked_by.as_deref())).collect();
    assert_eq!(events, [("order.paid", None), ("changed", Some("watch"))]);
    let payload = Schema::compile(api.payload(&api.events[0]).unwrap()).unwrap();
    assert!(payload.fits(&json!({"id": 1})) && !payload.fits(&json!({})));
    assert_eq!(api.payload(&api.events[1]), None);
}

#[test]
fn callers_can_tell_how_to_show_who_they_are() {
    let api = read(
        "
openapi: 3.0.0
info: {}
paths: {}
components:
  securitySchemes:
    key: { type: apiKey, in: header, name: X-Key }
    basic: { type: http, scheme: Basic }
    token: { type: http, scheme: bearer, bearerFormat: JWT }
    broken: { type: apiKey }
    odd: { type: magic }
    login:
      type: oauth2
      flows:
        authorizationCode: { authorizationUrl: https://a.example, tokenUrl: https://t.example, scopes: { 'read': Reads. } }
        clientCredentials: { tokenUrl: https://t.example, scopes: {} }
",
    );
    let kinds: Vec<_> = api.security_schemes.iter().map(|scheme| &scheme.kind).collect();
    let key = SchemeKind::ApiKey { location: Location::Header, name: "X-Key".into() };
    assert_eq!(kinds[..3], [&key, &SchemeKind::Basic, &SchemeKind::Bearer]);
    let SchemeKind::OAuth2(flows) = kinds[3] else { panic!("{kinds:?}") };
    let grants: Vec<_> = flows.iter().map(|flow| flow.grant).collect();
    assert_eq!(grants, [Grant::AuthorizationCode, Grant::ClientCredentials]);
    assert_eq!(flows[0].scopes, [("read".to_owned(), "Reads.".to_owned())]);
    assert_eq!(api.warnings.len(), 2, "{:#?}", api.warnings);
}
