//! What is heard is what is played.

use std::time::Instant;

use serde_json::Value;

use crate::common;
use crate::sound::SoundServer;
use crate::{SECONDS, excerpt, listen, playing, server, t};

#[test]
fn what_is_heard_is_what_is_played() {
    let Some(server) = server("what_is_heard_is_what_is_played") else { return };
    hear_a_song(&server);
}

#[test]
fn pipewire_is_heard_as_well() {
    match SoundServer::start_pipewire() {
        Ok(server) => hear_a_song(&server),
        Err(why) => common::skip("pipewire_is_heard_as_well", &why),
    }
}

/// The server that we ask tells of streams. A program that is linked straight to the output, as JACK's
/// are, is none.
#[test]
fn what_is_linked_to_the_output_is_heard_as_well() {
    let server = match SoundServer::start_pipewire() {
        Ok(server) => server,
        Err(why) => return common::skip("what_is_linked_to_the_output_is_heard_as_well", &why),
    };
    server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), SECONDS);
    let mut daemon = listen(&server, &["--rest-after", "1"]);
    let resting = "nothing plays; resting";
    daemon.wait_for_log(resting);
    let linked = match server.play_linked(&song, "speakers") {
        Ok(linked) => linked,
        Err(why) => return common::skip("what_is_linked_to_the_output_is_heard_as_well", &why),
    };
    // It ends the rest, and there is no other as long as it is heard.
    let first = daemon.wait_for_reading("sound", playing);
    let last = daemon.wait_for_reading("more of it", |reading| t(reading) > t(&first) + 4.0);
    assert!(playing(&last), "{last}");
    let log = daemon.log_so_far();
    assert_eq!(log.matches(resting).count(), 1, "{log}");
    drop(linked);
    daemon.wait_for_log(resting);
}

/// Plays the start of the demo song to the server's default output, twice.
fn hear_a_song(server: &SoundServer) {
    server.add_sink("speakers", 48_000);
    let folder = tempfile::tempdir().unwrap();
    let song = excerpt(folder.path(), SECONDS);
    let mut daemon = listen(server, &[]);
    daemon.wait_for_log("speakers.monitor");

    let start = Instant::now();
    let playback = server.play(&song);
    let sound = daemon.wait_for_reading("sound", playing);
    println!(
        "the first reading came {:.2} s after the start of the player",
        start.elapsed().as_secs_f64()
    );
    let first = daemon.wait_for_reading("a first impression", |r| r["momentary"].is_number());
    println!(
        "the first momentary score {:.2} s after it, {:.2} s of sound after the first reading with \
         sound; it is {}",
        start.elapsed().as_secs_f64(),
        t(&first) - t(&sound),
        first["momentary"],
    );
    // It is not passed off as more than it is.
    assert_eq!(first["status"], "listening", "{first}");
    assert!(first["window"].is_null(), "{first}");
    // In seconds of sound, as nothing else is the same on every computer.
    assert!(t(&first) - t(&sound) < 1.0, "{sound} {first}");
    playback.finish();
    let heard = daemon.readings_until("silence", |reading| reading["status"] == "silence");
    assert_eq!(heard.last().unwrap()["dropped"], 0, "{heard:?}");
    // The last whole window: what follows is part of the next one.
    let coverage = |reading: &&Value| (1e4 * reading["coverage"].as_f64().unwrap()) as u64;
    let last = heard.iter().max_by_key(coverage).unwrap();
    assert!(last["coverage"].as_f64().unwrap() > 0.99, "{last}");

    let scored = common::stdout_of(common::program("earworm").args(["score", "--json"]).arg(&song));
    let scored: Value = serde_json::from_str(&scored).unwrap();
    let (heard, scored) = (last["window"].as_f64().unwrap(), scored["score"].as_f64().unwrap());
    println!("heard {heard:.2}, scored {scored:.2}");
    assert!((heard - scored).abs() < 2.0, "heard {heard}, scored {scored}");

    // The rest: the device is let go, so that the sound server may sleep.
    daemon.wait_for_log("resting");
    assert_eq!(server.control(&["list", "short", "source-outputs"]), "");
    // And taken again as soon as something plays.
    daemon.take_readings();
    let start = Instant::now();
    let _again = server.play_promptly(&song);
    daemon.wait_for_reading("sound after the rest", playing);
    println!(
        "while it rests: sound {:.2} s after a prompt player's start",
        start.elapsed().as_secs_f64()
    );
    daemon.signal("TERM");
    assert_eq!(daemon.wait(), Some(0), "{}", daemon.log_so_far());
}
