//! Files over SSH, of OpenSSH's server and of another one.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use sinew_e2e::Peer;
use sinew_e2e::service::{Openssh, PASSWORD, SshKey, USER};

use super::*;

/// A server, the folder of its files, and a way to log in.
struct Server {
    url: String,
    files: PathBuf,
    host_key: String,
    auth: String,
    secrets: Vec<(String, String)>,
}

impl Server {
    /// OpenSSH's, where one logs in by a key.
    fn openssh(server: &Openssh, key: &SshKey) -> Self {
        let passphrase = if key.passphrase.is_empty() { "" } else { ", passphrase: secret:store/passphrase" };
        let secret = |name: &str, value: &str| (format!("SINEW_SECRET_STORE_{name}"), value.to_owned());
        Self {
            url: server.url(),
            files: server.files(),
            host_key: server.host_key(),
            auth: format!("{{ ssh: {{ username: {}, key: secret:store/key{passphrase} }} }}", server.user()),
            // As a vault keeps it, without the end of its last line.
            secrets: vec![secret("KEY", key.private.trim_end()), secret("PASSPHRASE", &key.passphrase)],
        }
    }

    /// One that names files in two steps, gives little at once, and wants a password.
    fn paramiko(peer: &Peer) -> Self {
        let parts: Vec<&str> = peer.url().split(' ').collect();
        Self {
            url: parts[0].to_owned(),
            files: parts[1].into(),
            host_key: parts[2].to_owned(),
            auth: format!("{{ basic: {{ username: {USER}, password: secret:store/password }} }}"),
            secrets: vec![("SINEW_SECRET_STORE_PASSWORD".to_owned(), PASSWORD.to_owned())],
        }
    }
}

impl Store for Server {
    fn connection(&self) -> (&str, String) {
        let Self { url, host_key, auth, .. } = self;
        ("sftp", format!("base_url: {url}\nhost_keys: {host_key}\nauth: {auth}\n"))
    }

    fn secrets(&self) -> Vec<(String, String)> {
        self.secrets.iter().filter(|(_, value)| !value.is_empty()).cloned().collect()
    }

    fn put(&self, path: &str, first: &str, rest: &str, times: usize, changed: Option<u64>) {
        let path = self.files.join(path);
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(first.as_bytes()).unwrap();
        (0..times).for_each(|_| file.write_all(rest.as_bytes()).unwrap());
        if let Some(changed) = changed {
            file.set_modified(std::time::UNIX_EPOCH + Duration::from_secs(changed)).unwrap();
        }
    }

    fn get(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.files.join(path)).ok()
    }
}

fn openssh(test: &str) -> Option<(Openssh, Server)> {
    let server = Openssh::start(test)?;
    let store = Server::openssh(&server, server.key());
    Some((server, store))
}

#[test]
fn files_are_listed_read_written_moved_and_removed_over_ssh() {
    let Some((openssh, store)) = openssh("files_are_listed_read_written_moved_and_removed_over_ssh") else {
        return;
    };
    check_all_operations(&store, "No such file");
    let secrets = store.secrets();
    let check = |store: &Server, call: &str, input: &Value, code: &str, words: &str| {
        let folder = project(&documents(store));
        check_refused(folder.path(), call, input, &secrets, code, words);
    };
    openssh.forbid("in/a.txt");
    check(&store, "text", &json!({ "name": "a.txt" }), "SNW-2022", "Permission denied");
    let shown = store.host_key.clone();
    let other =
        Server { host_key: format!("SHA256:{}", "x".repeat(43)), ..Server::openssh(&openssh, openssh.key()) };
    check(&other, "files", &json!({}), "SNW-2009", &shown);
    let nobody = Server { auth: "none".to_owned(), ..Server::openssh(&openssh, openssh.key()) };
    check(&nobody, "files", &json!({}), "SNW-2021", "publickey");
    let stranger = openssh.new_key("ed25519", "");
    let stranger = Server::openssh(&openssh, &stranger);
    let folder = project(&documents(&stranger));
    check_refused(folder.path(), "files", &json!({}), &stranger.secrets(), "SNW-2021", "is not let in");
}

#[test]
fn one_logs_in_by_any_kind_of_key() {
    let Some((openssh, _)) = openssh("one_logs_in_by_any_kind_of_key") else { return };
    for (kind, passphrase) in [("ed25519", "a passphrase"), ("ecdsa", ""), ("rsa", "")] {
        let key = openssh.new_key(kind, passphrase);
        openssh.admit(&key);
        let store = Server::openssh(&openssh, &key);
        let folder = project(&documents(&store));
        called(folder.path(), "files", &json!({}), &store.secrets()).ok();
        if !passphrase.is_empty() {
            let mut secrets = store.secrets();
            secrets[1].1 = "another-one".to_owned();
            check_refused(
                folder.path(),
                "files",
                &json!({}),
                &secrets,
                "SNW-2021",
                "the private key cannot be read",
            );
        }
    }
}

#[test]
fn files_that_are_new_start_runs_and_are_moved_away_over_ssh() {
    let Some((_openssh, store)) = openssh("files_that_are_new_start_runs_and_are_moved_away_over_ssh") else {
        return;
    };
    check_new_files_start_runs(&store);
}

#[test]
fn a_large_file_is_never_held_whole_over_ssh() {
    let Some((_openssh, store)) = openssh("a_large_file_is_never_held_whole_over_ssh") else { return };
    check_large_file(&store);
}

#[test]
fn a_file_is_read_on_after_a_kill_over_ssh() {
    let Some((_openssh, store)) = openssh("a_file_is_read_on_after_a_kill_over_ssh") else { return };
    check_read_on_after_a_kill(&store);
}

#[test]
fn a_server_that_does_less_is_enough() {
    let Some(peer) = Peer::of_python("a_server_that_does_less_is_enough", "paramiko") else { return };
    let store = Server::paramiko(&peer);
    check_all_operations(&store, "No such file");
    let folder = project(&documents(&store));
    store.put("in/ends-early.txt", "", "x", 20_000, None);
    let (input, secrets) = (json!({ "name": "ends-early.txt" }), store.secrets());
    check_refused(folder.path(), "text", &input, &secrets, "SNW-2007", "though it has more");
    let wrong = [("SINEW_SECRET_STORE_PASSWORD".to_owned(), "wrong-password".to_owned())];
    check_refused(folder.path(), "files", &json!({}), &wrong, "SNW-2021", "the system takes: password");
}
