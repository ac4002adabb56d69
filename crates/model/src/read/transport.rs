//! What a connection has to say, and may not, by its connector's transport.

use sinew_diag::{Diagnostic, codes::config};

use crate::shape::Words as _;
use crate::{Auth, SchemeTls, Transport, UrlPath};

use super::fields::Fields;
use super::reader::Reader;
use super::url;

/// Checks a connection's URL, and what only some transports know.
pub(super) fn check(
    transport: Transport,
    connection: Fields<'_>,
    base_url: Option<&str>,
    reader: &mut Reader<'_>,
) {
    let word = transport.word();
    if transport != Transport::Http && connection.node("headers").is_some() {
        let message = format!("a system reached by `{word}` knows no headers");
        reader.error(config::TRANSPORT, message, connection.place("headers"));
    }
    let Some((scheme, rest)) = base_url.and_then(|url| url::cut(url).ok()) else { return };
    let facts = transport.facts();
    let Some(scheme) = transport.scheme(scheme) else {
        let all: Vec<_> = facts.schemes.iter().map(|scheme| format!("`{}://`", scheme.word)).collect();
        let message = format!("`base_url` of a system reached by `{word}` begins with {}", all.join(" or "));
        reader.out.push(
            Diagnostic::error(config::TRANSPORT, message)
                .at(connection.place("base_url"))
                .help(format!("write it like `{}`", facts.example)),
        );
        return;
    };
    let path = rest.split_once('/').map_or("", |(_, path)| path);
    let wrong = match facts.path {
        UrlPath::Name(what) if path.is_empty() => Some(format!("`base_url` does not name {what}")),
        UrlPath::Name(what) | UrlPath::Optional(what) if path.contains('/') => {
            Some(format!("behind the host of `base_url` stands {what}, and nothing else"))
        }
        UrlPath::None if !path.is_empty() => Some("`base_url` says more than a host".to_owned()),
        UrlPath::Any | UrlPath::Name(_) | UrlPath::Optional(_) | UrlPath::None => None,
    };
    if let Some(message) = wrong {
        reader.out.push(
            Diagnostic::error(config::TRANSPORT, message)
                .at(connection.place("base_url"))
                .help(format!("write it like `{}`", facts.example)),
        );
    }
    let mode = connection.record("tls").filter(|tls| tls.node("mode").is_some());
    if let Some(tls) = mode.filter(|_| scheme.tls != SchemeTls::Agreed) {
        let message = format!("`{}://` tells already whether there is TLS", scheme.word);
        reader.error(config::TRANSPORT, message, tls.place("mode"));
    }
}

/// Checks the fingerprints of a system that is known by its key.
pub(super) fn check_host_keys(transport: Transport, connection: Fields<'_>, reader: &mut Reader<'_>) {
    let by_ssh = transport.facts().schemes.iter().any(|scheme| scheme.tls == SchemeTls::Ssh);
    if !by_ssh && connection.node("host_keys").is_some() {
        let message = format!("a system reached by `{}` has no key of SSH", transport.word());
        reader.error(config::TRANSPORT, message, connection.place("host_keys"));
        return;
    }
    for key in connection.texts("host_keys") {
        // 32 bytes in Base64 without its padding, as OpenSSH shows them.
        let is_print = key.strip_prefix("SHA256:").is_some_and(|print| {
            print.len() == 43 && print.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
        });
        if !is_print {
            reader.out.push(
                Diagnostic::error(config::INVALID_VALUE, format!("`{key}` is no fingerprint of a key"))
                    .at(connection.place("host_keys"))
                    .help("write it as `ssh-keygen -l` shows it: `SHA256:` and 43 characters"),
            );
        }
    }
}

/// Checks that the transport knows this way to log in.
pub(super) fn check_login(
    transport: Transport,
    auth: &Auth,
    connection: Fields<'_>,
    reader: &mut Reader<'_>,
) {
    let facts = transport.facts();
    if !(facts.takes)(auth) {
        let message = format!("nobody logs in like this to a system reached by `{}`", transport.word());
        reader.out.push(
            Diagnostic::error(config::TRANSPORT, message)
                .at(connection.place("auth"))
                .help(format!("it takes {}", facts.logins)),
        );
    }
}
