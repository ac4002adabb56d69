/// What a plain scalar means, by YAML 1.2's core schema (section 10.3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Literal {
    Null,
    Boolean(bool),
    /// A number, as JSON writes it.
    Number(String),
    /// A number that JSON cannot hold, or that is likely a text that lost its quotes; says which.
    Odd(&'static str),
    Text,
}

impl Literal {
    /// Reads a plain scalar.
    pub(crate) fn of(text: &str) -> Self {
        match text {
            "" | "~" | "null" | "Null" | "NULL" => return Self::Null,
            "true" | "True" | "TRUE" => return Self::Boolean(true),
            "false" | "False" | "FALSE" => return Self::Boolean(false),
            _ => {}
        }
        if !text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
            return Self::Text;
        }
        let (sign, digits) = match text.split_at(1) {
            ("+", rest) => ("", rest),
            ("-", rest) => ("-", rest),
            _ => ("", text),
        };
        match digits {
            ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN" => {
                Self::Odd("JSON knows no infinity and no NaN")
            }
            _ => radix(digits).or_else(|| decimal(sign, digits)).unwrap_or(Self::Text),
        }
    }
}

fn radix(digits: &str) -> Option<Literal> {
    let (body, radix) = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
        (Some(body), _) => (body, 16),
        (_, Some(body)) => (body, 8),
        _ => return None,
    };
    if body.is_empty() || !body.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(match u128::from_str_radix(body, radix) {
        Ok(number) => Literal::Number(number.to_string()),
        Err(_) => Literal::Odd("it is too large"),
    })
}

fn decimal(sign: &str, digits: &str) -> Option<Literal> {
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (digits, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let all_digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    let exponent_ok = exponent.is_none_or(|e| {
        let digits = e.strip_prefix(['+', '-']).unwrap_or(e);
        !digits.is_empty() && all_digits(digits)
    });
    let some_digits = !whole.is_empty() || fraction.is_some_and(|f| !f.is_empty());
    if !some_digits || !all_digits(whole) || !fraction.is_none_or(all_digits) || !exponent_ok {
        return None;
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Some(Literal::Odd("leading zeros are lost in a number; a text is written '\"007\"'"));
    }
    let mut number = String::from(sign);
    number.push_str(if whole.is_empty() { "0" } else { whole });
    if let Some(fraction) = fraction.filter(|f| !f.is_empty()) {
        number.push('.');
        number.push_str(fraction);
    }
    if let Some(exponent) = exponent {
        number.push('e');
        number.push_str(exponent);
    }
    Some(Literal::Number(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_mean_what_yaml_says() {
        let number = |n: &str| Literal::Number(n.to_owned());
        for (text, meaning) in [
            ("", Literal::Null),
            ("~", Literal::Null),
            ("true", Literal::Boolean(true)),
            ("yes", Literal::Text),
            ("12", number("12")),
            ("+12", number("12")),
            ("-0.50", number("-0.50")),
            (".5", number("0.5")),
            ("5.", number("5")),
            ("1e3", number("1e3")),
            ("0x1F", number("31")),
            ("0o17", number("15")),
            ("9007199254740993", number("9007199254740993")),
            ("2026-11", Literal::Text),
            ("1_000", Literal::Text),
            ("1.2.3", Literal::Text),
            ("-", Literal::Text),
            (".", Literal::Text),
            ("1e", Literal::Text),
            ("é", Literal::Text),
        ] {
            assert_eq!(Literal::of(text), meaning, "{text}");
        }
        assert!(
            matches!(Literal::of("007"), Literal::Odd(_)) && matches!(Literal::of("-.inf"), Literal::Odd(_))
        );
    }
}
