//! Rules and requests in one line each: `GET api.example.com/accounts/{id}?version=2 x-beta:1`.

mod bounds;
mod building;
mod explained;
mod matching;
mod precedence;
mod reference;
mod speed;

use super::*;

/// A request that owns what it says.
#[derive(Clone, Debug)]
struct Request {
    method: String,
    host: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Request {
    fn query(&self) -> Query<'_> {
        Query {
            host: self.host.as_bytes(),
            path: self.path.as_bytes(),
            method: self.method.as_bytes(),
            headers: &self.headers,
            query: self.query.as_bytes(),
        }
    }
}

fn request(line: &str) -> Request {
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    let (target, query) = target.split_once('?').unwrap_or((target, ""));
    let (host, path) = target.split_at(target.find('/').unwrap_or(target.len()));
    let headers =
        words.map(|word| word.split_once(':').map(|(name, value)| (name.into(), value.into())).unwrap());
    Request {
        method: method.into(),
        host: host.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.collect(),
    }
}

/// `GET,PUT a.example,*.b.example/x/{id}?version=2&debug x-beta:1|2 x-user:a*`; `any` stands for any method. Its label is the line.
fn rule(line: &str) -> Rule {
    let mut words = line.split(' ');
    let methods = words
        .next()
        .filter(|methods| *methods != "any")
        .map(|methods| MethodSet::of(methods.split(',')).unwrap());
    let target = words.next().unwrap();
    let (target, query) = target.split_once('?').unwrap_or((target, ""));
    let (hosts, template) = target.split_at(target.find('/').unwrap());
    let hosts = hosts.split(',').filter(|host| !host.is_empty()).map(|host| Host::parse(host).unwrap());
    let conditions = |words: &mut dyn Iterator<Item = &str>, sign| -> Vec<Condition> {
        words.filter(|word| !word.is_empty()).map(|word| condition(word, sign)).collect()
    };
    Rule {
        label: line.to_owned(),
        hosts: hosts.collect(),
        template: Template::parse(template).unwrap(),
        methods: methods.unwrap_or_default(),
        headers: conditions(&mut words, ':'),
        query: conditions(&mut query.split('&'), '='),
    }
}

fn condition(word: &str, sign: char) -> Condition {
    let (name, value) = word.split_once(sign).unwrap_or((word, "*"));
    let wanted = match value.strip_suffix('*') {
        Some("") => Wanted::Present,
        Some(start) => Wanted::Prefix(start.into()),
        None if value.contains('|') => Wanted::OneOf(value.split('|').map(Into::into).collect()),
        None => Wanted::Exact(value.into()),
    };
    Condition { name: name.into(), wanted }
}

fn table(rules: &[impl AsRef<str>]) -> Table {
    let rules = rules.iter().map(|line| rule(line.as_ref())).collect();
    Table::build(rules).map_err(|conflicts| conflicts[0].to_string()).unwrap()
}

/// What a request finds: the label of a rule, or a status and the methods that would do.
fn found(table: &Table, request: &Request) -> String {
    match table.find(&request.query(), &mut Captures::new()) {
        Found::Route(number) => table.rule(number).unwrap().label.clone(),
        Found::MethodNotAllowed(methods) => format!("405 {methods}"),
        Found::NotFound => "404".to_owned(),
    }
}

/// A request finds this.
#[track_caller]
fn check(rules: &[&str], line: &str, wanted: &str) {
    assert_eq!(found(&table(rules), &request(line)), wanted, "{line} among {rules:?}");
}

/// How many steps a request takes, and no more than the table says.
fn steps(table: &Table, request: &Request) -> u64 {
    let query = request.query();
    let mut counted = Counted { choice: table::Choice::new(table, &query), steps: 0 };
    table.search(&query, &mut Captures::new(), &mut counted);
    assert!(counted.steps <= table.steps_max(), "{} steps of at most {}", counted.steps, table.steps_max());
    counted.steps
}

struct Counted<'a> {
    choice: table::Choice<'a>,
    steps: u64,
}

impl trie::Visit for Counted<'_> {
    fn leaf(&mut self, entries: &[trie::Entry]) -> bool {
        self.steps += entries.iter().map(trie::Entry::steps).sum::<u64>();
        self.choice.leaf(entries)
    }

    fn step(&mut self) {
        self.steps += 1;
    }
}
