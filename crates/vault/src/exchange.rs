//! How services that hold keys or secrets are reached: requests are formed here, and carried by others.

use zeroize::Zeroizing;

use crate::Secret;

/// A request, without the address.
pub struct HttpAsk {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Its path, from the first slash on.
    pub path: String,
    /// Headers, in lower case; their values are secret.
    pub headers: Vec<(&'static str, Secret)>,
    /// A JSON body.
    pub body: Option<Zeroizing<Vec<u8>>>,
}

/// An answer.
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The body, whole.
    pub body: Zeroizing<Vec<u8>>,
}

/// Carries requests to the service and its answers back, within a time and a size. May be called on any thread, and
/// blocks it.
pub trait Exchange: Send + Sync {
    /// Makes one exchange; what went wrong is said without any part of the request.
    fn exchange(&self, ask: HttpAsk) -> Result<HttpAnswer, String>;
}
