//! "Did you mean …?".

/// Words that continue a message about an unknown name: the known one that looks most like it, or
/// nothing where none does.
pub(crate) fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let unknown = unknown.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&unknown, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| format!("; did you mean {name}?"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_alike_is_suggested() {
        assert_eq!(nearest("gorup", ["id", "group", "genre"]), "; did you mean group?");
        assert_eq!(nearest("File", ["file"]), "; did you mean file?");
        assert_eq!(nearest("xyz", ["id", "group"]), "");
    }
}
