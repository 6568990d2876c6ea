//! What a supervisor is told: that the service is ready, what it does, and that it is alive.

/// Tells systemd, where that started us, until this is dropped.
pub(crate) struct Supervised;

#[cfg(target_os = "linux")]
impl Supervised {
    /// Says that everything has started, and from now on that it is alive.
    pub(crate) fn ready(status: &str) -> Self {
        use earworm_scorer::live::Worker;
        use sd_notify::NotifyState;

        let _ = sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(status)]);
        if let Some(patience) = sd_notify::watchdog_enabled() {
            let watch = move || {
                loop {
                    // Comes back only if the worker does its work: if that hangs, so do we, and
                    // systemd starts the service anew. One that is slower than sound only loses some of it.
                    Worker::shared().ping();
                    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
                    std::thread::sleep(patience / 3);
                }
            };
            let _ = std::thread::Builder::new().name("earworm-watchdog".into()).spawn(watch);
        }
        Self
    }
}

#[cfg(target_os = "linux")]
impl Drop for Supervised {
    fn drop(&mut self) {
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    }
}

#[cfg(not(target_os = "linux"))]
impl Supervised {
    /// Nobody asks here.
    pub(crate) fn ready(_status: &str) -> Self {
        Self
    }
}
