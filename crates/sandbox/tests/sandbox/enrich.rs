use sinew_sandbox::{SandboxOptions, Tuning};

use crate::client::World;

fn quick() -> World {
    let tuning = Tuning { enrich_slow_rate: 0.0, ..Tuning::default() };
    World::start_with(SandboxOptions { tuning, ..SandboxOptions::default() })
}

#[test]
fn the_same_question_has_the_same_answer() {
    let world = quick();
    let person = world.get("/enrich/person?email=Anke.Vogel17%40kestrel-foods.example");
    assert_eq!(person.json()["full_name"], "Anke Vogel");
    assert_eq!(person.json()["company"]["name"], "Kestrel Foods");
    assert_eq!(person.body, world.get("/enrich/person?email=anke.vogel17%40KESTREL-foods.example").body);
    let company = world.get("/enrich/company?domain=kestrel-foods.example").json();
    assert!(company["employees"].as_u64().unwrap() >= 5, "{company}");
}

#[test]
fn what_is_unknown_or_wrong_is_told_apart() {
    let world = quick();
    let check = |path: &str| world.get(path).status;
    assert_eq!(check("/enrich/person?email=a@unknown.example"), 404);
    assert_eq!(check("/enrich/company?domain=gmail.com"), 404);
    assert_eq!(check("/enrich/person?email=nonsense"), 400);
    assert_eq!(check("/enrich/person"), 400);
    assert_eq!(check("/enrich/company?domain=a..b"), 400);
    assert_eq!(world.raw("GET", "/enrich/company?domain=a.example", &[], "").unwrap().status, 401);
}

#[test]
fn beyond_the_bucket_there_is_429_with_all_its_headers() {
    let world = quick();
    world.control("POST", "/options", r#"{"enrich_rate_per_s":1,"enrich_burst":3}"#);
    let statuses: Vec<u16> = (0..4).map(|_| world.get("/enrich/company?domain=a.example").status).collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    let refused = world.get("/enrich/company?domain=a.example");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(refused.header("ratelimit-policy"), Some("\"default\";q=1;w=1"));
    assert_eq!(refused.header("ratelimit"), Some("\"default\";r=0;t=3"));
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.json()["errors"][0]["id"], "rate_limited");
    world.control("POST", "/clock", r#"{"advance_ms":1000}"#);
    assert_eq!(world.get("/enrich/company?domain=a.example").status, 200);
    assert_eq!(world.control("GET", "/stats", "").json()["rate_limited"]["enrich"], 2);
}
