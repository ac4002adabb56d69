//! Secrets stay where they are: canaries are planted in every place that takes a secret, everything is made to fail, and
//! then all that Sinew has said or written is searched for them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sinew_e2e::{Http, Server, ServerOptions, binary, free_port, is_final, until};
use sinew_sandbox::{Sandbox, SandboxOptions};

const PATIENCE: Duration = Duration::from_mins(1);

/// By what a canary is known; each place has one of its own.
fn canary(place: &str) -> String {
    format!("Canary+{place}/7f3a9c\"&x")
}

const PLACES: [&str; 12] = [
    "environment",
    "file",
    "vault",
    "staged",
    "basic",
    "query",
    "soap",
    "mail",
    "redis",
    "nats",
    "hook",
    "slack",
];

/// A web service with one operation, to whose messages the password is added.
const SERVICE: &str = r#"<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:t="urn:t"
    targetNamespace="urn:t"><message name="In"/><portType name="P"><operation name="Ping"><input message="t:In"/><output message="t:In"/></operation></portType>
    <binding name="B" type="t:P"><s:binding transport="http://schemas.xmlsoap.org/soap/http"/><operation name="Ping"/></binding></definitions>"#;

/// A system that says no to everything, and repeats all that it was sent, as some do.
fn parrot() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut bytes = [0; 8192];
            let length = stream.read(&mut bytes).unwrap_or(0);
            let said = String::from_utf8_lossy(&bytes[..length]).into_owned();
            let body = json!({ "error": "no", "you_sent": said }).to_string();
            let _ = write!(
                stream,
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nx-you-sent: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                said.lines()
                    .find(|line| line.to_lowercase().starts_with("authorization"))
                    .unwrap_or("nothing"),
                body.len()
            );
        }
    });
    address
}

/// A mail server that says no and repeats what it was told.
fn mail_parrot() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let Ok(listening) = stream.try_clone() else { continue };
            let _ = stream.write_all(b"220 hello\r\n");
            for line in BufReader::new(listening).lines().map_while(Result::ok) {
                let answer = match line.as_str() {
                    greeting if greeting.starts_with("EHLO") => "250-hello\r\n250 AUTH PLAIN".to_owned(),
                    line => format!("535 5.7.8 no, and you said {line}"),
                };
                let _ = stream.write_all(format!("{answer}\r\n").as_bytes());
            }
        }
    });
    address
}

/// A server of a protocol of lines that says no and repeats all that it was told, as Redis does with what it does not know.
fn line_parrot(greeting: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut bytes = [0; 8192];
            let _ = stream.write_all(greeting.as_bytes());
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                let said = String::from_utf8_lossy(&bytes[..length]).replace("\r\n", " ");
                let _ = stream.write_all(format!("-ERR 'no, and you said {said}'\r\n").as_bytes());
            }
        }
    });
    address
}

fn project(parrot: SocketAddr, mail: SocketAddr) -> String {
    let owner = "owner: { team: t, contact: t@example.com, runbook: r.md }";
    let mut text = "kind: Connector\nname: any\nversion: 1\noperations:\n  get: { get: /items }\n  put: { post: /items }\n\
        ---\nkind: Connector\nname: service\nversion: 1\nwsdl: service.wsdl\n"
        .to_owned();
    for (name, auth) in [
        ("environment", "{ bearer: secret:in/environment }"),
        ("file", "{ api_key: { header: X-Key, key: secret:in/file } }"),
        ("vault", "{ bearer: secret:in/vault }"),
        ("basic", "{ basic: { username: u, password: secret:in/basic } }"),
        ("query", "{ api_key: { query: key, key: secret:in/query } }"),
        ("soap", "{ ws_security: { username: u, password: secret:in/soap } }"),
        ("client", "{ oauth2: { token_path: /token, client_id: c, client_secret: secret:in/environment } }"),
    ] {
        let (connector, operation) = if name == "soap" { ("service", "Ping") } else { ("any", "get") };
        let _ = write!(
            text,
            "---\nkind: Connection\nname: {name}\nconnector: {connector}@1\n{owner}\nbase_url: http://{parrot}\nauth: {auth}\naccess: write\n\
             egress: {{ allow: [loopback] }}\ndeadlines: {{ connect: 1s, total: 2s }}\n---\nkind: Flow\nname: use-{name}\n{owner}\n\
             trigger: manual\non_dead: {{ alert: [ops] }}\nsteps:\n  - a: {{ call: {name}.{operation}, retry: {{ attempts: 2, base: 10ms, max: 20ms }} }}\n"
        );
    }
    let _ = write!(
        text,
        "---\nkind: Connector\nname: post\nversion: 1\ntransport: smtp\noperations:\n  send: {{ mail: {{ from: a@b.example, to: c@d.example }} }}\n\
         ---\nkind: Connection\nname: mail\nconnector: post@1\n{owner}\nbase_url: smtp://{mail}\nauth: {{ basic: {{ username: u, password: secret:in/mail }} }}\n\
         access: write\negress: {{ allow: [loopback] }}\ntls: {{ mode: none }}\n---\nkind: Flow\nname: use-mail\n{owner}\ntrigger: manual\n\
         steps:\n  - a: {{ call: mail.send, with: {{ subject: '\"s\"', text: '\"t\"' }} }}\n"
    );
    for (name, operation, tls, greeting) in [
        ("redis", "{ command: [GET, a] }", "{}", ""),
        ("nats", "{ publish: a }", "{ mode: none }", "INFO {\"headers\":true,\"max_payload\":1000000}\r\n"),
    ] {
        let address = line_parrot(greeting);
        let _ = write!(
            text,
            "---\nkind: Connector\nname: of-{name}\nversion: 1\ntransport: {name}\noperations:\n  do: {operation}\n\
             ---\nkind: Connection\nname: {name}\nconnector: of-{name}@1\n{owner}\nbase_url: {name}://{address}\n\
             auth: {{ basic: {{ username: u, password: secret:in/{name} }} }}\naccess: write\negress: {{ allow: [loopback] }}\n\
             tls: {tls}\n---\nkind: Flow\nname: use-{name}\n{owner}\ntrigger: manual\n\
             steps:\n  - a: {{ call: {name}.do, retry: {{ attempts: 2, base: 10ms, max: 20ms }} }}\n"
        );
    }
    let _ = write!(
        text,
        "---\nkind: Connection\nname: idp\nconnector: any@1\n{owner}\nbase_url: ${{SANDBOX_URL}}/idp\nauth:\n  oauth2:\n    grant: authorization_code\n    \
         authorize_url: ${{SANDBOX_URL}}/idp/authorize\n    token_path: /token\n    client_id: sinew\n    client_secret: secret:idp/client\n    scopes: [items.read]\n\
         egress: {{ allow: [loopback] }}\ndeadlines: {{ connect: 1s, total: 2s }}\n---\nkind: Flow\nname: use-idp\n{owner}\ntrigger: manual\n\
         steps:\n  - a: {{ call: idp.get, retry: {{ attempts: 2, base: 10ms, max: 20ms }} }}\n\
         ---\nkind: Flow\nname: hooked\n{owner}\ntrigger: {{ webhook: {{ path: hooked, secret: secret:in/hook, verify: standard }} }}\nsteps:\n  - a: {{ map: trigger }}\n\
         ---\nkind: AlertChannel\nname: ops\nslack: {{ url: secret:in/slack }}\n"
    );
    text
}

fn put(folder: &Path, verb: &str, name: &str, value: &str) {
    let mut child = Command::new(binary())
        .args(["secret", verb, name, "--data"])
        .arg(folder.join("data"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(value.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let all = [said.stdout, said.stderr].concat();
    search(&format!("sinew secret {verb}"), &all);
}

/// All that is looked for: the canaries in every form in which they travel, and what the provider issues.
fn search(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for planted in PLACES {
        let canary = canary(planted);
        let url = canary.replace('+', "%2B").replace('/', "%2F").replace('"', "%22").replace('&', "%26");
        let pair = BASE64_STANDARD.encode(format!("u:{canary}"));
        let plain = BASE64_STANDARD.encode(format!("\0u\0{canary}"));
        let json = canary.replace('"', "\\\"");
        let again = json.replace('\\', "\\\\").replace('"', "\\\"");
        for form in [&canary, &url, &pair, &plain, &json, &again, &"7f3a9c".to_owned()] {
            let found = text.find(form.as_str());
            assert!(
                found.is_none(),
                "{place} shows the secret of {planted}: {}",
                around(&text, found.unwrap())
            );
        }
    }
    for issued in ["\"rt_", " rt_", "=rt_", "Bearer at_", "\"at_", "=at_", "idp-secret"] {
        let found = text.find(issued);
        assert!(found.is_none(), "{place} shows what the provider issued: {}", around(&text, found.unwrap()));
    }
}

fn around(text: &str, at: usize) -> String {
    let from = (0..=at.saturating_sub(80)).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
    text[from..].chars().take(200).collect()
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

#[test]
fn no_planted_secret_shows_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let vendors = Sandbox::start(SandboxOptions::default().on_free_port()).unwrap();
    let sandbox = Http::new(vendors.url(), None);
    let projects = folder.path().join("project");
    std::fs::create_dir_all(&projects).unwrap();
    std::fs::write(projects.join("p.yaml"), project(parrot(), mail_parrot())).unwrap();
    std::fs::write(projects.join("service.wsdl"), SERVICE).unwrap();
    let kept = folder.path().join("secrets/in");
    std::fs::create_dir_all(&kept).unwrap();
    for name in ["file", "query", "basic", "soap", "mail", "redis", "nats"] {
        std::fs::write(kept.join(name), canary(name)).unwrap();
        std::fs::set_permissions(kept.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    put(folder.path(), "set", "in/vault", &canary("vault"));
    put(folder.path(), "stage", "in/vault", &canary("staged"));
    let env = [
        ("SANDBOX_URL", vendors.url()),
        ("SINEW_SECRET_IN_ENVIRONMENT", canary("environment")),
        ("SINEW_SECRET_IN_HOOK", canary("hook")),
        ("SINEW_SECRET_IN_SLACK", format!("http://127.0.0.1:9/{}", canary("slack").replace(['"', '+'], "-"))),
        ("SINEW_SECRET_IDP_CLIENT", "idp-secret".to_owned()),
    ];
    let options = ServerOptions {
        projects: vec![projects.clone()],
        data: folder.path().join("data"),
        listen: free_port(),
        control: free_port(),
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        arguments: ["--log", "debug", "--secrets", &folder.path().join("secrets").display().to_string()]
            .map(str::to_owned)
            .to_vec(),
    };
    let server = Server::start(&options);
    drive(&server, &sandbox);
    look_everywhere(&server);
    crash(server, folder.path(), &options);
}

/// Every flow fails in its way, the session is made, renewed, lost.
fn drive(server: &Server, sandbox: &Http) {
    let control = server.control();
    let begun = control.post("/v1/connections/idp/login", &json!({})).json();
    let page = Http::new(begun["url"].as_str().expect("a log-in"), None).get("");
    assert!(page.text.contains("idp is connected"), "{page:?}");
    search("the page after a log-in", page.text.as_bytes());
    let again = Http::new(server.hooks().base(), None).get("/oauth/callback?code=x&state=y");
    assert_eq!(again.status, 400, "{again:?}");
    let mut runs = Vec::new();
    let run = |flow: &str| control.post("/v1/runs", &json!({ "flow": flow })).run().expect("a run");
    for name in
        ["environment", "file", "vault", "basic", "query", "soap", "mail", "redis", "nats", "client", "idp"]
    {
        runs.push(run(&format!("use-{name}")));
    }
    ended(server, &runs);
    // The provider forgets all, so that the next refresh is refused: the session is lost and the run parked.
    sandbox.delete("/_control/idp/sessions");
    run("use-idp");
    until("the session to be lost", PATIENCE, || {
        let shown = control.get("/v1/connections/idp").json();
        (shown["session"]["state"] == "needs_reconnecting").then_some(())
    });
    let hooks = server.hooks();
    hooks.post("/hooks/hooked", &json!({ "a": 1 }));
    hooks.post_bytes("/hooks/hooked", b"{", &[("webhook-signature", "v1,nonsense"), ("webhook-id", "1")]);
    // A URL with a password in it is refused, without being shown.
    let bad = project("127.0.0.1:9".parse().unwrap(), "127.0.0.1:9".parse().unwrap()).replacen(
        "base_url: http://",
        &format!("base_url: http://u:{}@", canary("vault").replace(['"', '/'], "")),
        1,
    );
    let checked = control.post("/v1/validate", &json!({ "files": [{ "path": "p.yaml", "text": bad }] }));
    assert!(checked.text.contains("SNW-"), "{checked:?}");
}

fn ended(server: &Server, runs: &[String]) {
    for run in runs {
        until("a run to end", PATIENCE, || {
            let shown = server.control().get(&format!("/v1/runs/{run}")).json();
            is_final(shown["run"]["status"].as_str().unwrap_or_default()).then_some(())
        });
    }
}

fn look_everywhere(server: &Server) {
    let control = server.control();
    let mut paths: Vec<String> =
        ["runs", "dead", "alerts", "flows", "connections", "stats", "connections/idp", "alerts?all=true"]
            .iter()
            .map(|path| format!("/v1/{path}"))
            .collect();
    paths.push("/metrics".to_owned());
    for (list, kind) in [("/v1/runs", "runs"), ("/v1/dead", "dead")] {
        let items = control.get(list).json()["items"].as_array().cloned().unwrap_or_default();
        assert!(items.len() >= 5, "{list}: {items:?}");
        let id = |item: &Value| item["id"].as_str().map(str::to_owned);
        paths.extend(items.iter().filter_map(id).map(|id| format!("/v1/{kind}/{id}")));
    }
    for path in paths {
        let answer = control.get(&path);
        assert!(answer.is_ok(), "{path}: {answer:?}");
        search(&path, answer.text.as_bytes());
    }
}

/// A crash leaves no core, and what it leaves on the disk shows nothing.
fn crash(server: Server, folder: &Path, options: &ServerOptions) {
    let pid = server.pid();
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap_or_default();
    assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{limits}");
    let sent = Command::new("kill").args(["-ABRT", &pid.to_string()]).status().unwrap();
    assert!(sent.success() && !server.ended().success());
    let mut all = Vec::new();
    files(&options.data, &mut all);
    files(&folder.join("project"), &mut all);
    assert!(all.iter().any(|path| path.ends_with("vault.db")), "{all:?}");
    for path in &all {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.starts_with("core"), "a core was left: {name}");
        search(&path.display().to_string(), &std::fs::read(path).unwrap());
    }
    // Started again and stopped in order, so that the logs are merged into the databases.
    assert!(Server::start(options).stop().success());
    let mut all = Vec::new();
    files(&options.data, &mut all);
    for path in &all {
        search(&path.display().to_string(), &std::fs::read(path).unwrap());
    }
}
