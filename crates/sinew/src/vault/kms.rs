//! AWS Key Management Service, as the environment describes it.

use std::sync::Arc;

use sinew_connect::auth::Credential;
use sinew_diag::codes::vault as codes;
use sinew_model::{Auth, AwsSigV4, SecretRef};
use sinew_vault::kms::KmsKey;
use sinew_vault::{Secret, SecretError};

use super::exchange::HttpExchange;
use crate::environment::Environment;
use crate::error::{CliError, Exit};

/// The master key that the service holds, if the environment names one.
pub fn key(environment: &Environment) -> Result<Option<Arc<KmsKey>>, CliError> {
    let Some(key) = environment.value("SINEW_AWS_KMS_KEY") else { return Ok(None) };
    let region = ["SINEW_AWS_KMS_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];
    let region = region.into_iter().find_map(|name| environment.value(name)).or_else(|| region_of(key));
    let region = region.ok_or_else(|| {
        unusable("SINEW_AWS_KMS_KEY is set, but no region")
            .help("set AWS_REGION, or name the key by its ARN (`arn:aws:kms:REGION:ACCOUNT:key/...`)")
    })?;
    let address = match environment.value("SINEW_AWS_KMS_ENDPOINT") {
        Some(address) => address.to_owned(),
        None if region.starts_with("cn-") => format!("https://kms.{region}.amazonaws.com.cn"),
        None => format!("https://kms.{region}.amazonaws.com"),
    };
    let exchange = HttpExchange::start(&address, credential(environment, region)?)
        .map_err(|problem| unusable(&format!("SINEW_AWS_KMS_ENDPOINT: {problem}")))?;
    let key = KmsKey::new(Box::new(exchange), key);
    key.map(|key| Some(Arc::new(key)))
        .map_err(|error| CliError::new(Exit::Usage, error.code(), error.to_string()))
}

/// The region that an ARN names.
fn region_of(key: &str) -> Option<&str> {
    key.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

/// What signs the requests: the access key that every AWS program takes from its environment.
fn credential(environment: &Environment, region: &str) -> Result<Credential, CliError> {
    let value = |name: &str| environment.value(name);
    if value("AWS_ACCESS_KEY_ID").is_none() || value("AWS_SECRET_ACCESS_KEY").is_none() {
        return Err(unusable("SINEW_AWS_KMS_KEY is set, but no access key").help(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN, if there is one)",
        ));
    }
    let name = |part: &str| SecretRef::new(&format!("secret:aws/{part}"));
    let (Some(access_key), Some(secret_key), Some(session_token)) = (name("id"), name("key"), name("token"))
    else {
        return Err(unusable("the access key cannot be named"));
    };
    let variable = |part: &SecretRef| match part.path() {
        "aws/id" => "AWS_ACCESS_KEY_ID",
        "aws/key" => "AWS_SECRET_ACCESS_KEY",
        _ => "AWS_SESSION_TOKEN",
    };
    let auth = Auth::AwsSigV4(Box::new(AwsSigV4 {
        access_key,
        secret_key,
        session_token: value("AWS_SESSION_TOKEN").map(|_| session_token),
        region: region.into(),
        service: "kms".into(),
    }));
    let resolve = |part: &SecretRef| {
        let missing = || SecretError::Missing { name: part.clone(), looked_for: variable(part).to_owned() };
        value(variable(part)).map(Secret::new).ok_or_else(missing)
    };
    let credential = Credential::of(&auth, &resolve).map_err(|error| unusable(&error.to_string()))?;
    Ok(credential.unwrap_or_default())
}

fn unusable(message: &str) -> CliError {
    CliError::new(Exit::Usage, codes::KEY_SERVICE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_tells_its_region() {
        assert_eq!(region_of("arn:aws:kms:eu-central-1:1234:key/ab"), Some("eu-central-1"));
        assert_eq!(region_of("arn:aws:kms::1234:key/ab"), None);
        assert_eq!(region_of("alias/sinew"), None);
    }
}
