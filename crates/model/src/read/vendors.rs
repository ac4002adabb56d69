//! The habits of well-known senders. Each is what an author could write: data, read by the same reader.

use crate::shape::{Word, word};

/// A habit under the name by which authors call it.
pub(crate) struct Known {
    pub(crate) word: &'static str,
    /// The YAML that the word stands for.
    pub(crate) yaml: &'static str,
}

macro_rules! known {
    ($words:ident, $table:ident: $($word:literal, $doc:literal => $yaml:literal;)+) => {
        pub(crate) static $words: &[Word] = &[$(word($word, $doc)),+];
        pub(crate) static $table: &[Known] = &[$(Known { word: $word, yaml: $yaml }),+];
    };
}

/// The habit that a word stands for.
pub(crate) fn find(table: &'static [Known], word: &str) -> Option<&'static Known> {
    table.iter().find(|known| known.word == word)
}

known! { SIGNATURE_WORDS, SIGNATURES:
    "standard", "Standard Webhooks 1.0, which many systems sign by" =>
        "hmac: { header: webhook-signature, separator: ' ', prefix: 'v1,', encoding: base64, key: standard, timestamp: webhook-timestamp, id: webhook-id, signed: '{header:webhook-id}.{timestamp}.{body}' }";
    "svix", "Standard Webhooks under Svix's own header names" =>
        "hmac: { header: svix-signature, separator: ' ', prefix: 'v1,', encoding: base64, key: standard, timestamp: svix-timestamp, id: svix-id, signed: '{header:svix-id}.{timestamp}.{body}' }";
    "stripe", "`Stripe-Signature`" =>
        "hmac: { header: Stripe-Signature, separator: ',', prefix: 'v1=', timestamp: { header: Stripe-Signature, separator: ',', prefix: 't=' } }";
    "github", "`X-Hub-Signature-256`; `X-GitHub-Delivery` tells deliveries apart" =>
        "hmac: { header: X-Hub-Signature-256, prefix: 'sha256=', id: X-GitHub-Delivery }";
    "gitlab", "`X-Gitlab-Token` is the secret itself" =>
        "token: { header: X-Gitlab-Token, id: Idempotency-Key }";
    "shopify", "`X-Shopify-Hmac-Sha256`; `X-Shopify-Event-Id` tells events apart" =>
        "hmac: { header: X-Shopify-Hmac-Sha256, encoding: base64, id: X-Shopify-Event-Id }";
    "slack", "`X-Slack-Signature`, version 0" =>
        "hmac: { header: X-Slack-Signature, prefix: 'v0=', timestamp: X-Slack-Request-Timestamp, signed: 'v0:{timestamp}:{body}' }";
    "twilio", "`X-Twilio-Signature` over the URL and the form's fields; needs the public URL" =>
        "hmac: { header: X-Twilio-Signature, algorithm: sha1, encoding: base64, signed: '{url}{form}', digest: { query: bodySHA256 } }";
    "hubspot", "`X-HubSpot-Signature-v3` over method, URL, body and time; needs the public URL" =>
        "hmac: { header: X-HubSpot-Signature-v3, encoding: base64, timestamp: { header: X-HubSpot-Request-Timestamp, unit: ms }, signed: '{method}{url}{body}{timestamp}' }";
    "adyen", "`hmacSignature` in each notification, over eight of its fields; the key is hexadecimal" =>
        "hmac: { each: notificationItems, field: NotificationRequestItem.additionalData.hmacSignature, encoding: base64, key: hex, signed: '{field:NotificationRequestItem.pspReference}:{field:NotificationRequestItem.originalReference}:{field:NotificationRequestItem.merchantAccountCode}:{field:NotificationRequestItem.merchantReference}:{field:NotificationRequestItem.amount.value}:{field:NotificationRequestItem.amount.currency}:{field:NotificationRequestItem.eventCode}:{field:NotificationRequestItem.success}' }";
    "adyen-platform", "`hmacsignature` over the body; the key is hexadecimal" =>
        "hmac: { header: hmacsignature, encoding: base64, key: hex }";
    "xero", "`x-xero-signature`" =>
        "hmac: { header: x-xero-signature, encoding: base64 }";
    "square", "`x-square-hmacsha256-signature` over the URL and the body; needs the public URL" =>
        "hmac: { header: x-square-hmacsha256-signature, encoding: base64, signed: '{url}{body}', id: { field: event_id } }";
    "zoom", "`x-zm-signature`, version 0" =>
        "hmac: { header: x-zm-signature, prefix: 'v0=', timestamp: x-zm-request-timestamp, signed: 'v0:{timestamp}:{body}' }";
    "meta", "`X-Hub-Signature-256`, as Facebook, Instagram and WhatsApp sign" =>
        "hmac: { header: X-Hub-Signature-256, prefix: 'sha256=' }";
    "microsoft-graph", "`clientState` of each notification is the secret itself" =>
        "token: { each: value, field: clientState }";
    "dropbox", "`X-Dropbox-Signature`" =>
        "hmac: { header: X-Dropbox-Signature }";
    "paddle", "`Paddle-Signature`" =>
        "hmac: { header: Paddle-Signature, separator: ';', prefix: 'h1=', timestamp: { header: Paddle-Signature, separator: ';', prefix: 'ts=' }, signed: '{timestamp}:{body}' }";
    "pagerduty", "`X-PagerDuty-Signature`, version 1" =>
        "hmac: { header: X-PagerDuty-Signature, separator: ',', prefix: 'v1=', id: X-Webhook-Id }";
    "calendly", "`Calendly-Webhook-Signature`" =>
        "hmac: { header: Calendly-Webhook-Signature, separator: ',', prefix: 'v1=', timestamp: { header: Calendly-Webhook-Signature, separator: ',', prefix: 't=' } }";
    "intercom", "`X-Hub-Signature`, by SHA-1" =>
        "hmac: { header: X-Hub-Signature, prefix: 'sha1=', algorithm: sha1, id: { field: id } }";
    "mailgun", "the fields `signature` of the body; what else is in it is not signed" =>
        "hmac: { field: signature.signature, timestamp: { field: signature.timestamp }, signed: '{timestamp}{field:signature.token}', id: { field: signature.token } }";
    "woocommerce", "`X-WC-Webhook-Signature`; `X-WC-Webhook-Delivery-ID` tells deliveries apart" =>
        "hmac: { header: X-WC-Webhook-Signature, encoding: base64, id: X-WC-Webhook-Delivery-ID }";
    "linear", "`Linear-Signature`, with the time in the body" =>
        "hmac: { header: Linear-Signature, timestamp: { field: webhookTimestamp, unit: ms }, tolerance: 1m, signed: '{body}' }";
    "telegram", "`X-Telegram-Bot-Api-Secret-Token` is the secret itself" =>
        "token: { header: X-Telegram-Bot-Api-Secret-Token, id: { field: update_id } }";
    "basic", "HTTP Basic; the secret is `user:password`" =>
        "token: { header: Authorization, prefix: 'Basic ', encoding: base64 }";
    "discord", "Ed25519 over time and body; the secret is the application's public key" =>
        "public_key: { header: X-Signature-Ed25519, algorithm: ed25519, key: hex, encoding: hex, timestamp: X-Signature-Timestamp, signed: '{timestamp}{body}' }";
    "sendgrid", "ECDSA over time and body; the secret is the verification key" =>
        "public_key: { header: X-Twilio-Email-Event-Webhook-Signature, algorithm: ecdsa_p256, key: base64, encoding: base64, timestamp: X-Twilio-Email-Event-Webhook-Timestamp, signed: '{timestamp}{body}' }";
}

known! { CHALLENGE_WORDS, CHALLENGES:
    "slack", "a signed `url_verification`; its `challenge` is sent back" =>
        "{ where: [{ field: type, is: url_verification }], value: { field: challenge }, signed: true, answer: text }";
    "zoom", "a signed `endpoint.url_validation`; its `plainToken` is sent back with its HMAC" =>
        "{ where: [{ field: event, is: endpoint.url_validation }], value: { field: payload.plainToken }, signed: true, answer: { plainToken: '{value}', encryptedToken: '{hmac:hex}' } }";
    "microsoft-graph", "`validationToken` in the query is sent back" =>
        "{ where: [{ query: validationToken }], value: { query: validationToken }, answer: text }";
    "meta", "a GET whose `hub.challenge` is sent back if it knows the token" =>
        "{ method: GET, where: [{ query: hub.mode, is: subscribe }], token: { query: hub.verify_token }, value: { query: hub.challenge }, answer: text }";
    "strava", "as Meta's, answered as JSON" =>
        "{ method: GET, where: [{ query: hub.mode, is: subscribe }], token: { query: hub.verify_token }, value: { query: hub.challenge }, answer: { hub.challenge: '{value}' } }";
    "dropbox", "a GET whose `challenge` is sent back" =>
        "{ method: GET, where: [{ query: challenge }], value: { query: challenge }, answer: text }";
    "xero", "the intent to receive: a signed delivery without events" =>
        "{ where: [{ field: events, is_empty: true }], signed: true, answer: nothing }";
    "discord", "a signed ping" =>
        "{ where: [{ field: type, is: '1' }], signed: true, answer: { type: 1 } }";
    "x", "a GET whose `crc_token` is answered by its HMAC" =>
        "{ method: GET, where: [{ query: crc_token }], value: { query: crc_token }, answer: { response_token: 'sha256={hmac:base64}' } }";
    "okta", "a GET whose header `X-Okta-Verification-Challenge` is sent back" =>
        "{ method: GET, where: [{ header: X-Okta-Verification-Challenge }], value: { header: X-Okta-Verification-Challenge }, answer: { verification: '{value}' } }";
    "monday", "a `challenge` in the body is sent back" =>
        "{ where: [{ field: challenge }], value: { field: challenge }, answer: { challenge: '{value}' } }";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::read::reader::{Known as KnownResources, Reader};
    use crate::read::{challenge, verify};

    #[test]
    fn every_known_habit_is_what_an_author_could_write() {
        let known = KnownResources::default();
        let mut reader = Reader::new(&known);
        for habit in SIGNATURES {
            assert!(verify::known(habit, &mut reader).is_some(), "{}", habit.word);
        }
        for habit in CHALLENGES {
            assert!(challenge::known(habit, &mut reader).is_some(), "{}", habit.word);
        }
        assert!(reader.out.is_empty(), "{}", reader.out);
    }

    #[test]
    fn words_are_unique() {
        for words in [SIGNATURE_WORDS, CHALLENGE_WORDS] {
            let unique: BTreeSet<_> = words.iter().map(|word| word.word).collect();
            assert_eq!(unique.len(), words.len());
        }
    }
}
