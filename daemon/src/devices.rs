//! `earworm devices`: what can be listened to.

use std::io::{self, Write};

use clap::Args;

use crate::capture::devices::{self, Inventory, Kind, Listed};
use crate::exit::Outcome;
use crate::text;

/// What `earworm devices` takes.
#[derive(Debug, Args)]
pub(crate) struct DevicesArgs {
    /// Only this sound system, such as pulseaudio or alsa.
    #[arg(long, value_name = "NAME", env = "EARWORM_HOST")]
    pub(crate) host: Option<String>,
    /// One JSON object a line and device.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Lists the devices.
///
/// # Errors
/// When the named sound system cannot be reached, or nobody takes the output.
pub(crate) fn run(args: &DevicesArgs) -> anyhow::Result<Outcome> {
    let found = devices::list(args.host.as_deref())?;
    let mut out = io::stdout().lock();
    if args.json {
        for device in &found.devices {
            serde_json::to_writer(&mut out, device)?;
            writeln!(out)?;
        }
        let _ = io::stderr().write_all(hosts_without(&found).as_bytes());
    } else {
        out.write_all(table(&found.devices).as_bytes())?;
        out.write_all(hosts_without(&found).as_bytes())?;
    }
    Ok(Outcome::Done)
}

/// A line for each sound system that has nothing to list.
fn hosts_without(found: &Inventory) -> String {
    let line = |(host, why): &(String, String)| format!("{host}: {}\n", text::tame(why));
    found.without.iter().map(line).collect()
}

fn table(listed: &[Listed]) -> String {
    if listed.is_empty() {
        return "there are no audio devices\n".into();
    }
    let row = |device: &Listed| {
        let kind = match device.kind {
            Kind::Input => "input",
            Kind::Output => "output",
            Kind::Monitor => "monitor",
        };
        let mark = if device.default { "*" } else { " " };
        let format = device.format.clone().unwrap_or_else(|| "–".into());
        [mark, &device.host, kind, &text::tame(&device.id), &format, &text::tame(&device.name)]
            .map(str::to_owned)
    };
    let head = ["", "host", "kind", "device", "format", "name"].map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(listed.iter().map(row)).collect();
    let mut table = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let cells = rows.iter().map(|row| text::width(&row[column])).max().unwrap_or(0);
            line += &text::pad(cell, cells + 2, false);
        }
        table += line.trim_end();
        table.push('\n');
    }
    table + "* is listened to unless --device names another; an output stands for its monitor.\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let device = |id: &str, default| Listed {
            host: "pulseaudio".into(),
            id: id.into(),
            name: "Screen\x1b[2J".into(),
            kind: Kind::Monitor,
            format: None,
            default,
        };
        let table = table(&[device("hdmi.monitor", true), device("x", false)]);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[1].starts_with("*  pulseaudio  monitor  hdmi.monitor  –"), "{table}");
        assert_eq!(lines[1].find("Screen"), lines[2].find("Screen"), "{table}");
        assert!(!table.contains('\x1b'));
        let without = vec![("alsa".into(), "it has no devices".into())];
        let found = Inventory { devices: vec![], without };
        assert_eq!(hosts_without(&found), "alsa: it has no devices\n");
    }
}
