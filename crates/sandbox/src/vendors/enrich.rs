use std::time::Duration;

use http::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sinew_stdx::Random;

use super::Vendor;
use crate::exchange::{Call, Reply};
use crate::generate::{pick, text_digest, title_case};
use crate::names::{CITIES, FREE_MAIL, INDUSTRIES, JOBS, LOCALES, TECHNOLOGIES};
use crate::options::Tuning;
use crate::rate::{Allowance, TokenBucket};
use crate::world::World;

const NAME: &str = "enrich";

/// Enrichment: a hard rate limit, a slow tail, and the same data for the same question.
pub(super) struct Enrich {
    seed: u64,
    bucket: TokenBucket,
    /// Chooses the slow answers.
    tail: Mutex<Random>,
}

impl Vendor for Enrich {
    fn name(&self) -> &'static str {
        NAME
    }

    fn answer(&self, call: &Call, world: &World) -> Reply {
        if call.bearer() != Some("enrich-key") {
            return self
                .problem(StatusCode::UNAUTHORIZED, "authentication_failed", "no valid bearer token was given")
                .with("www-authenticate", "Bearer realm=\"enrich\"")
                .at("unauthorised");
        }
        let tuning = world.tuning();
        if tuning.enrich_rate_per_s == 0 {
            return self.admitted(call, &tuning);
        }
        let allowance = self.bucket.take(call.now, tuning.enrich_rate_per_s, tuning.enrich_burst);
        let reply = if allowance.granted {
            self.admitted(call, &tuning)
        } else {
            self.problem(
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "the limit of requests a second is reached",
            )
            .with_number("retry-after", allowance.retry_in_s)
            .at("limited")
        };
        limited(reply, allowance, tuning.enrich_rate_per_s)
    }

    fn problem(&self, status: StatusCode, code: &str, message: &str) -> Reply {
        Reply::of(status, &json!({ "errors": [{ "id": code, "code": status.as_u16(), "details": message }] }))
    }

    fn reset(&self, _world: &World) {
        self.bucket.reset();
        *self.tail.lock() = Random::seeded(self.seed);
    }
}

impl Enrich {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, bucket: TokenBucket::default(), tail: Mutex::new(Random::seeded(seed)) }
    }

    fn admitted(&self, call: &Call, tuning: &Tuning) -> Reply {
        let mut reply = match (&call.method, call.path().as_slice()) {
            (&Method::GET, ["person"]) => self.person(call).at("GET /person"),
            (&Method::GET, ["company"]) => self.company(call).at("GET /company"),
            _ => self.problem(StatusCode::NOT_FOUND, "no_route", "there is no such resource").at("no route"),
        };
        let mut tail = self.tail.lock();
        if tail.chance(tuning.enrich_slow_rate) {
            let spread = u64::from(tuning.enrich_slow_ms_max.saturating_sub(tuning.enrich_slow_ms_min));
            reply.delay =
                Duration::from_millis(u64::from(tuning.enrich_slow_ms_min) + tail.below(spread + 1));
        }
        reply
    }

    fn person(&self, call: &Call) -> Reply {
        let email = call.query("email").unwrap_or_default().trim().to_lowercase();
        let Some((local, domain)) =
            email.split_once('@').filter(|(local, domain)| !local.is_empty() && is_domain(domain))
        else {
            return self.problem(StatusCode::BAD_REQUEST, "wrong_params", "`email` is not an e-mail address");
        };
        if domain.starts_with("unknown") {
            return self.problem(StatusCode::NOT_FOUND, "not_found", "nothing is known of this person");
        }
        Reply::of(StatusCode::OK, &person(self.seed, &email, local, domain))
    }

    fn company(&self, call: &Call) -> Reply {
        let domain = call.query("domain").unwrap_or_default().trim().to_lowercase();
        if !is_domain(&domain) {
            return self.problem(StatusCode::BAD_REQUEST, "wrong_params", "`domain` is not a domain name");
        }
        if domain.starts_with("unknown") || FREE_MAIL.contains(&domain.as_str()) {
            return self.problem(StatusCode::NOT_FOUND, "not_found", "nothing is known of this company");
        }
        Reply::of(StatusCode::OK, &company(self.seed, &domain))
    }
}

fn limited(reply: Reply, allowance: Allowance, rate_per_s: u32) -> Reply {
    reply
        .with("ratelimit-policy", format!("\"default\";q={rate_per_s};w=1"))
        .with("ratelimit", format!("\"default\";r={};t={}", allowance.remaining, allowance.full_in_s))
        .with_number("x-ratelimit-limit", u64::from(rate_per_s))
        .with_number("x-ratelimit-remaining", allowance.remaining)
        .with_number("x-ratelimit-reset", allowance.full_in_s)
}

fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || !b.is_ascii())
        })
}

fn person(seed: u64, email: &str, local: &str, domain: &str) -> Value {
    let mut random = Random::seeded(text_digest(seed, email));
    let (title, seniority, department) = *pick(&mut random, JOBS);
    let locale = pick(&mut random, LOCALES);
    json!({
        "email": email,
        "full_name": title_case(local.trim_end_matches(|c: char| c.is_ascii_digit())),
        "title": title,
        "seniority": seniority,
        "department": department,
        "country": locale.country,
        "company": { "name": company_name(domain), "domain": domain },
        "phone": format!("+{}{}", locale.dial_code, 100_000_000 + random.below(899_999_999)),
        "confidence": (60 + random.below(40)) as f64 / 100.0,
    })
}

fn company(seed: u64, domain: &str) -> Value {
    let mut random = Random::seeded(text_digest(seed ^ 0x636F, domain));
    let (country, city) = *pick(&mut random, CITIES);
    // Spread over the orders of magnitude, as companies are: 5 to 5,000.
    let employees = (5.0 * 10_f64.powf(3.0 * random.fraction())) as u64;
    let technologies: Vec<&str> = TECHNOLOGIES.iter().filter(|_| random.chance(0.3)).copied().collect();
    json!({
        "domain": domain,
        "name": company_name(domain),
        "industry": pick(&mut random, INDUSTRIES),
        "employees": employees,
        "revenue_eur": employees * (60_000 + random.below(240_000)),
        "country": country,
        "city": city,
        "founded": 1950 + random.below(75),
        "technologies": technologies,
    })
}

fn company_name(domain: &str) -> String {
    title_case(domain.split('.').next().unwrap_or_default())
}
