//! Plain expressions, evaluated on the data itself and printed at once, without the engine.
//!
//! Most of what people write is names, `&`, sums, comparisons and the reshaping of lists. Here is what these mean as
//! long as each value is of the kind that it looks like: text joined to text, numbers added to numbers, fields of
//! objects. Wherever JSONata has a rule for anything else (a list on the way, a number in a text, an error) this gives
//! up and the engine evaluates the expression, so that there is one authority for the rules.

mod compile;

use jsonata_core::ast::AstNode;
use jsonata_core::value::JValue;

use crate::digits::Digits;
use crate::printer::{PrintError, Printer};

/// An expression that can be printed directly.
#[derive(Debug)]
pub(crate) enum Direct {
    Scalar(Scalar),
    /// Names as they are printed, colon included.
    Object(Vec<(Box<str>, Direct)>),
    Items(Items),
}

/// An expression that gives one value and no new list or object.
#[derive(Debug)]
pub(crate) enum Scalar {
    Text(Box<str>),
    Number(f64),
    Bool(bool),
    /// Names to follow through objects.
    Path(Box<[Box<str>]>),
    Concatenate(Box<[Scalar; 2]>),
    Calculate(Operator, Box<[Scalar; 2]>),
    Compare(Comparison, Box<[Scalar; 2]>),
    /// `=`, or `!=` if negated.
    Equal {
        negated: bool,
        sides: Box<[Scalar; 2]>,
    },
    /// `and`, or `or` if it ends with true.
    Both {
        ends_with: bool,
        sides: Box<[Scalar; 2]>,
    },
    Choose(Box<[Scalar; 3]>),
    Uppercase(Box<Scalar>),
    Lowercase(Box<Scalar>),
    Sum(Box<Items>),
    Nothing,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The objects at the end of a path that pass a filter, each turned into something.
#[derive(Debug)]
pub(crate) struct Items {
    path: Box<[Box<str>]>,
    filter: Option<Scalar>,
    then: Box<Direct>,
}

/// Why nothing came of it.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The engine has to say what this means.
    Unusual,
    Print(PrintError),
}

impl From<PrintError> for Stop {
    fn from(error: PrintError) -> Self {
        Self::Print(error)
    }
}

/// A value: one of the data, or a new one.
enum Value<'d> {
    Field(&'d JValue),
    Text(String),
    Fixed(&'d str),
    Number(f64),
    Bool(bool),
    Nothing,
}

impl Direct {
    /// The same expression for direct evaluation, if it is a plain one.
    pub(crate) fn compile(ast: &AstNode) -> Option<Self> {
        compile::direct(ast, compile::DEPTH_MAX)
    }

    /// Names and nothing else.
    pub(crate) fn is_path(&self) -> bool {
        matches!(self, Self::Scalar(Scalar::Path(_)))
    }

    fn is_scalar(&self) -> bool {
        matches!(self, Self::Scalar(_))
    }

    /// Prints it; `false` if it yields nothing. After [`Stop::Unusual`] half a value may be printed.
    pub(crate) fn print(
        &self,
        context: &JValue,
        digits: &Digits,
        printer: &mut Printer,
    ) -> Result<bool, Stop> {
        match self {
            Self::Scalar(scalar) => print_value(&scalar.value(context)?, digits, printer),
            Self::Object(fields) => {
                printer.raw("{")?;
                let mut first = true;
                for (name, field) in fields {
                    let before = printer.out.len();
                    if !first {
                        printer.out.push(',');
                    }
                    printer.out.push_str(name);
                    if field.print(context, digits, printer)? {
                        first = false;
                    } else {
                        printer.out.truncate(before);
                    }
                }
                printer.raw("}")?;
                Ok(true)
            }
            Self::Items(items) => items.print(context, digits, printer),
        }
    }
}

impl Items {
    fn of<'d>(&self, context: &'d JValue) -> Result<&'d [JValue], Stop> {
        let objects = match follow(context, &self.path)? {
            None => &[],
            Some(JValue::Array(items)) => items.as_slice(),
            Some(object @ JValue::Object(_)) => std::slice::from_ref(object),
            Some(_) => return Err(Stop::Unusual),
        };
        if objects.iter().all(|item| matches!(item, JValue::Object(_))) {
            Ok(objects)
        } else {
            Err(Stop::Unusual)
        }
    }

    fn passes(&self, item: &JValue) -> Result<bool, Stop> {
        match self.filter.as_ref().map(|filter| filter.value(item)).transpose()? {
            None => Ok(true),
            Some(Value::Nothing) => Ok(false),
            Some(value) => value.truth(),
        }
    }

    /// Several values are a list, one is itself, none is nothing.
    fn print(&self, context: &JValue, digits: &Digits, printer: &mut Printer) -> Result<bool, Stop> {
        let start = printer.out.len();
        let mut printed = 0_usize;
        for item in self.of(context)? {
            if !self.passes(item)? {
                continue;
            }
            let before = printer.out.len();
            printer.out.push(if printed == 0 { '[' } else { ',' });
            let from = printer.out.len();
            if !self.then.print(item, digits, printer)? {
                printer.out.truncate(before);
                continue;
            }
            // A list of lists would be one list.
            if printer.out.as_bytes().get(from) == Some(&b'[') {
                return Err(Stop::Unusual);
            }
            printed += 1;
        }
        match printed {
            0 => {}
            1 => {
                printer.out.remove(start);
            }
            _ => printer.raw("]")?,
        }
        Ok(printed > 0)
    }

    fn sum(&self, context: &JValue) -> Result<Option<f64>, Stop> {
        let Direct::Scalar(then) = &*self.then else { return Err(Stop::Unusual) };
        let mut sum = None;
        for item in self.of(context)? {
            if !self.passes(item)? {
                continue;
            }
            match then.value(item)? {
                Value::Nothing => {}
                value => sum = Some(sum.unwrap_or(0.0) + value.number()?),
            }
        }
        Ok(sum)
    }
}

impl Scalar {
    fn value<'d>(&'d self, context: &'d JValue) -> Result<Value<'d>, Stop> {
        Ok(match self {
            Self::Text(text) => Value::Fixed(text),
            Self::Number(number) => Value::Number(*number),
            Self::Bool(bool) => Value::Bool(*bool),
            Self::Nothing => Value::Nothing,
            Self::Path(names) => match follow(context, names)? {
                None | Some(JValue::Undefined) => Value::Nothing,
                Some(field) => Value::Field(field),
            },
            Self::Concatenate(sides) => {
                let [left, right] = both(sides, context)?;
                Value::Text([left.joined()?, right.joined()?].concat())
            }
            Self::Calculate(operator, sides) => {
                let [left, right] = both(sides, context)?;
                let (Some(left), Some(right)) = (left.operand()?, right.operand()?) else {
                    return Ok(Value::Nothing);
                };
                finite(operator.apply(left, right))?
            }
            Self::Compare(comparison, sides) => {
                let [left, right] = both(sides, context)?;
                let (Some(left), Some(right)) = (left.operand()?, right.operand()?) else {
                    return Ok(Value::Nothing);
                };
                Value::Bool(comparison.holds(left, right))
            }
            Self::Equal { negated, sides } => {
                let [left, right] = both(sides, context)?;
                Value::Bool(left.equals(&right)? != *negated)
            }
            Self::Both { ends_with, sides } => {
                let [left, right] = &**sides;
                let ended = left.value(context)?.truth()? == *ends_with;
                Value::Bool(if ended { *ends_with } else { right.value(context)?.truth()? })
            }
            Self::Choose(parts) => {
                let [condition, then, otherwise] = &**parts;
                let chosen = if condition.value(context)?.truth()? { then } else { otherwise };
                return chosen.value(context);
            }
            Self::Uppercase(of) => of.value(context)?.cased(str::to_ascii_uppercase)?,
            Self::Lowercase(of) => of.value(context)?.cased(str::to_ascii_lowercase)?,
            Self::Sum(items) => items.sum(context)?.map_or(Ok(Value::Nothing), finite)?,
        })
    }
}

fn both<'d>(sides: &'d [Scalar; 2], context: &'d JValue) -> Result<[Value<'d>; 2], Stop> {
    let [left, right] = sides;
    Ok([left.value(context)?, right.value(context)?])
}

impl Value<'_> {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Field(JValue::String(text)) => Some(text),
            Self::Text(text) => Some(text),
            Self::Fixed(text) => Some(text),
            _ => None,
        }
    }

    /// As a side of `&`.
    fn joined(&self) -> Result<&str, Stop> {
        if matches!(self, Self::Nothing) {
            return Ok("");
        }
        self.text().ok_or(Stop::Unusual)
    }

    fn number(&self) -> Result<f64, Stop> {
        match self {
            Self::Field(JValue::Number(number)) | Self::Number(number) if number.is_finite() => Ok(*number),
            _ => Err(Stop::Unusual),
        }
    }

    /// As a number to calculate with; nothing makes the result nothing.
    fn operand(&self) -> Result<Option<f64>, Stop> {
        if matches!(self, Self::Nothing) { Ok(None) } else { self.number().map(Some) }
    }

    fn truth(&self) -> Result<bool, Stop> {
        match self {
            Self::Field(JValue::Bool(bool)) | Self::Bool(bool) => Ok(*bool),
            _ => Err(Stop::Unusual),
        }
    }

    fn equals(&self, other: &Self) -> Result<bool, Stop> {
        if let (Some(left), Some(right)) = (self.text(), other.text()) {
            return Ok(left == right);
        }
        if let (Ok(left), Ok(right)) = (self.truth(), other.truth()) {
            return Ok(left == right);
        }
        let (left, right) = (self.number()?, other.number()?);
        // What JSONata compares is the doubles themselves.
        Ok(left.total_cmp(&right).is_eq() || (left == 0.0 && right == 0.0))
    }

    fn cased(&self, change: fn(&str) -> String) -> Result<Value<'static>, Stop> {
        match self.text() {
            Some(text) if text.is_ascii() => Ok(Value::Text(change(text))),
            None if matches!(self, Self::Nothing) => Ok(Value::Nothing),
            _ => Err(Stop::Unusual),
        }
    }
}

impl Operator {
    fn apply(self, left: f64, right: f64) -> f64 {
        match self {
            Self::Add => left + right,
            Self::Subtract => left - right,
            Self::Multiply => left * right,
            Self::Divide => left / right,
        }
    }
}

impl Comparison {
    fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

fn finite<'d>(number: f64) -> Result<Value<'d>, Stop> {
    if number.is_finite() { Ok(Value::Number(number)) } else { Err(Stop::Unusual) }
}

fn print_value(value: &Value<'_>, digits: &Digits, printer: &mut Printer) -> Result<bool, Stop> {
    match value {
        Value::Field(value) => printer.value(value, digits)?,
        Value::Text(text) => printer.text(text)?,
        Value::Fixed(text) => printer.text(text)?,
        Value::Number(number) => printer.value(&JValue::Number(*number), digits)?,
        Value::Bool(bool) => printer.raw(if *bool { "true" } else { "false" })?,
        Value::Nothing => return Ok(false),
    }
    Ok(true)
}

/// Follows names through objects; a list on the way is for the engine.
fn follow<'d>(data: &'d JValue, names: &[Box<str>]) -> Result<Option<&'d JValue>, Stop> {
    let mut value = data;
    for name in names {
        value = match value {
            JValue::Object(fields) => match fields.get(&**name) {
                Some(field) => field,
                None => return Ok(None),
            },
            JValue::Array(_) => return Err(Stop::Unusual),
            _ => return Ok(None),
        };
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests;
