//! Start: from the process's birth to ready with 100 flows, and what it holds when idle.

#![allow(clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use std::fmt::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sinew_bench::{Report, median, percentile};
use sinew_e2e::{binary, free_port};

const ROUNDS: usize = 15;
const FLOWS: usize = 100;
/// How long the server is left alone before its memory is read.
const IDLE_FOR: Duration = Duration::from_secs(3);

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the project");
    let project = folder.path().join("project");
    std::fs::create_dir_all(&project).expect("the project's folder");
    write_project(&project);
    let (mut ready, mut idle) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let data = folder.path().join(format!("data-{round}"));
        let control = free_port();
        let begin = Instant::now();
        let mut child = serve(&project, &data, control);
        wait_until_ready(control);
        ready.push(begin.elapsed().as_secs_f64() * 1000.0);
        if round % 5 == 0 {
            #[expect(clippy::disallowed_methods, reason = "idle is what is measured")]
            std::thread::sleep(IDLE_FOR);
            idle.push(resident_mb(child.id()));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
    let mut report = Report::new("start");
    report.row("flows in the project", &FLOWS.to_string(), "");
    report.row("ready, slowest of all rounds", &format!("{:.1} ms", percentile(&mut ready, 1.0)), "");
    report.metric("ready_ms", "ready", median(&mut ready), "ms", "<= 100");
    report.metric("idle_mb", "memory when idle", median(&mut idle), "MB", "<= 40");
    report.print();
}

fn serve(project: &std::path::Path, data: &std::path::Path, control: SocketAddr) -> Child {
    Command::new(binary())
        .arg("serve")
        .arg(project)
        .args(["--listen", &free_port().to_string(), "--control", &control.to_string()])
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("`sinew` can be started")
}

/// Ready is when health is answered 200; asked for as often as the machine allows, bounded in time.
fn wait_until_ready(control: SocketAddr) {
    use std::io::{Read, Write};
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(30) {
        if let Ok(mut stream) = TcpStream::connect(control) {
            let request = format!("GET /v1/health HTTP/1.1\r\nhost: {control}\r\nconnection: close\r\n\r\n");
            let mut answer = String::new();
            let asked =
                stream.write_all(request.as_bytes()).and_then(|()| stream.read_to_string(&mut answer));
            if asked.is_ok() && answer.starts_with("HTTP/1.1 200") {
                return;
            }
        }
        std::thread::yield_now();
    }
    panic!("the server was not ready within 30 s");
}

fn resident_mb(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kb: f64 = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(f64::NAN);
    kb / 1000.0
}

fn write_project(project: &std::path::Path) {
    let base = include_str!("../../projects/runs/project.yaml");
    let (resources, flow) = base.rsplit_once("---\n").expect("the project ends with its flow");
    let resources = resources.replace("${SANDBOX_URL}", "http://127.0.0.1:9");
    std::fs::write(project.join("resources.yaml"), resources).expect("the project can be written");
    let mut flows = String::new();
    for n in 0..FLOWS {
        let flow = flow.replace("bench-runs", &format!("bench-runs-{n}"));
        let _ = write!(flows, "{}{flow}", if n == 0 { "" } else { "---\n" });
    }
    std::fs::write(project.join("flows.yaml"), flows).expect("the project can be written");
}
