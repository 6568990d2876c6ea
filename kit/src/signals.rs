//! Signals that whoever started the program wants ignored: hang-ups under `nohup`, Ctrl-C in the background
//! of a script. A handler would undo that.

use libc::c_int;

/// Those of the signals that may be handled. To be asked before any handler is set.
pub fn not_ignored(signals: &[c_int]) -> Vec<c_int> {
    signals.iter().copied().filter(|&signal| !is_ignored(signal)).collect()
}

/// Whether a signal is ignored at the moment. One that there is not, is not.
pub fn is_ignored(signal: c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: without a new action nothing changes; the present one is written to where there is room for it.
    if unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: it has been written.
    unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_left_out() {
        // Nobody else in this process minds these two.
        let (ignored, usual) = (libc::SIGUSR1, libc::SIGUSR2);
        // SAFETY: no handler is set.
        unsafe {
            libc::signal(ignored, libc::SIG_IGN);
            libc::signal(usual, libc::SIG_DFL);
        }
        assert_eq!(not_ignored(&[ignored, usual]), [usual]);
        assert!(!is_ignored(-1));
    }
}
