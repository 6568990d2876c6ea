//! Which hosts and devices there are, and which of them is meant.

#[cfg(test)]
mod tests;

use anyhow::{Context, anyhow, bail};
use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{DeviceDirection, Host, HostId};
use serde::Serialize;

use crate::exit::{Failure, describe};
use crate::station::Wish;

/// What sound servers append to an output's name to name the source that hears what it plays.
pub(super) const MONITOR: &str = ".monitor";

/// Why a host that can be reached has nothing to list.
const NO_DEVICES: &str = "it has no devices";

/// The name of the sound server's host, which we speak to ourselves: what cpal opens of it, it never
/// closes.
pub(super) const PULSE: &str = "pulseaudio";

/// Whether the sound server is meant: by name, or because nothing else is named.
#[cfg(unix)]
pub(super) fn is_pulse(host: Option<&str>) -> bool {
    host.is_none_or(|host| host.eq_ignore_ascii_case(PULSE))
}

/// A device, for people and programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Listed {
    /// Its sound system.
    pub(crate) host: String,
    /// What `--device` takes.
    pub(crate) id: String,
    /// Its name for people.
    pub(crate) name: String,
    /// Whether it records, plays, or hears what an output plays.
    pub(crate) kind: Kind,
    /// Samples a second, channels and sample format that it prefers.
    pub(crate) format: Option<String>,
    /// Whether it is captured unless another is named.
    pub(crate) default: bool,
}

/// What a device does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Records from outside, such as a microphone.
    Input,
    /// Plays; capturing it captures what it plays, where the system can.
    Output,
    /// Hears what an output plays.
    Monitor,
}

/// Keeps ALSA from writing to standard error about every device that it looks for in vain, on this
/// thread, as long as what it returns is kept.
#[cfg(target_os = "linux")]
pub(super) fn quiet() -> impl Sized {
    alsa::Output::local_error_handler().ok()
}

/// Nothing to keep quiet here.
#[cfg(not(target_os = "linux"))]
pub(super) fn quiet() -> impl Sized {}

/// Opens a host: the named one, or else the first that there is.
///
/// # Errors
/// When the name is unknown, or the host cannot be reached; says which there are.
pub(crate) fn open_host(name: Option<&str>) -> anyhow::Result<Host> {
    let id = match name {
        None => *cpal::available_hosts().first().context("this system has no sound system")?,
        Some(name) => host_id(name)?,
    };
    cpal::host_from_id(id)
        .map_err(|error| anyhow!("cannot reach the sound system {}: {error}", lower(id)))
}

/// Whether a host of this name can exist here.
///
/// # Errors
/// When it cannot: the configuration cannot be used then. Says which can.
pub(crate) fn check_host(name: Option<&str>) -> anyhow::Result<()> {
    name.map_or(Ok(()), |name| host_id(name).map(|_| ()))
}

fn host_id(name: &str) -> anyhow::Result<HostId> {
    let all = cpal::ALL_HOSTS;
    all.iter().copied().find(|id| id.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|&id| lower(id)).collect();
        let names = names.join(", ");
        Failure::configuration(format!("there is no sound system {name:?} here; there is {names}"))
            .into()
    })
}

/// A host's name as options and messages write it.
pub(crate) fn lower(id: HostId) -> String {
    id.name().to_lowercase()
}

/// Whether what outputs play is heard by sources of their own on this host.
fn has_monitors(id: HostId) -> bool {
    matches!(lower(id).as_str(), "pulseaudio" | "pipewire")
}

/// Whether an output can be recorded from directly on this host.
fn has_loopback(id: HostId) -> bool {
    matches!(lower(id).as_str(), "wasapi" | "coreaudio")
}

/// Whether capturing this device means to hear what it plays. Hosts that can do that may give nothing
/// while nothing plays, and do not say when that is.
pub(super) fn is_loopback(host: &Host, device: &cpal::Device) -> bool {
    let direction = device.description().map(|description| description.direction());
    has_loopback(host.id()) && direction.is_ok_and(|is| is == DeviceDirection::Output)
}

/// The device that is captured: the one that `choice` names, or what the default output plays. One that
/// was captured `before` stays where several are meant.
///
/// # Errors
/// When it is not there, or nothing says which it is.
pub(super) fn locate(
    host: &Host,
    choice: Option<&str>,
    before: Option<&str>,
) -> anyhow::Result<cpal::Device> {
    let id = match choice {
        Some(choice) => {
            let listed = list_devices(host)?;
            let index = choose(&listed, choice, before)?;
            listed[index].id.clone()
        }
        None => default_id(host)?,
    };
    host.devices()
        .with_context(|| format!("cannot list the devices of {}", lower(host.id())))?
        .find(|device| device.id().is_ok_and(|found| found.id() == id))
        .ok_or_else(|| anyhow!("the device {id} is not there"))
}

/// Why what is wished for cannot be captured.
#[derive(Debug)]
pub(crate) enum Unmet {
    /// The sound system cannot be reached, or does not say what it has.
    NoSystem(anyhow::Error),
    /// It has no such device, or several.
    NoDevice(anyhow::Error),
}

/// Whether what is wished for is there.
///
/// # Errors
/// Why not.
pub(crate) fn check(wish: &Wish) -> Result<(), Unmet> {
    #[cfg(unix)]
    if is_pulse(wish.host.as_deref()) && super::pulse::is_there() {
        let listed = super::pulse::list().map_err(Unmet::NoSystem)?;
        return match &wish.device {
            Some(choice) => choose(&listed, choice, None).map(|_| ()).map_err(Unmet::NoDevice),
            // Without one it is waited for.
            None => Ok(()),
        };
    }
    let _quiet = quiet();
    let host = open_host(wish.host.as_deref()).map_err(Unmet::NoSystem)?;
    let located = locate(&host, wish.device.as_deref(), None);
    located.map(|_| ()).map_err(|error| match host.devices() {
        Ok(_) => Unmet::NoDevice(error),
        Err(_) => Unmet::NoSystem(error),
    })
}

/// The identifier of what is captured unless another device is named.
fn default_id(host: &Host) -> anyhow::Result<String> {
    let output = || {
        let device = host.default_output_device().context("there is no default output")?;
        anyhow::Ok(device.id()?.id().to_owned())
    };
    if has_monitors(host.id()) {
        return Ok(output()? + MONITOR);
    }
    if has_loopback(host.id()) {
        return output();
    }
    // ALSA hears outputs only through a loopback card. A microphone is never taken unasked.
    let listed = list_devices(host)?;
    listed
        .iter()
        .find(|device| device.kind == Kind::Input && device.id.contains("Loopback"))
        .map(|device| device.id.clone())
        .with_context(|| {
            format!(
                "{} cannot capture what others play; start PulseAudio or PipeWire, load the \
                 kernel module snd-aloop, or name an input with --device",
                lower(host.id())
            )
        })
}

/// Which of the devices is meant: by identifier, by name, or by a part of either that fits one only. Of
/// several, it is the one that was captured `before`: another one that is plugged in does not end that.
///
/// # Errors
/// When none is, or several may be.
pub(super) fn choose(
    listed: &[Listed],
    choice: &str,
    before: Option<&str>,
) -> anyhow::Result<usize> {
    let stays = |found: &[usize]| {
        found.iter().copied().find(|&index| Some(listed[index].id.as_str()) == before)
    };
    let exact = meant(listed, |device| device.id == choice || device.name == choice);
    if let Some(&first) = exact.first() {
        return Ok(stays(&exact).unwrap_or(first));
    }
    let part = choice.to_lowercase();
    let mut found = meant(listed, |device| {
        device.id.to_lowercase().contains(&part) || device.name.to_lowercase().contains(&part)
    });
    if let Some(index) = stays(&found) {
        return Ok(index);
    }
    found.sort_unstable();
    found.dedup();
    match found[..] {
        [one] => Ok(one),
        [] => bail!("there is no device {choice:?}; `earworm devices` lists those there are"),
        _ => {
            let names: Vec<_> = found.iter().map(|&i| listed[i].id.as_str()).collect();
            bail!("{choice:?} may be any of {}; give more of the name", names.join(", "))
        }
    }
}

/// The indices of what hears the devices that fit.
fn meant(listed: &[Listed], fits: impl Fn(&Listed) -> bool) -> Vec<usize> {
    let devices = listed.iter().filter(|device| fits(device));
    devices.map(|device| capturable(listed, device)).collect()
}

/// The index of what hears a device: its monitor if it is an output that has one, else itself.
fn capturable(listed: &[Listed], device: &Listed) -> usize {
    let monitor = device.id.clone() + MONITOR;
    let of = |id: &str| listed.iter().position(|other| other.id == id);
    of(&monitor).or_else(|| of(&device.id)).unwrap_or(0)
}

/// What there is.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    /// The devices of all hosts.
    pub(crate) devices: Vec<Listed>,
    /// Hosts without any, and why.
    pub(crate) without: Vec<(String, String)>,
}

/// The devices of all hosts, or of the named one. A host that cannot be reached has none.
///
/// # Errors
/// When the named host is unknown or cannot be reached.
pub(crate) fn list(host: Option<&str>) -> anyhow::Result<Inventory> {
    let _quiet = quiet();
    if let Some(name) = host {
        let devices = list_of(host_id(name)?)?;
        let empty = devices.is_empty().then(|| (name.to_lowercase(), NO_DEVICES.to_owned()));
        return Ok(Inventory { devices, without: empty.into_iter().collect() });
    }
    let mut all = Inventory::default();
    for &id in cpal::ALL_HOSTS {
        let why = match list_of(id) {
            Ok(listed) if listed.is_empty() => NO_DEVICES.to_owned(),
            Ok(listed) => {
                all.devices.extend(listed);
                continue;
            }
            Err(error) => describe(&error),
        };
        all.without.push((lower(id), why));
    }
    // Only what the first host would capture is captured unless told otherwise.
    let first = all.devices.iter().find(|device| device.default).map(|device| device.host.clone());
    for device in &mut all.devices {
        device.default &= first.as_ref() == Some(&device.host);
    }
    Ok(all)
}

fn list_of(id: HostId) -> anyhow::Result<Vec<Listed>> {
    #[cfg(unix)]
    if lower(id) == PULSE {
        return super::pulse::list();
    }
    list_host(&open_host(Some(id.name()))?)
}

fn list_host(host: &Host) -> anyhow::Result<Vec<Listed>> {
    let with_format = |(device, listed): (cpal::Device, Listed)| Listed {
        format: format_of(&device, listed.kind),
        ..listed
    };
    let mut listed: Vec<Listed> = devices(host)?.map(with_format).collect();
    if let Ok(default) = default_id(host)
        && let Some(device) = listed.iter_mut().find(|device| device.id == default)
    {
        device.default = true;
    }
    Ok(listed)
}

/// The devices of a host, without their formats: ALSA opens a device to tell its format, and a keeper
/// looks for its device twice a second.
fn list_devices(host: &Host) -> anyhow::Result<Vec<Listed>> {
    Ok(devices(host)?.map(|(_, listed)| listed).collect())
}

fn devices(host: &Host) -> anyhow::Result<impl Iterator<Item = (cpal::Device, Listed)>> {
    let devices = host
        .devices()
        .with_context(|| format!("cannot list the devices of {}", lower(host.id())))?;
    let id = host.id();
    Ok(devices.filter_map(move |device| {
        let listed = describe_device(id, &device)?;
        Some((device, listed))
    }))
}

fn describe_device(host: HostId, device: &cpal::Device) -> Option<Listed> {
    let id = device.id().ok()?.id().to_owned();
    let description = device.description().ok();
    let name = description.as_ref().map_or_else(|| id.clone(), |d| d.name().to_owned());
    let direction = description.map_or(DeviceDirection::Unknown, |d| d.direction());
    let kind = match direction {
        DeviceDirection::Output => Kind::Output,
        _ if has_monitors(host) && id.ends_with(MONITOR) => Kind::Monitor,
        // Only hosts that do not say; ALSA does.
        DeviceDirection::Unknown if device.default_input_config().is_err() => Kind::Output,
        _ => Kind::Input,
    };
    Some(Listed { host: lower(host), id, name, kind, format: None, default: false })
}

/// The format that a device prefers, in words.
fn format_of(device: &cpal::Device, kind: Kind) -> Option<String> {
    let config = match kind {
        Kind::Output => device.default_output_config(),
        Kind::Input | Kind::Monitor => device.default_input_config(),
    };
    let config = config.ok()?;
    let (rate, channels) = (config.sample_rate(), config.channels());
    Some(format!("{rate} Hz, {channels} channels, {}", config.sample_format()))
}
