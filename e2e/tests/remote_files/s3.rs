//! Objects of a store that speaks as Amazon S3 does, and that checks every signature.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sinew_e2e::{Http, Peer};

use super::*;

struct Moto(Peer);

impl Moto {
    fn start(test: &str) -> Option<Self> {
        Peer::of_python(test, "moto").map(Self)
    }

    fn part(&self, index: usize) -> &str {
        self.0.url().split(' ').nth(index).unwrap()
    }

    fn door(&self) -> Http {
        Http::new(self.part(3), None)
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

impl Store for Moto {
    fn connection(&self) -> (&str, String) {
        let url = self.part(0);
        let connection = format!(
            "base_url: {url}/shop\nauth:\n  aws_sigv4:\n    access_key: secret:store/id\n    \
             secret_key: secret:store/key\n    region: eu-central-1\n    service: s3\n"
        );
        ("s3", connection)
    }

    fn secrets(&self) -> Vec<(String, String)> {
        let secret = |name: &str, value: &str| (format!("SINEW_SECRET_STORE_{name}"), value.to_owned());
        vec![secret("ID", self.part(1)), secret("KEY", self.part(2))]
    }

    fn put(&self, path: &str, first: &str, rest: &str, times: usize, changed: Option<u64>) {
        let changed = changed.map_or(String::new(), |second| format!("&modified={second}"));
        let to = format!("/{}?times={times}&begin={}{changed}", encoded(path), encoded(first));
        let kind = [("content-type", "application/octet-stream")];
        let answer = self.door().post_bytes(&to, rest.as_bytes(), &kind);
        assert!(answer.is_ok(), "{path}: {answer:?}");
    }

    fn get(&self, path: &str) -> Option<String> {
        let answer = self.door().get(&format!("/{}", encoded(path)));
        answer.is_ok().then_some(answer.text)
    }
}

#[test]
fn objects_are_listed_read_written_moved_and_removed() {
    let Some(moto) = Moto::start("objects_are_listed_read_written_moved_and_removed") else { return };
    check_all_operations(&moto, "NoSuchKey");
    let folder = project(&documents(&moto));
    let secrets = moto.secrets();
    let check = |call: &str, input: &Value, secrets: &[(String, String)], code: &str, words: &str| {
        check_refused(folder.path(), call, input, secrets, code, words);
    };
    check("forget", &json!({ "path": "kept/x" }), &secrets, "SNW-2022", "AccessDenied");
    let wrong = [secrets[0].clone(), (secrets[1].0.clone(), "wrong-key".to_owned())];
    check("files", &json!({}), &wrong, "SNW-2021", "SignatureDoesNotMatch");
}

#[test]
fn objects_that_are_new_start_runs_and_are_moved_away() {
    let Some(moto) = Moto::start("objects_that_are_new_start_runs_and_are_moved_away") else { return };
    check_new_files_start_runs(&moto);
}

#[test]
fn a_large_object_is_never_held_whole() {
    let Some(moto) = Moto::start("a_large_object_is_never_held_whole") else { return };
    check_large_file(&moto);
}

#[test]
fn an_object_is_read_on_behind_what_was_done_before_a_kill() {
    let Some(moto) = Moto::start("an_object_is_read_on_behind_what_was_done_before_a_kill") else { return };
    check_read_on_after_a_kill(&moto);
    // What was done before is not even fetched again.
    let ranges = moto.door().get("/?ranges").text;
    assert!(ranges.contains("bytes=") && !ranges.contains("bytes=0-"), "{ranges}");
}
