//! Panics: what happens before they are printed, and those of others' code, which are errors like others.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// Whether a panic of this thread is caught, and told of by whoever does.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Does this before a panic is printed; one that [`caught`] makes an error of is not. Only for the start of the
/// program: of two threads that set a hook at the same time, one may lose the other's.
pub(crate) fn watch(before: fn()) {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Another one, while the first is cleaned up after, ends the program: it must be seen.
        if !CAUGHT.replace(false) {
            before();
            usual(panic);
        }
    }));
}

/// Does work that may panic because others' code does, without a word of its own. What the work has changed is
/// not to be used then.
///
/// # Errors
/// What the panic says.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let around = CAUGHT.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(around);
    done.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("unknown reason").to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    thread_local! {
        /// How often a panic of this thread was prepared for, and printed.
        static SEEN: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    }

    /// What a panic must say that is caught.
    fn text_of(work: impl FnOnce()) -> String {
        caught(work).unwrap_err()
    }

    #[test]
    fn a_panic_that_is_caught_is_said_by_nobody_else() {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            SEEN.set((SEEN.get().0, SEEN.get().1 + 1));
            usual(panic);
        }));
        watch(|| SEEN.set((SEEN.get().0 + 1, SEEN.get().1)));

        assert_eq!(caught(|| 7), Ok(7));
        assert_eq!(text_of(|| panic!("{}", 3)), "3");
        assert_eq!(text_of(|| panic!("so")), "so");
        assert_eq!(text_of(|| std::panic::panic_any(3)), "unknown reason");
        let inner = caught(|| text_of(|| panic!("within")));
        assert_eq!(inner.as_deref(), Ok("within"));
        let behind = text_of(|| {
            assert_eq!(caught(|| 7), Ok(7));
            panic!("behind");
        });
        assert_eq!(behind, "behind");
        assert_eq!(SEEN.get(), (0, 0));

        let told: Result<(), _> = catch_unwind(|| panic!("on purpose"));
        assert!(told.is_err());
        assert_eq!(SEEN.get(), (1, 1), "nobody else tells of it");
    }
}
