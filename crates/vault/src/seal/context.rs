/// What something sealed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A version of a secret.
    Secret,
    /// The tokens of a connection's session.
    Session,
}

/// Where an envelope belongs. It opens nowhere else: name, version and purpose are its associated data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Context<'a> {
    /// What it is.
    pub purpose: Purpose,
    /// The name of the secret, or the connection.
    pub name: &'a str,
    /// The version of the secret, or how often the session was renewed.
    pub version: u64,
}

impl Context<'_> {
    /// The bytes to bind, for one of the two sealings. No two contexts have the same.
    pub(super) fn bytes(&self, sealing: Sealing) -> Vec<u8> {
        let word = |text: &'static str| text.as_bytes();
        let mut bytes = b"sinew vault 1\0".to_vec();
        bytes.extend_from_slice(match sealing {
            Sealing::Content => word("content\0"),
            Sealing::DataKey => word("data key\0"),
        });
        bytes.extend_from_slice(match self.purpose {
            Purpose::Secret => word("secret\0"),
            Purpose::Session => word("session\0"),
        });
        bytes.extend_from_slice(&self.version.to_be_bytes());
        bytes.extend_from_slice(self.name.as_bytes());
        bytes
    }
}

/// What is sealed in a context.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sealing {
    Content,
    DataKey,
}
