//! E-mail by SMTP.

use std::sync::Arc;

use sinew_connect::auth::{Login, Proof};
use sinew_connect::transport::{
    self, Ask, ClientOptions, MailAsk, TransportError, TransportErrorKind as Kind,
};
use sinew_connect::{DialError, Limits};
use sinew_model::{AlertChannel, EmailTls, MailBinding, SecretRef, TlsMode, Transport};
use sinew_stdx::Json;
use tokio::time::Instant;

use super::{Outside, PATIENCE, Undelivered};
use crate::alert::message::Message;

/// The most that a mail server may answer.
const ANSWER_MAX: u64 = 64 << 10;

/// How a message is mailed.
pub(super) struct Letter<'a> {
    pub(super) server: &'a str,
    pub(super) tls: EmailTls,
    pub(super) login: Option<&'a (Arc<str>, SecretRef)>,
    pub(super) from: &'a Arc<str>,
    pub(super) to: &'a [Arc<str>],
}

impl Letter<'_> {
    pub(super) async fn send(
        &self,
        outside: &Outside,
        channel: &AlertChannel,
        message: &Message,
    ) -> Result<(), Undelivered> {
        let client = transport::open(Transport::Smtp, &self.options(outside, channel));
        let client = client.map_err(|error| Undelivered::for_good(error.to_string()))?;
        let login = match self.login {
            None => None,
            Some((user, password)) => {
                let password = outside.secrets.resolve(password)?;
                Some(Login::new(Arc::clone(user), password, Proof::Password))
            }
        };
        let limits = Limits { until: Instant::now() + PATIENCE, connect: PATIENCE, read: PATIENCE };
        let sent = client.perform(&self.ask(message), login.as_ref(), &limits).await;
        sent.map(drop).map_err(|error| undelivered(&error))
    }

    fn options(&self, outside: &Outside, channel: &AlertChannel) -> ClientOptions {
        let scheme = if self.tls == EmailTls::Wrapper { "smtps" } else { "smtp" };
        let clock = Arc::clone(&outside.clock);
        ClientOptions {
            url: format!("{scheme}://{}", self.server).into(),
            egress: channel.egress.clone(),
            connect: PATIENCE,
            idle_max: 1,
            tls: outside.tls.clone(),
            mode: if self.tls == EmailTls::None { TlsMode::None } else { TlsMode::Required },
            host_keys: Vec::new(),
            answer_max: ANSWER_MAX,
            now: Arc::new(move || clock.now()),
        }
    }

    fn ask(&self, message: &Message) -> Ask {
        let binding =
            MailBinding { from: Some(Arc::clone(self.from)), to: self.to.to_vec(), ..MailBinding::default() };
        let subject = Json::string(&format!("[Sinew] {}", message.subject));
        let (id, text) = (Json::string(&format!("{}@sinew", message.id)), Json::string(&message.text));
        let input = Json::object([("subject", &subject), ("text", &text), ("message_id", &id)]);
        Ask::Mail(MailAsk { binding: Arc::new(binding), input, key: None })
    }
}

/// Whether trying again may help. A password may be put right meanwhile.
fn undelivered(error: &TransportError) -> Undelivered {
    let why = format!("the mail server: {error}");
    match &error.kind {
        Kind::Refused | Kind::Unfit | Kind::Forbidden | Kind::NotThere => Undelivered::for_good(why),
        Kind::Dial(dial) if matches!(&**dial, DialError::Refused { .. } | DialError::InClear { .. }) => {
            Undelivered::for_good(why)
        }
        _ => Undelivered::for_now(why),
    }
}
