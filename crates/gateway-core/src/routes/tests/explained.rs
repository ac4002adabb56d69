//! What people read.

use super::*;

const SHOP: [&str; 9] = [
    "GET api.test/accounts/{id}",
    "GET,POST api.test/accounts",
    "DELETE api.test/accounts/{id}",
    "any api.test/accounts/{id} x-beta:1|2",
    "GET api.test/accounts/{id}?version=2",
    "GET *.test/{rest*}",
    "GET files.test/accounts/{id}",
    "GET api.test/accounts/{id}/",
    "GET api.test/files/{name}.json authorization:Basic*",
];

/// Labels `A`, `B`, `C` in place of lines, so that the rest is easy to read.
#[track_caller]
fn check(rules: &[&str], line: &str, wanted: &[&str]) {
    let named = rules.iter().zip('A'..).map(|(line, name)| Rule { label: name.to_string(), ..rule(line) });
    let table = Table::build(named.collect()).map_err(|conflicts| format!("{conflicts:?}")).unwrap();
    let said = table.explain(&request(line).query()).to_string();
    assert_eq!(said.lines().collect::<Vec<_>>(), wanted);
}

#[test]
fn the_rule_that_takes_a_request_and_those_before_and_after_it() {
    check(
        &SHOP,
        "GET api.test/accounts/7 x-beta:3",
        &[
            "GET api.test/accounts/7: A takes it",
            "",
            "  E  GET api.test/accounts/{id}      query parameter version is not there, wanted `2`",
            "  A  GET api.test/accounts/{id}      takes it: id is `7`",
            "  D  any api.test/accounts/{id}      header x-beta is `3`, wanted `1` or `2`",
            "  C  DELETE api.test/accounts/{id}   takes only DELETE",
            "  F  GET *.test/{rest*}              would take it, but A has a host that is more exact",
            "  G  GET files.test/accounts/{id}    is for files.test",
            "  H  GET api.test/accounts/{id}/     this goes on with `/`, the path does not",
            "  B  GET, POST api.test/accounts     this ends before segment 2, which is `7`",
            "  I  GET api.test/files/{name}.json  segment 1 is `accounts`, wanted `files`",
        ],
    );
}

#[test]
fn methods_that_would_do() {
    check(
        &SHOP,
        "PUT api.test/accounts/7 x-beta:3",
        &[
            "PUT api.test/accounts/7: 405, as only DELETE, GET, HEAD would do",
            "",
            "  D  any api.test/accounts/{id}      header x-beta is `3`, wanted `1` or `2`",
            "  E  GET api.test/accounts/{id}      takes only GET",
            "  A  GET api.test/accounts/{id}      takes only GET",
            "  C  DELETE api.test/accounts/{id}   takes only DELETE",
            "  F  GET *.test/{rest*}              takes only GET",
            "  G  GET files.test/accounts/{id}    is for files.test",
            "  H  GET api.test/accounts/{id}/     this goes on with `/`, the path does not",
            "  B  GET, POST api.test/accounts     this ends before segment 2, which is `7`",
            "  I  GET api.test/files/{name}.json  segment 1 is `accounts`, wanted `files`",
        ],
    );
}

#[test]
fn nothing_that_takes_it() {
    check(
        &SHOP,
        "GET api.example/accounts/7/items?a=b",
        &[
            "GET api.example/accounts/7/items?a=b: 404, as no rule takes it",
            "",
            "  F  GET *.test/{rest*}              is for *.test",
            "  A  GET api.test/accounts/{id}      is for api.test; this ends before segment 3, which is `items`",
            "  C  DELETE api.test/accounts/{id}   is for api.test; this ends before segment 3, which is `items`",
            "  D  any api.test/accounts/{id}      is for api.test; this ends before segment 3, which is `items`",
            "  E  GET api.test/accounts/{id}      is for api.test; this ends before segment 3, which is `items`",
            "  G  GET files.test/accounts/{id}    is for files.test; this ends before segment 3, which is `items`",
            "  H  GET api.test/accounts/{id}/     is for api.test; segment 3 is `items`, wanted an empty one",
            "  B  GET, POST api.test/accounts     is for api.test; this ends before segment 2, which is `7`",
            "  I  GET api.test/files/{name}.json  is for api.test; segment 1 is `accounts`, wanted `files`",
        ],
    );
}

#[test]
fn secrets_are_not_shown_and_what_strangers_send_does_no_harm() {
    check(
        &SHOP[8..],
        "GET api.test/files/\u{1b}[2J.json authorization:Bearer",
        &[
            "GET api.test/files/\\u{1b}[2J.json: 404, as no rule takes it",
            "",
            "  A  GET api.test/files/{name}.json  header authorization is `(not shown)`, wanted a value that starts with `Basic`",
        ],
    );
    check(
        &SHOP[1..2],
        &format!("GET api.test/{}", "x".repeat(100)),
        &[
            "GET api.test/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...: 404, as no rule takes it",
            "",
            "  A  GET, POST api.test/accounts  segment 1 is `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...`, wanted `accounts`",
        ],
    );
}

#[test]
fn the_rule_found_is_told_of_however_many_are_tried_before() {
    let mut rules: Vec<String> = (0..20).map(|at| format!("GET /x h{at}:1")).collect();
    rules.push("any /x".to_owned());
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    check(
        &rules,
        "GET /x",
        &[
            "GET /x: U takes it",
            "",
            "  A  GET /x  header h0 is not there, wanted `1`",
            "  B  GET /x  header h1 is not there, wanted `1`",
            "  C  GET /x  header h2 is not there, wanted `1`",
            "  D  GET /x  header h3 is not there, wanted `1`",
            "  E  GET /x  header h4 is not there, wanted `1`",
            "  F  GET /x  header h5 is not there, wanted `1`",
            "  G  GET /x  header h6 is not there, wanted `1`",
            "  H  GET /x  header h7 is not there, wanted `1`",
            "  I  GET /x  header h8 is not there, wanted `1`",
            "  U  any /x  takes it",
            "  and 11 rules further off",
        ],
    );
}

#[test]
fn each_way_to_be_better_has_its_words() {
    check(
        &["GET *.test/{a}/{r*} a:1", "GET *.test/{b}/{r*} b:1", "GET /x"],
        "GET a.test/x a:1 b:1",
        &[
            "GET a.test/x: A takes it",
            "",
            "  A  GET *.test/{a}/{r*}  takes it: a is `x`, r is ``",
            "  B  GET *.test/{b}/{r*}  would take it, but A is declared first",
            "  C  GET /x               would take it, but A has a host that is more exact",
        ],
    );
    check(
        &[
            "GET /x a:1",
            "GET /x b:1",
            "GET /x a:1|2",
            "any /x",
            "GET /{a}",
            "GET /x",
            "GET /x?v c:*",
            "GET /x?v",
        ],
        "GET a.test/x?v a:1 b:1 c:1",
        &[
            "GET a.test/x?v: G takes it",
            "",
            "  G  GET /x    takes it",
            "  A  GET /x    would take it, but G asks for more query parameters",
            "  B  GET /x    would take it, but G asks for more query parameters",
            "  C  GET /x    would take it, but G asks for more query parameters",
            "  H  GET /x    would take it, but G asks for more headers",
            "  F  GET /x    would take it, but G asks for more headers",
            "  D  any /x    would take it, but G names the method",
            "  E  GET /{a}  would take it, but G is more exact at segment 1",
        ],
    );
}

#[test]
fn each_way_to_differ_has_its_words() {
    check(
        &[
            "GET /x/",
            "GET /x/y",
            "GET /x/{a}/z",
            "GET /w",
            "GET /x?v=2",
            "GET /x h",
            "GET /v{a}",
            "GET *.a.test,b.test/x",
        ],
        "GET a.test/x?v=1",
        &[
            "GET a.test/x?v=1: 404, as no rule takes it",
            "",
            "  F  GET /x               header h is not there, wanted any value",
            "  E  GET /x               query parameter v is `1`, wanted `2`",
            "  H  GET *.a.test (+1)/x  is for *.a.test or b.test",
            "  A  GET /x/              this goes on with `/`, the path does not",
            "  B  GET /x/y             the path ends before segment 2, wanted `y`",
            "  C  GET /x/{a}/z         the path ends before segment 2, wanted `{a}`",
            "  D  GET /w               segment 1 is `x`, wanted `w`",
            "  G  GET /v{a}            segment 1 is `x`, wanted `v{a}`",
        ],
    );
    check(
        &["GET /x", "GET /x/{a}", "GET /x/v{a}"],
        "GET /x/",
        &[
            "GET /x/: 404, as no rule takes it",
            "",
            "  A  GET /x       the path goes on with `/`, this does not",
            "  B  GET /x/{a}   segment 2 is empty, wanted `{a}`",
            "  C  GET /x/v{a}  segment 2 is empty, wanted `v{a}`",
        ],
    );
    check(
        &["GET /x/{r*}"],
        "OPTIONS *",
        &["OPTIONS *: 404, as no rule takes it", "", "  and 1 rule further off"],
    );
}
