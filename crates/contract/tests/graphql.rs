//! GraphQL schemas, read as their users need them. What is made of them is judged by an implementation that is not ours.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use apollo_compiler::request::coerce_variable_values;
use apollo_compiler::response::JsonMap;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema as Judge, introspection};
use serde_json::{Value, json};
use sinew_contract::graphql::{
    Api, INTROSPECTION, INTROSPECTION_OF_OLD, NotASchema, Operation, Request, Wanted,
};
use sinew_contract::openapi::Effect;
use sinew_contract::{Schema, example_of};

const SHOP: &str = r#"
schema { query: QueryRoot mutation: Mutation }
directive @oneOf on INPUT_OBJECT

"Text that stands for a decimal number."
scalar Decimal @specifiedBy(url: "https://example.com/decimal")

interface Node { id: ID! }
interface Priced { price: Money! }

type Money { amount: Decimal! currency: Currency! }
enum Currency { EUR, "Of the United States." USD, OLD @deprecated(reason: "gone") }

"What is sold."
type Product implements Node & Priced {
  id: ID!
  title: String!
  tags: [String!]!
  size: Int
  price: Money!
  vendor: Vendor
  old: String @deprecated(reason: "Use `title`.")
  image(width: Int!): String
  variants(first: Int, after: String): VariantConnection!
  related: [Product!]!
}
type Vendor implements Node { id: ID! name: String! address: Address parent: Vendor }
type Address { city: String country: String vendor: Vendor }
type Bundle implements Node & Priced { id: ID! label: String size: String! price: Money! parts: [Product!]! }
union Hit = Product | Bundle | Vendor

type PageInfo { hasNextPage: Boolean! endCursor: String }
type ProductConnection { edges: [ProductEdge!]! nodes: [Product!]! pageInfo: PageInfo! totalCount: Int }
type ProductEdge { cursor: String! node: Product! }
type VariantConnection { edges: [VariantEdge] pageInfo: PageInfo! }
type VariantEdge { node: Variant }
type Variant { sku: String }

type QueryRoot {
  product(id: ID!): Product
  products(first: Int, after: String, last: Int, before: String, filter: ProductFilter, sort: Sort! = TITLE): ProductConnection!
  variants(first: Int, after: String): VariantConnection
  search(text: String!): [Hit!]!
  priced: [Priced]
  node(id: ID!): Node
  version: String!
  checkout: Address
}
input ProductFilter { and: [ProductFilter!] title: String currency: Currency = EUR limit: Int! = 3 price: Decimal }
enum Sort { TITLE SIZE }
input By @oneOf { id: ID sku: String kind: Sort }

type Mutation {
  productCreate(input: ProductInput!, dryRun: Boolean = false): ProductPayload!
  productDelete(by: By!): ID
  checkout(cart: [[Int!]]): Address
}
input ProductInput { title: String! tags: [String!] priceIn: Decimal }
type ProductPayload { product: Product userErrors: [UserError!]! }
type UserError { field: [String!] message: String! }
"#;

fn shop() -> Api {
    Api::read(SHOP.as_bytes()).unwrap()
}

fn judge() -> Valid<Judge> {
    Judge::parse_and_validate(SHOP, "shop.graphql").unwrap()
}

fn operation<'a>(api: &'a Api, id: &str) -> &'a Operation {
    let ids: Vec<_> = api.operations.iter().map(|operation| &operation.id).collect();
    api.operations.iter().find(|of| of.id == id).unwrap_or_else(|| panic!("{id} is none of {ids:?}"))
}

/// The request must be valid, and its schemas must be schemas.
#[track_caller]
fn judged(request: Request) -> Request {
    if let Err(refused) =
        ExecutableDocument::parse_and_validate(&judge(), &request.document, "request.graphql")
    {
        panic!("{}\n{}", request.document, refused.errors);
    }
    Schema::compile(request.input.clone()).unwrap();
    Schema::compile(request.output.clone()).unwrap();
    request
}

/// What is asked for if this is wanted.
#[track_caller]
fn wanted(id: &str, paths: &[&str]) -> Request {
    let api = shop();
    judged(api.request(operation(&api, id), &Wanted::at(paths.iter().copied())))
}

#[test]
fn each_field_of_the_roots_is_an_operation() {
    let api = shop();
    let shown: Vec<_> = api
        .operations
        .iter()
        .map(|of| (of.id.as_str(), of.root.keyword(), of.effect, of.pages.is_some()))
        .collect();
    assert_eq!(
        shown,
        [
            ("product", "query", Effect::Read, false),
            ("products", "query", Effect::Read, true),
            ("variants", "query", Effect::Read, true),
            ("search", "query", Effect::Read, false),
            ("priced", "query", Effect::Read, false),
            ("node", "query", Effect::Read, false),
            ("version", "query", Effect::Read, false),
            ("checkout", "query", Effect::Read, false),
            ("productCreate", "mutation", Effect::Write, false),
            ("productDelete", "mutation", Effect::Destructive, false),
            ("mutation_checkout", "mutation", Effect::Write, false),
        ]
    );
    let warnings: Vec<_> = api.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["Mutation.checkout: another operation is called so; this one is called `mutation_checkout`"]
    );
}

#[test]
fn what_is_read_is_what_is_asked_for() {
    let request = wanted("product", &["title", "vendor.address.city", "price.amount"]);
    assert_eq!(
        request.document,
        "query product($id: ID!) {product(id: $id) {price {amount} title vendor {address {city}}}}"
    );
    assert_eq!(
        request.output,
        json!({
            "type": ["object", "null"],
            "required": ["price", "title", "vendor"],
            "properties": {
                "price": {
                    "type": "object",
                    "required": ["amount"],
                    "properties": {"amount": {"description":
                        "A `Decimal`: Text that stands for a decimal number. (specified by https://example.com/decimal)"}},
                },
                "title": {"type": "string"},
                "vendor": {
                    "type": ["object", "null"],
                    "required": ["address"],
                    "properties": {"address": {
                        "type": ["object", "null"],
                        "required": ["city"],
                        "properties": {"city": {"type": ["string", "null"]}},
                    }},
                },
            },
        })
    );
    assert_eq!(wanted("version", &[]).document, "query version {version}");
    // Whether there is one is all that is read.
    let nothing = wanted("product", &[]);
    assert_eq!(nothing.document, "query product($id: ID!) {product(id: $id) {__typename}}");
    let variants = wanted("product", &["variants.edges.node.sku"]);
    assert!(variants.document.ends_with("{variants {edges {node {sku}}}}}"), "{}", variants.document);
}

#[test]
fn what_cannot_be_had_is_said() {
    let request = wanted("product", &["titel", "image", "vendor.zip"]);
    let missing: Vec<_> =
        request.missing.iter().map(|m| (m.path.as_str(), m.why.as_str(), m.known.len())).collect();
    assert_eq!(
        missing,
        [
            ("image", "it needs `width`, which a `select` of the operation can give", 0),
            ("titel", "`Product` has no such field", 10),
            ("vendor.zip", "`Vendor` has no such field", 4),
        ]
    );
}

#[test]
fn fields_of_one_of_several_types_stand_in_fragments() {
    let request = wanted("search", &["title", "name", "__typename"]);
    assert_eq!(
        request.document,
        "query search($text: String!) {search(text: $text) {__typename ... on Product {title} ... on Vendor {name}}}"
    );
    let request = wanted("priced", &["price.amount", "label"]);
    assert!(
        request.document.ends_with("{__typename price {amount} ... on Bundle {label}}}"),
        "{}",
        request.document
    );
    let known = &wanted("node", &["colour"]).missing[0].known;
    assert!(
        ["id", "label", "name", "title"].iter().all(|name| known.iter().any(|of| of == name)),
        "{known:?}"
    );
}

#[test]
fn fields_of_one_name_and_different_shapes_are_kept_apart_and_get_their_name_back() {
    let request = wanted("search", &["size"]);
    assert!(
        request.document.ends_with("{__typename ... on Bundle {size} ... on Product {size__Product: size}}}"),
        "{}",
        request.document
    );
    let answer = r#"[{"__typename":"Product","size__Product":12345678901234567890.10}, {"__typename":"Bundle","size":"L"}]"#;
    assert_eq!(
        request.restore.unwrap().apply(answer),
        r#"[{"__typename":"Product","size":12345678901234567890.10},{"__typename":"Bundle","size":"L"}]"#
    );
    let size = &request.output["items"]["properties"]["size"];
    assert_eq!(*size, json!({"anyOf": [{"type": "string"}, {"type": ["integer", "null"]}]}));
    assert_eq!(wanted("product", &["size"]).restore, None);
}

#[test]
fn the_whole_of_a_value_is_its_own_and_not_the_web_round_it() {
    let api = shop();
    let whole = |id: &str| judged(api.request(operation(&api, id), &Wanted::Everything)).document;
    assert_eq!(
        whole("product"),
        "query product($id: ID!) {product(id: $id) {id title tags size price {amount currency} vendor {id} related {id}}}"
    );
    assert!(
        whole("productCreate").ends_with(
            "{product {id title tags size price {amount currency} vendor {id} related {id}} userErrors {field message}}}"
        ),
        "{}",
        whole("productCreate")
    );
    assert_eq!(whole("checkout"), "query checkout {checkout {city country vendor {id name parent {id}}}}");
    assert!(whole("products").contains("{totalCount nodes {id title"), "{}", whole("products"));
    assert!(whole("search").contains("__typename ... on Product {id title"), "{}", whole("search"));
    assert!(whole("search").contains("size__Bundle: size"), "{}", whole("search"));
}

#[test]
fn arguments_are_the_input() {
    let api = shop();
    let input = api.input(operation(&api, "products"));
    let filter = &input["properties"]["filter"];
    assert_eq!(*filter, json!({"anyOf": [{"$ref": "#/$defs/ProductFilter"}, {"type": "null"}]}));
    assert_eq!(input["properties"]["sort"], json!({"$ref": "#/$defs/Sort", "default": "TITLE"}));
    assert_eq!(input.get("required"), None);
    let fields = &input["$defs"]["ProductFilter"]["properties"];
    assert_eq!(fields["limit"]["default"], json!(3));
    assert_eq!(fields["and"]["items"], json!({"$ref": "#/$defs/ProductFilter"}));
    assert_eq!(
        input["$defs"]["Currency"],
        json!({"type": "string", "enum": ["EUR", "USD", "OLD"], "description": "`USD`: Of the United States."})
    );
    let fits = |id: &str, value: Value| Schema::compile(api.input(operation(&api, id))).unwrap().fits(&value);
    assert!(fits(
        "products",
        json!({"filter": {"and": [{"title": "a"}, {"price": "1.5"}], "currency": null}})
    ));
    assert!(!fits("products", json!({"filter": {"titel": "a"}})));
    assert!(!fits("products", json!({"first": 3_000_000_000_u32})));
    assert!(fits("product", json!({"id": 7})) && !fits("product", json!({})));
    assert!(fits("productDelete", json!({"by": {"sku": "a"}})));
    assert!(!fits("productDelete", json!({"by": {"sku": "a", "id": 1}})));
    assert!(!fits("productDelete", json!({"by": {"sku": null}})));
    assert!(fits("mutation_checkout", json!({"cart": [[1], null]})));
    let document = wanted("products", &["totalCount"]).document;
    assert!(document.starts_with("query products($first: Int, $after: String, $last: Int, $before: String, $filter: ProductFilter, $sort: Sort) {products(first: $first,"), "{document}");
}

#[test]
fn examples_of_what_operations_take_are_what_the_judge_takes() {
    let (api, judge) = (shop(), judge());
    for operation in &api.operations {
        let request = judged(api.request(operation, &Wanted::Everything));
        let example = example_of(&Schema::compile(request.input).unwrap()).unwrap();
        let document =
            ExecutableDocument::parse_and_validate(&judge, &request.document, "request.graphql").unwrap();
        let variables: JsonMap = serde_json::from_value(example.clone()).unwrap();
        let taken = coerce_variable_values(&judge, document.operations.get(None).unwrap(), &variables);
        assert!(taken.is_ok(), "{}: {example}: {}", operation.id, taken.unwrap_err().message());
    }
}

#[test]
fn lists_cut_into_pages_are_recognised() {
    let api = shop();
    let products = operation(&api, "products").pages.unwrap();
    assert_eq!((products.items(), products.unless()), ("nodes", Some("last")));
    let variants = operation(&api, "variants").pages.unwrap();
    assert_eq!((variants.items(), variants.unless()), ("edges.node", None));
    let page = judged(api.request(operation(&api, "variants"), &variants.page(Wanted::at(["sku"]))));
    assert!(
        page.document.ends_with("{edges {node {sku}} pageInfo {endCursor hasNextPage}}}"),
        "{}",
        page.document
    );
}

#[test]
fn an_author_may_select_what_cannot_be_derived() {
    let api = shop();
    let product = operation(&api, "product");
    let select = "id big: image(width: $width) variants(first: 10) { edges { node { sku } } } related { ...on Node { id } }";
    let request = judged(api.request_of(product, select).unwrap());
    assert!(
        request.document.starts_with(
            "query product($id: ID!, $width: Int!) {product(id: $id) {id big: image(width: $width) "
        ),
        "{}",
        request.document
    );
    assert_eq!(request.input["required"], json!(["id", "width"]));
    assert_eq!(request.output["properties"]["big"], json!({"type": ["string", "null"]}));
    let check = |select: &str, wanted: &str| {
        assert_eq!(api.request_of(product, select).unwrap_err().to_string(), wanted, "{select}");
    };
    check("id titel", "titel: `Product` has no such field");
    check("vendor", "vendor: say which fields of `Vendor` are wanted: `vendor { ... }`");
    check("title { length }", "title: it is a plain value, of which nothing can be selected");
    check("image", "image: it needs the argument `width`");
    check("image(width: 1, height: 2)", "image: it has no argument `height`");
    check("image(width: $id)", "product: `$id` is an argument of the operation itself; call it otherwise");
    check("vendor { ... on Product { id } }", "vendor: a `Vendor` is never a `Product`");
    check("id vendor { name", "line 1, column 17: a name is expected here, but the text ends");
    check("id @skip(if: true)", "id: directives are not read here");
    check("", "the selection: nothing is selected");
    let deep = api.request_of(product, &"related { ".repeat(100));
    assert!(deep.unwrap_err().to_string().contains("nested deeper than 64 levels"));
}

#[test]
fn introspection_tells_the_same_as_the_text() {
    let by_text = shop();
    for query in [INTROSPECTION, INTROSPECTION_OF_OLD] {
        let schema = judge();
        // Which the judge, of an older edition, does not know.
        let query = query.replace("isOneOf ", "");
        let document =
            ExecutableDocument::parse_and_validate(&schema, query, "introspection.graphql").unwrap();
        let asked = document.operations.get(None).unwrap();
        let variables = coerce_variable_values(&schema, asked, &JsonMap::default()).unwrap();
        let answer =
            introspection::partial_execute(&schema, &schema.implementers_map(), &document, asked, &variables);
        let answer = serde_json::to_value(answer.unwrap()).unwrap();
        for answer in [&answer, &answer["data"], &json!([answer])] {
            let told = Api::read(answer.to_string().as_bytes()).unwrap();
            assert_eq!(told.operations.len(), by_text.operations.len());
            for operation in &by_text.operations {
                let same = self::operation(&told, &operation.id);
                assert_eq!(
                    (same, told.input(same).get("required")),
                    (operation, by_text.input(operation).get("required"))
                );
                let [a, b] = [(&told, same), (&by_text, operation)]
                    .map(|(api, of)| api.request(of, &Wanted::Everything).document);
                assert_eq!(a, b);
            }
            // What is kept of it is the schema.
            let kept = Api::read(told.to_sdl().as_bytes()).unwrap();
            assert_eq!(kept.to_sdl(), told.to_sdl());
            Judge::parse_and_validate(told.to_sdl(), "kept.graphql").unwrap();
        }
    }
}

#[test]
fn mistakes_are_understood_with_a_warning_that_says_where() {
    let text = "
        type Query { a: Gone b(x: Gone, x: Int, y: Query): Int a: Int c: In e: [E] }
        input In { a: Int a: String }
        enum E { A } enum E { B }
        union U = Query | Gone
        extend type Query { d: Int }
        extend type New { f: Int }
        extend input Query { x: Int }
        subscription { a }";
    let error = Api::read(text.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("line 9, column 9: this is a query, not a schema"), "{error}");
    let api = Api::read(text.replace("subscription { a }", "").as_bytes()).unwrap();
    let ids: Vec<_> = api.operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(ids, ["b", "e", "d"]);
    let warnings: Vec<_> = api.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "Query: an extension takes it for a type of another kind; ignored",
            "E: there are two of this name; the first counts",
            "Query: it has `a` twice; the first counts",
            "Query.a: there is no type `Gone`; left out",
            "Query.c: `In` cannot be what is selected; left out",
            "Query.b: it has `x` twice; the first counts",
            "Query.b(x:): there is no type `Gone`; any value is taken",
            "Query.b(y:): `Query` cannot be an input; any value is taken",
            "In: it has `a` twice; the first counts",
            "U: `Gone` is no object type; left out",
        ]
    );
}

#[test]
fn what_is_no_schema_says_so() {
    let check = |text: &str, wanted: &str| {
        let error = Api::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(wanted), "{text:.60}: {error}");
    };
    check("", "the file is empty");
    check("<!doctype html>", "line 1, column 1: `<` begins nothing in GraphQL");
    check("type Query {", "line 1, column 13: a name is expected here, but the text ends");
    check("{ shop { name } }", "this is a query, not a schema");
    check("query { shop }", "this is a query, not a schema");
    check("type A { a: Int }", "neither a query nor a mutation type");
    check("{\"openapi\": \"3.0.0\"}", "sinew import openapi");
    check("{\"data\": {\"__schema\": {}}}", "`__schema` has no `types`");
    check(
        "{\"data\": null, \"errors\": [{\"message\": \"introspection is disabled\"}]}",
        "introspection is disabled",
    );
    check("{\"data\": {\"__schema\": {\"types\": [{\"kind\": \"OBJECT\"}]}}}", "neither a query");
    assert!(matches!(Api::read(b"type \xff"), Err(NotASchema::Unreadable(_))));
}

#[test]
fn hostile_texts_end_soon() {
    let begin = std::time::Instant::now();
    for text in [
        "a ".repeat(4_000_000),
        "%".repeat(8_000_000),
        "type A { f(a: ".to_owned() + &"[".repeat(4_000_000),
        "type A { f(a: Int = ".to_owned() + &"{a: ".repeat(2_000_000),
        "type Query { a(b: Int = ".repeat(1_000_000),
        "\"".repeat(9_000_001),
        "type Query { a: Query } ".repeat(1_000) + "type Query { b: Int",
        "{\"__schema\": {\"types\": ".to_owned() + &"[".repeat(1_000_000),
    ] {
        assert!(Api::read(text.as_bytes()).is_err(), "{text:.40}");
    }
    assert!(begin.elapsed().as_secs() < 10, "{:?}", begin.elapsed());
}
