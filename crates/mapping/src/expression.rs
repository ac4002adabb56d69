use std::sync::Arc;

use sinew_stdx::Json;

use crate::printer::Printer;
use crate::program::{Evaluation, Leaf, Unit};
use crate::{CompileError, EvaluateError, Limits, Moment, Reads, Scope};

/// A JSONata expression, compiled; cloning shares it.
#[derive(Clone, Debug)]
pub struct Expression {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: String,
    unit: Unit,
}

impl Expression {
    /// Compiles a source text.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        let unit = Unit::new(vec![Leaf::compile(source)?]);
        Ok(Self { inner: Arc::new(Inner { source: source.to_owned(), unit }) })
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// What it reads of its scope.
    pub fn reads(&self) -> &Reads {
        &self.inner.unit.reads
    }

    /// Evaluates it; `None` is JSONata's "nothing" (an absent field, an empty selection).
    pub fn evaluate(
        &self,
        scope: &Scope<'_>,
        moment: Moment,
        limits: &Limits,
    ) -> Result<Option<Json>, EvaluateError> {
        let evaluation = Evaluation::begin(&self.inner.unit, scope, moment, limits)?;
        let mut printer = Printer::new(limits.output_bytes_max);
        let given = evaluation.print(0, &mut printer)?;
        Ok(given.then(|| Json::from_printed(printer.out)))
    }
}
