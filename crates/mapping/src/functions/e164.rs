use jsonata_core::value::JValue;

use super::{Fault, FunctionDoc, HostFunction, argument, text};

pub(super) const FUNCTION: HostFunction = HostFunction {
    doc: FunctionDoc {
        name: "e164",
        signature: "$e164(phone[, country])",
        doc: "A telephone number in E.164 form (`+` and up to 15 digits). Numbers written with `+` or `00` need no \
              country; others are taken as national ones of the country (ISO 3166 alpha-2), whose trunk prefix is \
              removed. Extensions are dropped. Nothing if the number is not plausible for its country.",
        examples: &[
            ("$e164('+49 (0)30 / 123-456 78')", "\"+493012345678\""),
            ("$e164('030 12345678', 'DE')", "\"+493012345678\""),
            ("$e164('(415) 555-2671 ext. 12', 'US')", "\"+14155552671\""),
            ("$e164('0044 20 7946 0018')", "\"+442079460018\""),
            ("$e164('020 7946 0018', 'GB')", "\"+442079460018\""),
            ("$e164('12', 'DE')", "nothing"),
        ],
    },
    takes_context: false,
    call: |session, args| {
        let shown;
        let phone = match argument(args, 0) {
            // Systems that keep numbers as numbers lose the zeros in front; the rest is still of use.
            number @ JValue::Number(n) if n.fract() == 0.0 && *n > 0.0 => {
                let digits = session.digits.borrow();
                shown = digits
                    .text(*n)
                    .map_or_else(|| super::engine::plain(number).unwrap_or_default(), str::to_owned);
                Some(shown.as_str())
            }
            _ => text("e164", args, 0)?,
        };
        let country = match text("e164", args, 1)? {
            Some(code) => Some(find(code)?),
            None => None,
        };
        let number = phone.and_then(|phone| normal(phone, country));
        Ok(number.map_or(JValue::Undefined, JValue::string))
    },
};

/// How numbers are dialled in a country: calling code, trunk prefix, and how many digits a national significant
/// number has (ITU-T E.164 and the national numbering plans; both ends on the generous side).
#[derive(Debug)]
struct Country {
    iso: &'static str,
    code: &'static str,
    trunk: &'static str,
    least: usize,
    most: usize,
}

const fn country(
    iso: &'static str,
    code: &'static str,
    trunk: &'static str,
    least: usize,
    most: usize,
) -> Country {
    Country { iso, code, trunk, least, most }
}

#[rustfmt::skip]
static COUNTRIES: &[Country] = &[
    country("US", "1", "1", 10, 10), country("CA", "1", "1", 10, 10), country("DO", "1", "1", 10, 10),
    country("PR", "1", "1", 10, 10), country("JM", "1", "1", 10, 10),
    country("AE", "971", "0", 8, 9), country("AR", "54", "0", 10, 11), country("AT", "43", "0", 4, 13),
    country("AU", "61", "0", 9, 9), country("BD", "880", "0", 8, 10), country("BE", "32", "0", 8, 9),
    country("BG", "359", "0", 7, 9), country("BR", "55", "0", 10, 11), country("CH", "41", "0", 9, 9),
    country("CL", "56", "", 9, 9), country("CN", "86", "0", 10, 11), country("CO", "57", "0", 8, 10),
    country("CR", "506", "", 8, 8), country("CY", "357", "", 8, 8), country("CZ", "420", "", 9, 9),
    country("DE", "49", "0", 5, 13), country("DK", "45", "", 8, 8), country("DZ", "213", "0", 8, 9),
    country("EC", "593", "0", 8, 9), country("EE", "372", "", 7, 8), country("EG", "20", "0", 8, 10),
    country("ES", "34", "", 9, 9), country("FI", "358", "0", 5, 12), country("FR", "33", "0", 9, 9),
    country("GB", "44", "0", 9, 10), country("GH", "233", "0", 9, 9), country("GR", "30", "", 10, 10),
    country("HK", "852", "", 8, 8), country("HR", "385", "0", 8, 9), country("HU", "36", "06", 8, 9),
    country("ID", "62", "0", 8, 12), country("IE", "353", "0", 7, 9), country("IL", "972", "0", 8, 9),
    country("IN", "91", "0", 10, 10), country("IS", "354", "", 7, 7), country("IT", "39", "", 6, 11),
    country("JP", "81", "0", 9, 10), country("KE", "254", "0", 9, 9), country("KR", "82", "0", 8, 10),
    country("KZ", "7", "8", 10, 10), country("LT", "370", "8", 8, 8), country("LU", "352", "", 4, 11),
    country("LV", "371", "", 8, 8), country("MA", "212", "0", 9, 9), country("MT", "356", "", 8, 8),
    country("MX", "52", "01", 10, 10), country("MY", "60", "0", 8, 10), country("NG", "234", "0", 8, 10),
    country("NL", "31", "0", 9, 9), country("NO", "47", "", 8, 8), country("NZ", "64", "0", 8, 10),
    country("PE", "51", "0", 8, 9), country("PH", "63", "0", 8, 10), country("PK", "92", "0", 9, 10),
    country("PL", "48", "", 9, 9), country("PT", "351", "", 9, 9), country("RO", "40", "0", 9, 9),
    country("RS", "381", "0", 8, 9), country("RU", "7", "8", 10, 10), country("SA", "966", "0", 8, 9),
    country("SE", "46", "0", 7, 10), country("SG", "65", "", 8, 8), country("SI", "386", "0", 8, 8),
    country("SK", "421", "0", 9, 9), country("TH", "66", "0", 8, 9), country("TN", "216", "", 8, 8),
    country("TR", "90", "0", 10, 10), country("TW", "886", "0", 8, 9), country("UA", "380", "0", 9, 9),
    country("UY", "598", "0", 8, 8), country("VN", "84", "0", 9, 10), country("ZA", "27", "0", 9, 9),
];

fn find(code: &str) -> Result<&'static Country, Fault> {
    let code = code.trim();
    // "UK" is reserved for the United Kingdom in ISO 3166, and often used.
    let iso = if code.eq_ignore_ascii_case("UK") { "GB" } else { code };
    COUNTRIES.iter().find(|c| c.iso.eq_ignore_ascii_case(iso)).ok_or_else(|| {
        Fault::Argument(format!(
            "$e164 knows no country `{code}`; it takes ISO 3166 alpha-2 codes such as DE or US"
        ))
    })
}

fn normal(phone: &str, home: Option<&'static Country>) -> Option<String> {
    let phone = phone.trim();
    let phone = phone.strip_prefix("tel:").unwrap_or(phone);
    // What follows `;` or a letter is an extension, if a number stands before it.
    let end = phone.find(|c: char| c.is_alphabetic() || c == ';' || c == '#').unwrap_or(phone.len());
    let phone = phone.get(..end)?;
    let separator = |c: char| c.is_whitespace() || "+-–./()\u{a0}".contains(c);
    if !phone.chars().all(|c| c.is_ascii_digit() || separator(c)) {
        return None;
    }
    let international = phone.trim_start_matches(|c: char| c == '(' || c.is_whitespace()).starts_with('+');
    // The zero in "+49 (0)30" is the trunk prefix, written for those who dial from within the country.
    let phone = if international { phone.replace("(0)", "") } else { phone.to_owned() };
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    if international {
        return plausible_international(&digits);
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return plausible_international(rest);
    }
    let home = home?;
    if home.code == "1"
        && let Some(rest) = digits.strip_prefix("011")
    {
        return plausible_international(rest);
    }
    // Written with the calling code but without the `+`. Where calls within the country start with a zero, a number
    // that does not can hardly be one.
    if home.trunk == "0"
        && let Some(rest) = digits.strip_prefix(home.code)
        && fits(home, rest)
    {
        return Some(format!("+{digits}"));
    }
    let national = match digits.strip_prefix(home.trunk) {
        Some(rest) if !home.trunk.is_empty() && fits(home, rest) => rest,
        _ => &digits,
    };
    if fits(home, national) {
        return Some(format!("+{}{national}", home.code));
    }
    let rest = digits.strip_prefix(home.code)?;
    fits(home, rest).then(|| format!("+{digits}"))
}

fn plausible_international(digits: &str) -> Option<String> {
    if digits.len() > 15 || digits.starts_with('0') {
        return None;
    }
    let known = COUNTRIES.iter().filter(|c| digits.starts_with(c.code)).max_by_key(|c| c.code.len());
    let plausible = match known {
        Some(country) => fits(country, digits.get(country.code.len()..)?),
        None => digits.len() >= 8,
    };
    plausible.then(|| format!("+{digits}"))
}

fn fits(country: &Country, national: &str) -> bool {
    let rule = match country.code {
        // North American area codes and exchanges start with 2 to 9.
        "1" => {
            [0, 3].iter().all(|at| national.as_bytes().get(*at).is_some_and(|d| (b'2'..=b'9').contains(d)))
        }
        // Italian fixed lines keep their zero.
        "39" => true,
        _ => country.trunk != "0" || !national.starts_with('0'),
    };
    rule && (country.least..=country.most).contains(&national.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(phone: &str, country: &str, expected: Option<&str>) {
        let country = if country.is_empty() { None } else { Some(find(country).unwrap()) };
        assert_eq!(normal(phone, country).as_deref(), expected, "{phone}");
    }

    #[test]
    fn national_numbers_lose_their_trunk_prefix() {
        check("01 23 45 67 89", "FR", Some("+33123456789"));
        check("0171/2345678", "DE", Some("+491712345678"));
        check("06 1 234 5678", "HU", Some("+3612345678"));
        check("8 (495) 123-45-67", "RU", Some("+74951234567"));
        check("06 12345678", "IT", Some("+390612345678"));
        check("912 345 678", "ES", Some("+34912345678"));
        check("1-415-555-2671", "US", Some("+14155552671"));
        check("011 44 20 7946 0018", "US", Some("+442079460018"));
        check("4915123456789", "DE", Some("+4915123456789"));
        check("07946 123456", "uk", Some("+447946123456"));
    }

    #[test]
    fn international_numbers_need_no_country() {
        check("tel:+1-201-555-0123;ext=5", "", Some("+12015550123"));
        check("00 33 1 23 45 67 89", "", Some("+33123456789"));
        check("+358 40 1234567", "DE", Some("+358401234567"));
        check("+998 90 123 45 67", "", Some("+998901234567"));
    }

    #[test]
    fn implausible_numbers_are_nothing() {
        for (phone, country) in [
            ("", "DE"),
            ("+", ""),
            ("030 12345678", ""),
            ("call me", "DE"),
            ("+1 123 456 7890", ""),
            ("+49 1", ""),
            ("+0 123 456 789", ""),
            ("12345678901234567890", "DE"),
            ("415 555 26711", "US"),
            ("٠١٢", "EG"),
            ("+33 (0)1 23 45 67", ""),
        ] {
            check(phone, country, None);
        }
    }

    #[test]
    fn an_unknown_country_is_an_error() {
        assert!(matches!(find("XX"), Err(Fault::Argument(message)) if message.contains("`XX`")));
    }
}
