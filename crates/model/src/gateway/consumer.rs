use std::num::NonZeroU32;
use std::sync::Arc;

use sinew_stdx::Rate;

use crate::{ApiName, ConsumerName, Owner, PlanName, SecretRef};

/// Somebody who calls the gateway.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its name.
    pub name: ConsumerName,
    /// Who answers for it.
    pub owner: Owner,
    /// What it may call, and how often.
    pub plan: PlanName,
    /// The scopes that it has.
    pub scopes: Vec<Arc<str>>,
    /// Its API keys; several while one takes the place of another.
    pub keys: Vec<SecretRef>,
}

/// What consumers may call, how much and how fast.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: PlanName,
    /// The APIs that may be called; empty: all.
    pub apis: Vec<ApiName>,
    /// How often each consumer calls at most.
    pub rate: Option<Rate>,
    /// How many calls may come at once, before the rate holds; without it those of one period.
    pub burst: Option<NonZeroU32>,
    /// How many requests of a consumer are under way at most.
    pub concurrency: Option<NonZeroU32>,
}
