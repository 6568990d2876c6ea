//! What an audio thread must not do, watched while it runs.
//!
//! [`real_time`] runs a callback under two watches, each of which ends the process, with a trace of who did what:
//!
//! - [RealtimeSanitizer](https://clang.llvm.org/docs/RealtimeSanitizer.html), which knows the functions of the
//!   C library that allocate, lock, sleep, read or write. It is there when this was built with `RTSAN_ENABLE`
//!   set, as `cargo xtask test` does.
//! - the kernel, which on Linux refuses the thread every system call, whoever makes it.

#[cfg(target_os = "linux")]
mod system_calls;

/// Runs `work` as an audio thread's callback: the process ends when it does what it must not do.
pub fn real_time<R>(work: impl FnOnce() -> R) -> R {
    // Made ready first: what either watch does to begin is no concern of the other.
    #[cfg(target_os = "linux")]
    let watched = system_calls::Watched::get_ready();
    let _sanitizer = rtsan_standalone::ScopedSanitizeRealtime::default();
    #[cfg(target_os = "linux")]
    let _forbidden = watched.as_ref().map(system_calls::Watched::forbid);
    work()
}

/// Whether the sanitizer watches in this build.
pub fn has_sanitizer() -> bool {
    // What rtsan-standalone's build script asks, too.
    option_env!("RTSAN_ENABLE").is_some()
        && cfg!(any(
            all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")),
            target_os = "macos"
        ))
}

/// Whether the kernel watches on this machine.
pub fn has_system_call_trap() -> bool {
    #[cfg(target_os = "linux")]
    return system_calls::Watched::get_ready().is_some();
    #[cfg(not(target_os = "linux"))]
    false
}
