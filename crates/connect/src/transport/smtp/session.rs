use std::net::SocketAddr;
use std::sync::Arc;

use sinew_model::{SchemeTls, TlsMode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::letter::Letter;
use super::reply::{Reply, Wire};
use super::{log_in, soon};
use crate::Limits;
use crate::auth::Login;
use crate::dial::Dialer;
use crate::stream::Stream;
use crate::transport::{ClientOptions, Place, TransportError, TransportErrorKind as Kind};

/// A mail server, and how it is reached.
pub(super) struct Server {
    place: Place,
    dialer: Dialer,
    mode: TlsMode,
}

/// A connection on which letters go out, one after the other.
pub(super) struct Session {
    wire: Wire<Stream>,
    offers: Offers,
    /// Who is logged in.
    pub(super) user: Option<Arc<str>>,
}

/// What a server offers (RFC 5321, section 4.1.1.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub(super) starttls: bool,
    /// Addresses beyond ASCII (RFC 6531).
    pub(super) utf8: bool,
    /// The most bytes that a letter may have (RFC 1870).
    pub(super) size: Option<u64>,
    pub(super) takes_size: bool,
    /// Ways to log in (RFC 4954).
    pub(super) log_ins: Vec<String>,
}

impl Server {
    pub(super) fn new(place: Place, options: &ClientOptions) -> Self {
        let dialer = Dialer::new(options.egress.clone(), options.connect, options.tls.clone());
        Self { place, dialer, mode: options.mode }
    }

    /// A new session, logged in.
    pub(super) async fn session(
        &self,
        user: Option<Arc<str>>,
        login: Option<&Login>,
        until: Instant,
    ) -> Result<Session, TransportError> {
        let host = &self.place.host;
        let begin = async |tcp: TcpStream| {
            let name = own_name(&tcp);
            let (mut wire, offers) = self.open(tcp, &name, until).await?;
            if let Some((login, user)) = login.zip(user.as_deref()) {
                log_in::log_in(&mut wire, &offers, host, user, login, until).await?;
            }
            Ok(Session { wire, offers, user })
        };
        self.dialer.reach(host, self.place.port, until, begin).await
    }

    /// Greets, under TLS unless the connection says that there is none.
    async fn open(
        &self,
        tcp: TcpStream,
        name: &str,
        until: Instant,
    ) -> Result<(Wire<Stream>, Offers), TransportError> {
        let host = &self.place.host;
        if self.place.scheme.tls == SchemeTls::Always {
            let mut wire = Wire::new(self.dialer.secure(host, tcp).await?);
            greeted(&mut wire, until).await?;
            let offers = greet(&mut wire, name, until).await?;
            return Ok((wire, offers));
        }
        if self.mode == TlsMode::None {
            let mut wire = Wire::new(Dialer::in_clear(host, tcp)?);
            greeted(&mut wire, until).await?;
            let offers = greet(&mut wire, name, until).await?;
            return Ok((wire, offers));
        }
        let mut clear = Wire::new(tcp);
        greeted(&mut clear, until).await?;
        if !greet(&mut clear, name, until).await?.starttls {
            return Err(TransportError::new(Kind::NoTls, format!("`{host}` does not offer TLS")));
        }
        let begins = clear.ask("STARTTLS", until).await?;
        if !begins.is_good() {
            return Err(TransportError::new(
                Kind::NoTls,
                format!("`{host}` offers TLS, but {}", begins.line()),
            ));
        }
        let tcp = clear.into_inner().ok_or_else(|| {
            TransportError::new(Kind::NoTls, format!("`{host}` sent more in clear when TLS was to begin"))
        })?;
        // What was offered in clear, anybody on the way may have offered (RFC 3207, section 4.2).
        let mut wire = Wire::new(self.dialer.secure(host, tcp).await?);
        let offers = greet(&mut wire, name, until).await?;
        Ok((wire, offers))
    }
}

/// How we call ourselves: by our address, as a name of this machine need not mean anything out there (RFC 5321,
/// section 4.1.3).
fn own_name(tcp: &TcpStream) -> String {
    match tcp.local_addr() {
        Ok(SocketAddr::V4(own)) => format!("[{}]", own.ip()),
        Ok(SocketAddr::V6(own)) => format!("[IPv6:{}]", own.ip()),
        Err(_) => "localhost".to_owned(),
    }
}

async fn greeted<S>(wire: &mut Wire<S>, until: Instant) -> Result<(), TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let greeting = wire.reply(until).await?;
    if greeting.code == 220 {
        return Ok(());
    }
    // Whoever does not greet has no service, for now or for whoever calls; nothing says that a call would be wrong.
    Err(TransportError { kind: Kind::Busy, ..greeting.refusal("the mail server does not greet") })
}

async fn greet<S>(wire: &mut Wire<S>, name: &str, until: Instant) -> Result<Offers, TransportError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let reply = wire.ask(&format!("EHLO {name}"), until).await?;
    if reply.is_good() { Ok(Offers::of(&reply)) } else { Err(reply.refusal("EHLO")) }
}

impl Offers {
    fn of(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "STARTTLS" => offers.starttls = true,
                "SMTPUTF8" => offers.utf8 = true,
                "SIZE" => {
                    offers.takes_size = true;
                    // Zero means that there is no bound.
                    offers.size = words.next().and_then(|max| max.parse().ok()).filter(|max| *max > 0);
                }
                "AUTH" => offers.log_ins = words.map(str::to_ascii_uppercase).collect(),
                _ => {}
            }
        }
        offers
    }
}

impl Session {
    /// Makes sure that the server is there and has forgotten what was before.
    pub(super) async fn begin_anew(&mut self, limits: &Limits) -> Result<(), TransportError> {
        let reply = self.wire.ask("RSET", soon(limits)).await?;
        if reply.is_good() { Ok(()) } else { Err(reply.refusal("RSET")) }
    }

    /// Sends a letter.
    pub(super) async fn send(&mut self, letter: &Letter, limits: &Limits) -> Result<Reply, TransportError> {
        let mut from = format!("MAIL FROM:<{}>", letter.from);
        if let Some(max) = self.offers.size.filter(|max| (letter.content.len() as u64) > *max) {
            let length = letter.content.len();
            let words = format!("the letter has {length} bytes, and the server takes {max}");
            return Err(TransportError::new(Kind::Refused, words));
        }
        if self.offers.takes_size {
            from = format!("{from} SIZE={}", letter.content.len());
        }
        if !letter.is_ascii {
            if !self.offers.utf8 {
                let words = "an address is not in ASCII, and the server takes no others (SMTPUTF8)";
                return Err(TransportError::new(Kind::Refused, words));
            }
            from.push_str(" BODY=8BITMIME SMTPUTF8");
        }
        self.tell(&from, "the sender was refused", limits).await?;
        for receiver in &letter.to {
            let refused = format!("`{receiver}` was refused, so the letter was sent to nobody");
            self.tell(&format!("RCPT TO:<{receiver}>"), &refused, limits).await?;
        }
        let ready = self.wire.ask("DATA", soon(limits)).await?;
        if ready.code != 354 {
            return Err(ready.refusal("the letter was refused"));
        }
        // It may be long; without its last line it does not count.
        self.wire.say(&letter.on_the_wire(), limits.until).await?;
        let ended = async {
            self.wire.say(b".\r\n", limits.until).await?;
            self.wire.reply(limits.until).await
        };
        let reply = ended.await.map_err(TransportError::in_doubt)?;
        if reply.is_good() { Ok(reply) } else { Err(reply.refusal("the letter was refused")) }
    }

    async fn tell(&mut self, line: &str, refused: &str, limits: &Limits) -> Result<(), TransportError> {
        let reply = self.wire.ask(line, soon(limits)).await?;
        if reply.is_good() { Ok(()) } else { Err(reply.refusal(refused)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offers_are_read_whatever_their_case() {
        let lines =
            ["mail.example.com greets", "starttls", "SIZE 10240000", "AUTH plain LOGIN", "SMTPUTF8", "X-NEW"];
        let reply = Reply { code: 250, lines: lines.map(str::to_owned).to_vec() };
        let offers = Offers::of(&reply);
        assert!(offers.starttls && offers.utf8 && offers.takes_size);
        assert_eq!(offers.size, Some(10_240_000));
        assert_eq!(offers.log_ins, ["PLAIN", "LOGIN"]);
    }
}
