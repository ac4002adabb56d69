//! What a search takes. Figures are shown by `cargo test --release -p sinew-gateway-core routes::tests::speed -- --nocapture`.

use std::hint::black_box;
use std::ops::Range;
use std::time::Instant;

use super::*;

/// How many requests are made of a table. Few where nobody reads the figures.
const REQUESTS: usize = if cfg!(debug_assertions) { 200 } else { 50_000 };

#[test]
fn rules_are_found_as_fast_however_many_there_are() {
    let counts: &[usize] = if cfg!(debug_assertions) { &[10, 1_000] } else { &[10, 1_000, 100_000] };
    for count in counts {
        check(&format!("{count} rules, any host"), &shop("", *count));
        check(&format!("{count} rules, one host"), &shop("api.example.com", *count));
        let hosts = (0..count / 100).flat_map(|host| shop(&format!("api{host}.example.com"), 100));
        let hosts: Vec<String> = hosts.collect();
        if !hosts.is_empty() {
            check(&format!("{count} rules, {} hosts", count / 100), &hosts);
        }
    }
}

/// So many rules as an API has them: five for each resource.
pub(super) fn shop(host: &str, count: usize) -> Vec<String> {
    const FORMS: [(&str, &str); 5] =
        [("GET", ""), ("POST", ""), ("GET", "/{id}"), ("PATCH", "/{id}"), ("GET", "/{id}/items/{item}")];
    let form = |at: usize| FORMS[at % FORMS.len()];
    (0..count).map(|at| format!("{} {host}/v1/res-{}{}", form(at).0, at / FORMS.len(), form(at).1)).collect()
}

fn check(name: &str, rules: &[String]) {
    let start = Instant::now();
    let table = table(rules);
    let build_ms = start.elapsed().as_millis();
    // Each rule as likely as any other: worse than what caches see of real traffic.
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    let mut any = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    let chosen: Vec<&String> = (0..REQUESTS).map(|_| &rules[any(rules.len())]).collect();
    let line = |rule: &&String| request(&rule.replace("{id}", "4711").replace("{item}", "42"));
    let all: Vec<Request> = chosen.iter().map(line).collect();
    let few = all[..50].to_vec();
    let no = |found: &Request| Request { path: format!("{}/no/way", found.path), ..found.clone() };
    let absent: Vec<Request> = few.iter().map(no).collect();
    assert!(chosen.iter().zip(&all).all(|(rule, request)| found(&table, request) == **rule), "{name}");
    assert!(absent.iter().all(|request| found(&table, request) == "404"), "{name}");
    let [all, few, absent] = [all, few, absent].map(|requests| nanoseconds(&table, &requests));
    println!(
        "{name:26} any rule {all:4} ns   50 rules {few:4} ns   404 {absent:4} ns   built in {build_ms} ms"
    );
}

/// Each, in the best of many short stretches: what others do on the machine must not count.
fn nanoseconds(table: &Table, requests: &[Request]) -> u128 {
    const STRETCH: usize = 200;
    // One after the other in memory: a request has just been read from its socket, and is in the cache.
    let (mut bytes, mut spans) = (Vec::new(), Vec::new());
    for Request { host, path, method, .. } in requests.iter().cycle().take(requests.len().max(STRETCH)) {
        spans.push([host, path, method].map(|part| {
            let start = bytes.len();
            bytes.extend(part.as_bytes());
            start..bytes.len()
        }));
    }
    let mut captures = Captures::new();
    let mut stretch = |spans: &[[Range<usize>; 3]]| {
        let start = Instant::now();
        for spans in spans {
            let [host, path, method] = spans.clone().map(|span| &bytes[span]);
            let query = Query { host, path, method, headers: &[], query: b"" };
            black_box(table.find(black_box(&query), &mut captures));
        }
        start.elapsed().as_nanos() / STRETCH as u128
    };
    let rounds = (20 * REQUESTS).div_ceil(spans.len());
    let mut stretches: Vec<u128> =
        (0..rounds).flat_map(|_| spans.chunks_exact(STRETCH)).map(&mut stretch).collect();
    stretches.sort_unstable();
    stretches[stretches.len() / 20]
}
