//! Panics of other crates as errors. Not for the audio thread.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does work of others' that may panic on input they did not expect, and turns that into an error which
/// says that they, `who`, gave up. What the work has changed is not to be used then.
pub(crate) fn guarded<T>(who: &str, work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown reason");
        Err(format!("{who} gave up: {text}"))
    })
}

#[cfg(test)]
mod tests {
    use super::guarded;

    #[test]
    fn a_panic_is_an_error_that_says_who_gave_up() {
        assert_eq!(guarded("they", || Ok(7)), Ok(7));
        assert_eq!(guarded::<()>("they", || Err("no".into())), Err("no".into()));
        assert_eq!(guarded::<()>("they", || panic!("{}", 3)), Err("they gave up: 3".into()));
        assert_eq!(guarded::<()>("they", || panic!("so")), Err("they gave up: so".into()));
    }
}
