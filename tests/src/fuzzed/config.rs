//! The daemon's settings.

use earworm::fuzzed::{Read, read};

use super::check_message;

/// Reads a configuration file, and what `earworm config show` writes of it.
pub(super) fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let settings = match read(text) {
        Ok(settings) => settings,
        Err(why) => return check_message(&why),
    };
    let Read { settings, used, token, mut shown } = settings;
    if let Some(token) = token {
        assert!(token.len() >= 8, "a token that can be guessed");
        // In its line there is a word for it.
        let line = "token = \"(secret)\"";
        assert!(shown.contains(line), "{shown}");
        shown = shown.replacen(line, &format!("token = \"{token}\""), 1);
    }
    let again =
        read(&shown).unwrap_or_else(|why| panic!("what is shown cannot be read: {why}\n{shown}"));
    assert_eq!((again.settings, again.used), (settings, used), "{shown}");
}
