//! TOML with messages of one line.

use anyhow::{Result, anyhow};
use serde::de::DeserializeOwned;

/// Parses a document; the message says in which line it is wrong.
pub(super) fn parse<T: DeserializeOwned>(text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error: toml::de::Error| {
        let message = error.message().replace('\n', " ");
        // What is missing lies in no line.
        match error.span().filter(|span| !span.is_empty() && span.end < text.len()) {
            Some(span) => {
                anyhow!("line {}: {message}", 1 + text[..span.start].matches('\n').count())
            }
            None => anyhow!("{message}"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_and_name_it() {
        let message = |text: &str| parse::<toml::Table>(text).unwrap_err().to_string();
        assert!(message("a = 1\nb = = 2\n").starts_with("line 2: "), "{}", message("b = = 2"));
        assert!(!message("[columns").contains('\n'));
        assert_eq!(parse::<toml::Table>("a = 1").unwrap()["a"].as_integer(), Some(1));
    }
}
