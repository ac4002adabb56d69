use std::sync::Arc;

use crate::shape::{Field, HEADER, Record, Shape, one_of, optional, required};
use crate::{ApiKey, Auth, KeyLocation};

use super::{Fields, Login};

pub(super) const FIELDS: &[Field] = &[
    one_of("api_key", Shape::Record(&API_KEY), "A key in a header, in the query or in a cookie.")
        .like("{ header: X-Api-Key, key: secret:billing/key }"),
    one_of("api_keys", KEYS, "Several keys, each in its place.")
        .like("[{ header: X-App-Key, key: secret:shop/app }, { header: X-User-Key, key: secret:shop/user }]"),
];

const KEYS: Shape = Shape::List(&Shape::Record(&API_KEY));

static API_KEY: Record = Record {
    name: "api_key",
    doc: "A key in a header, in the query or in a cookie.",
    fields: &[&[
        one_of("header", Shape::Name(&HEADER), "The header that carries the key.").like("X-Api-Key"),
        one_of("query", Shape::Text, "The query parameter that carries the key.").like("api_key"),
        one_of("cookie", Shape::Name(&HEADER), "The cookie that carries the key.").like("session"),
        required("key", Shape::Secret, "The key.").like("secret:billing/key"),
        optional("prefix", Shape::Text, "What stands before the key in the header; a space follows it.")
            .like("Token"),
    ]],
};

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let keys = if let Some(key) = login.auth.record("api_key") {
        vec![one(key)?]
    } else {
        let items = login.auth.items("api_keys");
        items.iter().map(|item| one(Fields::of(item, &API_KEY))).collect::<Option<_>>()?
    };
    Some(Auth::ApiKeys(keys))
}

fn one(key: Fields<'_>) -> Option<ApiKey> {
    let prefix = || {
        let said = key.said("prefix");
        said.map_or_else(|| Arc::from(""), |prefix| Arc::from(format!("{} ", prefix.trim_end())))
    };
    let (place, node) = key.alternative()?;
    let name = Arc::from(node.text()?);
    let location = match place {
        "header" => KeyLocation::Header { name, prefix: prefix() },
        "cookie" => KeyLocation::Cookie { name },
        _ => KeyLocation::Query { name },
    };
    Some(ApiKey { location, key: key.secret("key")? })
}
