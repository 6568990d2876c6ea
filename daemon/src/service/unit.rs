//! The service's file for systemd.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use directories::BaseDirs;

/// The service's name.
pub(super) const NAME: &str = "earworm.service";

/// Memory that the service may take besides that for its model, in MB: it takes far less, and more of it would
/// be a fault.
const MEMORY_MB: u64 = 512;

/// How often a model's file fits into the memory that its model may take: it is read, translated, and optimised
/// for some sizes of input, where weights of half precision become whole ones.
const MEMORY_A_MODEL: u64 = 10;

/// Where the file belongs.
///
/// # Errors
/// When there is no home folder.
pub(super) fn path() -> anyhow::Result<PathBuf> {
    let folders = BaseDirs::new().context("there is no home folder")?;
    Ok(folders.config_dir().join("systemd/user").join(NAME))
}

/// The memory that a service with a model of so many bytes may take, in MB.
pub(super) fn memory_mb(model_bytes: u64) -> u64 {
    MEMORY_MB + (MEMORY_A_MODEL * model_bytes).div_ceil(1 << 20)
}

/// The file, for the program that lies there and a model of so many bytes.
///
/// # Errors
/// When systemd could not start a program of that name.
pub(super) fn text(program: &Path, model_bytes: u64) -> anyhow::Result<String> {
    let program = quoted(program)?;
    let memory_mb = memory_mb(model_bytes);
    // A restart helps against nothing that ends with 2, 3 or 4: wrong flags, a wrong configuration or a
    // model or sound system in it that is none, another Earworm. Whatever else there is may pass, such as an
    // address that this computer does not have yet at login, or the drive that the model is on; so it is tried
    // again for as long as it takes, and not so often that the journal fills where it does not pass.
    Ok(format!(
        "[Unit]
Description=Earworm, a meter for how far a song will travel
After=pipewire-pulse.service pulseaudio.service
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart={program} listen
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
RestartSec=30
RestartPreventExitStatus=2 3 4
SuccessExitStatus=130
WatchdogSec=30
TimeoutStopSec=10
NoNewPrivileges=yes
LockPersonality=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
MemoryMax={memory_mb}M

[Install]
WantedBy=default.target
"
    ))
}

/// A path as systemd's command lines want it.
fn quoted(program: &Path) -> anyhow::Result<String> {
    let text = program.to_str().with_context(|| {
        format!(
            "{} is no UTF-8, which systemd asks for; install Earworm elsewhere",
            program.display()
        )
    })?;
    if text.chars().any(char::is_control) {
        bail!("{} has a control character in its name", program.display());
    }
    let text = text.replace('\\', r"\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    Ok(format!("\"{text}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_are_quoted() {
        let text = text(Path::new("/opt/100% \"my\" $tuff/earworm"), 0).unwrap();
        let line = r#"ExecStart="/opt/100%% \"my\" $$tuff/earworm" listen"#;
        assert!(text.lines().any(|is| is == line), "{text}");
        assert!(super::text(Path::new("/a\nb"), 0).is_err());
    }

    /// One that is killed while it loads its model is started again, and killed again.
    #[test]
    fn there_is_memory_for_the_largest_model() {
        let memory_mb = |model_bytes| {
            let text = text(Path::new("/usr/bin/earworm"), model_bytes).unwrap();
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix("MemoryMax="));
            value.and_then(|value| value.strip_suffix('M')?.parse::<u64>().ok()).unwrap()
        };
        assert_eq!(memory_mb(0), 512, "the built-in one");
        assert_eq!(memory_mb(1), 513);
        let largest = earworm_scorer::model::LARGEST_FILE;
        assert!(memory_mb(largest) << 20 > 6 * largest, "{} MB", memory_mb(largest));
    }

    /// There may be no network for minutes after the login.
    #[test]
    fn it_is_started_again_however_often_it_fails() {
        let text = text(Path::new("/usr/bin/earworm"), 0).unwrap();
        let value = |key: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines.find(|(name, _)| *name == key).map(|(_, value)| value)
        };
        assert_eq!(value("Restart"), Some("on-failure"));
        assert_eq!(value("StartLimitIntervalSec"), Some("0"), "no limit");
        assert_eq!(value("StartLimitBurst"), None);
        let rest_s: u32 = value("RestartSec").unwrap().parse().unwrap();
        assert!((15..=60).contains(&rest_s), "it does not hurry");
    }
}
