//! Which device a name means.

use super::*;

fn listed() -> Vec<Listed> {
    let device = |id: &str, name: &str, kind| Listed {
        host: "pulseaudio".into(),
        id: id.into(),
        name: name.into(),
        kind,
        format: None,
        default: false,
    };
    vec![
        device("usb", "USB Headset", Kind::Output),
        device("usb.monitor", "Monitor of USB Headset", Kind::Monitor),
        device("hdmi", "Screen", Kind::Output),
        device("hdmi.monitor", "Monitor of Screen", Kind::Monitor),
        device("usb-mic", "USB Microphone", Kind::Input),
    ]
}

#[test]
fn a_device_is_found_by_what_people_call_it() {
    let listed = listed();
    for (choice, index) in [
        ("usb", 1),
        ("usb.monitor", 1),
        ("Screen", 3),
        ("screen", 3),
        ("HDMI", 3),
        ("Microphone", 4),
        ("headset", 1),
    ] {
        assert_eq!(choose(&listed, choice, None).unwrap(), index, "{choice}");
    }
}

#[test]
fn a_doubtful_name_is_refused() {
    let error = choose(&listed(), "USB ", None).unwrap_err().to_string();
    assert!(error.contains("usb.monitor, usb-mic"), "{error}");
    let error = choose(&listed(), "none", None).unwrap_err().to_string();
    assert!(error.contains("earworm devices"), "{error}");
}

#[test]
fn an_unknown_host_is_told_from_those_there_are() {
    let error = open_host(Some("oss")).err().unwrap().to_string();
    assert!(error.contains("\"oss\"") && error.contains(&lower(cpal::ALL_HOSTS[0])), "{error}");
}

/// Another one that is plugged in, with a name as good, does not end it.
#[test]
fn what_is_captured_stays_while_it_fits() {
    let listed = listed();
    let chosen = |choice: &str, before: &str| choose(&listed, choice, Some(before)).ok();
    assert_eq!(chosen("USB ", "usb.monitor"), Some(1));
    assert_eq!(chosen("USB ", "usb-mic"), Some(4));
    assert_eq!(chosen("USB ", "usb-of-before.monitor"), None, "it is gone");
    assert_eq!(chosen("USB ", "hdmi.monitor"), None, "it does not fit");
    assert_eq!(chosen("Screen", "usb.monitor"), Some(3));
    assert_eq!(chosen("USB Headset", "usb-mic"), Some(1), "as a whole it fits one only");
    // Two of the same make have the same name.
    let device = |id: &str, of: usize| Listed { id: id.into(), ..listed[of].clone() };
    let mut twins = vec![device("twin", 2), device("twin.monitor", 3)];
    twins.extend_from_slice(&listed);
    for (before, id) in [
        (None, "twin.monitor"),
        (Some("hdmi.monitor"), "hdmi.monitor"),
        (Some("twin.monitor"), "twin.monitor"),
    ] {
        assert_eq!(twins[choose(&twins, "Screen", before).unwrap()].id, id, "{before:?}");
    }
}
