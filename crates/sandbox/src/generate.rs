use std::io::{self, Write};

use serde::Serialize;
use sinew_stdx::Random;

use crate::names::{COMPANY_HEADS, COMPANY_TAILS, JOBS, LOCALES};

/// A contact as it lies in somebody's spreadsheet: messy, with blanks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Contact {
    /// 1, 2, 3 ..; the CRM of a sandbox with the same seed has the same person under this id.
    pub id: u64,
    /// In the script of the country.
    pub first_name: String,
    /// In the script of the country.
    pub last_name: String,
    /// Unique, never blank; sometimes in capitals or with stray blanks around it.
    pub email: String,
    /// In any of the ways people write it, or blank.
    pub phone: String,
    /// Sometimes blank.
    pub company: String,
    /// The company's domain, never blank.
    pub domain: String,
    /// Often blank.
    pub title: String,
    /// ISO 3166-1 alpha-2, often blank.
    pub country: String,
}

/// A person before the mess.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) first_name: &'static str,
    pub(crate) last_name: &'static str,
    pub(crate) email: String,
    /// E.164.
    pub(crate) phone: String,
    pub(crate) company: String,
    pub(crate) domain: String,
    pub(crate) title: &'static str,
    pub(crate) country: &'static str,
}

/// The first `count` contacts of a seed, one after the other: the same seed always gives the same ones.
pub fn generate_contacts(seed: u64, count: u64) -> impl Iterator<Item = Contact> {
    (1..=count).map(move |n| messy(seed, n))
}

/// Writes contacts as CSV (RFC 4180) with a header line.
pub fn write_contacts_csv(mut out: impl Write, seed: u64, count: u64) -> io::Result<()> {
    out.write_all(b"id,first_name,last_name,email,phone,company,domain,title,country\n")?;
    for c in generate_contacts(seed, count) {
        write!(out, "{}", c.id)?;
        for cell in
            [&c.first_name, &c.last_name, &c.email, &c.phone, &c.company, &c.domain, &c.title, &c.country]
        {
            write!(out, ",{}", csv_cell(cell))?;
        }
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Writes contacts as one JSON object a line.
pub fn write_contacts_ndjson(mut out: impl Write, seed: u64, count: u64) -> io::Result<()> {
    for contact in generate_contacts(seed, count) {
        serde_json::to_writer(&mut out, &contact)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn csv_cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// The person number `n` of a seed.
pub(crate) fn person_at(seed: u64, n: u64) -> Person {
    let mut random = Random::seeded(mix(seed, n));
    let locale = pick(&mut random, LOCALES);
    let (first_name, first_ascii) = *pick(&mut random, locale.first);
    let (last_name, last_ascii) = *pick(&mut random, locale.last);
    let head = pick(&mut random, COMPANY_HEADS);
    let tail = pick(&mut random, COMPANY_TAILS);
    let domain = format!("{}-{}.example", head.to_ascii_lowercase(), tail.to_ascii_lowercase());
    Person {
        first_name,
        last_name,
        email: format!("{first_ascii}.{last_ascii}{n}@{domain}"),
        phone: format!("+{}{}", locale.dial_code, 100_000_000 + random.below(899_999_999)),
        company: format!("{head} {tail}"),
        domain,
        title: pick(&mut random, JOBS).0,
        country: locale.country,
    }
}

fn messy(seed: u64, n: u64) -> Contact {
    let person = person_at(seed, n);
    let mut random = Random::seeded(mix(seed ^ 0x6D65_7373, n));
    let mut blank =
        |share: f64, text: &str| if random.chance(share) { String::new() } else { text.to_owned() };
    let title = blank(0.34, person.title);
    let country = blank(0.25, person.country);
    let company = blank(0.12, &person.company);
    let phone = blank(0.18, &person.phone);
    let email = match random.below(40) {
        0 => person.email.to_uppercase(),
        1 => format!(" {} ", person.email),
        _ => person.email,
    };
    Contact {
        id: n,
        first_name: person.first_name.to_owned(),
        last_name: person.last_name.to_owned(),
        email,
        phone: messy_phone(&mut random, &phone),
        company,
        domain: person.domain,
        title,
        country,
    }
}

fn messy_phone(random: &mut Random, phone: &str) -> String {
    let Some(digits) = phone.strip_prefix('+') else { return String::new() };
    let (head, tail) = digits.split_at(digits.len() - 6);
    match random.below(6) {
        0 => format!("00{digits}"),
        1 => format!("+{head} {} {}", &tail[..3], &tail[3..]),
        2 => format!("+{head}-{tail}"),
        3 => format!("(+{head}) {}.{}", &tail[..3], &tail[3..]),
        4 => format!("+{head} {tail} ext. {}", random.below(90) + 10),
        _ => phone.to_owned(),
    }
}

pub(crate) fn pick<'a, T>(random: &mut Random, from: &'a [T]) -> &'a T {
    &from[random.below(from.len() as u64) as usize]
}

/// Spreads two numbers over 64 bits.
pub(crate) fn mix(seed: u64, n: u64) -> u64 {
    Random::seeded(seed ^ n.wrapping_mul(0xD1B5_4A32_D192_ED03)).next_u64()
}

/// A digest of a text that never changes between versions (FNV-1a, spread by the seed).
pub(crate) fn text_digest(seed: u64, text: &str) -> u64 {
    let fnv = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    mix(seed, fnv)
}

/// The number that stands for an id: itself if it is one, else a digest.
pub(crate) fn number_of(id: &str) -> u64 {
    id.parse()
        .ok()
        .filter(|n| *n < 1_000_000_000_000)
        .unwrap_or_else(|| text_digest(0, id) % 1_000_000_000_000)
}

/// `nordwind-logistics` as `Nordwind Logistics`.
pub(crate) fn title_case(text: &str) -> String {
    let words = text.split(['-', '.', '_']).filter(|word| !word.is_empty()).map(|word| {
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    words.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_contacts() {
        let text = |seed| {
            let mut out = Vec::new();
            write_contacts_csv(&mut out, seed, 500).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
        assert_eq!(text(7).lines().count(), 501);
    }

    #[test]
    fn emails_are_unique_and_never_blank_but_other_fields_are_at_times() {
        let contacts: Vec<Contact> = generate_contacts(7, 20_000).collect();
        let emails: HashSet<String> = contacts.iter().map(|c| c.email.trim().to_lowercase()).collect();
        assert_eq!(emails.len(), contacts.len());
        let share =
            |blank: fn(&Contact) -> bool| contacts.iter().filter(|c| blank(c)).count() as f64 / 20_000.0;
        assert!((0.31..0.37).contains(&share(|c| c.title.is_empty())));
        assert!((0.22..0.28).contains(&share(|c| c.country.is_empty())));
        assert!((0.15..0.21).contains(&share(|c| c.phone.is_empty())));
        assert!((0.03..0.07).contains(&share(|c| c.email != c.email.trim().to_lowercase())));
    }

    #[test]
    fn cells_with_commas_and_quotes_are_quoted() {
        assert_eq!(csv_cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_cell("O'Brien"), "O'Brien");
    }
}
