//! What holds where a key is set at several places, and for which key.

use super::options::Place;
use super::{Address, HistoryFile, Options, SongsBy, file, load};
use crate::history::Keep;

/// Everything is set.
fn these() -> Options {
    Options {
        device: Some("speakers".into()),
        host: Some("alsa".into()),
        rate: Some(44_100),
        follow_default: Some(true),
        rest_after: Some(1.0),
        model: Some("one.onnx".into()),
        http: Some(Address::Off),
        token: Some("the-first-token".into()),
        allow_hosts: Some(vec!["studio".into()]),
        history: HistoryFile { place: Some(Place::Off) },
        thin_after_days: Some(3),
        keep_days: Some(30),
        songs: Some(SongsBy::Players),
        osc: "127.0.0.1:9001".parse().ok(),
        log: Some("warn".into()),
    }
}

/// Everything is set to something else.
fn those() -> Options {
    Options {
        device: Some("headset".into()),
        host: Some("pulseaudio".into()),
        rate: Some(48_000),
        follow_default: Some(false),
        rest_after: Some(2.0),
        model: Some("other.onnx".into()),
        http: "127.0.0.1:8730".parse().ok().map(Address::At),
        token: Some("the-second-token".into()),
        allow_hosts: Some(vec!["kitchen".into()]),
        history: HistoryFile { place: Some(Place::File("heard.db".into())) },
        thin_after_days: Some(4),
        keep_days: Some(40),
        songs: Some(SongsBy::Silence),
        osc: "127.0.0.1:9002".parse().ok(),
        log: Some("info".into()),
    }
}

#[test]
fn each_key_is_taken_from_where_it_is_set_first() {
    assert_eq!(these().or(those()), these());
    assert_eq!(those().or(these()), those());
    assert_eq!(these().or(Options::default()), these());
    assert_eq!(Options::default().or(these()), these());
    assert_eq!(Options::default().or(those()), those());
}

#[test]
fn what_is_given_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.toml");
    std::fs::write(&path, "rate = 44100\nkeep_days = 30\n").unwrap();
    let given = Options { rate: Some(48_000), ..Options::default() };
    let options = load(&given, Some(&path)).unwrap();
    assert_eq!(options, Options { keep_days: Some(30), ..given });
}

#[test]
fn seconds_and_all_are_kept_for_days_of_their_own() {
    let keep = |text: &str| file::parse(text).unwrap().1.keep();
    for (text, seconds_days, all_days) in [
        ("thin_after_days = 3\nkeep_days = 30\n", 3, 30),
        ("thin_after_days = 3\n", 3, 730),
        ("keep_days = 30\n", 7, 30),
        ("", 7, 730),
    ] {
        assert_eq!(keep(text), Keep { seconds_days, all_days }, "{text:?}");
    }
}
