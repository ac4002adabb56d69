//! A delivery of a stream as a payload.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sinew_call::source::{Data, Delivery};
use sinew_diag::codes::trigger;
use sinew_model::{Failure, Reason, Trace};
use sinew_stdx::{ByteSize, Json};

/// The payload: `from`, `event`, `id`, `at`, `headers` and `data`, each if there is one. Data is JSON if it is JSON, else
/// its text, else `{ base64 }`. Of one that is too large there is only how much it was, and a failure.
pub(crate) fn of(delivery: &Delivery) -> Result<Json, (Json, Failure)> {
    let from = Json::string(&delivery.from);
    let event = delivery.event.as_deref().map(Json::string);
    let id = delivery.id.as_deref().map(Json::string);
    let at = delivery.at.map(|at| Json::string(&at.to_string()));
    let headers: Vec<_> =
        delivery.headers.iter().map(|(name, value)| (&**name, Json::string(value))).collect();
    let headers =
        (!headers.is_empty()).then(|| Json::object(headers.iter().map(|(name, value)| (*name, value))));
    let with = |what: &'static str, value: &Json| {
        let fields = [
            ("from", Some(&from)),
            ("event", event.as_ref()),
            ("id", id.as_ref()),
            ("at", at.as_ref()),
            ("headers", headers.as_ref()),
            (what, Some(value)),
        ];
        Json::object(fields.into_iter().filter_map(|(name, value)| Some((name, value?))))
    };
    match &delivery.data {
        Data::Whole(bytes) => Ok(with("data", &data(bytes))),
        Data::TooLarge { bytes } => {
            let message = format!("the delivery holds {}, more than the flow takes", ByteSize(*bytes));
            let failure = Failure::new(Reason::Refused, trigger::DELIVERY_TOO_LARGE, message)
                .help("raise `delivery_max` of the trigger if such deliveries are meant for it");
            Err((with("bytes", &Json::of(bytes)), failure))
        }
    }
}

fn data(bytes: &[u8]) -> Json {
    if let Ok(json) = Json::parse(bytes) {
        return json;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Json::string(text),
        Err(_) => Json::object([("base64", &Json::string(&BASE64_STANDARD.encode(bytes)))]),
    }
}

/// The trace that a delivery belongs to, if it says so.
pub(crate) fn trace(delivery: &Delivery) -> Option<Trace> {
    let said = delivery.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("traceparent"))?;
    Trace::parse(&said.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(data: &[u8]) -> Delivery {
        Delivery {
            from: "/orders".into(),
            event: Some("paid".into()),
            id: None,
            at: None,
            headers: vec![("a".into(), "b".into())],
            data: Data::Whole(data.to_vec().into()),
            identity: None,
            position: None,
            receipt: 1,
        }
    }

    fn check(data: &[u8], expected: &str) {
        let payload = of(&delivery(data)).unwrap();
        let before = r#"{"from":"/orders","event":"paid","headers":{"a":"b"},"data":"#;
        assert_eq!(payload.as_str(), format!("{before}{expected}}}"));
    }

    #[test]
    fn data_is_json_or_text_or_base64() {
        check(br#"{"n": 9007199254740993}"#, r#"{"n": 9007199254740993}"#);
        check(b"hello", r#""hello""#);
        check(b"", r#""""#);
        check(b"\xff\x00", r#"{"base64":"/wA="}"#);
    }

    #[test]
    fn of_what_is_too_large_only_its_size_is_kept() {
        let large = Delivery { data: Data::TooLarge { bytes: 5000 }, ..delivery(b"") };
        let (payload, failure) = of(&large).unwrap_err();
        assert!(payload.as_str().ends_with(r#""bytes":5000}"#), "{payload}");
        assert_eq!(&*failure.code, "SNW-4034");
    }
}
