use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What was granted to a connection against what the project uses it for.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ScopeAdvice {
    /// The connection.
    pub connection: String,
    /// Where `granted` comes from.
    pub source: GrantSource,
    /// The scopes that were granted.
    pub granted: Vec<String>,
    /// The scopes that uses need, by name.
    pub needed: Vec<NeededScope>,
    /// Granted, and needed by no use that is known.
    pub spare: Vec<String>,
    /// Uses that what was granted does not allow.
    pub lacking: Vec<LackingScopes>,
    /// Operations that are used, and of which the connector does not say what scopes they need: look at these before scopes
    /// are taken away.
    pub silent: Vec<String>,
    /// What to ask for instead, if that differs from what was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<Vec<String>>,
}

/// Where it is known from what was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantSource {
    /// The provider said so when somebody logged in.
    Provider,
    /// The connection asks for it; what the provider makes of it is not known.
    Asked,
    /// The credential has no scopes that Sinew knows of: an API key, a password, a token.
    Unknown,
}

/// A scope that is needed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NeededScope {
    /// The scope.
    pub scope: String,
    /// Who needs it, such as `flow lead-intake, step enrich`.
    pub by: Vec<String>,
}

/// A use that what was granted does not allow.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LackingScopes {
    /// The operation.
    pub operation: String,
    /// Who calls it.
    pub by: String,
    /// Any one of these sets of scopes would do.
    pub any_of: Vec<Vec<String>>,
}
