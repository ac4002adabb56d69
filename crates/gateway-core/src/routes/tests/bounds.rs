//! Searches are bounded, whatever the path: by steps that are counted, not by time.

use super::speed::shop;
use super::*;

/// A path of 8 KiB.
fn long_path() -> String {
    format!("GET {}", "/a".repeat(4_096))
}

/// `/{p0}/{p1}/...`, so many.
fn parameters(count: usize) -> String {
    (0..count).map(|at| format!("/{{p{at}}}")).collect::<Vec<_>>().concat()
}

/// All templates of so many segments, each `a` or a parameter, and `x` at the end.
fn all_mixtures(segments: usize) -> Vec<String> {
    let segment = |mixture: usize, at: usize| {
        if mixture >> at & 1 == 0 { "/a".to_owned() } else { format!("/{{p{at}}}") }
    };
    let path = |mixture| (0..segments).map(|at| segment(mixture, at)).collect::<String>();
    (0..1 << segments).map(|mixture| format!("GET {}/x", path(mixture))).collect()
}

#[test]
fn a_path_longer_than_every_template_is_refused_at_the_first_place() {
    let rules: Vec<String> =
        (0..47).map(|at| format!("GET {}{}/x", "/a".repeat(at), parameters(16))).collect();
    assert_eq!(steps(&table(&rules), &request(&long_path())), 1);
    assert_eq!(steps(&table(&all_mixtures(10)), &request(&long_path())), 1);
}

#[test]
fn a_long_path_before_a_rest_costs_what_its_template_has_segments() {
    let rules: Vec<String> =
        (1..48).map(|at| format!("GET {}{}/x/{{r*}}", "/a".repeat(at), parameters(15))).collect();
    let table = table(&rules);
    let taken = steps(&table, &request(&long_path()));
    assert!(taken < 2_000, "{taken}");
    assert_eq!(taken, steps(&table, &request(&format!("GET {}", "/a".repeat(64)))));
}

#[test]
fn only_branches_of_the_right_length_are_entered() {
    let rules: Vec<String> =
        (0..47).map(|at| format!("GET {}{}/x", "/a".repeat(at), parameters(16))).collect();
    let table = table(&rules);
    for segments in 17..=63 {
        let taken = steps(&table, &request(&format!("GET {}", "/a".repeat(segments))));
        assert!(taken <= 4 * segments as u64, "{taken} steps for {segments} segments");
    }
}

#[test]
fn templates_that_double_the_ways_with_every_segment_are_refused_before_they_are_many() {
    let table = table(&all_mixtures(10));
    assert!(table.steps_max() <= STEPS_MAX, "{}", table.steps_max());
    let in_vain = request(&format!("GET {}/y", "/a".repeat(10)));
    assert_eq!(found(&table, &in_vain), "404");
    assert!(steps(&table, &in_vain) <= STEPS_MAX);

    let rules = all_mixtures(12).iter().map(|line| rule(line)).collect();
    let refused: Vec<String> = Table::build(rules).err().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(
        refused,
        [
            "so many rules at `*` are alike that a request could take 16383 steps to find its own, and at most 4096 are taken; \
          let them differ by text earlier in the path, or part them by host"
        ]
    );
}

#[test]
fn the_steps_of_all_hosts_that_a_request_finds_count_together() {
    let on = |host: &str| {
        all_mixtures(9).iter().map(|line| line.replace("GET ", &format!("GET {host}"))).collect::<Vec<_>>()
    };
    assert!(Table::build(on("a.b.test").iter().map(|line| rule(line)).collect()).is_ok());
    let three = [on("a.b.test"), on("*.test"), on("")].concat();
    let refused = Table::build(three.iter().map(|line| rule(line)).collect()).err().unwrap();
    assert!(
        matches!(refused.as_slice(), [Conflict::TooManyWays { host: Host::Exact(_), .. }]),
        "{refused:?}"
    );
}

#[test]
fn the_more_rules_the_same_steps() {
    let of = |count| steps(&table(&shop("", count)), &request("GET /v1/res-1/7/items/8"));
    assert_eq!((of(10), of(1_000), of(20_000)), (of(10), of(10), of(10)));
}
