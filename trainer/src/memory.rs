//! Memory that is freed is kept for the next step.
//!
//! A training step allocates and frees hundreds of megabytes in large pieces. glibc gives each piece
//! back to the system and asks for it again, and the system clears it each time: that took three
//! fifths of a step's time on two cores.

/// Tells the allocator to keep large pieces. Call it once, before any thread starts. Where the C
/// library is not glibc, nothing is done.
pub fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: mallopt only changes settings of the allocator, and no other thread runs yet.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, libc::c_int::MAX);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
            libc::mallopt(libc::M_TOP_PAD, 64 << 20);
        }
    }
}
