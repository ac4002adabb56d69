/// Longer texts are no typing mistakes of names.
const LENGTH_MAX: usize = 80;

/// The candidate that was likely meant.
pub fn closest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > LENGTH_MAX {
        return None;
    }
    let wrong = plain(wrong);
    let length = wrong.chars().count();
    let distance_max = if length < 2 { 0 } else { (length / 3).max(1) };
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= LENGTH_MAX)
        .map(|candidate| (strsim::damerau_levenshtein(&wrong, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// What to say about a wrong name: the likely one, or the few that there are.
pub fn did_you_mean<'a>(
    wrong: &str,
    candidates: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    const SHOWN_MAX: usize = 12;
    if let Some(likely) = closest(wrong, candidates.clone()) {
        return Some(format!("did you mean `{likely}`?"));
    }
    let mut all: Vec<_> = candidates.into_iter().collect();
    all.sort_unstable();
    all.dedup();
    let more =
        if all.len() > SHOWN_MAX { format!(" and {} more", all.len() - SHOWN_MAX) } else { String::new() };
    let shown: Vec<_> = all.iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    (!shown.is_empty()).then(|| format!("there is {}{more}", shown.join(", ")))
}

/// Case, `_` and `-` are what people mix up most.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !"_-".contains(*c)).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_finds_its_word_and_other_words_do_not() {
        let words = ["getContact", "addNote", "base_url"];
        assert_eq!(closest("getContct", words), Some("getContact"));
        assert_eq!(closest("baseUrl", words), Some("base_url"));
        assert_eq!(closest("invoice", words), None);
        assert_eq!(did_you_mean("x", ["b", "a"]).unwrap(), "there is `a`, `b`");
        assert_eq!(did_you_mean("x", []), None);
        assert_eq!(closest(&"a".repeat(100_000), words), None);
    }
}
