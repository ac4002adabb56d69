//! From a snapshot to a table.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use sinew_diag::{Diagnostic, Diagnostics, codes::config};
use sinew_gateway_core::keys::{Keys, Pepper};
use sinew_gateway_core::pace::{Meter, Pace};
use sinew_gateway_core::routes::{self, Condition, Conflict, Host, MethodSet, Rule, Template, Wanted};
use sinew_gateway_core::scopes::ScopeNames;
use sinew_model::{
    Api, Consumer, FieldMatch, FieldTest, Plan, Route, RouteMethods, RouteTarget, SecretRef, Snapshot,
    Upstream,
};
use sinew_stdx::Rate;
use sinew_vault::Secret;

use crate::table::{
    Addresses, ConsumerEntry, KeyEntry, Limit, MeterId, PoolEntry, Registry, RouteEntry, ServerEntry, Table,
    Target, Wellness,
};

/// The fewest characters of an API key.
const KEY_MIN: usize = 16;
/// The most.
const KEY_MAX: usize = 512;

/// Gives secrets, or says why there is none.
pub type Secrets<'a> = &'a dyn Fn(&SecretRef) -> Result<Secret, String>;

/// Compiles a snapshot. What has not changed since earlier tables is taken from the registry. Says of all that is wrong
/// where and why.
pub fn compile(
    snapshot: &Snapshot,
    pepper: &Pepper,
    secrets: Secrets<'_>,
    registry: &mut Registry,
) -> Result<Table, Diagnostics> {
    let mut compiler =
        Compiler { snapshot, registry, scopes: ScopeNames::default(), out: Diagnostics::new() };
    let (pools, numbers) = compiler.pools();
    let (rules, routes) = compiler.routes(&numbers);
    let paths = compiler.paths(rules);
    let consumers = compiler.consumers();
    let keys = compiler.keys(pepper, secrets);
    let Compiler { out, .. } = compiler;
    match paths {
        Some(paths) if !out.has_errors() => {
            Ok(Table { paths, routes, consumers, keys, pepper: pepper.clone(), pools })
        }
        _ => Err(out),
    }
}

/// What is wrong with the routes of a snapshot, as far as that shows without secrets.
pub fn check(snapshot: &Snapshot) -> Diagnostics {
    paths(snapshot).err().unwrap_or_default()
}

/// The routes of a snapshot, to ask which one a request takes.
pub fn paths(snapshot: &Snapshot) -> Result<routes::Table, Diagnostics> {
    let mut registry = Registry::default();
    let mut compiler = Compiler {
        snapshot,
        registry: &mut registry,
        scopes: ScopeNames::default(),
        out: Diagnostics::new(),
    };
    let (rules, _) = compiler.routes(&HashMap::new());
    compiler.paths(rules).ok_or(compiler.out)
}

struct Compiler<'a> {
    snapshot: &'a Snapshot,
    registry: &'a mut Registry,
    scopes: ScopeNames,
    out: Diagnostics,
}

impl Compiler<'_> {
    fn pools(&mut self) -> (Vec<Arc<PoolEntry>>, HashMap<Arc<str>, usize>) {
        let (mut pools, mut numbers) = (Vec::new(), HashMap::new());
        let mut earlier = std::mem::take(&mut self.registry.pools);
        for upstream in self.snapshot.upstreams.values() {
            let name = upstream.name.shared();
            let same = earlier.remove(&name).filter(|pool| pool.upstream == *upstream);
            let pool = same.unwrap_or_else(|| Arc::new(pool(upstream)));
            self.registry.pools.insert(Arc::clone(&name), Arc::clone(&pool));
            numbers.insert(name, pools.len());
            pools.push(pool);
        }
        (pools, numbers)
    }

    fn routes(&mut self, pools: &HashMap<Arc<str>, usize>) -> (Vec<Rule>, Vec<RouteEntry>) {
        let (mut rules, mut entries) = (Vec::new(), Vec::new());
        for (number, api) in self.snapshot.apis.values().enumerate() {
            for route in &api.routes {
                let Some(rule) = self.rule(api, route) else { continue };
                let entry = self.entry(number as u32, api, route, &rule.label, pools);
                rules.push(rule);
                entries.push(entry);
            }
        }
        (rules, entries)
    }

    fn rule(&mut self, api: &Api, route: &Route) -> Option<Rule> {
        let whole = format!("{}{}", api.base_path, route.path);
        let mut wrong = |message: String| {
            self.out.push(Diagnostic::error(config::ROUTE_TEMPLATE, message).at(route.place.clone()));
        };
        let template = match Template::parse(&whole) {
            Ok(template) => template,
            Err(error) => {
                wrong(format!("`{whole}`: {error}"));
                return None;
            }
        };
        let methods = match &route.methods {
            RouteMethods::Any => MethodSet::default(),
            RouteMethods::Of(all) => match MethodSet::of(all.iter().map(|method| &**method)) {
                Ok(methods) => methods,
                Err(error) => {
                    wrong(format!("`{whole}`: {error}"));
                    return None;
                }
            },
        };
        let hosts = api.hosts.iter().filter_map(|host| Host::parse(host).ok()).collect();
        let label = format!("{} {}{}", api.name, label_of(&route.methods), whole);
        let headers = route.headers.iter().map(condition).collect();
        let query = route.query.iter().map(condition).collect();
        Some(Rule { label, hosts, template, methods, headers, query })
    }

    fn entry(
        &mut self,
        number: u32,
        api: &Api,
        route: &Route,
        label: &str,
        pools: &HashMap<Arc<str>, usize>,
    ) -> RouteEntry {
        let target = match &route.target {
            RouteTarget::Upstream { name, base_path } => Target::Pool {
                pool: pools.get(name.as_str()).copied().unwrap_or_default(),
                instead: base_path.as_ref().map(|to| (api.base_path.len(), Arc::clone(to))),
            },
            RouteTarget::Answer { status, media_type, body } => {
                let fields = format!("Content-Type: {media_type}\r\n");
                Target::Fixed { status: *status, fields: fields.into_bytes().into(), body: Arc::clone(body) }
            }
            RouteTarget::Redirect { to, status } => {
                let fields = format!("Location: {to}\r\n");
                Target::Fixed { status: *status, fields: fields.into_bytes().into(), body: Arc::from([]) }
            }
        };
        let limit = route.rate.map(|rate| self.limit(MeterId::Route(Arc::from(label)), "route", rate, None));
        RouteEntry {
            api: number,
            api_name: api.name.shared(),
            admits: route.admits.clone(),
            scopes: self.scopes.set(&route.scopes),
            scope_names: route.scopes.clone(),
            limit,
            body_max: route.body_max.0,
            deadline: route.deadline,
            target,
        }
    }

    fn limit(&mut self, id: MeterId, name: &str, rate: Rate, burst: Option<NonZeroU32>) -> Limit {
        let count = NonZeroU32::new(rate.count).unwrap_or(NonZeroU32::MIN);
        let meter = self.registry.meters.entry(id).or_insert_with(|| Arc::new(Meter::default()));
        Limit {
            name: name.into(),
            pace: Pace::new(count, rate.per, burst.unwrap_or(count)),
            meter: Arc::clone(meter),
        }
    }

    fn paths(&mut self, rules: Vec<Rule>) -> Option<routes::Table> {
        let places: Vec<_> = self
            .snapshot
            .apis
            .values()
            .flat_map(|api| &api.routes)
            .map(|route| route.place.clone())
            .collect();
        // A rule that was refused has no number; then nothing is built.
        if self.out.has_errors() {
            return None;
        }
        match routes::Table::build(rules) {
            Ok(table) => Some(table),
            Err(conflicts) => {
                for conflict in conflicts {
                    let diagnostic = Diagnostic::error(config::ROUTE_CONFLICT, conflict.to_string());
                    let place = match &conflict {
                        Conflict::Same { second, .. } => places.get(*second as usize).cloned(),
                        Conflict::TooManyWays { .. } => places.first().cloned(),
                    };
                    self.out.push(match place {
                        Some(place) => diagnostic.at(place),
                        None => diagnostic,
                    });
                }
                None
            }
        }
    }

    fn consumers(&mut self) -> Vec<ConsumerEntry> {
        let snapshot = self.snapshot;
        snapshot
            .consumers
            .values()
            .filter_map(|consumer| {
                let plan = snapshot.plans.get(&consumer.plan)?;
                Some(self.consumer(consumer, plan))
            })
            .collect()
    }

    fn consumer(&mut self, consumer: &Consumer, plan: &Plan) -> ConsumerEntry {
        let number = |name| self.snapshot.apis.keys().position(|api| api == name).map(|at| at as u32);
        let apis = (!plan.apis.is_empty()).then(|| plan.apis.iter().filter_map(number).collect());
        let name = consumer.name.shared();
        let limit = plan.rate.map(|rate| {
            self.limit(MeterId::Consumer(Arc::clone(&name)), plan.name.as_str(), rate, plan.burst)
        });
        let under_way = self.registry.under_way.entry(Arc::clone(&name)).or_default();
        ConsumerEntry {
            scopes: self.scopes.set(&consumer.scopes),
            apis,
            plan: plan.name.shared(),
            limit,
            concurrency: plan.concurrency,
            under_way: Arc::clone(under_way),
            name,
        }
    }

    fn keys(&mut self, pepper: &Pepper, secrets: Secrets<'_>) -> Keys<KeyEntry> {
        let mut keys = Keys::default();
        for (number, consumer) in self.snapshot.consumers.values().enumerate() {
            for reference in &consumer.keys {
                let wrong = match secrets(reference) {
                    Err(why) => Some(why),
                    Ok(secret) => {
                        keep_key(&mut keys, pepper, secret.expose(), number as u32).map(str::to_owned)
                    }
                };
                if let Some(why) = wrong {
                    let message = format!("the key `{reference}` of consumer `{}`: {why}", consumer.name);
                    self.out.push(Diagnostic::error(config::GATEWAY_KEY, message));
                }
            }
        }
        keys
    }
}

/// Takes a key of a consumer, or says why not.
fn keep_key(keys: &mut Keys<KeyEntry>, pepper: &Pepper, key: &str, consumer: u32) -> Option<&'static str> {
    if let Some(why) = unusable(key) {
        return Some(why);
    }
    let hash = pepper.hash(key.as_bytes());
    let before = keys.insert(hash, KeyEntry { consumer, short: hash.short() });
    before.filter(|before| before.consumer != consumer).map(|_| "another consumer has the same key")
}

fn unusable(key: &str) -> Option<&'static str> {
    match key.len() {
        ..KEY_MIN => Some("it has fewer than 16 characters"),
        KEY_MIN..=KEY_MAX if key.bytes().all(|b| b.is_ascii_graphic()) => None,
        KEY_MIN..=KEY_MAX => Some("it holds white space or something that is not ASCII"),
        _ => Some("it has more than 512 characters"),
    }
}

fn label_of(methods: &RouteMethods) -> String {
    match methods {
        RouteMethods::Any => String::new(),
        RouteMethods::Of(all) => format!("{} ", all.join(",")),
    }
}

fn condition(field: &FieldMatch) -> Condition {
    let wanted = match &field.test {
        FieldTest::Present => Wanted::Present,
        FieldTest::OneOf(values) => Wanted::OneOf(values.iter().map(|value| Box::from(&**value)).collect()),
    };
    Condition { name: Box::from(&*field.name), wanted }
}

fn pool(upstream: &Arc<Upstream>) -> PoolEntry {
    let servers: Vec<ServerEntry> =
        upstream.endpoints.iter().map(|endpoint| server(upstream, &endpoint.url)).collect();
    let mut turns: Vec<(u64, u16)> = Vec::new();
    for (number, endpoint) in upstream.endpoints.iter().enumerate() {
        let weight = u64::from(endpoint.weight.get());
        // Each server's turns are spread evenly over the round.
        turns.extend((0..weight).map(|turn| ((2 * turn + 1) * 1_000_000 / (2 * weight), number as u16)));
    }
    turns.sort_unstable();
    PoolEntry {
        upstream: Arc::clone(upstream),
        servers,
        turns: turns.into_iter().map(|(_, number)| number).collect(),
        requests: 0.into(),
        retries: 0.into(),
    }
}

fn server(upstream: &Upstream, url: &str) -> ServerEntry {
    let (scheme, authority) = url.split_once("://").unwrap_or(("http", url));
    let usual = if scheme == "https" { 443 } else { 80 };
    let at = authority.rfind(']').map_or(0, |at| at + 1);
    let (host, port) = match authority[at..].rfind(':') {
        Some(colon) => (&authority[..at + colon], authority[at + colon + 1..].parse().unwrap_or(usual)),
        None => (authority, usual),
    };
    ServerEntry {
        host: Arc::from(host.trim_matches(['[', ']'])),
        port,
        authority: upstream.host.clone().unwrap_or_else(|| Arc::from(authority)),
        addresses: parking_lot::Mutex::new(Addresses::default()),
        wellness: Wellness::default(),
    }
}
