use sinew_control_api as api;
use sinew_store::{AlertRecord, AlertState};

use super::instant;
use crate::Fault;

/// An alert.
pub(crate) fn alert(of: &AlertRecord) -> Result<api::Alert, Fault> {
    let kind = api::AlertKind::of(&of.kind);
    Ok(api::Alert {
        key: of.key.to_string(),
        kind: kind.ok_or_else(|| {
            Fault::internal(format!("there is no kind `{}` of alert ({})", of.kind, of.key))
        })?,
        subject: of.subject.to_string(),
        message: of.message.to_string(),
        open: of.state == AlertState::Open,
        opened_at: instant(of.opened_at),
        last_at: instant(of.last_at),
        count: of.count,
        closed_at: of.closed_at.map(instant),
    })
}

#[cfg(test)]
mod tests {
    use sinew_model::AlertKind;

    use super::*;

    #[test]
    fn every_kind_of_alert_has_its_word_on_the_wire() {
        let (ours, theirs) = (AlertKind::ALL.iter(), api::AlertKind::ALL.iter());
        assert_eq!(
            ours.map(|kind| kind.as_str()).collect::<Vec<_>>(),
            theirs.map(|k| k.as_str()).collect::<Vec<_>>()
        );
    }
}
