//! The table finds what a matcher finds that tries every rule and knows nothing of tries.

use std::cmp::Reverse;

use proptest::prelude::*;

use super::*;

/// Segments of templates, few and alike, so that many match one path. `N` makes names unlike.
const TEMPLATE: [&str; 11] =
    ["a", "a", "b", "ab", "{pN}", "{pN}", "a{pN}", "{pN}b", "a{pN}b", "aa{pN}", "{pN}bb"];
const PATH: [&str; 8] = ["a", "a", "b", "ab", "aab", "abb", "aaab", ""];
const HOSTS: [&str; 8] = ["", "", "a.t", "*.t", "*.a.t", "a.t,*.t", "b.a.t,a.t", "*.b.a.t"];
const METHODS: [&str; 8] = ["any", "GET", "GET", "HEAD", "PUT", "GET,PUT", "HEAD,POST", "DELETE"];
const RULE_HEADERS: [&str; 8] = ["", "", "", " x:1", " x:*", " x:1*", " x:1|2", " x:1 y:*"];
const RULE_QUERY: [&str; 6] = ["", "", "", "?v=1", "?v", "?v=1&w=1*"];

fn one(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(of)
}

fn rule_line() -> impl Strategy<Value = String> {
    let segments = prop::collection::vec(one(&TEMPLATE), 0..5);
    let ending = one(&["", "", "/", "/{r*}"]);
    (one(&METHODS), one(&HOSTS), segments, ending, one(&RULE_QUERY), one(&RULE_HEADERS)).prop_map(
        |(methods, hosts, segments, ending, query, headers)| {
            let named = segments.iter().zip(0..).map(|(part, at)| part.replace('N', &at.to_string()));
            let path = named.fold(String::new(), |path, part| path + "/" + &part);
            let ending = if path.is_empty() && ending.is_empty() { "/" } else { ending };
            format!("{methods} {hosts}{path}{ending}{query}{headers}")
        },
    )
}

fn request_line() -> impl Strategy<Value = String> {
    let hosts = one(&["", "a.t", "b.a.t", "c.b.a.t", "c.t", "T:80", "A.T:80"]);
    let methods = one(&["GET", "GET", "HEAD", "PUT", "POST", "BREW"]);
    let query = one(&["", "", "?v=1", "?v=2", "?w=12&v=1"]);
    let headers = one(&["", "", " x:1", " x:2", " x:12", " x:1 y:"]);
    (methods, hosts, prop::collection::vec(one(&PATH), 1..6), query, headers).prop_map(
        |(method, host, path, query, headers)| format!("{method} {host}/{}{query}{headers}", path.join("/")),
    )
}

/// The kind of a segment, the text around its parameter, and that before it.
type Exactness = (u8, Reverse<usize>, Reverse<usize>);

/// A rule's template beside a path: how exact it is, segment by segment, and what its parameters are.
fn template(template: &str, path: &str) -> Option<(Vec<Exactness>, Vec<String>)> {
    let mut path: Vec<&str> = path[1..].split('/').collect();
    let (mut ranks, mut values) = (Vec::new(), Vec::new());
    for segment in template[1..].split('/') {
        if segment.ends_with("*}") {
            values.push(path.join("/"));
            ranks.push((2, Reverse(0), Reverse(0)));
            return Some((ranks, values));
        }
        let is = if path.is_empty() { None } else { Some(path.remove(0)) }?;
        if let Some((before, rest)) = segment.split_once('{') {
            let after = rest.split_once('}')?.1;
            let value = is.strip_prefix(before)?.strip_suffix(after)?;
            if value.is_empty() {
                return None;
            }
            values.push(value.to_owned());
            ranks.push((1, Reverse(before.len() + after.len()), Reverse(before.len())));
        } else if segment == is {
            ranks.push((0, Reverse(0), Reverse(0)));
        } else {
            return None;
        }
    }
    path.is_empty().then_some((ranks, values))
}

fn host(rule: &Rule, host: &str) -> Option<(u8, Reverse<usize>)> {
    let host = host.split(':').next()?.to_lowercase();
    let rank = |own: &Host| match own.to_string() {
        own if own == host => Some((0, Reverse(0))),
        own if own.starts_with("*.") && host.ends_with(&own[1..]) && host.len() >= own.len() => {
            Some((1, Reverse(own.len())))
        }
        _ => None,
    };
    if rule.hosts.is_empty() { Some((2, Reverse(0))) } else { rule.hosts.iter().filter_map(rank).min() }
}

fn method(rule: &Rule, method: &str) -> Option<u8> {
    let named = |method: &str| rule.methods.names().any(|own| own == method);
    match method {
        _ if rule.methods.is_empty() => Some(2),
        method if named(method) => Some(0),
        "HEAD" if named("GET") => Some(1),
        _ => None,
    }
}

fn value(wanted: &Wanted, value: &str) -> bool {
    match wanted {
        Wanted::Present => true,
        Wanted::Exact(wanted) => **wanted == *value,
        Wanted::Prefix(start) => value.starts_with(&**start),
        Wanted::OneOf(values) => values.iter().any(|wanted| **wanted == *value),
    }
}

fn conditions(rule: &Rule, request: &Request) -> bool {
    let holds = |condition: &Condition, values: &[(String, String)]| {
        values.iter().any(|(name, is)| *name == *condition.name && value(&condition.wanted, is))
    };
    let pairs = request.query.split('&').filter(|pair| !pair.is_empty());
    let query: Vec<_> =
        pairs.map(|pair| pair.split_once('=').unwrap()).map(|(a, b)| (a.into(), b.into())).collect();
    rule.headers.iter().all(|condition| holds(condition, &request.headers))
        && rule.query.iter().all(|condition| holds(condition, &query))
}

/// The line of the rule that takes a request, with its parameters, or what is answered.
fn reference(rules: &[Rule], request: &Request) -> (String, Vec<String>) {
    let (mut candidates, mut allowed) = (Vec::new(), Vec::new());
    for (number, rule) in rules.iter().enumerate() {
        let Some(host) = host(rule, &request.host) else { continue };
        let Some((path, values)) = template(&rule.template.to_string(), &request.path) else { continue };
        if !conditions(rule, request) {
            continue;
        }
        let Some(method) = method(rule, &request.method) else {
            allowed.extend(rule.methods.names());
            continue;
        };
        let rank = (host, path, method, Reverse(rule.headers.len()), Reverse(rule.query.len()), number);
        candidates.push((rank, rule.label.clone(), values));
    }
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    allowed.sort_unstable();
    allowed.dedup();
    match candidates.into_iter().min() {
        Some((_, label, values)) => (label, values),
        None if allowed.is_empty() => ("404".to_owned(), Vec::new()),
        None => (format!("405 {}", allowed.join(", ")), Vec::new()),
    }
}

/// A table of those rules that are not in conflict with one before.
fn without_conflicts(mut rules: Vec<Rule>) -> Table {
    match Table::build(rules.clone()) {
        Ok(table) => table,
        Err(conflicts) => {
            let later = |number| {
                conflicts
                    .iter()
                    .any(|conflict| matches!(conflict, Conflict::Same { second, .. } if *second == number))
            };
            let mut number = 0;
            rules.retain(|_| {
                number += 1;
                !later(number - 1)
            });
            without_conflicts(rules)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_finds_what_is_found_by_trying_every_rule(
        rules in prop::collection::vec(rule_line(), 1..40),
        requests in prop::collection::vec(request_line(), 20),
    ) {
        let table = without_conflicts(rules.iter().map(|line| rule(line)).collect());
        let mut captures = Captures::new();
        for line in requests {
            let request = request(&line);
            let (wanted, parameters) = reference(table.rules(), &request);
            prop_assert_eq!(found(&table, &request), wanted, "{}", line);
            steps(&table, &request);

            let found = table.find(&request.query(), &mut captures);
            let values = captures.spans().iter().map(|(start, end)| request.path[*start as usize..*end as usize].to_owned());
            prop_assert_eq!(values.collect::<Vec<_>>(), parameters, "{}", line);
            explains(&table, &request, found);
        }
    }

    #[test]
    fn a_rule_that_is_told_to_be_hidden_is_never_found(
        rules in prop::collection::vec(rule_line(), 1..40),
        requests in prop::collection::vec(request_line(), 20),
    ) {
        let table = without_conflicts(rules.iter().map(|line| rule(line)).collect());
        for line in requests {
            if let Found::Route(number) = table.find(&request(&line).query(), &mut Captures::new()) {
                prop_assert!(table.shadowed().iter().all(|shadowed| shadowed.rule != number), "{}", line);
            }
        }
    }
}

/// The explanation says that the rule found takes the request, those before it do not, and those after it would.
fn explains(table: &Table, request: &Request, found: Found) {
    let explanation = table.explain(&request.query());
    assert_eq!(explanation.found, found);
    let taken = |considered: &Considered| matches!(considered.verdict, Verdict::Taken { .. });
    let outranked = |considered: &Considered| matches!(considered.verdict, Verdict::Outranked { .. });
    let numbers: Vec<u32> =
        explanation.considered.iter().filter(|one| taken(one)).map(|one| one.rule).collect();
    match found {
        Found::Route(number) => assert_eq!(numbers, [number]),
        _ => assert!(numbers.is_empty()),
    }
    let at = explanation.considered.iter().position(taken).unwrap_or(explanation.considered.len());
    assert!(!explanation.considered[..at].iter().any(outranked), "{explanation}");
    assert!(explanation.considered.len() + explanation.left_off == table.rules().len());
}
