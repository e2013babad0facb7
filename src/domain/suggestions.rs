//! Words: the ones that a file may use, and the one that was meant.

/// So many letters of a word's beginning stand for it.
const ABBREVIATED: usize = 4;

/// The known word that was probably meant: few letters differ, only the way words are
/// joined, or it is the beginning of one of them alone.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| -> String {
        word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
    };
    let meant = plain(word);
    let known: Vec<&str> = known.into_iter().collect();
    let begins = |candidate: &&&str| meant.len() >= ABBREVIATED && plain(candidate).starts_with(&meant);
    let full = known.iter().filter(begins).copied().collect::<Vec<_>>();
    if let [full] = full[..] {
        return Some(full);
    }
    known
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&meant, &plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()) / 3)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// All the words, each once, as in "`a`, `b` and `c`".
pub(crate) fn all(words: &[&str]) -> String {
    listed(words.iter().map(|word| format!("`{word}`")), "and")
}

/// One of the words, as in "\"a\", \"b\" or \"c\"".
pub(crate) fn one_of(words: &[&str]) -> String {
    listed(words.iter().map(|word| format!("\"{word}\"")), "or")
}

fn listed(words: impl Iterator<Item = String>, before_the_last: &str) -> String {
    let mut each: Vec<String> = Vec::new();
    for word in words {
        if !each.contains(&word) {
            each.push(word);
        }
    }
    match each.as_slice() {
        [] => "no key".to_owned(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} {before_the_last} {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near() {
        let known = ["collection", "destination_url", "name", "resync", "key_sink"];
        for (written, meant) in [
            ("colection", Some("collection")),
            ("destinationUrl", Some("destination_url")),
            ("destination-url", Some("destination_url")),
            ("nmae", Some("name")),
            ("key_sinks", Some("key_sink")),
            ("dest", Some("destination_url")),
            ("retry", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn words_are_listed_as_one_would_say_them() {
        assert_eq!(all(&["a", "a"]), "`a`");
        assert_eq!(all(&["a", "b", "c"]), "`a`, `b` and `c`");
        assert_eq!(one_of(&["a", "b"]), "\"a\" or \"b\"");
    }
}
