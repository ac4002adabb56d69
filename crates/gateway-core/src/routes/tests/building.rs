//! Templates, hosts and rules that are refused, and in which words.

use super::*;

#[track_caller]
fn refused(template: &str, at: usize, words: &str) {
    let error = Template::parse(template).unwrap_err();
    assert_eq!((error.at, error.to_string()), (at, format!("{words} (at byte {at})")), "{template}");
}

#[test]
fn a_template_that_is_wrong_says_where_and_how_to_mend_it() {
    for (template, at, words) in [
        ("", 0, "a path begins with `/`; write it here"),
        ("x/y", 0, "a path begins with `/`; write it here"),
        ("/x//y", 3, "nothing stands between these two `/`; leave one out"),
        ("//", 1, "nothing stands between these two `/`; leave one out"),
        ("/x/../y", 3, "`..` never arrives, as paths are normalised first; write the path that is meant"),
        ("/x/.", 3, "`.` never arrives, as paths are normalised first; write the path that is meant"),
        ("/x/{id", 3, "`{` is not closed in its segment; write `}` after the parameter's name"),
        ("/x/{a/b}", 3, "`{` is not closed in its segment; write `}` after the parameter's name"),
        (
            "/x/id}",
            5,
            "`}` closes nothing; write `{` before the parameter's name, or `%7D` for the character itself",
        ),
        (
            "/{id}}",
            5,
            "`}` closes nothing; write `{` before the parameter's name, or `%7D` for the character itself",
        ),
        ("/{}", 2, "`` is no name; write letters, digits, `_`, `-` or `.`, a letter or `_` first"),
        ("/{*}", 2, "`` is no name; write letters, digits, `_`, `-` or `.`, a letter or `_` first"),
        ("/{1st}", 2, "`1st` is no name; write letters, digits, `_`, `-` or `.`, a letter or `_` first"),
        ("/a{b c}", 3, "`b c` is no name; write letters, digits, `_`, `-` or `.`, a letter or `_` first"),
        ("/{id}/x/{id}", 9, "`id` is the name of a parameter before; give this one another"),
        ("/{id}/{id*}", 7, "`id` is the name of a parameter before; give this one another"),
        ("/{a}-{b}", 5, "a segment has room for one parameter; part the two by `/`"),
        ("/{r*}/x", 1, "`{r*}` takes all that is left; let it be the last segment, with no text beside it"),
        ("/{r*}/", 1, "`{r*}` takes all that is left; let it be the last segment, with no text beside it"),
        ("/x{r*}", 1, "`{r*}` takes all that is left; let it be the last segment, with no text beside it"),
        (
            "/x/*",
            3,
            "`*` stands for nothing by itself; write `{rest*}` as the last segment to take all that is left",
        ),
        ("/x/:id", 3, "this is how other systems write a parameter; write `{id}`"),
        ("/x?y=1", 2, "the path ends before `?`; ask for query parameters by conditions"),
        ("/x y", 2, "` ` is escaped in a path; write `%20`"),
        ("/caf\u{e9}", 4, "`\u{e9}` is escaped in a path; write `%C3%A9`"),
        (
            "/100%",
            4,
            "`%` begins an escape of two digits such as `%20`; write `%25` for the character itself",
        ),
        (
            "/%\u{e9}",
            1,
            "`%` begins an escape of two digits such as `%20`; write `%25` for the character itself",
        ),
        ("/%+1", 1, "`%` begins an escape of two digits such as `%20`; write `%25` for the character itself"),
        ("/x%2fy", 2, "`%2f` never arrives, as paths are normalised first; write `%2F`"),
        ("/%41", 1, "`%41` never arrives, as paths are normalised first; write `A`"),
    ] {
        refused(template, at, words);
    }
}

#[test]
fn a_template_has_limits() {
    refused(
        &"/a".repeat(SEGMENTS_MAX + 1),
        129,
        "a template has at most 64 segments; take the others by `{rest*}`",
    );
    refused(
        &format!("/{}", "a".repeat(2_048)),
        2_048,
        "a template has at most 2048 bytes; this one has 2049",
    );
    let many: Vec<String> = (0..=PARAMETERS_MAX).map(|at| format!("/{{p{at}}}")).collect();
    refused(&many.concat(), 88, "a template has at most 16 parameters; take the others by `{rest*}`");
    assert!(Template::parse(&"/a".repeat(SEGMENTS_MAX)).is_ok());
}

#[test]
fn a_template_tells_its_names_its_prefix_and_its_openapi_path() {
    for (template, names, prefix, openapi) in [
        ("/", "", "/", "/"),
        ("/accounts/", "", "/accounts/", "/accounts/"),
        ("/accounts/{id}/items/{item}", "id item", "/accounts/", "/accounts/{id}/items/{item}"),
        ("/v{major}/x", "major", "/v", "/v{major}/x"),
        ("/files/{name}.json", "name", "/files/", "/files/{name}.json"),
        ("/assets/{rest*}", "rest", "/assets", "/assets/{rest}"),
        ("/{a}/{rest*}", "a rest", "/", "/{a}/{rest}"),
        ("/{rest*}", "rest", "/", "/{rest}"),
    ] {
        let read = Template::parse(template).unwrap();
        let own: Vec<&str> = read.parameters().collect();
        let told = (own.join(" "), read.literal_prefix(), read.openapi(), read.to_string());
        assert_eq!(told, (names.to_owned(), prefix, openapi.to_owned(), template.to_owned()));
    }
}

#[test]
fn a_host_that_is_wrong_says_how_to_mend_it() {
    for (host, said) in [
        ("API.example.com.", "api.example.com"),
        ("*.Example.com", "*.example.com"),
        ("*", "*"),
        ("[::1]", "[::1]"),
        ("", "a label is empty; write a name such as `api.example.com`"),
        ("a..b", "a label is empty; write a name such as `api.example.com`"),
        ("*.", "a label is empty; write a name such as `api.example.com`"),
        ("a.*.b", "`*` stands only for what is before the first dot, as in `*.example.com`"),
        ("a*.b", "`*` stands only for what is before the first dot, as in `*.example.com`"),
        ("a.b:80", "`:80` is a port; leave it out, for routes do not differ by port"),
        (
            "b\u{fc}cher.de",
            "`\u{fc}` cannot be in a name; write names of other scripts as they are in DNS, as `xn--...`",
        ),
        ("a/b", "`/` cannot be in a name; write names of other scripts as they are in DNS, as `xn--...`"),
    ] {
        let read = Host::parse(host).map_or_else(|error| error.to_string(), |host| host.to_string());
        assert_eq!(read, said, "{host}");
    }
    let long = Host::parse(&"a".repeat(256)).unwrap_err();
    assert_eq!(long.to_string(), "it has 256 bytes, and a name has at most 255");
}

/// Conflicts as `first second`, or their words if they are of another kind; then what is shadowed, as `rule < by`.
#[track_caller]
fn built(rules: &[&str], wanted: &[&str]) {
    let said: Vec<String> = match Table::build(rules.iter().map(|line| rule(line)).collect()) {
        Ok(table) => table.shadowed().iter().map(|Shadowed { rule, by }| format!("{rule} < {by}")).collect(),
        Err(conflicts) => conflicts.iter().map(said).collect(),
    };
    assert_eq!(said, wanted, "{rules:?}");
}

fn said(conflict: &Conflict) -> String {
    match conflict {
        Conflict::Same { first, second, .. } => format!("{first} {second}"),
        Conflict::TooManyWays { .. } => conflict.to_string(),
    }
}

#[test]
fn rules_that_no_request_tells_apart_are_in_conflict() {
    built(&["GET /x", "GET /x"], &["0 1"]);
    built(&["GET /x/{a}", "GET /x/{b}"], &["0 1"]);
    built(&["GET /x/{a}.json", "PUT,GET /x/{b}.json"], &["0 1"]);
    built(&["GET /x/{a*}", "GET /x/{b*}"], &["0 1"]);
    built(&["any /x", "any /x"], &["0 1"]);
    built(&["GET a.test,b.test/x", "GET b.test,c.test/x"], &["0 1"]);
    built(&["GET a.test,b.test/x", "GET A.test,B.test/x"], &["0 1"]);
    built(&["GET /x?v=1 a:1 b:2", "GET /x?v=1 B:2 A:1"], &["0 1"]);
    built(&["GET /x a:1|2", "GET /x a:2|1"], &["0 1"]);
    built(&["GET /x", "PUT /x", "GET,PUT /x", "GET /x"], &["0 2", "0 3"]);
}

#[test]
fn rules_that_differ_in_anything_are_in_none() {
    for rules in [
        ["GET /x", "PUT /x"],
        ["GET /x", "any /x"],
        ["GET /x", "HEAD /x"],
        ["GET /x", "GET /x/"],
        ["GET /{a}", "GET /{a*}"],
        ["GET /a{x}b", "GET /ab{x}"],
        ["GET a.test/x", "GET /x"],
        ["GET a.test/x", "GET *.a.test/x"],
        ["GET /x a:1", "GET /x a:2"],
        ["GET /x a:1", "GET /x"],
        ["GET /x a:1", "GET /x?a=1"],
    ] {
        built(&rules, &[]);
    }
}

#[test]
fn a_rule_that_others_hide_wholly_is_told_of() {
    built(&["GET /x a:*", "GET /x a:1"], &["1 < 0"]);
    built(&["GET /x a:1*", "GET /x a:12|13"], &["1 < 0"]);
    built(&["GET /x a:1*", "GET /x a:12*"], &["1 < 0"]);
    built(&["GET /x a:1|2", "GET /x a:2"], &["1 < 0"]);
    built(&["GET /x?a=1|2", "GET /x?a=2"], &["1 < 0"]);
    built(&["GET,PUT /x a:*", "PUT /x a:1", "POST /x a:1"], &["1 < 0"]);
    built(&["any /x a:*", "any /x a:1"], &["1 < 0"]);
    built(&["GET a.test,b.test/x a:*", "GET b.test/x a:1"], &["1 < 0"]);
}

#[test]
fn a_rule_that_some_request_reaches_is_not() {
    for rules in [
        ["GET /x a:1", "GET /x a:*"],
        ["GET /x a:1", "GET /x a:1|2"],
        ["GET /x a:*", "GET,PUT /x a:1"],
        ["GET /x", "any /x a:1"],
        ["GET /x a:*", "GET /x b:1"],
        ["GET a.test/x a:*", "GET a.test,b.test/x a:1"],
        ["GET /x a:1", "GET /x a:12*"],
    ] {
        built(&rules, &[]);
    }
}

#[test]
fn a_conflict_says_which_rules_and_why() {
    let rules = ["GET,PUT a.test/x/{id}", "GET,POST a.test/x/{key}", "any /y", "any /y"].map(rule);
    let conflicts = Table::build(rules.into()).err().unwrap();
    let said: Vec<String> = conflicts.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "`GET,PUT a.test/x/{id}` and `GET,POST a.test/x/{key}` take the same requests: GET at a.test/x/{id}; \
             let one ask for another method, path or condition",
            "`any /y` and `any /y` take the same requests: any method at /y; let one ask for another method, path or condition",
        ]
    );
}
