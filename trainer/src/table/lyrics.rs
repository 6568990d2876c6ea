//! Features of lyrics: what HitMusicNet takes from a text, for any script.
//!
//! Words are runs of letters and marks (apostrophes and hyphens within them belong to them); scripts that are
//! written without spaces count each of their characters as a word. Syllables are runs of vowels where the
//! script has letters for them (Latin, Greek, Cyrillic), else as many as there are letters that are no
//! marks.

use std::collections::{BTreeMap, HashSet};

/// Names of the features, in the order in which [`features`] gives them.
pub const NAMES: [&str; 9] = [
    "lyrics_lines",
    "lyrics_words",
    "lyrics_words_a_line",
    "lyrics_syllables",
    "lyrics_syllables_a_word",
    "lyrics_vocabulary",
    "lyrics_repeated_lines",
    "lyrics_line_similarity",
    "lyrics_letters_a_word",
];

/// Lines that are compared with each other for their similarity: more say nothing new.
const MOST_COMPARED: usize = 400;

/// The features of a song's lyrics; `None` where there are none, as with instrumental music, which is not
/// the same as zero words.
///
/// - lines that are not empty; words; words a line;
/// - syllables, and syllables a word;
/// - vocabulary: different words, as a share of all;
/// - repeated lines: share of the lines that were there before;
/// - line similarity: mean share of words that two lines have in common (Jaccard);
/// - letters a word.
pub fn features(text: &str) -> Option<[f64; NAMES.len()]> {
    let lowered = text.to_lowercase();
    let lines: Vec<Vec<&str>> =
        lowered.lines().map(words).filter(|words: &Vec<&str>| !words.is_empty()).collect();
    let all: Vec<&str> = lines.iter().flatten().copied().collect();
    if all.is_empty() {
        return None;
    }
    let (line_count, word_count) = (lines.len() as f64, all.len() as f64);
    let syllables: usize = all.iter().map(|word| syllables(word)).sum();
    let letters: usize =
        all.iter().map(|word| word.chars().filter(|c| is_letter(*c)).count()).sum();
    let different: HashSet<&str> = all.iter().copied().collect();
    let mut seen: BTreeMap<&[&str], usize> = BTreeMap::new();
    lines.iter().for_each(|line| *seen.entry(line).or_default() += 1);
    let repeated = lines.len() - seen.len();
    Some([
        line_count,
        word_count,
        word_count / line_count,
        syllables as f64,
        syllables as f64 / word_count,
        different.len() as f64 / word_count,
        repeated as f64 / line_count,
        similarity(&lines),
        letters as f64 / word_count,
    ])
}

/// Mean Jaccard similarity of all pairs of lines; zero for a single one.
fn similarity(lines: &[Vec<&str>]) -> f64 {
    let sets: Vec<HashSet<&str>> =
        lines.iter().take(MOST_COMPARED).map(|line| line.iter().copied().collect()).collect();
    let (mut sum, mut pairs) = (0.0, 0usize);
    for (n, first) in sets.iter().enumerate() {
        for second in &sets[n + 1..] {
            let common = first.intersection(second).count();
            sum += common as f64 / (first.len() + second.len() - common) as f64;
            pairs += 1;
        }
    }
    if pairs == 0 { 0.0 } else { sum / pairs as f64 }
}

/// The words of a line.
fn words(line: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start: Option<usize> = None;
    let mut characters = line.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let end = at + c.len_utf8();
        if is_alone(c) {
            words.extend(start.take().map(|start| &line[start..at]));
            words.push(&line[at..end]);
            continue;
        }
        let next = characters.peek().is_some_and(|&(_, next)| is_letter(next) && !is_alone(next));
        let within = start.is_some() && next && matches!(c, '\'' | '’' | '-' | '\u{200c}');
        let part_of_word = is_letter(c) || is_mark(c) && start.is_some() || within;
        match (part_of_word, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                words.push(&line[from..at]);
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|start| &line[start..]));
    words
}

/// Letters, and digits, which are sung as words.
fn is_letter(c: char) -> bool {
    c.is_alphanumeric()
}

/// Combining marks of the scripts that need them, such as vowel signs.
fn is_mark(c: char) -> bool {
    matches!(c as u32, 0x300..=0x36f | 0x591..=0x5c7 | 0x64b..=0x65f | 0x900..=0x903 | 0x93a..=0x94f
        | 0x981..=0xdff | 0xe31..=0xe4e | 0x1ab0..=0x1aff | 0x20d0..=0x20ff)
}

/// Characters that are words by themselves: Han, and the syllabic kana.
fn is_alone(c: char) -> bool {
    matches!(c as u32, 0x3041..=0x30ff | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3134f)
}

/// Vowels of Latin, Greek and Cyrillic letters, accents taken off as far as they are common.
fn is_vowel(c: char) -> bool {
    "aeiouyàáâãäåæèéêëìíîïòóôõöøùúûüýÿāăąēėęěīįıōőœūůűųαεηιουωάέήίόύώϊϋΐΰаеёиоуыэюяіїєў".contains(c)
}

/// Whether a letter is of a script with letters for vowels.
fn has_vowels(c: char) -> bool {
    matches!(c as u32, 0x41..=0x24f | 0x370..=0x3ff | 0x400..=0x52f | 0x1e00..=0x1fff)
}

/// Syllables of a word, at least one.
fn syllables(word: &str) -> usize {
    if !word.chars().any(has_vowels) {
        return word.chars().filter(|&c| is_letter(c) && !is_mark(c)).count().max(1);
    }
    let (mut count, mut within) = (0, false);
    for c in word.chars() {
        let vowel = is_vowel(c);
        count += usize::from(vowel && !within);
        within = vowel;
    }
    // The e at the end of an English word is silent, unless it is the only vowel or follows an l.
    let silent = word.ends_with('e') && !word.ends_with("le") && count > 1 && word.is_ascii();
    (count - usize::from(silent)).max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str, name: &str) -> f64 {
        let place = NAMES.iter().position(|n| *n == name).unwrap();
        features(text).unwrap()[place]
    }

    #[test]
    fn a_chorus_is_counted() {
        let text = "Let it be, let it be\nWhisper words of wisdom\n\nLet it be, let it be\n";
        assert_eq!(value(text, "lyrics_lines"), 3.0);
        assert_eq!(value(text, "lyrics_words"), 16.0);
        assert_eq!(value(text, "lyrics_vocabulary"), 7.0 / 16.0);
        assert_eq!(value(text, "lyrics_repeated_lines"), 1.0 / 3.0);
        // Of three pairs of lines one is alike and two have nothing in common.
        assert!((value(text, "lyrics_line_similarity") - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(value("beautiful day", "lyrics_syllables"), 4.0);
        assert_eq!(value("don't re-run", "lyrics_words"), 2.0);
    }

    #[test]
    fn words_are_found_in_any_script() {
        for (text, count) in [
            ("Я тебя люблю", 3.0),
            ("君が好き", 4.0),
            ("我爱你", 3.0),
            ("أحبك يا حياتي", 3.0),
            ("מה שלומך", 2.0),
            ("मैं तुमसे प्यार करता हूँ", 5.0),
            ("사랑해 너를", 2.0),
            ("Σ’ αγαπώ πολύ", 3.0),
            ("l’amour, toujours l’amour", 3.0),
        ] {
            assert_eq!(value(text, "lyrics_words"), count, "{text}");
        }
        assert_eq!(value("Я тебя люблю", "lyrics_syllables"), 5.0);
    }

    #[test]
    fn no_words_are_no_lyrics() {
        for text in ["", " \n\t\n", "…!?", "♪♪♪"] {
            assert_eq!(features(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_finite_features(text in "\\PC{0,80}(\n\\PC{0,80}){0,5}") {
            if let Some(values) = features(&text) {
                prop_assert!(values.iter().all(|v| v.is_finite() && *v >= 0.0), "{values:?}");
                prop_assert!(values[5] <= 1.0 && values[6] < 1.0 && values[7] <= 1.0);
            }
        }
    }
}
