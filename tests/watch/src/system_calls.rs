//! No system call, by the kernel's word: syscall user dispatch, of Linux 5.11 and later.
//!
//! The kernel looks at a byte of the thread's own memory before it serves a call. Switching that byte takes no
//! call, so that exactly the callback is watched, the first one on a thread included.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::io::Write as _;
use std::marker::PhantomData;
use std::sync::Once;
use std::sync::atomic::{AtomicU8, Ordering};

const PR_SET_SYSCALL_USER_DISPATCH: c_int = 59;
const PR_SYS_DISPATCH_OFF: c_ulong = 0;
const PR_SYS_DISPATCH_ON: c_ulong = 1;
const ALLOW: u8 = 0;
const BLOCK: u8 = 1;

thread_local! {
    /// The byte that the kernel looks at.
    static SELECTOR: Cell<u8> = const { Cell::new(ALLOW) };
}

/// A thread whose calls the kernel asks [`SELECTOR`] about.
pub(crate) struct Watched {
    /// Another thread has another byte.
    _stays_here: PhantomData<*const ()>,
}

/// As long as this lives, calls end the process.
pub(crate) struct Forbidden<'a>(PhantomData<&'a Watched>);

impl Watched {
    /// Not on machines whose kernel cannot.
    pub(crate) fn get_ready() -> Option<Self> {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(install_handler);
        dispatch(PR_SYS_DISPATCH_ON).then_some(Self { _stays_here: PhantomData })
    }

    pub(crate) fn forbid(&self) -> Forbidden<'_> {
        SELECTOR.set(BLOCK);
        Forbidden(PhantomData)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // Before the thread's memory goes, and the byte with it.
        dispatch(PR_SYS_DISPATCH_OFF);
    }
}

impl Drop for Forbidden<'_> {
    fn drop(&mut self) {
        SELECTOR.set(ALLOW);
    }
}

fn dispatch(mode: c_ulong) -> bool {
    let none: c_ulong = 0;
    let selector = match mode {
        PR_SYS_DISPATCH_ON => SELECTOR.with(Cell::as_ptr),
        _ => std::ptr::null_mut(),
    };
    // SAFETY: the byte lives as long as the thread, and the kernel forgets it before that.
    unsafe { libc::prctl(PR_SET_SYSCALL_USER_DISPATCH, mode, none, none, selector) == 0 }
}

fn install_handler() {
    // The first trace loads a library, for which there is no time and perhaps no memory in the handler.
    callers(&mut [std::ptr::null_mut(); 1]);
    let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = refused;
    // SAFETY: zeroes are a valid `sigaction`; the handler has the signature that SA_SIGINFO asks for.
    let done = unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = handler as usize;
        action.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGSYS, &action, std::ptr::null_mut())
    };
    assert_eq!(done, 0, "SIGSYS can be handled");
}

/// The start of `siginfo_t` as it is for SIGSYS.
#[repr(C)]
struct RefusedCall {
    signal: [c_int; 4],
    address: *const c_void,
    number: c_int,
}

/// Ends the process and says what the thread asked for, and from where. Allocates nothing: who asked may have
/// been in the allocator.
extern "C" fn refused(_: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    SELECTOR.set(ALLOW);
    // SAFETY: the kernel gives this with the signal.
    let number = unsafe { (*info.cast::<RefusedCall>()).number };
    // The sanitizer ends the process, too, with a better trace. It only comes back when it is about to do so
    // for a reason of its own, and the call was part of that: then it may go on.
    rtsan_standalone::notify_blocking_call(named(number));
    if crate::has_sanitizer() {
        // SAFETY: the kernel gives this with the signal, and goes on from it.
        let context = unsafe { &mut *context.cast() };
        call_again(context);
        return;
    }
    tell(named(number).to_bytes());
    tell(b" where none may be made, from:\n");
    let mut room = [std::ptr::null_mut(); 64];
    let found = callers(&mut room);
    // SAFETY: so many were found.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::backtrace_symbols_fd(room.as_ptr(), found, libc::STDERR_FILENO);
    }
    #[cfg(not(target_env = "gnu"))]
    let _ = found;
    std::process::abort();
}

fn tell(text: &[u8]) {
    // SAFETY: the text is as long as is said.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
}

/// Who called whom, as far as there is room; gives how many there are. Only the GNU C library tells.
fn callers(room: &mut [*mut c_void]) -> c_int {
    // SAFETY: the room is as large as is said.
    #[cfg(target_env = "gnu")]
    return unsafe { libc::backtrace(room.as_mut_ptr(), room.len() as c_int) };
    #[cfg(not(target_env = "gnu"))]
    {
        let _ = room;
        0
    }
}

/// `system call 39`.
fn named(number: c_int) -> &'static CStr {
    const LENGTH: usize = 32;
    static TEXT: [AtomicU8; LENGTH] = [const { AtomicU8::new(0) }; LENGTH];
    let mut text = [0; LENGTH];
    // One byte less than there is: the last stays zero.
    let _ = write!(&mut text[..LENGTH - 1], "system call {number}");
    for (to, from) in TEXT.iter().zip(text) {
        to.store(from, Ordering::Relaxed);
    }
    // SAFETY: it ends with a zero, and whoever writes it again is about to end the process as well.
    unsafe { CStr::from_ptr(TEXT.as_ptr().cast()) }
}

/// Steps back to the instruction that asked.
fn call_again(context: &mut libc::ucontext_t) {
    #[cfg(target_arch = "x86_64")]
    {
        context.uc_mcontext.gregs[libc::REG_RIP as usize] -= 2;
    }
    #[cfg(target_arch = "aarch64")]
    {
        context.uc_mcontext.pc -= 4;
    }
    // The sanitizer is not there for any other.
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = context;
}
