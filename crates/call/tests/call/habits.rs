//! The habits of every vendor of the catalog, executed: a server imitates them by the profile's examples, and the
//! pipeline is driven by the profile's connector.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sinew_call::{CallRequest, Page};
use sinew_catalog::Entry;
use sinew_model::{Example, ExamplePages, Failure, Means, OperationId, Reason};
use sinew_stdx::Timestamp;

use crate::fixture::Fixture;
use crate::server::{Act, Server, answer};

/// Headers tell whole seconds, and a loaded machine is late.
const TOLERANCE: Duration = Duration::from_secs(4);

fn entries() -> Vec<Entry> {
    sinew_catalog::all().map(|entry| entry.unwrap_or_else(|findings| panic!("{findings}"))).collect()
}

/// Fails with everything that vendors' habits came to instead of what they should.
fn check(wrong: &[String], executed: usize) {
    assert!(wrong.is_empty(), "{} of {executed}:\n{}", wrong.len(), wrong.join("\n"));
}

/// A text of an example with what stands for the server's address and for points in time replaced.
fn filled(text: &str, base: &str) -> String {
    let path = base.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
    let mut out = text.replace("{base}", base).replace("{path}", &path);
    let now = SystemTime::now();
    let since_epoch = now.duration_since(UNIX_EPOCH).unwrap();
    for kind in ["epoch_ms", "epoch", "date", "timestamp"] {
        while let Some((before, rest)) = out.split_once(&format!("{{{kind}+")) {
            let (seconds, after) = rest.split_once('}').unwrap();
            let span = Duration::from_secs(seconds.parse().unwrap());
            let at = since_epoch + span;
            let moment = match kind {
                "epoch_ms" => at.as_millis().to_string(),
                "epoch" => at.as_secs().to_string(),
                "date" => httpdate::fmt_http_date(now + span),
                _ => Timestamp::from_millis(i64::try_from(at.as_millis()).unwrap()).to_string(),
            };
            out = format!("{before}{moment}{after}");
        }
    }
    out
}

fn act(example: &Example, base: &str) -> Act {
    let headers: Vec<(String, String)> =
        example.headers.iter().map(|(name, value)| (name.to_string(), filled(value, base))).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let body = if example.body.is_null() { String::new() } else { filled(example.body.as_str(), base) };
    answer(example.status, &headers, &body)
}

/// The path of the vendor's address, below which its connection lies at the imitation too.
fn path_of(entry: &Entry) -> String {
    let url = &entry.profile.servers[0].url;
    url.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"))
}

/// A server that answers by these examples: by the last one whose `asked` stands in the request.
async fn imitation(entry: &Entry, answers: Vec<Example>) -> (Server, Fixture) {
    let path = path_of(entry);
    let at = path.clone();
    let server = Server::start(move |_, request| {
        let base = format!("http://{}{at}", request.header("host").unwrap_or_default());
        let asked = format!("{}\n{}", request.path(), request.body);
        let fits = |example: &&Example| example.asked.as_deref().is_none_or(|text| asked.contains(text));
        match answers.iter().rev().find(fits) {
            Some(example) => act(example, &base),
            None => answer(400, &[], &format!("\"not expected: {}\"", request.path())),
        }
    })
    .await;
    let mut fixture = Fixture::at(&server.url);
    fixture.connection.base_url = format!("{}{path}", server.url).into();
    fixture.connection.connector = entry.profile.connector.clone();
    (server, fixture)
}

fn request(fixture: &Fixture, entry: &Entry, operation: &OperationId, input: &str) -> CallRequest {
    let operation = entry.profile.connector.operations.get(operation.as_str()).unwrap();
    fixture.request((*operation).clone(), input)
}

async fn read_pages(entry: &Entry, example: &ExamplePages) -> Result<(), String> {
    let (server, fixture) = imitation(entry, example.answers.clone()).await;
    let request = request(&fixture, entry, &example.operation, example.with.as_str());
    let mut pages = fixture.caller.pages(request);
    let mut read: Vec<Page> = Vec::new();
    while let Some(page) = pages.next().await {
        read.push(page.map_err(|(failure, _)| failure.message.to_string())?);
        if read.len() > example.answers.len() {
            return Err("it does not end".to_owned());
        }
    }
    let asked: Vec<String> = server.arrived().iter().map(|request| request.line.clone()).collect();
    if read.len() != example.answers.len() {
        return Err(format!("{} pages instead of {}: {asked:?}", read.len(), example.answers.len()));
    }
    match read[..read.len() - 1].iter().position(|page| page.items.is_empty()) {
        Some(number) => Err(format!("page {} has no items", number + 1)),
        None if read[0].items.is_empty() => Err("there are no items".to_owned()),
        None => Ok(()),
    }
}

#[tokio::test]
async fn every_vendors_pages_are_read_to_their_end() {
    let (mut wrong, mut executed) = (Vec::new(), 0);
    for entry in entries() {
        for example in &entry.profile.examples.pages {
            executed += 1;
            if let Err(what) = read_pages(&entry, example).await {
                wrong.push(format!("{}.{}: {what}", entry.name, example.operation));
            }
        }
    }
    check(&wrong, executed);
    assert!(executed >= 40, "only {executed} lists");
}

/// What an answer came to, if not to what it should.
fn misread(example: &Example, outcome: Result<(), Failure>) -> Result<(), String> {
    let (expected, failure) = match (example.means, outcome) {
        (Means::Done, Ok(())) => return Ok(()),
        (Means::Done, Err(failure)) => return Err(format!("failed: {}", failure.message)),
        (Means::Failed(reason), Ok(())) => return Err(format!("done instead of {}", reason.as_str())),
        (Means::Failed(reason), Err(failure)) => (reason, failure),
    };
    if failure.reason != expected {
        return Err(format!(
            "{} instead of {}: {}",
            failure.reason.as_str(),
            expected.as_str(),
            failure.message
        ));
    }
    if let Some(says) = example.says.as_deref().filter(|says| !failure.message.contains(*says)) {
        return Err(format!("`{}` does not say `{says}`", failure.message));
    }
    waits(example.wait, failure.retry_after)
}

fn waits(expected: Option<Duration>, told: Option<Duration>) -> Result<(), String> {
    match (expected, told) {
        (None, _) => Ok(()),
        (Some(expected), Some(told)) if told <= expected && told + TOLERANCE >= expected => Ok(()),
        (Some(expected), told) => Err(format!("waits {told:?} instead of {expected:?}")),
    }
}

async fn answered(entry: &Entry, example: &Example) -> Result<(), String> {
    let (_server, fixture) = imitation(entry, vec![example.clone()]).await;
    let check = entry.profile.check.as_ref().unwrap();
    let mut request = request(&fixture, entry, check, "{}");
    let outcome = fixture.caller.attempt(&request).await.outcome;
    misread(example, outcome.map(|_| ()))?;
    // Whatever asks to wait holds for the whole connection.
    let Some(wait) = example.wait else { return Ok(()) };
    request.deadline = Some(Duration::from_millis(20));
    match fixture.caller.attempt(&request).await.outcome {
        Err(failure) if failure.reason == Reason::RateLimited && failure.status.is_none() => {
            waits(Some(wait), failure.retry_after)
        }
        Err(failure) => Err(format!("not held back: {}", failure.message)),
        Ok(_) => Err("not held back".to_owned()),
    }
}

#[tokio::test]
async fn every_vendors_answers_mean_what_they_mean() {
    let (mut wrong, mut executed) = (Vec::new(), 0);
    for entry in entries() {
        for (number, example) in entry.profile.examples.answers.iter().enumerate() {
            executed += 1;
            if let Err(what) = answered(&entry, example).await {
                wrong.push(format!("{}, answer {} ({}): {what}", entry.name, number + 1, example.status));
            }
        }
    }
    check(&wrong, executed);
    assert!(executed >= 150, "only {executed} answers");
}
