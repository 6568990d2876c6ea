//! What the machine must have, and how to get it.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::bundle::System;
use crate::workspace::{shown, succeed, succeeds};

/// Something a command needs from the system.
pub(crate) struct Need {
    name: &'static str,
    why: &'static str,
    /// The package that has it on Debian and Ubuntu, or several with spaces between.
    debian: &'static str,
    /// A command that succeeds where it is there.
    probe: &'static [&'static str],
}

/// A C compiler, under its name on Unix: one dependency (tract's kernels) has assembler and C, and Rust links with it.
pub(crate) const C_COMPILER: Need = Need {
    name: "cc, a C compiler and linker",
    why: "the inference engine has kernels in assembler",
    debian: "build-essential",
    probe: &["cc", "--version"],
};

/// Finds the sound system's libraries.
const PKG_CONFIG: Need = Need {
    name: "pkg-config",
    why: "it finds the sound system's libraries",
    debian: "pkg-config",
    probe: &["pkg-config", "--version"],
};

/// Compiles the C of dependencies for Windows.
pub(crate) const MINGW: Need = Need {
    name: "MinGW",
    why: "it compiles the C in dependencies for Windows",
    debian: "gcc-mingw-w64-x86-64 g++-mingw-w64-x86-64",
    probe: &["x86_64-w64-mingw32-gcc", "--version"],
};

/// Runs programs for Windows.
pub(crate) const WINE: Need = Need {
    name: "Wine",
    why: "it runs the tests that are built for Windows",
    debian: "wine wine64",
    probe: &["wine", "--version"],
};

/// A virtual screen.
pub(crate) const XVFB: &Need = SCREEN[0];

/// Makes Debian packages.
pub(crate) const DPKG_DEV: Need = Need {
    name: "dpkg-shlibdeps",
    why: "it finds the packages that a Debian package depends on",
    debian: "dpkg-dev",
    probe: &["dpkg-shlibdeps", "--version"],
};

/// Headers of ALSA.
const ALSA: Need = Need {
    name: "ALSA's development files",
    why: "sound is captured and played through it where there is no sound server",
    debian: "libasound2-dev",
    probe: &["pkg-config", "--exists", "alsa"],
};

/// Headers of JACK.
const JACK: Need = Need {
    name: "JACK's development files",
    why: "the plugin's own window plays through it",
    debian: "libjack-jackd2-dev",
    probe: &["pkg-config", "--exists", "jack"],
};

/// What the tests open the plugin's editor on: a virtual screen, pictures of it, OpenGL without a card.
const SCREEN: [&Need; 4] = [
    &Need {
        name: "Xvfb",
        why: "the tests open the plugin's editor on a virtual screen",
        debian: "xvfb",
        probe: &["sh", "-c", "command -v Xvfb"],
    },
    &Need {
        name: "ImageMagick",
        why: "the tests look at what the editor draws",
        debian: "imagemagick",
        probe: &["sh", "-c", "command -v import && command -v identify"],
    },
    &Need {
        name: "Mesa's software OpenGL",
        why: "the editor draws with OpenGL",
        debian: "libegl1 libgl1 libgl1-mesa-dri",
        probe: &["sh", "-c", "PATH=$PATH:/sbin:/usr/sbin; ldconfig -p | grep -q libEGL_mesa"],
    },
    &Need {
        name: "libxkbcommon-x11",
        why: "the editor's window reads the keyboard through it",
        debian: "libx11-xcb1 libxkbcommon-x11-0",
        probe: &["sh", "-c", "PATH=$PATH:/sbin:/usr/sbin; ldconfig -p | grep -q libxkbcommon-x11"],
    },
];

/// What compiling takes on this system.
pub(crate) fn for_compiling() -> Vec<&'static Need> {
    to_build(System::here(), &[])
}

/// What building the plugin takes on this system.
pub(crate) fn for_plugin() -> Vec<&'static Need> {
    to_build(System::here(), &[&PKG_CONFIG, &ALSA, &JACK])
}

/// What building the program takes on this system.
pub(crate) fn for_program() -> Vec<&'static Need> {
    to_build(System::here(), &[&PKG_CONFIG, &ALSA])
}

/// A compiler, and on Linux these libraries.
fn to_build(system: System, libraries: &[&'static Need]) -> Vec<&'static Need> {
    match system {
        System::Linux => std::iter::once(&C_COMPILER).chain(libraries.iter().copied()).collect(),
        System::Mac => vec![&C_COMPILER],
        // Nothing there is called `cc`; Rust's installer asks for a compiler and linker.
        System::Windows => Vec::new(),
    }
}

/// What the tests drive besides: a virtual screen.
pub(crate) fn for_editor_tests() -> Vec<&'static Need> {
    if cfg!(target_os = "linux") { SCREEN.to_vec() } else { vec![] }
}

/// And sound servers, a bus, a browser. Tests are skipped without.
pub(crate) fn for_daemon_tests() -> Vec<&'static Need> {
    if cfg!(target_os = "linux") { DAEMON_TESTS.to_vec() } else { vec![] }
}

/// Python that can make virtual environments.
pub(crate) const PYTHON: Need = Need {
    name: "python3 with venv",
    why: "results are compared with reference implementations in Python",
    debian: "python3-venv",
    probe: &["python3", "-c", "import venv, ensurepip"],
};

/// A real sound server for the tests.
const PULSEAUDIO: Need = Need {
    name: "pulseaudio",
    why: "the daemon is tested on a real sound server",
    debian: "pulseaudio",
    probe: &["pulseaudio", "--version"],
};

/// Its tools.
const PULSEAUDIO_UTILS: Need = Need {
    name: "pactl and paplay",
    why: "the tests play to that server and change its devices",
    debian: "pulseaudio-utils",
    probe: &["pactl", "--version"],
};

/// The other sound server.
const PIPEWIRE: Need = Need {
    name: "PipeWire with its PulseAudio server and session manager",
    why: "the tests listen to it as well",
    debian: "pipewire pipewire-pulse wireplumber",
    probe: &[
        "sh",
        "-c",
        "command -v pipewire && command -v pipewire-pulse && command -v wireplumber",
    ],
};

/// Limits the size of files.
const PRLIMIT: Need = Need {
    name: "prlimit",
    why: "a limit on files stands for a full disk in the tests",
    debian: "util-linux",
    probe: &["prlimit", "--version"],
};

/// A session bus for the tests.
const DBUS: Need = Need {
    name: "dbus-daemon",
    why: "the tests play a media player on a bus of their own",
    debian: "dbus",
    probe: &["dbus-daemon", "--version"],
};

/// A real browser for the tests.
const CHROMIUM: Need = Need {
    name: "chromium",
    why: "the dashboard is tested in a real browser",
    debian: "chromium",
    // As the tests look for it; a name may be there that only says what to install.
    probe: &[
        "sh",
        "-c",
        "for name in chromium chromium-browser google-chrome; do $name --version && exit; done; exit 1",
    ],
};

/// What the daemon's tests use.
const DAEMON_TESTS: [&Need; 6] =
    [&PULSEAUDIO, &PULSEAUDIO_UTILS, &PIPEWIRE, &PRLIMIT, &DBUS, &CHROMIUM];

impl Need {
    fn is_met(&self) -> bool {
        succeeds(Command::new(self.probe[0]).args(&self.probe[1..]))
    }
}

/// How this user can install packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rights {
    /// As root.
    Root,
    /// By sudo, which asks for no password.
    Sudo,
    /// By typing the line with sudo.
    Password,
}

/// Makes sure that the machine has everything that is needed: installs it, or says what to type.
pub(crate) fn ensure(needs: &[&Need]) -> Result<()> {
    let missing: Vec<_> = needs.iter().copied().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        eprintln!("missing: {} ({})", need.name, need.why);
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!("this is no Debian or Ubuntu: install the above your system's way, then try again");
    }
    let packages: Vec<_> = missing.iter().flat_map(|need| need.debian.split(' ')).collect();
    let rights = rights();
    let commands = install_commands(&packages, rights);
    if rights == Rights::Password {
        let line = commands.iter().map(shown).collect::<Vec<_>>().join(" && ");
        bail!("packages are missing; type this, then try again:\n\n    {line}\n");
    }
    for mut command in commands {
        eprintln!("{}", shown(&command));
        succeed(command.env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    match missing.iter().find(|need| !need.is_met()) {
        Some(need) => {
            bail!("{} is installed, but this still does not work: {}", need.debian, need.name)
        }
        None => Ok(()),
    }
}

/// Installs what is missing as far as that can be; what cannot be, tests are skipped without.
pub(crate) fn ensure_if_possible(needs: &[&Need]) {
    let Err(error) = ensure(needs) else { return };
    eprintln!("{error:#}");
    if rights() != Rights::Password {
        // One that cannot be had keeps none of the others away.
        for need in needs {
            let _ = ensure(&[need]);
        }
    }
    for need in needs.iter().filter(|need| !need.is_met()) {
        eprintln!("going on without {}: tests that need it are skipped", need.name);
    }
}

fn rights() -> Rights {
    let is_root = Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n");
    if is_root {
        Rights::Root
    } else if succeeds(Command::new("sudo").args(["-n", "true"])) {
        Rights::Sudo
    } else {
        Rights::Password
    }
}

fn install_commands(packages: &[&str], rights: Rights) -> [Command; 2] {
    let apt_get = || match rights {
        Rights::Root => Command::new("apt-get"),
        Rights::Sudo | Rights::Password => {
            let mut sudo = Command::new("sudo");
            if rights == Rights::Sudo {
                sudo.arg("-n");
            }
            sudo.arg("apt-get");
            sudo
        }
    };
    let (mut update, mut install) = (apt_get(), apt_get());
    update.arg("update");
    // Nobody's sound server goes for a test's sake.
    install.args(["install", "-y", "--no-install-recommends", "--no-remove"]).args(packages);
    [update, install]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(rights: Rights) -> Vec<String> {
        install_commands(&["build-essential", "python3-venv"], rights).iter().map(shown).collect()
    }

    #[test]
    fn the_line_to_type_fits_the_rights() {
        let install =
            "apt-get install -y --no-install-recommends --no-remove build-essential python3-venv";
        assert_eq!(lines(Rights::Root), ["apt-get update", install]);
        assert_eq!(
            lines(Rights::Sudo),
            ["sudo -n apt-get update".to_owned(), format!("sudo -n {install}")]
        );
        assert_eq!(
            lines(Rights::Password),
            ["sudo apt-get update".to_owned(), format!("sudo {install}")]
        );
    }

    #[test]
    fn a_compiler_is_looked_for_under_the_name_that_it_has() {
        let programs = |system| {
            let needs = to_build(system, &[&PKG_CONFIG, &ALSA]);
            needs.iter().map(|need| need.probe[0]).collect::<Vec<_>>()
        };
        assert_eq!(programs(System::Linux), ["cc", "pkg-config", "pkg-config"]);
        assert_eq!(programs(System::Mac), ["cc"]);
        assert!(programs(System::Windows).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn needs_are_told_from_their_absence() {
        let need = |probe| Need { name: "", why: "", debian: "", probe };
        assert!(need(&["true"]).is_met());
        assert!(!need(&["false"]).is_met());
        assert!(!need(&["earworm-no-such-program"]).is_met());
        assert!(ensure(&[&need(&["true"])]).is_ok());
    }
}
