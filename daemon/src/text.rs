//! Words and columns for people: scores, widths, bars, the model in a line.

use std::borrow::Cow;

use earworm_scorer::Hook;
use earworm_scorer::model::{Metadata, Metric};
use ratatui::text::Span;

use crate::clock;

/// A score as people read it: whole points, or a dash where there is none.
pub(crate) fn score(score: Option<f32>) -> String {
    score.map_or_else(|| "–".into(), |score| format!("{score:.0}"))
}

/// The hook: `0:30–0:59 (71)`, or a dash.
pub(crate) fn hook(hook: Option<&Hook>) -> String {
    hook.map_or_else(
        || "–".into(),
        |hook| format!("{} ({:.0})", clock::span(hook.start_s, hook.end_s), hook.score),
    )
}

/// What a model is worth, in a few words: `test AUC 0.66 (0.61–0.71)`.
pub(crate) fn worth(metadata: &Metadata) -> String {
    match metadata.test_auc() {
        Some(Metric { value, low, high, .. }) => {
            format!("test AUC {value:.2} ({low:.2}–{high:.2})")
        }
        None => "test AUC not measured".into(),
    }
}

/// Cells a text takes up in a terminal.
pub(crate) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// A text that cannot do anything to a terminal: control characters replaced.
pub(crate) fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A text as a cell of CSV, in which a spreadsheet must not find a formula: titles come from any page
/// that plays something, and names of files from anybody. An apostrophe in front makes it a text.
pub(crate) fn cell(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// The text cut to `cells`, its middle left out if need be: the start and the end of a file name
/// tell more than its middle.
pub(crate) fn shorten(text: &str, cells: usize) -> String {
    if width(text) <= cells {
        return text.to_owned();
    }
    let room = cells.saturating_sub(1);
    let head = take_cells(text.chars(), room.div_ceil(2));
    let tail: String = take_cells(text.chars().rev(), room / 2).chars().rev().collect();
    format!("{head}…{tail}")
}

fn take_cells(chars: impl Iterator<Item = char>, cells: usize) -> String {
    let mut taken = String::new();
    for c in chars {
        taken.push(c);
        if width(&taken) > cells {
            taken.pop();
            break;
        }
    }
    taken
}

/// The text filled up with blanks to `cells`, on the right or on the left.
pub(crate) fn pad(text: &str, cells: usize, right_aligned: bool) -> String {
    let blanks = " ".repeat(cells.saturating_sub(width(text)));
    if right_aligned { blanks + text } else { text.to_owned() + &blanks }
}

/// A bar of block characters, `part` of `cells` long, in eighths of a cell, without trailing blanks.
pub(crate) fn bar(part: f32, cells: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (part.clamp(0.0, 1.0) * cells as f32 * 8.0).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// The text in lines of at most `cells`, broken between words.
pub(crate) fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= cells {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_and_hooks() {
        assert_eq!(score(Some(57.6)), "58");
        assert_eq!(score(None), "–");
        let best = Hook { score: 71.2, start_s: 30.0, end_s: 59.0 };
        assert_eq!(hook(Some(&best)), "0:30–0:59 (71)");
        assert_eq!(hook(None), "–");
    }

    #[test]
    fn file_names_keep_both_ends() {
        assert_eq!(shorten("short.wav", 20), "short.wav");
        assert_eq!(shorten("a very long name indeed.wav", 11), "a ver…d.wav");
        assert!(width(&shorten("日本語の長い名前です.flac", 11)) <= 11);
        assert_eq!(shorten("anything", 1), "…");
        assert_eq!(tame("a\x1b[31mb\n"), "a\u{fffd}[31mb\u{fffd}");
    }

    #[test]
    fn a_cell_is_no_formula() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(cell(formula), format!("'{formula}"));
        }
        for text in ["", "a=b", "'quoted", "–"] {
            assert_eq!(cell(text), text);
        }
    }

    #[test]
    fn columns_and_bars() {
        assert_eq!(pad("ab", 4, false), "ab  ");
        assert_eq!(pad("ab", 4, true), "  ab");
        assert_eq!(pad("日本", 3, false), "日本");
        assert_eq!(bar(0.5, 4), "██");
        assert_eq!(bar(0.53, 4), "██▏");
        assert_eq!(bar(7.0, 2), "██");
        assert_eq!(bar(f32::NAN, 2), "");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("", 7), [""]);
        assert_eq!(wrap("unbreakable", 4), ["unbreakable"]);
    }
}
