use serde_json::Value;

use super::{Edition, text};

/// Where an API is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The URL, or a path on the host that the description came from; its variables at their defaults.
    pub url: String,
    /// What it is for.
    pub description: String,
}

/// The servers of a description, path or operation.
pub(super) fn read(of: &Value, edition: Edition) -> Vec<Server> {
    if edition == Edition::Swagger2 {
        return swagger(of);
    }
    let servers = of.get("servers").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    servers.iter().filter_map(server).collect()
}

fn server(server: &Value) -> Option<Server> {
    let mut url = server.get("url").and_then(Value::as_str)?.trim().trim_end_matches('/').to_owned();
    let variables = server.get("variables").and_then(Value::as_object);
    for (name, variable) in variables.into_iter().flatten() {
        let first = variable.pointer("/enum/0");
        let value = variable.get("default").or(first).map(text).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), &value);
    }
    Some(Server { url, description: server.get("description").map(text).unwrap_or_default() })
}

/// Swagger 2.0: `schemes`, `host` and `basePath`.
fn swagger(of: &Value) -> Vec<Server> {
    let path = of.get("basePath").map(text).unwrap_or_default();
    let path = path.trim_matches('/');
    let path = if path.is_empty() { String::new() } else { format!("/{path}") };
    let Some(host) = of.get("host").map(text).filter(|host| !host.is_empty()) else {
        let relative = Server { url: path, description: String::new() };
        return if relative.url.is_empty() { Vec::new() } else { vec![relative] };
    };
    let schemes = of.get("schemes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut schemes: Vec<String> = schemes.iter().map(text).filter(|s| s == "https" || s == "http").collect();
    if schemes.is_empty() {
        schemes.push("https".to_owned());
    }
    schemes.sort_by_key(|scheme| scheme != "https");
    let url = |scheme: String| Server { url: format!("{scheme}://{host}{path}"), description: String::new() };
    schemes.into_iter().map(url).collect()
}
