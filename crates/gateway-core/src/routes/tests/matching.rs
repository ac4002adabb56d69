//! What matches at all: hosts, paths, methods, conditions; and where the parameters are.

use std::collections::HashMap;

use super::*;

#[test]
fn hosts_know_no_case_no_port_and_no_final_dot() {
    for line in
        ["GET API.Test/", "GET api.test:8080/", "GET api.test./", "GET api.test.:443/", "GET api.test:/"]
    {
        check(&["GET Api.test/"], line, "GET Api.test/");
    }
    for line in ["GET xapi.test/", "GET api.test.b/", "GET /", "GET api.test:x/", "GET api.test../"] {
        check(&["GET Api.test/"], line, "404");
    }
}

#[test]
fn a_wildcard_takes_one_label_or_more_and_never_none() {
    for line in ["GET a.b.test/", "GET a.a.B.test:1/", "GET ..b.test/"] {
        check(&["GET *.b.test/"], line, "GET *.b.test/");
    }
    for line in ["GET b.test/", "GET .b.test/", "GET ab.test/", "GET a.b.test.c/", "GET test/", "GET /"] {
        check(&["GET *.b.test/"], line, "404");
    }
}

#[test]
fn addresses_are_hosts_too() {
    check(&["GET [::1]/"], "GET [::1]:8080/", "GET [::1]/");
    check(&["GET [::1]/"], "GET [::1]/", "GET [::1]/");
    check(&["GET 10.0.0.1/"], "GET 10.0.0.1:80/", "GET 10.0.0.1/");
}

#[test]
fn a_host_too_long_for_a_name_finds_what_any_host_finds() {
    let long = format!("GET {}.test/", "a.".repeat(200));
    check(&["GET *.test/"], &long, "404");
    check(&["GET *.test/", "GET /"], &long, "GET /");
}

#[test]
fn a_slash_at_the_end_is_part_of_the_path() {
    check(&["GET /x"], "GET /x/", "404");
    check(&["GET /x/"], "GET /x", "404");
    check(&["GET /{a}"], "GET /x/", "404");
    check(&["GET /{a}/"], "GET /x/", "GET /{a}/");
    for path in ["/x", "/x/", "/x/y", "/x//", "/x/y/"] {
        check(&["GET /x/{r*}"], &format!("GET {path}"), "GET /x/{r*}");
    }
    for path in ["/", "//", "/x"] {
        check(&["GET /{r*}"], &format!("GET {path}"), "GET /{r*}");
    }
}

#[test]
fn a_parameter_is_never_empty_and_never_more_than_a_segment() {
    for path in ["/x/", "/x", "/x/y/z", "/x//"] {
        check(&["GET /x/{a}"], &format!("GET {path}"), "404");
    }
    check(&["GET /a{x}b"], "GET /ab", "404");
    check(&["GET /aa{x}aa"], "GET /aaa", "404");
}

#[test]
fn an_escaped_slash_parts_nothing() {
    check(&["GET /{a}"], "GET /x%2Fy", "GET /{a}");
    check(&["GET /x/y"], "GET /x%2Fy", "404");
    check(&["GET /x%2Fy"], "GET /x%2Fy", "GET /x%2Fy");
}

#[test]
fn what_is_no_path_finds_nothing() {
    for path in ["*", "a.test:443"] {
        let query = Query { path: path.as_bytes(), host: b"", method: b"OPTIONS", headers: &[], query: b"" };
        assert_eq!(table(&["any /{r*}"]).find(&query, &mut Captures::new()), Found::NotFound);
    }
}

#[test]
fn a_path_may_be_longer_than_any_template() {
    let long = format!("GET /{}", "a/".repeat(5_000));
    check(&["GET /a/{r*}", "GET /{a}/{b}"], &long, "GET /a/{r*}");
    check(&["GET /{a}/{b}"], &long, "404");
    let deepest = format!("GET {}", "/a".repeat(SEGMENTS_MAX));
    check(&[&deepest], &deepest, &deepest);
    check(&[&deepest], &format!("{deepest}/a"), "404");
    let rest = format!("GET {}/{{r*}}", "/a".repeat(SEGMENTS_MAX - 1));
    check(&[&rest], &format!("{deepest}/a/a/a"), &rest);
}

#[test]
fn many_texts_at_one_place_are_told_apart() {
    let rules: Vec<String> = (0..1_000).map(|at| format!("GET /{}/{at}", "long".repeat(at % 12))).collect();
    let rules: Vec<String> = rules.into_iter().map(|rule| rule.replace("//", "/")).collect();
    let lines: Vec<&str> = rules.iter().map(String::as_str).collect();
    let table = table(&lines);
    for rule in &rules {
        assert_eq!(found(&table, &request(rule)), *rule);
        assert_eq!(found(&table, &request(&format!("{rule}x"))), "404");
    }
}

#[test]
fn texts_of_the_same_hash_are_told_apart() {
    let mut seen = HashMap::new();
    let (one, other) = (0..1_000_000)
        .map(|number: u32| number.to_string())
        .find_map(|text| Some((seen.insert(trie::tag(text.as_bytes(), b""), text.clone())?, text)))
        .unwrap();
    let (one, other) = (format!("GET /{one}"), format!("GET /{other}"));
    for others in [1, 20] {
        let rules: Vec<String> = (0..others).map(|at| format!("GET /other{at}")).collect();
        let mut rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        rules.push(&one);
        check(&rules, &other, "404");
        rules.push(&other);
        check(&rules, &one, &one);
        check(&rules, &other, &other);
    }
}

#[test]
fn if_only_the_method_fails_the_answer_is_which_there_are() {
    check(&["POST /x", "GET /x", "DELETE /y"], "PUT /x", "405 GET, HEAD, POST");
    check(&["POST /x", "PUT /{a}", "DELETE /{r*}", "PATCH a.test/x"], "GET /x", "405 DELETE, POST, PUT");
    check(
        &["POST /x", "PUT /{a}", "DELETE *.test/{r*}", "PATCH a.test/x"],
        "GET a.test/x",
        "405 DELETE, PATCH, POST, PUT",
    );
    check(&["HEAD /x"], "GET /x", "405 HEAD");
    check(&["POST /x"], "HEAD /x", "405 POST");
    check(&["POST /x"], "BREW /x", "405 POST");
    check(&["POST /x"], "get /x", "405 POST");
    check(&["POST /x"], "GET /y", "404");
}

#[test]
fn a_rule_that_fails_by_a_condition_allows_nothing() {
    check(&["POST /x a:1", "PUT /x"], "GET /x", "405 PUT");
    check(&["POST /x a:1", "PUT /x"], "GET /x a:1", "405 POST, PUT");
    check(&["POST /x?v=1"], "GET /x", "404");
    check(&["GET /x a:1"], "GET /x", "404");
    check(&["any /x a:1"], "GET /x", "404");
}

#[test]
fn any_method_is_also_one_without_a_name() {
    check(&["any /x"], "BREW /x", "any /x");
    check(&["any /x"], "get /x", "any /x");
}

#[test]
fn get_answers_head_where_nothing_else_does() {
    check(&["GET /x"], "HEAD /x", "GET /x");
    check(&["GET,HEAD /x"], "HEAD /x", "GET,HEAD /x");
    check(&["GET /x a:1", "HEAD /x a:2"], "HEAD /x a:1", "GET /x a:1");
}

#[track_caller]
fn holds(condition: &str, request: &str, wanted: bool) {
    let (rule, line) = (format!("GET /{condition}"), format!("GET /{request}"));
    check(&[&rule], &line, if wanted { &rule } else { "404" });
}

#[test]
fn headers_are_there_or_exact_or_start_so_or_are_among_some() {
    for (condition, request, wanted) in [
        (" X-A:1", " x-a:1", true),
        (" x-a:1", " X-A:1", true),
        (" x-a:1", " x-a:10", false),
        (" x-a:1", " x-b:1", false),
        (" x-a:v", " x-a:V", false),
        (" x-a:*", " x-a:", true),
        (" x-a:*", "", false),
        (" x-a:v1*", " x-a:v1.2", true),
        (" x-a:v1*", " x-a:v1", true),
        (" x-a:v1*", " x-a:v", false),
        (" x-a:1|2", " x-a:2", true),
        (" x-a:1|2", " x-a:3", false),
        (" x-a:1 x-b:2", " x-b:2 x-a:1", true),
        (" x-a:1 x-b:2", " x-a:1", false),
        (" x-a:2", " x-a:1 x-a:2", true),
        (" x-a:1 x-a:2", " x-a:1 x-a:2", true),
    ] {
        holds(condition, request, wanted);
    }
}

#[test]
fn query_parameters_are_compared_as_they_are_meant() {
    for (condition, request, wanted) in [
        ("?v=1", "?v=1", true),
        ("?v=1", "?w=0&v=1&x", true),
        ("?v=1", "?v=11", false),
        ("?v=1", "?V=1", false),
        ("?v", "?v", true),
        ("?v", "?v=", true),
        ("?v", "?vv", false),
        ("?v", "", false),
        ("?v=1*", "?v=12", true),
        ("?v=1|2", "?v=2", true),
        ("?v=1&w=2", "?w=2&v=1", true),
        ("?v=2", "?v=1&v=2", true),
        ("?v=1", "?%76=%31", true),
        ("?v=a+b", "?v=a%2bb", true),
        ("?v=a+b", "?v=a+b", false),
        ("?v=%", "?v=%", true),
        ("?v=%4", "?v=%4", true),
        ("?v=%zz", "?v=%zz", true),
        ("?v=1", "?v=1;w=2", false),
        ("?v=1", "?&&v=1&", true),
    ] {
        holds(condition, request, wanted);
    }
}

/// Headers that must not be asked for.
struct Untouched;

impl Lookup for Untouched {
    fn any(&self, name: &str, _: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        panic!("asked for {name}")
    }
}

#[test]
fn headers_are_not_looked_at_unless_a_rule_of_the_path_asks() {
    let table = table(&["GET /x", "GET /y a:1", "GET a.test/x a:1", "GET /x/{r*} a:1"]);
    let query = Query { headers: &Untouched, host: b"b.test", path: b"/x", method: b"GET", query: b"" };
    assert_eq!(table.find(&query, &mut Captures::new()), Found::Route(0));
}

#[track_caller]
fn captured(template: &str, path: &str, wanted: &[&str]) {
    let table = table(&[&format!("GET {template}"), "PUT /{a}/{b}/{c}", "PUT /{r*}"]);
    let mut captures = Captures::new();
    let line = request(&format!("GET {path}"));
    let found = table.find(&line.query(), &mut captures);
    let values: Vec<&str> =
        captures.spans().iter().map(|(start, end)| &path[*start as usize..*end as usize]).collect();
    assert_eq!((found, values.as_slice()), (Found::Route(0), wanted), "{template} of {path}");
    assert_eq!(values.len(), table.rule(0).unwrap().template.parameters().count());
}

#[test]
fn parameters_are_where_the_template_has_them() {
    captured("/accounts/{id}/items/{item}", "/accounts/7/items/ab", &["7", "ab"]);
    captured("/v{major}/files/{name}.json", "/v12/files/a.b.json", &["12", "a.b"]);
    captured("/{a}", "/%2F%20", &["%2F%20"]);
    captured("/x/{r*}", "/x", &[""]);
    captured("/x/{r*}", "/x/", &[""]);
    captured("/x/{r*}", "/x/a/b//c/", &["a/b//c/"]);
    captured("/{a}/{r*}", "/x/y/z", &["x", "y/z"]);
    captured("/{r*}", "/", &[""]);
    captured("/x/y", "/x/y", &[]);
}

#[test]
fn nothing_is_left_in_the_captures_of_what_was_tried_in_vain() {
    let table = table(&["GET /{a}/{b}/x", "GET /{a}/y/{r*}", "GET /x"]);
    let mut captures = Captures::new();
    table.find(&request("GET /1/y/z").query(), &mut captures);
    assert_eq!((captures.get(0), captures.get(1), captures.get(2)), (Some(1..2), Some(5..6), None));
    table.find(&request("GET /1/2/3").query(), &mut captures);
    assert!(captures.is_empty());
    table.find(&request("GET /x").query(), &mut captures);
    assert_eq!(captures.len(), 0);
}
