//! The memory of the process and of the machine.

/// Tells the allocator to keep large pieces. Call it once, before any thread starts. Where the C
/// library is not glibc, nothing is done.
///
/// A training step allocates and frees hundreds of megabytes in large pieces. glibc gives each piece
/// back to the system and asks for it again, and the system clears it each time: that took three
/// fifths of a step's time on two cores.
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

/// Bytes of memory that this process holds and that no file stands behind; `None` where the system does
/// not say.
pub(crate) fn held() -> Option<u64> {
    kilobytes(&std::fs::read_to_string("/proc/self/status").ok()?, "RssAnon:")
}

/// Bytes of memory that can still be had: the machine's, or less where the process is given less (a
/// container, a scheduler's job). `None` where the system does not say.
pub(crate) fn available() -> Option<u64> {
    let machine = kilobytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some(left_in_group().map_or(machine, |left| left.min(machine)))
}

/// What is left of the memory that the control groups of this process may hold, the least of them.
fn left_in_group() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    let number = |path: std::path::PathBuf| -> Option<u64> {
        std::fs::read_to_string(path).ok()?.trim().parse().ok()
    };
    std::path::Path::new(own)
        .ancestors()
        .filter_map(|group| {
            let folder = std::path::Path::new("/sys/fs/cgroup").join(group.strip_prefix("/").ok()?);
            // A group without a limit says "max", the topmost one nothing.
            let limit = number(folder.join("memory.max"))?;
            Some(limit.saturating_sub(number(folder.join("memory.current"))?))
        })
        .min()
}

/// The number behind `name` in one of the kernel's lists, in bytes.
fn kilobytes(list: &str, name: &str) -> Option<u64> {
    let line = list.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lists_are_read() {
        let list = "Name:\tx\nRssAnon:\t  1234 kB\nVmSwap: 5 kB\n";
        assert_eq!(kilobytes(list, "RssAnon:"), Some(1234 * 1024));
        assert_eq!(kilobytes(list, "RssFile:"), None);
        assert_eq!(kilobytes("RssAnon: many kB", "RssAnon:"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_held_grows_with_what_is_taken() {
        let before = held().unwrap();
        let taken = std::hint::black_box(vec![1u8; 64 << 20]);
        assert!(held().unwrap() >= before + (32 << 20));
        assert!(available().unwrap() > 0 && taken.len() == 64 << 20);
    }
}
