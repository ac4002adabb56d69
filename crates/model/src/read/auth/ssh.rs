use crate::shape::{Field, Record, Shape, one_of, optional, required};
use crate::{Auth, SshKey};

use super::Login;

pub(super) const FIELDS: &[Field] = &[one_of("ssh", Shape::Record(&SSH), "A private key, over SSH.")
    .like("{ username: sinew, key: secret:partner/ssh-key }")];

static SSH: Record = Record {
    name: "ssh",
    doc: "A private key by which one logs in over SSH.",
    fields: &[&[
        required("username", Shape::Text, "The user name.").like("sinew"),
        required("key", Shape::Secret, "The private key, as `ssh-keygen` writes it: Ed25519, ECDSA or RSA.")
            .like("secret:partner/ssh-key"),
        optional("passphrase", Shape::Secret, "What the key is sealed under, if it is."),
    ]],
};

pub(super) fn read(login: &mut Login<'_, '_, '_>) -> Option<Auth> {
    let ssh = login.auth.record("ssh")?;
    Some(Auth::Ssh(Box::new(SshKey {
        username: ssh.text("username")?,
        key: ssh.secret("key")?,
        passphrase: ssh.secret("passphrase"),
    })))
}
