//! The gateway beside nginx and haproxy, each on one core, load and origin on the other: 64 connections that are kept, 375
//! bytes of JSON. Needs Debian's `nginx-light`, `haproxy` and `wrk`.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sinew_bench::{Report, median};
use sinew_e2e::{binary, free_port, until};
use tempfile::TempDir;

const ROUNDS: usize = 5;
const SECONDS: u32 = 4;
const KEY: &str = "key-0123456789abcdef";
const IDLE: usize = 10_000;
const ROUTES: usize = 100_000;

fn main() {
    // Those that are started have as many files as this one.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).expect("as many files as may be");
    let bench = Bench::new();
    let mut report = Report::new("gateway");
    let (few, many) = (bench.sinew("few", 10), bench.sinew("many", ROUTES));
    let (bare, same, haproxy) = (bench.at("bare"), bench.at("same"), bench.at("haproxy"));
    let all = [
        ("nginx bare", bare),
        ("haproxy bare", haproxy),
        ("nginx doing the same", same),
        ("sinew", few.1),
        ("sinew, 100,000 routes", many.1),
    ];
    let small = Bench::rounds(&all, "/v1/companies/42");
    for (name, measured) in all.iter().zip(&small) {
        report.row(name.0, &format!("{:.0} requests/s, p99 {:.2} ms", measured.rate, measured.p99_ms), "");
    }
    let of = |at: usize| &small[at];
    report.metric("ratio_nginx_same", "beside nginx doing the same", of(3).rate / of(2).rate, "x", ">= 1");
    report.metric(
        "p99_ratio_nginx",
        "p99 beside nginx doing the same",
        of(3).p99_ms / of(2).p99_ms,
        "x",
        "<= 1",
    );
    report.metric("ratio_100k_routes", "100,000 routes beside ten", of(4).rate / of(3).rate, "x", ">= 0.95");
    let large = Bench::rounds(&[("nginx", same), ("sinew", few.1)], "/1mb");
    report.metric(
        "ratio_nginx_1mb",
        "bodies of 1 MB beside nginx",
        large[1].rate / large[0].rate,
        "x",
        ">= 0.9",
    );
    report.metric("idle_conn_kb", "an idle connection", idle_kb(&few), "kB", "<= 12");
    report.print();
}

/// A process that ends with the benchmark.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Bench {
    folder: TempDir,
    ports: [(&'static str, SocketAddr); 4],
    _peers: Vec<Running>,
}

/// Medians of all rounds.
struct Measured {
    rate: f64,
    p99_ms: f64,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = ["origin", "bare", "same", "haproxy"].map(|name| (name, free_port()));
        let at = |name: &str| ports.iter().find(|port| port.0 == name).expect("a port").1;
        fs::write(folder.path().join("1mb"), vec![b'x'; 1 << 20]).expect("a file");
        let body = format!("{{\"id\":\"c_1\",\"padding\":\"{}\"}}", "x".repeat(350));
        let root = folder.path().display();
        let origin = format!(
            "access_log off; server {{ listen {} reuseport; root {root};\n location / {{ default_type application/json; return 200 '{body}'; }}\n location /1mb {{ }} }}",
            at("origin")
        );
        let pass = "proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection \"\";";
        let proxy = format!(
            "upstream origin {{ server {}; keepalive 512; keepalive_requests 100000000; }}\n\
             map $http_x_api_key $ok {{ default 0; \"{KEY}\" 1; }}\n\
             limit_req_zone $http_x_api_key zone=z:10m rate=1000000r/s;\n\
             server {{ listen {}; access_log off; location / {{ {pass} }} }}\n\
             server {{ listen {}; access_log {root}/access.log combined buffer=64k; location / {{ if ($ok = 0) {{ return 401; }} limit_req zone=z burst=100000 nodelay; {pass} }} }}",
            at("origin"),
            at("bare"),
            at("same")
        );
        let haproxy = format!(
            "global\n maxconn 4096\ndefaults\n mode http\n timeout client 60s\n timeout server 60s\n timeout connect 5s\n http-reuse always\nfrontend f\n bind {}\n default_backend b\nbackend b\n server o {}\n",
            at("haproxy"),
            at("origin")
        );
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, haproxy).expect("a file");
        let peers = vec![
            nginx(folder.path(), "origin", &origin, "1"),
            nginx(folder.path(), "proxy", &proxy, "0"),
            start("0", "haproxy", &["-f", &file.display().to_string()]),
        ];
        for (_, port) in ports {
            until_open(port);
        }
        Self { folder, ports, _peers: peers }
    }

    fn at(&self, name: &str) -> SocketAddr {
        self.ports.iter().find(|port| port.0 == name).expect("a port").1
    }

    /// The gateway with so many routes, the one that is asked among them; key, rate, record and trace are on.
    fn sinew(&self, name: &str, routes: usize) -> (Running, SocketAddr) {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let owner = "owner: { team: bench, contact: bench@example.com, runbook: https://example.com }";
        let mut project = format!(
            "kind: Upstream\nname: origin\n{owner}\nendpoints: 'http://{}'\n---\nkind: Plan\nname: all\nrate: 1000000/s\n---\n\
             kind: Consumer\nname: bench\n{owner}\nplan: all\nkeys: [secret:bench/key]\n---\n\
             kind: Api\nname: bench\n{owner}\nauth: api_key\nroutes:\n  - {{ path: 'GET /v1/companies/{{id}}', upstream: origin }}\n  - {{ path: 'GET /1mb', upstream: origin }}\n",
            self.at("origin")
        );
        for route in 2..routes {
            // Writing to a text cannot fail.
            let _ = writeln!(
                project,
                "  - {{ path: 'GET /r{}/s{}/{{id}}', upstream: origin }}",
                route % 100,
                route / 100
            );
        }
        fs::write(folder.join("api.yaml"), project).expect("the project");
        let address = free_port();
        let (listen, control, data) = (free_port(), free_port(), folder.join("data"));
        let log = folder.join("access.ndjson");
        let arguments = [
            ("--gateway", address.to_string()),
            ("--gateway-workers", "1".to_owned()),
            ("--access-log", log.display().to_string()),
            ("--listen", listen.to_string()),
            ("--control", control.to_string()),
            ("--data", data.display().to_string()),
            ("--threads", "1".to_owned()),
        ];
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]).arg(binary()).arg("serve").arg(&folder);
        for (name, value) in &arguments {
            command.args([*name, value]);
        }
        command.env("SINEW_SECRET_BENCH_KEY", KEY).stdout(Stdio::null()).stderr(Stdio::null());
        let running = Running(command.spawn().expect("sinew starts"));
        until_open(address);
        (running, address)
    }

    /// All of them, one after the other, in every round.
    fn rounds(all: &[(&str, SocketAddr)], path: &str) -> Vec<Measured> {
        let mut told: Vec<(Vec<f64>, Vec<f64>)> = all.iter().map(|_| (Vec::new(), Vec::new())).collect();
        for _ in 0..ROUNDS {
            for ((_, at), (rates, p99s)) in all.iter().zip(&mut told) {
                let (rate, p99) = load(*at, path);
                rates.push(rate);
                p99s.push(p99);
            }
        }
        told.into_iter()
            .map(|(mut rates, mut p99s)| Measured { rate: median(&mut rates), p99_ms: median(&mut p99s) })
            .collect()
    }
}

fn nginx(folder: &Path, name: &str, http: &str, core: &str) -> Running {
    let file: PathBuf = folder.join(format!("{name}.conf"));
    let root = folder.display();
    let config = format!(
        "worker_processes 1; daemon off; master_process off; pid {root}/{name}.pid; error_log {root}/{name}.err;\nevents {{ worker_connections 4096; }}\nhttp {{ keepalive_requests 100000000; keepalive_timeout 600s;\n{http} }}\n"
    );
    fs::write(&file, config).expect("a file");
    start(core, "nginx", &["-c", &file.display().to_string()])
}

fn start(core: &str, program: &str, arguments: &[&str]) -> Running {
    let mut command = Command::new("taskset");
    command.args(["-c", core, program]).args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    Running(command.spawn().expect("a peer starts; install `nginx-light haproxy wrk`"))
}

fn until_open(address: SocketAddr) {
    until("a listener", Duration::from_mins(1), || TcpStream::connect(address).ok().map(drop));
}

/// Requests a second, and the 99th percentile in milliseconds.
fn load(at: SocketAddr, path: &str) -> (f64, f64) {
    let mut wrk = Command::new("taskset");
    wrk.args(["-c", "1", "wrk", "-t1", "-c64", "--latency", "-d", &format!("{SECONDS}s")]);
    wrk.args(["-H", &format!("X-Api-Key: {KEY}"), &format!("http://{at}{path}")]);
    let told = wrk.output().expect("wrk runs; install it");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(!told.contains("Non-2xx"), "{told}");
    let after = |label: &str| {
        let line = told.lines().find(|line| line.trim_start().starts_with(label)).expect("wrk tells it");
        line.split_whitespace().nth(1).expect("a figure").to_owned()
    };
    let p99 = after("99%");
    let (number, ms) = match p99.strip_suffix("us") {
        Some(number) => (number, 0.001),
        None => match p99.strip_suffix("ms") {
            Some(number) => (number, 1.0),
            None => (p99.trim_end_matches('s'), 1000.0),
        },
    };
    (after("Requests/sec:").parse().expect("a number"), number.parse::<f64>().expect("a number") * ms)
}

/// What a connection costs that says nothing.
fn idle_kb((running, at): &(Running, SocketAddr)) -> f64 {
    let before = resident_kb(running);
    let all: Vec<TcpStream> = (0..IDLE).map_while(|_| TcpStream::connect(at).ok()).collect();
    assert_eq!(all.len(), IDLE, "connections");
    // Each is accepted, and has said nothing.
    let answered = TcpStream::connect(at).is_ok();
    assert!(answered, "it is still there");
    let after = until("all to be accepted", Duration::from_mins(1), || {
        let (one, other) = (resident_kb(running), resident_kb(running));
        (one > before && (other - one).abs() < 1.0).then_some(other)
    });
    (after - before) / IDLE as f64
}

fn resident_kb(running: &Running) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", running.0.id())).expect("the process");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|kb| kb.parse().ok()).expect("a number")
}
