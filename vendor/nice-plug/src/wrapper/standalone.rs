//! A standalone plugin target that directly connects to the system's audio and MIDI ports instead
//! of relying on a plugin host. This is mostly useful for quickly testing GUI changes.

use clap::{CommandFactory, FromArgMatches};
use nice_plug_core::plugin::Plugin;

use self::backend::Backend;
use self::config::WrapperConfig;
use self::wrapper::Wrapper;
use super::util::setup_logger;

mod backend;
mod config;
mod context;
mod wrapper;

/// Open an nice-plug plugin as a standalone application. If the plugin has an editor, this will open
/// the editor and block until the editor is closed. Otherwise this will block until SIGINT is
/// received. This is mainly useful for quickly testing plugin GUIs. In order to use this, you will
/// first need to make your plugin's main struct `pub` and expose a `lib` artifact in addition to
/// your plugin's `cdylib`:
///
/// ```toml
/// # Cargo.toml
///
/// [lib]
/// # The `lib` artifact is needed for the standalone target
/// crate-type = ["cdylib", "lib"]
/// ```
///
/// You can then create a `src/main.rs` file that calls this function:
///
/// ```ignore
/// // src/main.rs
///
/// use nice_plug::prelude::*;
///
/// use plugin_name::PluginName;
///
/// fn main() {
///     nice_export_standalone::<PluginName>();
/// }
/// ```
///
/// By default this will connect to the 'default' audio and MIDI ports. Use the command line options
/// to change this. `--help` lists all available options.
///
/// If the wrapped plugin fails to initialize or throws an error during audio processing, then this
/// function will return `false`.
pub fn nice_export_standalone<P: Plugin>() -> bool {
    // TODO: If the backend fails to initialize then the standalones will exit normally instead of
    //       with an error code. This should probably be changed.
    nice_export_standalone_with_args::<P, _>(std::env::args())
}

/// The same as [`nice_export_standalone()`], but with the arguments taken from an iterator instead
/// of using [`std::env::args()`].
pub fn nice_export_standalone_with_args<P: Plugin, Args: IntoIterator<Item = String>>(
    args: Args,
) -> bool {
    export::<P, Args>(args, None)
}

/// Earworm: tells a plugin that only listens that it will hear nothing, and why.
pub type WithoutAudio<P> = fn(&P, &str);

/// Earworm: the same for a plugin that only listens. Nothing is played, and the system's default input is
/// taken unless another one is named. Where that cannot be had, the plugin is told by `without_audio` and
/// runs with the dummy backend. A named device or backend that cannot be had makes this return `false`.
/// JACK without a port that records is no such case: ports can be connected to the plugin's later.
pub fn nice_export_listener_with_args<P: Plugin, Args: IntoIterator<Item = String>>(
    args: Args,
    without_audio: WithoutAudio<P>,
) -> bool {
    export::<P, Args>(args, Some(without_audio))
}

/// Earworm: says why there is no audio, and gives that back for the user. JACK is only named where it was tried.
fn no_audio(backend: &str, config: &WrapperConfig, err: &anyhow::Error) -> String {
    if config.names_devices() {
        crate::nice_error!("Could not initialize the {backend} backend: {err:#}");
    } else {
        crate::nice_error!(
            "Could not initialize either the JACK or the {backend} backends: {err:#}"
        );
    }
    format!("{err:#}")
}

fn export<P: Plugin, Args: IntoIterator<Item = String>>(
    args: Args,
    without_audio: Option<WithoutAudio<P>>,
) -> bool {
    setup_logger::<P>();

    // Instead of parsing this directly, we need to take a bit of a roundabout approach to get the
    // plugin's name and vendor in here since they'd otherwise be taken from nice-plug's own
    // `Cargo.toml` file.
    let mut config = WrapperConfig::from_arg_matches(
        &WrapperConfig::command()
            .name(P::NAME)
            .author(P::VENDOR)
            .get_matches_from(args),
    )
    .unwrap_or_else(|err| err.exit());
    config.listen_only = without_audio.is_some();

    match config.backend {
        config::BackendType::Auto => {
            // Earworm: whoever names a device does not mean JACK, and is not served by no device.
            let names_devices = config.names_devices();
            let needs_audio =
                names_devices || (config.listen_only && config.connect_jack_inputs.is_some());
            // Earworm: nor is that told instead of ending.
            let without_audio = without_audio.filter(|_| !needs_audio);
            let jack = if names_devices {
                Err(anyhow::anyhow!("JACK has no devices"))
            } else {
                backend::Jack::new::<P>(config.clone())
            };
            let result = jack.map(|backend| {
                crate::nice_log!("Using the JACK backend");
                run_wrapper::<P, _>(backend, config.clone(), without_audio)
            });

            #[cfg(all(target_family = "unix", not(target_os = "macos")))]
            let result = result.or_else(|_| {
                match backend::CpalMidir::new::<P>(config.clone(), cpal::HostId::Alsa) {
                    Ok(backend) => {
                        crate::nice_log!("Using the ALSA backend");
                        Ok(run_wrapper::<P, _>(backend, config.clone(), without_audio))
                    }
                    Err(err) => Err(no_audio("ALSA", &config, &err)),
                }
            });
            #[cfg(target_os = "macos")]
            let result = result.or_else(|_| {
                match backend::CpalMidir::new::<P>(config.clone(), cpal::HostId::CoreAudio) {
                    Ok(backend) => {
                        crate::nice_log!("Using the CoreAudio backend");
                        Ok(run_wrapper::<P, _>(backend, config.clone(), without_audio))
                    }
                    Err(err) => Err(no_audio("CoreAudio", &config, &err)),
                }
            });
            #[cfg(target_os = "windows")]
            let result = result.or_else(|_| {
                match backend::CpalMidir::new::<P>(config.clone(), cpal::HostId::Wasapi) {
                    Ok(backend) => {
                        crate::nice_log!("Using the WASAPI backend");
                        Ok(run_wrapper::<P, _>(backend, config.clone(), without_audio))
                    }
                    Err(err) => Err(no_audio("WASAPI", &config, &err)),
                }
            });

            result.unwrap_or_else(|why| {
                if needs_audio {
                    return false;
                }
                crate::nice_error!(
                    "Falling back to the dummy audio backend, audio and MIDI will not work"
                );
                let tell = without_audio.map(|tell| (tell, why));
                run_told::<P, _>(backend::Dummy::new::<P>(config.clone()), config, None, tell)
            })
        }
        config::BackendType::Jack => match backend::Jack::new::<P>(config.clone()) {
            Ok(backend) => run_wrapper::<P, _>(backend, config, None),
            Err(err) => {
                crate::nice_error!("Could not initialize the JACK backend: {:#}", err);
                false
            }
        },
        #[cfg(all(target_family = "unix", not(target_os = "macos")))]
        config::BackendType::Alsa => {
            match backend::CpalMidir::new::<P>(config.clone(), cpal::HostId::Alsa) {
                Ok(backend) => run_wrapper::<P, _>(backend, config, None),
                Err(err) => {
                    crate::nice_error!("Could not initialize the ALSA backend: {:#}", err);
                    false
                }
            }
        }
        #[cfg(target_os = "macos")]
        config::BackendType::CoreAudio => {
            match backend::CpalMidir::new::<P>(config.clone(), cpal::HostId::CoreAudio) {
                Ok(backend) => run_wrapper::<P, _>(backend, config, None),
                Err(err) => {
                    crate::nice_error!("Could not initialize the CoreAudio backend: {:#}", err);
                    false
                }
            }
        }
        #[cfg(target_os = "windows")]
        config::BackendType::Wasapi => {
            match backend::CpalMidir::new::<P>(config.clone(), cpal::HostId::Wasapi) {
                Ok(backend) => run_wrapper::<P, _>(backend, config, None),
                Err(err) => {
                    crate::nice_error!("Could not initialize the WASAPI backend: {:#}", err);
                    false
                }
            }
        }
        #[cfg(all(target_os = "windows", feature = "standalone-asio"))]
        config::BackendType::Asio => {
            match backend::CpalMidir::new::<P>(config.clone(), cpal::HostId::Asio) {
                Ok(backend) => run_wrapper::<P, _>(backend, config, None),
                Err(err) => {
                    crate::nice_error!("Could not initialize the ASIO backend: {:#}", err);
                    false
                }
            }
        }
        config::BackendType::Dummy => {
            run_wrapper::<P, _>(backend::Dummy::new::<P>(config.clone()), config, None)
        }
    }
}

fn run_wrapper<P: Plugin, B: Backend<P>>(
    backend: B,
    config: WrapperConfig,
    without_audio: Option<WithoutAudio<P>>,
) -> bool {
    run_told(backend, config, without_audio, None)
}

// Earworm: `without_audio` is for audio that cannot be started or whose playback goes later, `told` for why there has been none so far.
fn run_told<P: Plugin, B: Backend<P>>(
    backend: B,
    config: WrapperConfig,
    without_audio: Option<WithoutAudio<P>>,
    told: Option<(WithoutAudio<P>, String)>,
) -> bool {
    let wrapper = match Wrapper::<P, _>::new(backend, config, without_audio) {
        Ok(wrapper) => wrapper,
        Err(err) => {
            crate::nice_error!("Failed to open editor: {}", err);
            return false;
        }
    };
    if let Some((tell, why)) = told {
        wrapper.tell(tell, &why);
    }

    // TODO: Add a repl while the application is running to interact with parameters
    match wrapper.run() {
        Ok(()) => true,
        Err(err) => {
            crate::nice_error!("Failed to open editor: {}", err);
            false
        }
    }
}
