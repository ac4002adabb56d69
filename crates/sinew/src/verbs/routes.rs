use serde_json::json;
use sinew_gateway::{Found, Lookup, Query, normal_path, paths};
use sinew_model::{Admission, RouteTarget, Snapshot};

use crate::cli::{Routes, RoutesExplain};
use crate::error::{CliError, Exit};
use crate::output::{Output, Table, Tint};

use super::connector::load;

/// Looks at the routes of a project's APIs.
pub fn run(routes: &Routes, output: &Output) -> Result<Exit, CliError> {
    match routes {
        Routes::List(project) => {
            list(&load(project, output)?.0, output);
            Ok(Exit::Ok)
        }
        Routes::Explain(explain) => self::explain(explain, output),
    }
}

fn list(snapshot: &Snapshot, output: &Output) {
    let all = || snapshot.apis.values().flat_map(|api| api.routes.iter().map(move |route| (api, route)));
    let rows: Vec<_> = all()
        .map(|(api, route)| {
            let path = format!("{}{}", api.base_path, route.path);
            json!({
                "api": api.name.as_str(), "methods": route.methods.names(), "path": path,
                "target": target(&route.target), "scopes": route.scopes, "hosts": api.hosts,
                "open": route.admits.contains(&Admission::Anybody),
            })
        })
        .collect();
    output.answer(&rows, || {
        let mut table = Table::new(&["METHODS", "PATH", "API", "LEADS TO", "WHO"]);
        for (api, route) in all() {
            let open = route.admits.contains(&Admission::Anybody);
            table.row([
                (route.methods.names().join(","), None),
                (format!("{}{}", api.base_path, route.path), Some(Tint::Strong)),
                (api.name.to_string(), None),
                (target(&route.target), None),
                if open { ("anybody".to_owned(), Some(Tint::Odd)) } else { ("consumers".to_owned(), None) },
            ]);
        }
        if rows.is_empty() { "no API yet".to_owned() } else { table.render(output) }
    });
}

fn target(target: &RouteTarget) -> String {
    match target {
        RouteTarget::Upstream { name, .. } => format!("upstream {name}"),
        RouteTarget::Answer { status, .. } => format!("answer {status}"),
        RouteTarget::Redirect { to, status } => format!("redirect {status} {to}"),
    }
}

/// Headers of a request.
struct Headers<'a>(Vec<(&'a str, &'a str)>);

impl Lookup for Headers<'_> {
    fn any(&self, name: &str, holds: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.0.iter().any(|(own, value)| own.eq_ignore_ascii_case(name) && holds(value.as_bytes()))
    }
}

fn explain(asked: &RoutesExplain, output: &Output) -> Result<Exit, CliError> {
    let (snapshot, _) = load(&asked.project, output)?;
    let table = paths(&snapshot).map_err(|_| CliError::usage("the routes cannot be told apart"))?;
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    let mut normal = Vec::new();
    let changed = normal_path(path.as_bytes(), &mut normal).map_err(|error| {
        CliError::usage(format!("`{path}` is refused before any route is looked for: {error}"))
    })?;
    let headers = asked
        .headers
        .iter()
        .map(|header| header.split_once(':').map(|(name, value)| (name.trim(), value.trim())))
        .collect::<Option<Vec<_>>>()
        .map(Headers)
        .ok_or_else(|| CliError::usage("a header is written `Name: value`"))?;
    let explanation = table.explain(&Query {
        host: asked.host.as_bytes(),
        path: if changed { &normal } else { path.as_bytes() },
        method: asked.method.as_bytes(),
        headers: &headers,
        query: query.as_bytes(),
    });
    let route = match explanation.found {
        Found::Route(number) => table.rule(number).map(|rule| rule.label.clone()),
        Found::MethodNotAllowed(_) | Found::NotFound => None,
    };
    let considered: Vec<_> = explanation
        .considered
        .iter()
        .map(|one| json!({ "route": one.label, "pattern": one.pattern }))
        .collect();
    let told = json!({ "route": route, "considered": considered, "left_off": explanation.left_off });
    output.answer(&told, || explanation.to_string());
    Ok(if route.is_some() { Exit::Ok } else { Exit::Failed })
}
