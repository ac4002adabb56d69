//! Mail by SMTP: letters as operations, refused, deferred, and lost between the last line and the answer.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

use serde_json::{Value, json};
use sinew_e2e::service::{PASSWORD, Smtp, USER, authority};
use sinew_e2e::{Said, World, sinew_with};

const CONNECTOR: &str = r"
kind: Connector
name: company-mail
version: '1'
transport: smtp
operations:
  send: { mail: {} }
  invoice: { mail: { from: 'Billing <billing@acme.example>', bcc: archive@acme.example, subject: Your invoice } }
";

fn connection(url: &str, further: &str) -> String {
    format!(
        "---\nkind: Connection\nname: mail\nconnector: company-mail@1\n\
         owner: {{ team: t, contact: c@example.com, runbook: r.md }}\nbase_url: {url}\n\
         access: write\negress: {{ allow: [loopback] }}\n{further}\n"
    )
}

fn logged_in() -> String {
    let pem = std::fs::read_to_string(authority()).unwrap().replace('\n', "\n    ");
    format!(
        "auth: {{ basic: {{ username: {USER}, password: secret:mail/password }} }}\ntls:\n  ca: |\n    {pem}"
    )
}

fn secrets(password: &str) -> Vec<(String, String)> {
    vec![("SINEW_SECRET_MAIL_PASSWORD".to_owned(), password.to_owned())]
}

fn project(documents: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("project.yaml"), documents).unwrap();
    folder
}

/// Calls an operation once by the command line.
fn called(folder: &Path, call: &str, input: &Value, password: &str) -> Said {
    let words = ["connector", "try", call, "--input", &input.to_string(), "--yes"];
    sinew_with(folder, &words, "", &secrets(password))
}

#[test]
fn letters_arrive_as_they_were_said_whenever_tls_begins() {
    let test = "letters_arrive_as_they_were_said_whenever_tls_begins";
    let Some(server) = Smtp::start(test, true) else { return };
    let input = json!({
        "to": ["Ada Lovelace <ada@example.com>", "b@example.com"],
        "text": "Many greetings from all the people of Acme: Grüße!\n.\n.two\nend", "html": "<p>Grüße</p>", "message_id": "invoice-7@acme.example",
        "attachments": [{ "text": "a,b\n1,2\n", "filename": "lines.csv", "media_type": "text/csv" }],
        "headers": { "X-Campaign": "autumn" },
    });
    for (number, url) in [(1, server.url()), (2, server.wrapped_url())] {
        let folder = project(&format!("{CONNECTOR}{}", connection(&url, &logged_in())));
        let said = called(folder.path(), "mail.invoice", &input, PASSWORD).ok().out;
        assert!(said.contains("\"message_id\": \"invoice-7@acme.example\""), "{said}");
        assert!(said.contains(&format!("250 2.0.0 Ok: queued as {number}")), "{said}");
        let letter = server.letter(number);
        let everybody =
            "From billing@acme.example for ada@example.com b@example.com archive@acme.example by sinew\n";
        assert!(letter.starts_with(everybody), "{letter}");
        for part in [
            "From: Billing <billing@acme.example>\n",
            "To: \"Ada Lovelace\" <ada@example.com>, b@example.com\n",
            "Subject: Your invoice\n",
            "Message-ID: <invoice-7@acme.example>\n",
            "X-Campaign: autumn\n",
            "Acme: Gr=C3=BC=C3=9Fe!\n.\n.two\nend",
            "filename=\"lines.csv\"",
        ] {
            assert!(letter.contains(part), "{part} is not in {letter}");
        }
        let behind_the_first_line = letter.split_once('\n').unwrap().1;
        assert!(!behind_the_first_line.contains("archive@acme.example"), "{letter}");
    }
}

#[test]
fn what_a_mail_server_refuses_says_why_and_how_to_mend_it() {
    let test = "what_a_mail_server_refuses_says_why_and_how_to_mend_it";
    let (Some(secure), Some(plain)) = (Smtp::start(test, true), Smtp::start(test, false)) else { return };
    let trusted = project(&format!("{CONNECTOR}{}", connection(&secure.url(), &logged_in())));
    let letter = |to: &str| json!({ "from": "a@acme.example", "to": to, "subject": "s", "text": "t" });
    let check = |folder: &Path, input: &Value, password: &str, code: &str, words: &str| {
        let said = called(folder, "mail.send", input, password);
        let told = format!("{}{}", said.out, said.err);
        assert!(said.code != 0 && told.contains(code) && told.contains(words), "{words}: {told}");
        assert!(!told.contains(PASSWORD), "the password shows: {told}");
    };
    let at = trusted.path();
    check(at, &letter("ada@example.com"), "wrong", "SNW-2021", "`sinew` cannot log in: 535");
    check(at, &letter("nobody@example.com"), PASSWORD, "SNW-2040", "550 5.1.1 No such user here");
    check(at, &letter("busy@example.com"), PASSWORD, "SNW-2033", "Greylisted");
    let both = json!({ "from": "a@acme.example", "to": ["ada@example.com", "nobody@example.com"], "subject": "s", "text": "t" });
    check(at, &both, PASSWORD, "SNW-2040", "so the letter was sent to nobody");
    let mut long = letter("ada@example.com");
    long["text"] = json!("much ".repeat(22_000));
    check(at, &long, PASSWORD, "SNW-2040", "the server takes 100000");
    let sneaky = letter("ada@example.com\r\nRCPT TO:<eve@example.com>");
    check(at, &sneaky, PASSWORD, "SNW-2052", "a line break or another control character");
    check(at, &json!({ "from": "a@acme.example", "to": "b@c.example" }), PASSWORD, "SNW-2050", "subject");
    // Nobody logs in at a stranger's, and nothing goes out in clear unless the connection says so.
    let strange = project(&format!("{CONNECTOR}{}", connection(&secure.url(), "auth: none")));
    check(strange.path(), &letter("ada@example.com"), PASSWORD, "SNW-2015", "tls: { ca: ... }");
    let clear = project(&format!("{CONNECTOR}{}", connection(&plain.url(), "auth: none")));
    check(clear.path(), &letter("ada@example.com"), PASSWORD, "SNW-2018", "mode: none");
    assert_eq!((secure.count(), plain.count()), (0, 0), "nobody got anything");
    let meant =
        project(&format!("{CONNECTOR}{}", connection(&plain.url(), "auth: none\ntls: { mode: none }")));
    called(meant.path(), "mail.send", &letter("ada@example.com"), PASSWORD).ok();
    assert!(plain.letter(1).starts_with("From a@acme.example for ada@example.com by nobody\n"));
    let barred = connection(&plain.url(), "auth: none\ntls: { mode: none }")
        .replace("egress: { allow: [loopback] }\n", "");
    let barred = project(&format!("{CONNECTOR}{barred}"));
    check(barred.path(), &letter("ada@example.com"), PASSWORD, "SNW-2010", "loopback");
}

const FLOW: &str = "
---
kind: Flow
name: tell
owner: { team: t, contact: c@example.com, runbook: r.md }
trigger: manual
steps:
  - told: { call: mail.invoice, with: { to: trigger.to, text: trigger.text }}
result: { id: told.message_id }
";

#[test]
fn a_letter_whose_answer_is_lost_is_unknown_and_not_sent_again() {
    let test = "a_letter_whose_answer_is_lost_is_unknown_and_not_sent_again";
    let Some(server) = Smtp::start(test, true) else { return };
    let mut world = World::prepare(1, sinew_sandbox::Tuning::default(), Vec::new());
    world.write_own(&format!("{CONNECTOR}{}{FLOW}", connection(&server.url(), &logged_in())));
    let project = world.project("own");
    world.options.projects.push(project);
    world.options.env.extend(secrets(PASSWORD));
    world.serve();
    let told = world.end_of(&world.start("tell", &json!({ "to": "ada@example.com", "text": "one" })));
    assert_eq!(told["run"]["status"], "finished", "{told}");
    let lost = world.end_of(&world.start("tell", &json!({ "to": "silent@example.com", "text": "two" })));
    assert_eq!(lost["run"]["status"], "dead", "{lost}");
    let letters = world.letters("status=open");
    let letter = world.letter(letters[0]["id"].as_str().unwrap()).to_string();
    assert!(letter.contains("\"reason\":\"unknown\""), "{letter}");
    assert!(server.letter(2).contains("\ntwo"), "it was taken, which nobody knew");
    assert_eq!(server.count(), 2);
}
