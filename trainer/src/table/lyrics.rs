//! Features of lyrics: what HitMusicNet takes from a text, for any script.
//!
//! Words are runs of letters and marks (apostrophes, hyphens and joiners within them belong to them); scripts
//! that are written without spaces (Han, kana, Thai, Lao, Burmese, Khmer and their kin) count each of their
//! characters, with all that is written around it, as a word. Syllables are runs of vowels where the script
//! has letters for them (Latin, Greek, Cyrillic); one for a character that is a word; else as many as there
//! are letters, but for marks and for those that a virama takes the vowel from.

use std::collections::{BTreeMap, HashSet};

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_segmentation::UnicodeSegmentation;

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

/// What belongs to a word that goes on behind it: apostrophes, hyphens, and what joins letters or keeps them
/// apart.
const WITHIN_WORDS: [char; 6] = ['\'', '’', '-', '\u{5be}', '\u{200c}', '\u{200d}'];

/// Viramas of the scripts of India and Sri Lanka that separate words: the letter before is sung without a
/// vowel.
const VIRAMAS: [char; 10] = [
    '\u{94d}', '\u{9cd}', '\u{a4d}', '\u{acd}', '\u{b4d}', '\u{bcd}', '\u{c4d}', '\u{ccd}',
    '\u{d4d}', '\u{dca}',
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
        if is_alone(c) {
            words.extend(start.take().map(|start| &line[start..at]));
            let end = at + character_bytes(&line[at..]);
            words.push(&line[at..end]);
            while characters.next_if(|&(next, _)| next < end).is_some() {}
            continue;
        }
        let next = characters.peek().is_some_and(|&(_, next)| is_letter(next) && !is_alone(next));
        let within = start.is_some() && next && WITHIN_WORDS.contains(&c);
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

/// Marks that belong to a letter, such as accents, vowel signs and viramas.
fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// Letters that are words by themselves, of scripts that are written without spaces.
fn is_alone(c: char) -> bool {
    let without_spaces = matches!(c as u32,
        // Thai, Lao, Burmese and Khmer, and their kin: two of Tai, Tai Tham, Balinese.
        0xe00..=0xeff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x1950..=0x19df | 0x1a20..=0x1aaf | 0x1b00..=0x1b7f
        // Javanese, more of Burmese, Tai Viet.
        | 0xa980..=0xa9ff | 0xaa60..=0xaadf
        // Kana, also those of half the width; Han.
        | 0x3041..=0x30ff | 0x31f0..=0x31ff | 0xff66..=0xff9d
        | 0x3005..=0x3007 | 0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x20000..=0x3ffff);
    // Their blocks hold punctuation, digits and marks, too.
    without_spaces && c.is_alphabetic() && !is_mark(c)
}

/// Bytes of the character that a text begins with: a letter, what is stacked below it, and its marks.
fn character_bytes(text: &str) -> usize {
    let cluster = text.graphemes(true).next().map_or(0, str::len);
    // Unicode's clusters leave some vowel signs of Burmese to themselves.
    let marks = text[cluster..].chars().take_while(|&c| is_mark(c));
    cluster + marks.map(char::len_utf8).sum::<usize>()
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
    if word.chars().next().is_some_and(is_alone) {
        return 1;
    }
    if !word.chars().any(has_vowels) {
        let letters = word.chars().filter(|&c| is_letter(c) && !is_mark(c)).count();
        let without_vowel = word.chars().filter(|c| VIRAMAS.contains(c)).count();
        return letters.saturating_sub(without_vowel).max(1);
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

    /// Scripts of India and Sri Lanka separate words. Every letter is a syllable: its vowel sign belongs to it,
    /// without one it is sung with an a, and with a virama it has no vowel.
    #[test]
    fn vowel_signs_and_viramas_belong_to_their_letters() {
        for (text, count, sung) in [
            // a-mi to-ma-ke bha-lo-ba-si
            ("আমি তোমাকে ভালোবাসি", 3.0, 9.0),
            // nan un-nai ka-tha-lik-ki-ren
            ("நான் உன்னை காதலிக்கிறேன்", 3.0, 8.0),
            // ne-nu nin-nu pre-mis-tun-na-nu
            ("నేను నిన్ను ప్రేమిస్తున్నాను", 3.0, 9.0),
            // na-mas-te
            ("नमस्ते", 1.0, 3.0),
            // sri lan-ka; a joiner follows the virama of sri.
            ("ශ්\u{200d}රී ලංකා", 2.0, 3.0),
        ] {
            assert_eq!(value(text, "lyrics_words"), count, "{text}");
            assert_eq!(value(text, "lyrics_syllables"), sung, "{text}");
        }
    }

    /// Scripts without spaces: as many words, and syllables, as there are characters with what is written
    /// around them.
    #[test]
    fn scripts_without_spaces_count_their_characters() {
        for (text, count) in [
            // ฉั น รั ก เ ธ อ: vowels above and tones are marks, those before and behind are letters.
            ("ฉันรักเธอ", 7.0),
            // น้ำ ใ จ: the am behind n belongs to it, though it is no mark.
            ("น้ำใจ", 3.0),
            // ຂ້ ອ ຍ ຮັ ກ ເ ຈົ້ າ
            ("ຂ້ອຍຮັກເຈົ້າ", 8.0),
            // မြ န် မာ: an asat ends a syllable, not a word.
            ("မြန်မာ", 3.0),
            // သ တ္တ ဝါ: the second t stands below the first.
            ("သတ္တဝါ", 3.0),
            // One character: kh, a coeng that puts nh below it, and two vowel signs.
            ("ខ្ញុំ", 1.0),
            // ខ្ញុំ ស្រ លា ញ់ អ្ន ក
            ("ខ្ញុំស្រលាញ់អ្នក", 6.0),
            // ロ ッ ク ス タ ー: the dot between them is no word.
            ("ロック・スター", 6.0),
            // か and a mark of its own that makes it ga are one.
            ("か\u{3099}", 1.0),
            ("ｶﾞ", 1.0),
        ] {
            assert_eq!(value(text, "lyrics_words"), count, "{text}");
            assert_eq!(value(text, "lyrics_syllables"), count, "{text}");
        }
        // ๑๒๓ ค รั้ ง: digits are one word, as elsewhere.
        assert_eq!(value("๑๒๓ ครั้ง", "lyrics_words"), 4.0);
    }

    #[test]
    fn points_hyphens_and_joiners_stay_within_words() {
        // Hebrew with its points and a maqaf; Persian with a non-joiner.
        for text in ["בֶּן־אָדָם", "می\u{200c}خواهم"] {
            assert_eq!(value(text, "lyrics_words"), 1.0, "{text}");
        }
    }

    #[test]
    fn no_words_are_no_lyrics() {
        for text in ["", " \n\t\n", "…!?", "♪♪♪", "・・・", "゛", "។"] {
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
