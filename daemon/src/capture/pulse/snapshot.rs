//! The sound server as it was a moment ago.

use pulseaudio::protocol::{SampleFormat, SampleSpec};

use super::super::devices::{Kind, Listed, PULSE, choose};

/// Which devices there are, which is the default, and what plays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::capture) struct Snapshot {
    /// The source that hears the default output, if there is one.
    pub(super) default: Option<String>,
    pub(super) sources: Vec<SourceSeen>,
    pub(super) sinks: Vec<SinkSeen>,
}

/// Something that can be recorded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceSeen {
    /// Changes when a device of the same name is another one.
    pub(super) index: u32,
    pub(super) name: String,
    pub(super) description: String,
    /// Samples a second of each channel.
    pub(super) rate: u32,
    pub(super) format: String,
    /// For monitors: whether a stream plays into the output.
    pub(super) playing: Option<bool>,
    /// For monitors: whether the output runs. PipeWire says so as well while a program without a stream
    /// is linked to it, one of JACK's, say.
    pub(super) runs: bool,
    /// For monitors: whether the output may run only for somebody who records.
    pub(super) recorded: bool,
}

/// Something that plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SinkSeen {
    pub(super) name: String,
    pub(super) description: String,
    pub(super) format: String,
}

impl Snapshot {
    /// The source that is captured, by name. One that was captured `before` stays where several are meant.
    pub(in crate::capture) fn target(
        &self,
        choice: Option<&str>,
        before: Option<&str>,
    ) -> Option<String> {
        let there = |name: &str| self.sources.iter().any(|source| source.name == name);
        let Some(choice) = choice else {
            return self.default.clone().filter(|name| there(name));
        };
        let mut listed = self.listed();
        let meant = choose(&listed, choice, before).ok()?;
        let id = listed.swap_remove(meant).id;
        there(&id).then_some(id)
    }

    fn source(&self, name: &str) -> Option<&SourceSeen> {
        self.sources.iter().find(|seen| seen.name == name)
    }

    /// Whether any stream plays into the output that this source hears.
    pub(in crate::capture) fn playing(&self, source: &str) -> Option<bool> {
        self.source(source)?.playing
    }

    /// Whether the output that this source hears runs.
    pub(in crate::capture) fn runs(&self, source: &str) -> bool {
        self.source(source).is_some_and(|seen| seen.runs)
    }

    /// Whether that output may run only for somebody who records.
    pub(in crate::capture) fn recorded(&self, source: &str) -> bool {
        self.source(source).is_some_and(|seen| seen.recorded)
    }

    /// What tells this source from a later one of the same name.
    pub(in crate::capture) fn index(&self, source: &str) -> Option<u32> {
        Some(self.source(source)?.index)
    }

    /// Samples a second of this source.
    pub(in crate::capture) fn rate(&self, source: &str) -> Option<u32> {
        Some(self.source(source)?.rate)
    }

    /// Its devices, for people and programs.
    pub(in crate::capture) fn listed(&self) -> Vec<Listed> {
        let device = |name: &str, description: &str, kind, format: &str| Listed {
            host: PULSE.into(),
            id: name.to_owned(),
            name: if description.is_empty() { name } else { description }.to_owned(),
            kind,
            format: Some(format.to_owned()),
            default: self.default.as_deref() == Some(name),
        };
        let sinks =
            self.sinks.iter().map(|s| device(&s.name, &s.description, Kind::Output, &s.format));
        let sources = self.sources.iter().map(|source| {
            let kind = if source.playing.is_some() { Kind::Monitor } else { Kind::Input };
            device(&source.name, &source.description, kind, &source.format)
        });
        sinks.chain(sources).collect()
    }
}

/// A format as all hosts' formats are written.
pub(super) fn format(spec: &SampleSpec) -> String {
    let sample = match spec.format {
        SampleFormat::U8 => "u8",
        SampleFormat::S16Le | SampleFormat::S16Be => "i16",
        SampleFormat::S24Le
        | SampleFormat::S24Be
        | SampleFormat::S24In32Le
        | SampleFormat::S24In32Be => "i24",
        SampleFormat::S32Le | SampleFormat::S32Be => "i32",
        SampleFormat::Float32Le | SampleFormat::Float32Be => "f32",
        _ => "compressed",
    };
    format!("{} Hz, {} channels, {sample}", spec.sample_rate, spec.channels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        let source = |index, name: &str, description: &str, playing| SourceSeen {
            index,
            name: name.into(),
            description: description.into(),
            rate: 44_100,
            format: "44100 Hz, 2 channels, i16".into(),
            playing,
            runs: playing == Some(true),
            recorded: false,
        };
        let sink = |name: &str, description: &str| SinkSeen {
            name: name.into(),
            description: description.into(),
            format: "44100 Hz, 2 channels, i16".into(),
        };
        Snapshot {
            default: Some("usb.monitor".into()),
            sources: vec![
                source(4, "usb.monitor", "Monitor of USB Headset", Some(true)),
                source(5, "hdmi.monitor", "Monitor of Screen", Some(false)),
                source(9, "mic", "Microphone", None),
                source(10, "jabra.monitor", "Monitor of Jabra", Some(false)),
                source(11, "jabra-mono", "Jabra Mono", None),
            ],
            sinks: vec![sink("usb", "USB Headset"), sink("hdmi", ""), sink("jabra", "Jabra")],
        }
    }

    #[test]
    fn the_target_is_the_default_or_the_named_one() {
        let snapshot = snapshot();
        let target = |choice| snapshot.target(choice, None);
        assert_eq!(target(None).as_deref(), Some("usb.monitor"));
        for (choice, source) in [
            ("hdmi", Some("hdmi.monitor")),
            ("mic", Some("mic")),
            ("screen", Some("hdmi.monitor")),
            // As a person reads it, though the monitor's name has it as a part.
            ("USB Headset", Some("usb.monitor")),
            ("Jabra", Some("jabra.monitor")),
            ("monitor", None),
            ("gone", None),
        ] {
            assert_eq!(target(Some(choice)).as_deref(), source, "{choice}");
        }
        let without = Snapshot { sources: vec![], ..snapshot.clone() };
        assert_eq!(without.target(None, None), None, "its default may be named before it is there");
    }

    #[test]
    fn what_is_captured_stays_beside_others_that_fit() {
        let mut snapshot = snapshot();
        assert_eq!(snapshot.target(Some("monitor"), None), None);
        let target = snapshot.target(Some("monitor"), Some("hdmi.monitor"));
        assert_eq!(target.as_deref(), Some("hdmi.monitor"));
        snapshot.sources.retain(|source| source.name != "hdmi.monitor");
        assert_eq!(snapshot.target(Some("monitor"), Some("hdmi.monitor")), None, "it is gone");
    }

    #[test]
    fn what_plays_is_known_of_monitors_only() {
        let snapshot = snapshot();
        assert_eq!(snapshot.playing("usb.monitor"), Some(true));
        assert_eq!(snapshot.playing("hdmi.monitor"), Some(false));
        assert_eq!(snapshot.playing("mic"), None);
        assert!(snapshot.runs("usb.monitor") && !snapshot.runs("hdmi.monitor"));
        assert_eq!((snapshot.index("mic"), snapshot.rate("mic")), (Some(9), Some(44_100)));
        assert_eq!(snapshot.rate("none"), None);
    }

    #[test]
    fn every_device_is_listed() {
        let listed = snapshot().listed();
        let kinds: Vec<_> = listed.iter().map(|device| (device.id.as_str(), device.kind)).collect();
        assert_eq!(
            kinds,
            [
                ("usb", Kind::Output),
                ("hdmi", Kind::Output),
                ("jabra", Kind::Output),
                ("usb.monitor", Kind::Monitor),
                ("hdmi.monitor", Kind::Monitor),
                ("mic", Kind::Input),
                ("jabra.monitor", Kind::Monitor),
                ("jabra-mono", Kind::Input),
            ]
        );
        let defaults: Vec<_> = listed.iter().filter(|device| device.default).collect();
        assert_eq!((defaults.len(), defaults[0].id.as_str()), (1, "usb.monitor"));
        assert_eq!(listed[1].name, "hdmi", "what has no description has its name");
    }
}
