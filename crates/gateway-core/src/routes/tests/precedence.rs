//! Which of the rules that match goes first. Each row holds whichever is declared first, but for those that are about that.

use super::check;

type Row = (&'static [&'static str], &'static str, &'static str);

const PATHS: &[Row] = &[
    // Text before parameters.
    (&["GET /x", "GET /{a}"], "GET /x", "GET /x"),
    (&["GET /x", "GET /{a}"], "GET /y", "GET /{a}"),
    (&["GET /x/{b}", "GET /{a}/y"], "GET /x/y", "GET /x/{b}"),
    (&["GET /x/{b}", "GET /{a}/y"], "GET /z/y", "GET /{a}/y"),
    (&["GET /{a}/y", "GET /{a}/{b}"], "GET /x/y", "GET /{a}/y"),
    (&["GET /x/{b}/z", "GET /x/{b}/{c}"], "GET /x/y/z", "GET /x/{b}/z"),
    (&["GET /x/{b}/{c}", "GET /{a}/y/z"], "GET /x/y/z", "GET /x/{b}/{c}"),
    // Text around parameters: the more, the better; of the same, the more before.
    (&["GET /{a}.json", "GET /{a}"], "GET /x.json", "GET /{a}.json"),
    (&["GET /{a}.json", "GET /{a}"], "GET /.json", "GET /{a}"),
    (&["GET /v{a}", "GET /{a}"], "GET /v1", "GET /v{a}"),
    (&["GET /v{a}", "GET /{a}"], "GET /v", "GET /{a}"),
    (&["GET /v1", "GET /v{a}"], "GET /v1", "GET /v1"),
    (&["GET /v{a}", "GET /{a}.json"], "GET /v1.json", "GET /{a}.json"),
    (&["GET /v{a}.json", "GET /{a}.json", "GET /v{a}"], "GET /v1.json", "GET /v{a}.json"),
    (&["GET /vv{a}", "GET /v{a}1"], "GET /vvx1", "GET /vv{a}"),
    (&["GET /v{a}", "GET /{a}1"], "GET /v01", "GET /v{a}"),
    (&["GET /a{x}", "GET /b{x}"], "GET /bc", "GET /b{x}"),
    (&["GET /{id}:cancel", "GET /{id}"], "GET /7:cancel", "GET /{id}:cancel"),
    // Parameters before the rest.
    (&["GET /{a}", "GET /{r*}"], "GET /x", "GET /{a}"),
    (&["GET /{a}/{b}", "GET /{a}/{r*}"], "GET /x/y", "GET /{a}/{b}"),
    (&["GET /{a}/{b}", "GET /{a}/{r*}"], "GET /x/y/z", "GET /{a}/{r*}"),
    (&["GET /{a}/{r*}", "GET /{r*}"], "GET /x/y/z", "GET /{a}/{r*}"),
    (&["GET /x/{r*}", "GET /{a}/y"], "GET /x/y", "GET /x/{r*}"),
    (&["GET /x/{r*}", "GET /x/y/{r*}"], "GET /x/y/z", "GET /x/y/{r*}"),
    (&["GET /v{a}/{r*}", "GET /{a}/x"], "GET /v1/x", "GET /v{a}/{r*}"),
    // An end before a rest that is empty.
    (&["GET /x", "GET /x/{r*}"], "GET /x", "GET /x"),
    (&["GET /x/", "GET /x/{r*}"], "GET /x/", "GET /x/"),
    (&["GET /x/{r*}", "GET /{a}"], "GET /x", "GET /x/{r*}"),
    (&["GET /", "GET /{r*}"], "GET /", "GET /"),
    // What is better and fails further on hides nothing.
    (&["GET /x/y", "GET /{a}/z"], "GET /x/z", "GET /{a}/z"),
    (&["GET /x/y/z", "GET /x/{b}/w", "GET /{a}/y/v"], "GET /x/y/v", "GET /{a}/y/v"),
    (&["GET /x/{b}/z", "GET /{r*}"], "GET /x/y/w", "GET /{r*}"),
    (&["GET /x/y/z", "GET /x/{r*}", "GET /{a}/{b}/w"], "GET /x/y/w", "GET /x/{r*}"),
    (&["GET /v{a}/x", "GET /{a}/y"], "GET /v1/y", "GET /{a}/y"),
    (&["PUT /x", "GET /{a}"], "GET /x", "GET /{a}"),
    (&["PUT /x/y", "PUT /x/{b}", "GET /{r*}"], "GET /x/y", "GET /{r*}"),
    (&["GET /x a:1", "GET /{a}"], "GET /x", "GET /{a}"),
    (&["GET /x?v=1", "GET /{a}"], "GET /x?v=2", "GET /{a}"),
];

const HOSTS: &[Row] = &[
    (&["GET a.test/{r*}", "GET /x"], "GET a.test/x", "GET a.test/{r*}"),
    (&["GET a.test/{r*}", "GET *.test/x"], "GET a.test/x", "GET a.test/{r*}"),
    (&["GET *.test/{r*}", "GET /x"], "GET a.test/x", "GET *.test/{r*}"),
    (&["GET *.b.test/{r*}", "GET *.test/x"], "GET a.b.test/x", "GET *.b.test/{r*}"),
    (&["GET *.b.test/{r*}", "GET *.test/x"], "GET b.test/x", "GET *.test/x"),
    (&["GET a.test,*.test/{r*}", "GET *.a.test/x"], "GET b.a.test/x", "GET *.a.test/x"),
    (&["GET a.test/x", "GET *.test/{a}", "GET /{r*}"], "GET a.test/y", "GET *.test/{a}"),
    (&["GET a.test/x", "GET *.test/{a}", "GET /{r*}"], "GET a.test/y/z", "GET /{r*}"),
    (&["PUT a.test/x", "GET /x"], "GET a.test/x", "GET /x"),
];

const METHODS_AND_CONDITIONS: &[Row] = &[
    (&["GET /x", "any /x"], "GET /x", "GET /x"),
    (&["GET /x", "any /x"], "PUT /x", "any /x"),
    (&["GET /x", "any /x?v=3 a:1 b:2"], "GET /x?v=3 a:1 b:2", "GET /x"),
    (&["any /x", "GET /{a}"], "GET /x", "any /x"),
    (&["HEAD /x", "GET /x"], "HEAD /x", "HEAD /x"),
    (&["GET /x", "any /x"], "HEAD /x", "GET /x"),
    (&["GET /x", "HEAD /{a}"], "HEAD /x", "GET /x"),
    (&["HEAD /x", "GET /x a:1"], "HEAD /x a:1", "HEAD /x"),
    (&["GET /x a:1", "GET /x"], "GET /x a:1", "GET /x a:1"),
    (&["GET /x a:1", "GET /x"], "GET /x a:2", "GET /x"),
    (&["GET /x a:1 b:1", "GET /x a:1"], "GET /x a:1 b:1", "GET /x a:1 b:1"),
    (&["GET /x a:1", "GET /x?v=1&w=1"], "GET /x?v=1&w=1 a:1", "GET /x a:1"),
    (&["GET /x?v=1 a:1", "GET /x a:1"], "GET /x?v=1 a:1", "GET /x?v=1 a:1"),
    (&["GET /x?v=1&w=1", "GET /x?v=1"], "GET /x?v=1&w=1", "GET /x?v=1&w=1"),
];

const DECLARED: &[Row] = &[
    (&["GET /x a:1", "GET /x b:1"], "GET /x a:1 b:1", "GET /x a:1"),
    (&["GET /x b:1", "GET /x a:1"], "GET /x a:1 b:1", "GET /x b:1"),
    (&["GET /x a:1*", "GET /x a:*"], "GET /x a:12", "GET /x a:1*"),
    (&["GET /x?v=1", "GET /x?w=1"], "GET /x?w=1&v=1", "GET /x?v=1"),
    (&["any /x a:1", "any /x b:1"], "GET /x a:1 b:1", "any /x a:1"),
];

#[test]
fn the_best_rule_goes_first_whichever_was_declared_first() {
    for (rules, line, wanted) in [PATHS, HOSTS, METHODS_AND_CONDITIONS].concat() {
        check(rules, line, wanted);
        let reversed: Vec<&str> = rules.iter().rev().copied().collect();
        check(&reversed, line, wanted);
    }
}

#[test]
fn of_rules_as_good_as_each_other_the_first_that_was_declared_goes_first() {
    for (rules, line, wanted) in DECLARED {
        check(rules, line, wanted);
    }
}
