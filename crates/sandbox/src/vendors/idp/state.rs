use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sinew_stdx::Timestamp;

/// Codes, access tokens, families, devices and keys that are kept, of each kind; then the oldest go, or none is made.
const KEPT_MAX: usize = 20_000;

/// What `POST /_control/idp/options` changes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Options {
    /// Life of an access token.
    pub(super) access_seconds: u32,
    /// Life of a code.
    pub(super) code_seconds: u32,
    /// Life of a device code.
    pub(super) device_seconds: u32,
    /// How often a device may ask.
    pub(super) device_interval_seconds: u32,
    /// Whether a refresh gives a new refresh token and spends the old one.
    pub(super) rotate: bool,
    /// Whether a spent refresh token that comes back revokes its whole family.
    pub(super) revoke_family_on_reuse: bool,
    /// How the person at the browser decides: `auto`, `ask` or `deny`.
    pub(super) approve: Approve,
    /// Whether `expires_in` is told.
    pub(super) tell_expiry: bool,
    /// How far a service account's clock may be off.
    pub(super) leeway_seconds: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Approve {
    Auto,
    Ask,
    Deny,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            access_seconds: 60,
            code_seconds: 60,
            device_seconds: 600,
            device_interval_seconds: 1,
            rotate: true,
            revoke_family_on_reuse: true,
            approve: Approve::Auto,
            tell_expiry: true,
            leeway_seconds: 30,
        }
    }
}

/// Why a request to the provider is refused (RFC 6749, section 5.2).
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) error: &'static str,
    pub(super) description: String,
}

pub(super) fn refused(error: &'static str, description: impl Into<String>) -> Refused {
    Refused { error, description: description.into() }
}

/// A client that may ask for tokens; without a secret it is public.
pub(super) struct Client {
    pub(super) id: &'static str,
    pub(super) secret: Option<&'static str>,
}

/// The clients there are.
pub(super) const CLIENTS: &[Client] =
    &[Client { id: "sinew", secret: Some("idp-secret") }, Client { id: "sinew-cli", secret: None }];

/// A code that was not redeemed, or was: a second redemption revokes what the first one gave.
pub(super) struct AuthorizationCode {
    pub(super) client: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) challenge: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) expires: Timestamp,
    pub(super) redeemed: Option<u64>,
}

/// What one consent led to: a chain of refresh tokens, of which one is good.
pub(super) struct Family {
    pub(super) client: String,
    pub(super) user: String,
    pub(super) scope: String,
    /// The refresh token that is good now.
    pub(super) current: String,
    spent: HashSet<String>,
    rotations: u64,
    reuses: u64,
    pub(super) revoked: bool,
}

/// An access token.
pub(super) struct Access {
    pub(super) client: String,
    pub(super) user: String,
    pub(super) scope: String,
    family: Option<u64>,
    expires: Timestamp,
}

impl Access {
    pub(super) fn has(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == scope)
    }
}

/// A device that waits for a person.
pub(super) struct Device {
    pub(super) user_code: String,
    pub(super) client: String,
    pub(super) scope: String,
    pub(super) decision: Option<bool>,
    pub(super) asked_at: Option<Timestamp>,
    pub(super) interval: Duration,
    pub(super) expires: Timestamp,
}

/// A public key that assertions of an issuer are checked with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Key {
    /// Who signs: a service account, or a client's id.
    pub(super) issuer: String,
    /// `RS256`, `ES256` or `EdDSA`.
    pub(super) alg: String,
    /// SubjectPublicKeyInfo as DER in Base64 (a PEM file without its first and last line).
    #[serde(rename = "key")]
    pub(super) public: String,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) options: Options,
    pub(super) codes: HashMap<String, AuthorizationCode>,
    pub(super) families: BTreeMap<u64, Family>,
    pub(super) access: HashMap<String, Access>,
    pub(super) devices: HashMap<String, Device>,
    pub(super) keys: Vec<(Key, Vec<u8>)>,
    /// Ids of assertions that were used.
    pub(super) assertions: HashSet<String>,
    last_family: u64,
    refreshes: u64,
    reuses: u64,
    issued: u64,
}

impl State {
    pub(super) fn change_options(&mut self, changes: &[u8]) -> Result<(), String> {
        let changes: serde_json::Map<String, Value> =
            serde_json::from_slice(changes).map_err(|e| format!("options are a JSON object: {e}"))?;
        let mut all = json!(self.options);
        for (name, value) in changes {
            all[name] = value;
        }
        self.options = serde_json::from_value(all).map_err(|e| e.to_string())?;
        Ok(())
    }

    pub(super) fn add_key(&mut self, body: &[u8]) -> Result<(), String> {
        let key: Key = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        let text: String = key.public.split_whitespace().collect();
        let der = BASE64_STANDARD.decode(text).map_err(|e| format!("`key` is not Base64: {e}"))?;
        if self.keys.len() >= KEPT_MAX {
            return Err("too many keys".to_owned());
        }
        self.keys.push((key, der));
        Ok(())
    }

    pub(super) fn show(&self) -> Value {
        let families: Vec<Value> = self
            .families
            .iter()
            .map(|(id, family)| {
                json!({
                    "id": id, "client": family.client, "user": family.user, "scope": family.scope,
                    "rotations": family.rotations, "reuses": family.reuses, "revoked": family.revoked,
                })
            })
            .collect();
        json!({
            "families": families, "refreshes": self.refreshes, "reuses": self.reuses, "issued": self.issued,
            "live_access_tokens": self.access.len(),
        })
    }

    pub(super) fn revoke_all(&mut self) {
        self.access.clear();
        self.families.values_mut().for_each(|family| family.revoked = true);
    }

    /// The access token, if it is good.
    pub(super) fn access(&self, token: &str, now: Timestamp) -> Option<&Access> {
        self.access.get(token).filter(|access| now < access.expires)
    }

    pub(super) fn issue(
        &mut self,
        client: &str,
        user: &str,
        scope: &str,
        family: Option<u64>,
        now: Timestamp,
    ) -> String {
        if self.access.len() >= KEPT_MAX {
            self.access.retain(|_, access| now < access.expires);
        }
        let token = random("at_");
        self.issued += 1;
        let expires = now.plus(seconds(self.options.access_seconds));
        if self.access.len() < KEPT_MAX {
            let access =
                Access { client: client.into(), user: user.into(), scope: scope.into(), family, expires };
            self.access.insert(token.clone(), access);
        }
        token
    }

    /// A consent was given: a family with its first refresh token.
    pub(super) fn begin_family(&mut self, client: &str, user: &str, scope: &str) -> u64 {
        if self.families.len() >= KEPT_MAX {
            self.families.pop_first();
        }
        self.last_family += 1;
        let family = Family {
            client: client.into(),
            user: user.into(),
            scope: scope.into(),
            current: random("rt_"),
            spent: HashSet::new(),
            rotations: 0,
            reuses: 0,
            revoked: false,
        };
        self.families.insert(self.last_family, family);
        self.last_family
    }

    /// Spends a refresh token; gives its family. One that was spent before ends the family.
    pub(super) fn refresh(&mut self, token: &str, client: &str) -> Result<u64, Refused> {
        let unknown = || refused("invalid_grant", "the refresh token is unknown, expired or revoked");
        let found = self.families.iter_mut().find(|(_, f)| f.current == token || f.spent.contains(token));
        let (id, family) = found.ok_or_else(unknown)?;
        let id = *id;
        if family.client != client || family.revoked {
            return Err(unknown());
        }
        if family.current != token {
            family.reuses += 1;
            self.reuses += 1;
            if self.options.revoke_family_on_reuse {
                self.revoke_family(id);
                let why = "the refresh token was used before: its whole family is revoked";
                return Err(refused("invalid_grant", why));
            }
            return Err(unknown());
        }
        self.refreshes += 1;
        if self.options.rotate {
            let old = std::mem::replace(&mut family.current, random("rt_"));
            if family.spent.len() >= KEPT_MAX {
                family.spent.clear();
            }
            family.spent.insert(old);
            family.rotations += 1;
        }
        Ok(id)
    }

    pub(super) fn revoke_family(&mut self, id: u64) {
        if let Some(family) = self.families.get_mut(&id) {
            family.revoked = true;
        }
        self.access.retain(|_, access| access.family != Some(id));
    }

    /// Makes room for one more of what expires.
    pub(super) fn make_room(&mut self, now: Timestamp) -> Result<(), Refused> {
        if self.codes.len() >= KEPT_MAX {
            self.codes.retain(|_, code| now < code.expires);
        }
        if self.devices.len() >= KEPT_MAX {
            self.devices.retain(|_, device| now < device.expires);
        }
        if self.assertions.len() >= KEPT_MAX {
            self.assertions.clear();
        }
        if self.codes.len() >= KEPT_MAX || self.devices.len() >= KEPT_MAX {
            return Err(refused("temporarily_unavailable", "too many requests are open"));
        }
        Ok(())
    }
}

pub(super) fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}

/// A text that nobody guesses.
pub(super) fn random(prefix: &str) -> String {
    let mut bytes = [0_u8; 24];
    // A generator that fails would make tokens that are alike; the state then answers for the newest only.
    let _ = rand::fill(&mut bytes);
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}
