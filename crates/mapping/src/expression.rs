use std::sync::Arc;

use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use sinew_stdx::Json;

use crate::scope::Source;
use crate::{CompileError, EvaluateError, Excess, Limits, Moment, Reads, Scope};

/// A JSONata expression, compiled; cloning shares it.
#[derive(Clone, Debug)]
pub struct Expression {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: String,
    ast: jsonata_core::ast::AstNode,
    reads: Reads,
}

impl Expression {
    /// Compiles a source text.
    pub fn compile(source: &str) -> Result<Self, CompileError> {
        let ast = parser::parse(source).map_err(|e| CompileError {
            message: e.to_string(),
            code: "S0201".to_owned(),
            offset: None,
            help: None,
        })?;
        Ok(Self { inner: Arc::new(Inner { source: source.to_owned(), ast, reads: Reads::Everything }) })
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.inner.source
    }

    /// What it reads of its scope.
    pub fn reads(&self) -> &Reads {
        &self.inner.reads
    }

    /// Evaluates it; `None` is JSONata's "nothing" (an absent field, an empty selection).
    pub fn evaluate(
        &self,
        scope: &Scope<'_>,
        _moment: Moment,
        limits: &Limits,
    ) -> Result<Option<Json>, EvaluateError> {
        let text = match scope.source() {
            Source::Whole(json) => (*json).clone(),
            Source::Named(bindings) => Json::object(bindings.iter().copied()),
        };
        let data = JValue::from_json_str(text.as_str()).unwrap_or(JValue::Null);
        let options = EvaluatorOptions {
            timeout_ms: Some(limits.time.as_millis() as u64),
            max_stack_depth: Some(limits.depth_max as usize),
            max_sequence_length: Some(limits.sequence_max),
            cancel: None,
        };
        let value = Evaluator::with_options(Context::new(), options)
            .evaluate(&self.inner.ast, &data)
            .map_err(|e| failure(&e, limits))?;
        if value.is_undefined() {
            return Ok(None);
        }
        Ok(Some(Json::from_printed(value.to_json_string().unwrap_or_default())))
    }
}

fn failure(error: &EvaluatorError, limits: &Limits) -> EvaluateError {
    let code = error.code().unwrap_or("D0000");
    match code {
        "D1012" | "U1003" => EvaluateError::TimeExceeded { limit: limits.time, field: None },
        "D1011" | "U1001" => EvaluateError::DepthExceeded { limit: limits.depth_max, field: None },
        "D2015" => {
            EvaluateError::TooLarge { what: Excess::Sequence, limit: limits.sequence_max, field: None }
        }
        _ => {
            EvaluateError::Failed { code: code.to_owned(), message: error.message().to_owned(), field: None }
        }
    }
}
