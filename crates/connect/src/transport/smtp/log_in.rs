//! Logging in (RFC 4954): by password or by token, as the server offers.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::reply::{Reply, Wire};
use super::session::Offers;
use crate::auth::{Login, Proof};
use crate::stream::Stream;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// Ways to log in that are known here, the best first.
const BY_PASSWORD: [&str; 2] = ["PLAIN", "LOGIN"];
const BY_TOKEN: [&str; 2] = ["OAUTHBEARER", "XOAUTH2"];

pub(super) async fn log_in(
    wire: &mut Wire<Stream>,
    offers: &Offers,
    host: &str,
    user: &str,
    login: &Login,
    until: Instant,
) -> Result<(), TransportError> {
    let known = match login.proof {
        Proof::Password => BY_PASSWORD,
        Proof::Token => BY_TOKEN,
    };
    let offered = |way: &&str| offers.log_ins.iter().any(|offered| offered == way);
    let Some(way) = known.into_iter().find(offered) else {
        let offered = match offers.log_ins.join(", ") {
            offered if offered.is_empty() => "none at all".to_owned(),
            offered => offered,
        };
        let words = format!("`{host}` offers no way to log in like that ({}): {offered}", known.join(", "));
        return Err(TransportError::new(Kind::Refused, words));
    };
    let reply = if way == "LOGIN" {
        step_by_step(wire, user, login, until).await?
    } else {
        let proof = encoded(&initial(way, user, login.password.expose()));
        let reply = wire.ask(&Zeroizing::new(format!("AUTH {way} {}", *proof)), until).await?;
        // What is wrong with a token stands in a challenge, to which nothing is said before the refusal comes.
        if reply.code == 334 { wire.ask("", until).await? } else { reply }
    };
    if reply.is_good() { Ok(()) } else { Err(refused(&reply, user)) }
}

/// What a way to log in sends first.
fn initial(way: &str, user: &str, secret: &str) -> Zeroizing<String> {
    Zeroizing::new(match way {
        // RFC 4616.
        "PLAIN" => format!("\0{user}\0{secret}"),
        // RFC 7628, section 3.1.
        "OAUTHBEARER" => {
            format!("n,a={},\x01auth=Bearer {secret}\x01\x01", user.replace('=', "=3D").replace(',', "=2C"))
        }
        // What Google and Microsoft spoke before there was a standard.
        _ => format!("user={user}\x01auth=Bearer {secret}\x01\x01"),
    })
}

/// `LOGIN`, which asks for one after the other; what it says in between varies.
async fn step_by_step(
    wire: &mut Wire<Stream>,
    user: &str,
    login: &Login,
    until: Instant,
) -> Result<Reply, TransportError> {
    let asks = wire.ask("AUTH LOGIN", until).await?;
    if asks.code != 334 {
        return Ok(asks);
    }
    let asks = wire.ask(&encoded(user), until).await?;
    if asks.code != 334 {
        return Ok(asks);
    }
    wire.ask(&encoded(login.password.expose()), until).await
}

fn encoded(text: &str) -> Zeroizing<String> {
    Zeroizing::new(BASE64_STANDARD.encode(text))
}

/// Whoever is refused for good is not known there; a server that is busy says so by its code.
fn refused(reply: &Reply, user: &str) -> TransportError {
    let error = reply.refusal(&format!("`{user}` cannot log in"));
    match error.kind {
        Kind::Refused => TransportError { kind: Kind::Login, ..error },
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_sends_what_its_specification_says() {
        for (way, says) in [
            ("PLAIN", "\0ada\0p=w"),
            ("OAUTHBEARER", "n,a=ada,\x01auth=Bearer p=w\x01\x01"),
            ("XOAUTH2", "user=ada\x01auth=Bearer p=w\x01\x01"),
        ] {
            assert_eq!(*initial(way, "ada", "p=w"), says, "{way}");
        }
        assert!(initial("OAUTHBEARER", "a,b=c", "").starts_with("n,a=a=2Cb=3Dc,"));
    }
}
