use std::num::NonZeroU32;
use std::sync::Arc;

use sinew_diag::{Diagnostic, codes::config};

use crate::binding::SqlError;
use crate::read::fields::Fields;
use crate::read::parameters::{properties, requires};
use crate::shape::{Field, Record, Shape, Words, default, did_you_mean, one_of, optional, required, words};
use crate::{Binding, Effect, Pagination, Speaks, SqlAnswer, SqlBinding, SqlParameter};

use super::{Binder, Bound};

pub(super) const FIELDS: &[Field] = &[one_of(
    "sql",
    Shape::ShortOr(&Shape::Text, &STATEMENT),
    "This statement; `:name` is the input field of that name, bound as a value. What begins with `select` is a `read`, with `delete`, `truncate` or `drop` it is `destructive`, everything else is a `write`.",
)
.like("select id, name from customers where id > :after order by id")];

static STATEMENT: Record = Record {
    name: "statement",
    doc: "A statement of a database.",
    fields: &[&[
        required("statement", Shape::Text, "The statement.").like("select * from orders where id = :id"),
        optional(
            "answer",
            Shape::Word(SqlAnswer::WORDS),
            "What the answer is made of: `rows` if the statement gives any, else `changed`.",
        ),
        default("page", Shape::Count(1, 10_000), "500", "The most rows of a page."),
    ]],
};

words!(SqlAnswer {
    Rows = "rows", "all rows, a list of objects";
    Row = "row", "the first row, or `null`";
    Changed = "changed", "how many rows were changed: `{ changed: 3 }`";
});

/// Rows of a page, if nobody says.
const PAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(499);

pub(super) fn read(binder: &mut Binder<'_, '_, '_>) -> Option<Bound> {
    let node = binder.node;
    let long = node.scalar().is_none().then(|| Fields::of(node, &STATEMENT));
    let node = long.map_or(Some(node), |fields| fields.node("statement"))?;
    let (scalar, written) = (node.scalar()?, node.text()?);
    let Speaks::Sql(dialect) = binder.transport.facts().speaks else { return None };
    let parsed = match crate::binding::parse_sql(written, dialect) {
        Ok(parsed) => parsed,
        Err(SqlError { kind, at }) => {
            let diagnostic =
                Diagnostic::error(config::STATEMENT, kind.to_string()).at(scalar.place_at(at, 1));
            binder.reader.out.push(diagnostic);
            return None;
        }
    };
    let known = binder.input.and_then(properties);
    for (name, at) in &parsed.names {
        let is_key = binder.key.is_some_and(|key| **key == **name);
        if let Some(known) = known.as_ref().filter(|known| !is_key && !known.contains(&name.as_str())) {
            let help = did_you_mean(name, known.iter().copied())
                .unwrap_or_else(|| "list it under `properties` of the input".to_owned());
            let message = format!("the value `:{name}` is no field of the input");
            let place = scalar.place_at(*at, name.chars().count() + 1);
            binder.reader.out.push(Diagnostic::error(config::PARAMETER, message).at(place).help(help));
        }
    }
    let is_required = |name: &str| binder.input.is_none_or(|schema| requires(schema, name));
    let parameters = parsed
        .names
        .iter()
        .map(|(name, _)| SqlParameter { field: Arc::from(name.as_str()), required: is_required(name) });
    let effect = effect_of(&parsed.words);
    let gives_rows = effect == Effect::Read || parsed.words.iter().any(|word| word == "returning");
    let answer = long.and_then(|fields| fields.word("answer"));
    let answer = answer.unwrap_or(if gives_rows { SqlAnswer::Rows } else { SqlAnswer::Changed });
    let page = long.and_then(|fields| fields.positive("page")).unwrap_or(PAGE);
    let said = binder.operation.word("effect").unwrap_or(effect);
    let streams = answer == SqlAnswer::Rows && said == Effect::Read;
    let binding = SqlBinding {
        written: Arc::from(written),
        parameters: parameters.collect(),
        pieces: parsed.pieces,
        answer,
    };
    Some(Bound {
        binding: Binding::Sql(Arc::new(binding)),
        effect,
        pagination: streams.then_some(Pagination::Streamed { page }),
    })
}

/// What a statement does, by its words.
fn effect_of(words: &[String]) -> Effect {
    const CHANGING: [&str; 4] = ["insert", "update", "delete", "merge"];
    let first = words.first().map_or("", String::as_str);
    match first {
        "select" | "values" | "table" | "show" | "explain" | "describe" | "desc" => Effect::Read,
        "with" if !words.iter().any(|word| CHANGING.contains(&word.as_str())) => Effect::Read,
        "delete" | "truncate" | "drop" => Effect::Destructive,
        _ => Effect::Write,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dialect;

    #[test]
    fn a_statement_tells_what_it_does() {
        for (text, effect) in [
            ("select 1", Effect::Read),
            ("with a as (select 1) select * from a", Effect::Read),
            ("with a as (delete from t returning *) select * from a", Effect::Write),
            ("insert into t values (1)", Effect::Write),
            ("delete from t", Effect::Destructive),
            ("refresh materialized view v", Effect::Write),
        ] {
            let parsed = crate::binding::parse_sql(text, Dialect::Postgres);
            assert_eq!(parsed.map(|parsed| effect_of(&parsed.words)).ok(), Some(effect), "{text}");
        }
    }
}
