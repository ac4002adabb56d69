//! E-mail by SMTP.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use sinew_connect::{Refusal, check_address};
use sinew_model::{AlertChannel, Egress, EmailTls, SecretRef};

use super::{Outside, PATIENCE, Undelivered};
use crate::alert::message::Message;

/// How a message is mailed.
pub(super) struct Letter<'a> {
    pub(super) server: &'a str,
    pub(super) tls: EmailTls,
    pub(super) login: Option<&'a (Arc<str>, SecretRef)>,
    pub(super) from: &'a str,
    pub(super) to: &'a [Arc<str>],
}

impl Letter<'_> {
    pub(super) async fn send(
        &self,
        outside: &Outside,
        channel: &AlertChannel,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let mail = self.mail(message)?;
        let attempt = async {
            let (host, address) = self.address(&channel.egress).await?;
            let transport = self.transport(outside, host, address)?;
            transport.send(mail).await.map_err(|error| {
                let why = format!("the mail server: {error}");
                if error.is_permanent() { Undelivered::for_good(why) } else { Undelivered::for_now(why) }
            })
        };
        match tokio::time::timeout(PATIENCE, attempt).await {
            Ok(sent) => sent.map(drop),
            Err(_) => {
                Err(Undelivered::for_now(format!("the mail server did not answer within {PATIENCE:?}")))
            }
        }
    }

    fn mail(&self, message: &Message) -> Result<lettre::Message, Undelivered> {
        let wrong = |what: String| Undelivered::for_good(what);
        let mailbox =
            |text: &str| text.parse::<Mailbox>().map_err(|e| wrong(format!("`{text}` is no address: {e}")));
        let mut mail = lettre::Message::builder()
            .from(mailbox(self.from)?)
            .subject(format!("[Sinew] {}", message.subject))
            .message_id(Some(format!("<{}@sinew>", message.id)))
            .header(ContentType::TEXT_PLAIN);
        for to in self.to {
            mail = mail.to(mailbox(to)?);
        }
        mail.body(message.text.clone()).map_err(|e| wrong(format!("the mail cannot be written: {e}")))
    }

    /// The server's name, and one of its addresses; all of them must be allowed.
    async fn address(&self, egress: &Egress) -> Result<(&str, SocketAddr), Undelivered> {
        let host =
            self.server.rsplit_once(':').map_or(self.server, |(host, _)| host).trim_matches(['[', ']']);
        let found = tokio::net::lookup_host(self.server).await;
        let found =
            found.map_err(|e| Undelivered::for_now(format!("`{}` cannot be found: {e}", self.server)))?;
        let mut first = None;
        for address in found {
            check_address(address.ip(), egress).map_err(|refusal| {
                Undelivered::for_good(format!("`{host}` has an address that is {refusal}"))
            })?;
            if self.tls == EmailTls::None && !is_near(address.ip()) {
                let why =
                    format!("`{host}` is on the public internet, and `tls: none` is only for near addresses");
                return Err(Undelivered::for_good(why));
            }
            first = first.or(Some(address));
        }
        let none = || Undelivered::for_now(format!("`{host}` has no address"));
        first.map(|address| (host, address)).ok_or_else(none)
    }

    fn transport(
        &self,
        outside: &Outside,
        host: &str,
        address: SocketAddr,
    ) -> Result<AsyncSmtpTransport<Tokio1Executor>, Undelivered> {
        let no_tls = |why: &dyn std::error::Error| Undelivered::for_now(format!("no TLS to `{host}`: {why}"));
        let parameters = || {
            let mut builder = TlsParameters::builder(host.to_owned());
            for authority in &outside.trust.also {
                let authority = Certificate::from_der(authority.to_vec()).map_err(|e| no_tls(&e))?;
                builder = builder.add_root_certificate(authority);
            }
            builder.build().map_err(|e| no_tls(&e))
        };
        let tls = match self.tls {
            EmailTls::Wrapper => Tls::Wrapper(parameters()?),
            EmailTls::StartTls => Tls::Required(parameters()?),
            EmailTls::None => Tls::None,
        };
        // The address that was judged is the one that is called; the name is for the certificate.
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
            .port(address.port())
            .tls(tls)
            .timeout(Some(PATIENCE));
        if let Some((user, password)) = self.login {
            let password = outside.secrets.resolve(password)?;
            builder = builder.credentials(Credentials::new(user.to_string(), password.expose().to_owned()));
        }
        Ok(builder.build())
    }
}

/// Whether an address is on this machine or in its own network.
fn is_near(address: IpAddr) -> bool {
    matches!(check_address(address, &Egress::default()), Err(Refusal::NotAllowed(_)))
}

#[cfg(test)]
mod tests {
    use sinew_call::{SystemClock, Trust};
    use sinew_vault::EnvironmentSecrets;

    use super::*;

    /// Whether a transport can be made that trusts this authority besides the machine's own.
    fn check(authority: Option<&'static [u8]>, tls: EmailTls) -> Result<(), String> {
        let trust = Trust { also: authority.into_iter().map(Into::into).collect() };
        let outside = Outside {
            secrets: Arc::new(EnvironmentSecrets::from_lookup(|_| None)),
            clock: Arc::new(SystemClock),
            tls: sinew_connect::Tls::new(trust.clone()),
            trust,
        };
        let letter = Letter { server: "localhost:587", tls, login: None, from: "a@example.com", to: &[] };
        let address = SocketAddr::from(([127, 0, 0, 1], 587));
        letter.transport(&outside, "localhost", address).map(drop).map_err(|undelivered| undelivered.why)
    }

    #[test]
    fn the_authorities_that_the_monitor_trusts_are_those_of_mail_too() {
        for tls in [EmailTls::Wrapper, EmailTls::StartTls] {
            assert_eq!(check(None, tls), Ok(()));
            let why = check(Some(b"no certificate"), tls).unwrap_err();
            assert!(why.starts_with("no TLS to `localhost`"), "{why}");
        }
        assert_eq!(check(Some(b"no certificate"), EmailTls::None), Ok(()));
    }
}
