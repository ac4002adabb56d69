//! HashiCorp Vault, as the environment describes it.

use std::sync::Arc;

use sinew_connect::auth::Credential;
use sinew_diag::codes::vault as codes;
use sinew_vault::hashicorp::{Client, ClientOptions, KvSecrets, Login, TransitKey};
use sinew_vault::{KeyError, Secret};

use super::exchange::HttpExchange;
use crate::environment::Environment;
use crate::error::{CliError, Exit};

/// A server that is logged in to when it is first needed.
pub struct Service {
    client: Arc<Client>,
    mount: String,
    transit: Option<(String, String)>,
}

impl Service {
    /// What the environment describes, if it does.
    pub fn of(environment: &Environment) -> Result<Option<Self>, CliError> {
        let value = |name: &str| environment.value(&format!("SINEW_HASHICORP_{name}"));
        let or = |name: &str, default: &str| value(name).unwrap_or(default).to_owned();
        let Some(address) = value("ADDR") else { return Ok(None) };
        let login = match (value("TOKEN"), value("ROLE_ID"), value("SECRET_ID")) {
            (Some(token), _, _) => Login::Token(Secret::new(token)),
            (None, Some(role_id), Some(secret_id)) => Login::AppRole {
                role_id: role_id.to_owned(),
                secret_id: Secret::new(secret_id),
                mount: or("APPROLE_MOUNT", "approle"),
            },
            _ => {
                return Err(unusable("SINEW_HASHICORP_ADDR is set, but no login").help(
                    "set SINEW_HASHICORP_TOKEN, or SINEW_HASHICORP_ROLE_ID and SINEW_HASHICORP_SECRET_ID",
                ));
            }
        };
        let exchange = HttpExchange::start(address, Credential::none())
            .map_err(|problem| unusable(&format!("SINEW_HASHICORP_ADDR: {problem}")))?;
        let namespace = value("NAMESPACE").map(str::to_owned);
        let client = Client::new(Box::new(exchange), ClientOptions { login, namespace });
        let transit = value("TRANSIT_KEY").map(|key| (or("TRANSIT_MOUNT", "transit"), key.to_owned()));
        Ok(Some(Self { client: Arc::new(client), mount: or("KV_MOUNT", "secret"), transit }))
    }

    /// Its secrets.
    pub fn secrets(&self) -> KvSecrets {
        KvSecrets::new(Arc::clone(&self.client), self.mount.clone())
    }

    /// The master key that it holds, if it is to hold one.
    pub fn key(&self) -> Result<Option<Arc<TransitKey>>, KeyError> {
        let Some((mount, key)) = &self.transit else { return Ok(None) };
        TransitKey::new(Arc::clone(&self.client), mount, key).map(|key| Some(Arc::new(key)))
    }
}

fn unusable(message: &str) -> CliError {
    CliError::new(Exit::Usage, codes::KEY_SERVICE, message)
}
