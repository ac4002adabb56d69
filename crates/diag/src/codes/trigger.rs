//! `SNW-4xxx`: what is refused at the door, and what triggers and alerts could not do.

use crate::code::codes;

codes! {
    /// The payload cannot be taken.
    UNACCEPTABLE_PAYLOAD = "SNW-4001", "Payload cannot be taken";
    /// Too much is waiting already.
    OVERLOADED = "SNW-4002", "Too much is waiting already";
    /// No flow listens at this path.
    NO_SUCH_HOOK = "SNW-4003", "No flow listens at this path";
    /// Webhooks come by POST.
    WRONG_METHOD = "SNW-4004", "Webhooks come by POST";
    /// The body is too large.
    BODY_TOO_LARGE = "SNW-4005", "The body is too large";
    /// The body did not come whole.
    BODY_INCOMPLETE = "SNW-4006", "The body did not come whole";
    /// The signature is missing or wrong.
    WRONG_SIGNATURE = "SNW-4010", "The signature is missing or wrong";
    /// The delivery is too old, or ahead of our clock.
    STALE_DELIVERY = "SNW-4011", "The delivery is too old, or ahead of our clock";
    /// Deliveries cannot be verified.
    NO_VERIFY_SECRET = "SNW-4012", "Deliveries cannot be verified";
    /// The public URL is not known.
    NO_PUBLIC_URL = "SNW-4013", "The public URL is not known";
    /// The sender's challenge is not answered.
    CHALLENGE_REFUSED = "SNW-4014", "The sender's challenge is not answered";
    /// The webhook listener cannot listen.
    LISTEN_FAILED = "SNW-4030", "The webhook listener cannot listen";
    /// A poll cannot be read.
    POLL_UNREADABLE = "SNW-4031", "A poll cannot be read";
    /// A webhook cannot be registered.
    SUBSCRIPTION_FAILED = "SNW-4032", "A webhook cannot be registered";
    /// A stream cannot be followed.
    STREAM_FAILED = "SNW-4033", "A stream cannot be followed";
    /// A delivery is too large.
    DELIVERY_TOO_LARGE = "SNW-4034", "A delivery is too large";
    /// An alert did not reach its channel.
    ALERT_UNDELIVERED = "SNW-4040", "An alert did not reach its channel";
}
