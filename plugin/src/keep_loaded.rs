//! Threads of the plugin may still run when its last instance is gone: a model is being read, a song written.
//! A host that unloads the library then takes away the code under them. Linux and macOS keep a library as long as
//! threads have values in it; Windows has to be asked.

/// Keeps this library loaded for as long as the process lives.
#[cfg(windows)]
pub(crate) fn keep_loaded() {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let mut library = std::ptr::null_mut();
        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let inside = keep_loaded as *const ();
        // SAFETY: with these flags the second argument is any address inside the library, which is looked up
        // and not read from, and the third takes a handle that need not be given back.
        let done = unsafe { GetModuleHandleExW(flags, inside.cast(), &raw mut library) };
        if done == 0 {
            let error = std::io::Error::last_os_error();
            tracing::warn!(%error, "the library cannot be kept in memory");
        }
    });
}

/// Nothing to do here.
#[cfg(not(windows))]
pub(crate) fn keep_loaded() {}
