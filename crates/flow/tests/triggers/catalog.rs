//! The webhooks of every vendor of the catalog: signed here as the vendor signs, verified by the profile's connector.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde_json::Value;
use sinew_catalog::Entry;
use sinew_model::{
    Encoding, ExampleDelivery, FieldPath, Hash, KeyText, Part, Proof, PublicKeyAlgorithm, Signature, Source,
    SourceAt, TimeUnit, Verify,
};
use sinew_stdx::Timestamp;

use crate::world::{BEGIN_MS, World};

/// Where these tests say that webhooks are reached.
const HOOKS_URL: &str = "https://hooks.example.com";

/// A vendor with signed webhooks, and what it signs them with.
struct Vendor {
    entry: Entry,
    signature: Signature,
    key: Signing,
    /// What the receiver has to know.
    secret: String,
}

enum Signing {
    Hmac(Box<hmac::Key>),
    Token,
    Ed25519(Ed25519KeyPair),
    Ecdsa(EcdsaKeyPair),
}

static VENDORS: LazyLock<Vec<Vendor>> = LazyLock::new(|| {
    let entries = sinew_catalog::all().map(|entry| entry.unwrap_or_else(|findings| panic!("{findings}")));
    entries.filter_map(vendor).collect()
});

fn vendor(entry: Entry) -> Option<Vendor> {
    let Verify::Signed(signature) = &entry.profile.connector.webhooks.as_ref()?.verify else { return None };
    let signature = Signature::clone(signature);
    let (key, secret) = key(signature.proof);
    Some(Vendor { entry, signature, key, secret })
}

fn key(proof: Proof) -> (Signing, String) {
    const BYTES: &[u8] = b"a secret of 21 bytes.";
    match proof {
        Proof::Token => (Signing::Token, "user:secret".to_owned()),
        Proof::Hmac { hash, key } => {
            let algorithm = match hash {
                Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                Hash::Sha256 => hmac::HMAC_SHA256,
                Hash::Sha384 => hmac::HMAC_SHA384,
                Hash::Sha512 => hmac::HMAC_SHA512,
            };
            (Signing::Hmac(Box::new(hmac::Key::new(algorithm, BYTES))), written(BYTES, key))
        }
        Proof::PublicKey { algorithm: PublicKeyAlgorithm::Ed25519, key } => {
            let pair = Ed25519KeyPair::generate().unwrap();
            let public = written(pair.public_key().as_ref(), key);
            (Signing::Ed25519(pair), public)
        }
        Proof::PublicKey { algorithm: PublicKeyAlgorithm::EcdsaP256, key } => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
            let public = written(pair.public_key().as_ref(), key);
            (Signing::Ecdsa(pair), public)
        }
    }
}

fn written(bytes: &[u8], as_text: KeyText) -> String {
    match as_text {
        KeyText::Plain => String::from_utf8(bytes.to_vec()).unwrap(),
        KeyText::Hex => hex(bytes),
        KeyText::Base64 => BASE64_STANDARD.encode(bytes),
        KeyText::Standard => format!("whsec_{}", BASE64_STANDARD.encode(bytes)),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The secret with which a vendor's webhooks are verified, by the variable that holds it.
pub fn secret(variable: &str) -> Option<String> {
    let name = variable.strip_prefix("SINEW_SECRET_")?.strip_suffix("_WEBHOOKS")?;
    let vendors = VENDORS.iter();
    let mut vendors = vendors.filter(|vendor| vendor.entry.name.replace('-', "_").to_uppercase() == name);
    vendors.next().map(|vendor| vendor.secret.clone())
}

/// What is done to a delivery on its way.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Untouched,
    /// Signed over something else, or by somebody who does not know the secret.
    Forged,
    /// Signed a while ago.
    Old,
}

/// A delivery while it is put together.
struct Parcel<'a> {
    vendor: &'a Vendor,
    path: String,
    headers: BTreeMap<String, Vec<String>>,
    body: Value,
    fate: Fate,
}

impl Parcel<'_> {
    fn text(&self) -> String {
        match &self.body {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }

    fn place(&mut self, source: &Source, text: &str, item: Option<usize>) {
        let text = format!("{}{text}", source.prefix);
        match &source.at {
            SourceAt::Header(name) => {
                self.headers.entry(name.to_ascii_lowercase()).or_default().push(text);
            }
            SourceAt::Query(name) => {
                let mark = if self.path.contains('?') { '&' } else { '?' };
                write!(self.path, "{mark}{name}={text}").unwrap();
            }
            SourceAt::Field(path) => {
                let path = path.to_string();
                let at = match (item, &self.vendor.signature.each) {
                    (Some(item), Some(each)) => format!("{each}.{item}.{path}"),
                    _ => path,
                };
                let number = text.parse::<u64>().ok().filter(|number| *number > 1_000_000_000_000);
                put(&mut self.body, &at, number.map_or_else(|| Value::from(text.clone()), Value::from));
            }
        }
    }

    fn content(&self, timestamp: &str, item: Option<usize>) -> String {
        let mut content = String::new();
        for part in &self.vendor.signature.signed {
            match part {
                Part::Text(text) => content.push_str(text),
                Part::Method => content.push_str("POST"),
                Part::Url => write!(content, "{HOOKS_URL}{}", self.path).unwrap(),
                Part::Path => content.push_str(self.path.split('?').next().unwrap()),
                Part::Query => content.push_str(self.path.split_once('?').map_or("", |(_, query)| query)),
                Part::Body => content.push_str(&self.text()),
                Part::Timestamp => content.push_str(timestamp),
                Part::Header(name) => content.push_str(&self.headers[&name.to_ascii_lowercase()][0]),
                Part::Form => {
                    let text = self.text();
                    let mut pairs: Vec<_> = text.split('&').filter_map(|pair| pair.split_once('=')).collect();
                    pairs.sort_unstable();
                    for (name, value) in pairs {
                        write!(content, "{name}{value}").unwrap();
                    }
                }
                Part::Field(path) => content.push_str(&self.field(path, item)),
            }
        }
        content
    }

    fn field(&self, path: &FieldPath, item: Option<usize>) -> String {
        let each = self.vendor.signature.each.as_ref();
        let within = each.zip(item).and_then(|(each, item)| each.find(&self.body)?.get(item));
        match path.find(within.unwrap_or(&self.body)) {
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
            None => String::new(),
        }
    }

    fn sign(&mut self, timestamp: &str, item: Option<usize>) {
        let mut content = self.content(timestamp, item);
        if self.fate == Fate::Forged {
            content.push('!');
        }
        let bytes = match &self.vendor.key {
            Signing::Hmac(key) => hmac::sign(key, content.as_bytes()).as_ref().to_vec(),
            Signing::Token if self.fate == Fate::Forged => b"guess".to_vec(),
            Signing::Token => self.vendor.secret.clone().into_bytes(),
            Signing::Ed25519(pair) => pair.sign(content.as_bytes()).as_ref().to_vec(),
            Signing::Ecdsa(pair) => {
                pair.sign(&SystemRandom::new(), content.as_bytes()).unwrap().as_ref().to_vec()
            }
        };
        let text = match self.vendor.signature.encoding {
            Encoding::Hex => hex(&bytes),
            Encoding::Base64 => BASE64_STANDARD.encode(&bytes),
            Encoding::Base64Url => BASE64_URL_SAFE.encode(&bytes),
            Encoding::Text => String::from_utf8(bytes).unwrap(),
        };
        let source = self.vendor.signature.source.clone();
        self.place(&source, &text, item);
    }
}

fn put(value: &mut Value, path: &str, new: Value) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let below = match value {
        Value::Array(items) => &mut items[first.parse::<usize>().unwrap()],
        other => &mut other[first],
    };
    match rest {
        Some(rest) => put(below, rest, new),
        None => *below = new,
    }
}

/// A delivery as the vendor sends it: path, headers, body.
fn deliver(
    vendor: &Vendor,
    example: &ExampleDelivery,
    number: usize,
    fate: Fate,
) -> (String, Vec<(String, String)>, String) {
    let signature = &vendor.signature;
    let headers =
        example.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), vec![value.to_string()]));
    let path = format!("/hooks/{}-{number}", vendor.entry.name);
    let mut parcel = Parcel { vendor, path, headers: headers.collect(), body: example.body.to_value(), fate };
    if let Some(SourceAt::Header(id)) = signature.id.as_ref().map(|id| &id.at) {
        parcel.headers.entry(id.to_ascii_lowercase()).or_insert_with(|| vec!["d-1".to_owned()]);
    }
    let mut timestamp = String::new();
    if let Some(time) = &signature.timestamp {
        let back = if fate == Fate::Old { time.tolerance.as_secs() as i64 + 60 } else { 0 };
        let seconds = BEGIN_MS / 1000 - back;
        timestamp = match time.unit {
            TimeUnit::Seconds => seconds.to_string(),
            TimeUnit::Milliseconds => (seconds * 1000).to_string(),
            TimeUnit::Timestamp => Timestamp::from_millis(seconds * 1000).to_string(),
        };
        parcel.place(&time.source, &timestamp, None);
    }
    match &signature.each {
        Some(each) => {
            let items = each.find(&parcel.body).and_then(Value::as_array).map_or(0, Vec::len);
            (0..items).for_each(|item| parcel.sign(&timestamp, Some(item)));
        }
        None => parcel.sign(&timestamp, None),
    }
    let separator = signature.source.separator.as_deref().unwrap_or(",");
    let headers = parcel.headers.iter().map(|(name, texts)| (name.clone(), texts.join(separator))).collect();
    let body = parcel.text();
    (parcel.path, headers, body)
}

/// The file of somebody who has set its variables and takes webhooks.
fn with_webhooks(vendor: &Vendor, text: &str) -> String {
    let variables = sinew_catalog::examples(&vendor.entry);
    let text = variables
        .iter()
        .fold(text.to_owned(), |text, (name, example)| text.replace(&format!("${{{name}}}"), example));
    text.replace("# webhook_", "webhook_")
}

/// Connectors and connections as projects begin with them, and a flow for each delivery.
fn project() -> String {
    let mut documents = Vec::new();
    for vendor in VENDORS.iter() {
        let name = &vendor.entry.name;
        let files = sinew_catalog::project(&vendor.entry, None).into_iter();
        let resources = files.filter(|file| file.path.starts_with("connect"));
        documents.extend(resources.map(|file| with_webhooks(vendor, &file.text)));
        for (number, example) in vendor.entry.profile.examples.deliveries.iter().enumerate() {
            let event =
                example.event.as_ref().map_or_else(String::new, |event| format!(", event: '{event}'"));
            documents.push(format!(
                "kind: Flow\nname: {name}-{number}\nOWNER\ntrigger: {{ webhook: {{ connection: {name}{event} }} }}\n\
                 steps: [{{ got: {{ map: $exists(trigger) }} }}]\n"
            ));
        }
    }
    documents.join("---\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_vendors_webhooks_are_verified_and_forged_ones_are_not() {
    let world = World::with(&project()).await;
    let (mut wrong, mut executed) = (Vec::new(), 0);
    for vendor in VENDORS.iter() {
        let habit = vendor.entry.profile.connector.webhooks.as_ref().unwrap();
        for (number, example) in vendor.entry.profile.examples.deliveries.iter().enumerate() {
            executed += 1;
            let mut expect = async |what: &str, fate: Fate, status: u16| {
                let (path, headers, body) = deliver(vendor, example, number, fate);
                let headers: Vec<(&str, &str)> =
                    headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let answer = world.post(&path, &headers, &body).await;
                if answer.status != status {
                    wrong.push(format!("{}: {what}: {} {}", vendor.entry.name, answer.status, answer.body));
                }
            };
            expect("forged", Fate::Forged, 401).await;
            if vendor.signature.timestamp.is_some() {
                expect("old", Fate::Old, 401).await;
            }
            expect("as sent", Fate::Untouched, 202).await;
            let known_again = habit.id.is_some() || vendor.signature.id.is_some();
            let public_key = matches!(vendor.signature.proof, Proof::PublicKey { .. });
            if known_again && !public_key {
                expect("again", Fate::Untouched, 200).await;
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {executed}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(executed >= 25, "only {executed} senders");
}
