//! What a media player says that it plays: MPRIS, over the D-Bus session bus. Waits for signals;
//! costs nothing in between.

use std::collections::HashMap;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use futures::{Stream, StreamExt};
use zbus::{Connection, MatchRule, Message, MessageStream, OwnedVariant, Variant};

use crate::station::{Station, Track};

/// What the names of players on the bus begin with.
const PLAYERS: &str = "org.mpris.MediaPlayer2";
const PATH: &str = "/org/mpris/MediaPlayer2";
const INTERFACE: &str = "org.mpris.MediaPlayer2.Player";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// How often a bus that is not there is looked for.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Longest wait for a player's answer.
const ANSWER: Duration = Duration::from_secs(2);
/// Signals come in bursts; this long after the first one the players are asked.
const BURST: Duration = Duration::from_millis(50);

/// Keeps the station's track as the players say, in a thread of its own, for ever.
pub(super) fn follow(station: Arc<Station>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else { return };
    let thread = std::thread::Builder::new().name("earworm-players".into());
    let _ = thread.spawn(move || {
        runtime.block_on(async {
            loop {
                if let Err(error) = watch(&station).await {
                    tracing::debug!(%error, "no players are heard of");
                }
                station.set_track(None);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
    });
}

async fn watch(station: &Station) -> zbus::Result<()> {
    let bus = Connection::session().await?;
    let changes = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .interface(PROPERTIES)
        .path(PATH)
        .build()?;
    let owners = MatchRule::builder()
        .msg_type(zbus::message::Type::Signal)
        .sender("org.freedesktop.DBus")
        .interface("org.freedesktop.DBus")
        .member("NameOwnerChanged")
        .arg0ns(PLAYERS)
        .build()?;
    let changes = MessageStream::for_match_rule(changes, &bus, None).await?;
    let owners = MessageStream::for_match_rule(owners, &bus, None).await?;
    let mut signals = futures::stream::select(changes, owners);
    let mut last: Option<String> = None;
    loop {
        let mut missed = false;
        // The bus gives no answers while its signals wait to be taken.
        let playing = {
            let asked = pin!(playing(&bus, last.as_deref()));
            let taken = pin!(take_signals(&mut signals, &mut missed));
            match select(asked, taken).await {
                Either::Left((playing, _)) => playing?,
                Either::Right((never, _)) => match never {},
            }
        };
        last = playing.as_ref().map(|(player, _)| player.clone());
        station.set_track(playing.map(|(_, track)| track));
        if !missed {
            match signals.next().await {
                Some(signal) => drop(signal?),
                None => return Ok(()),
            }
        }
        tokio::time::sleep(BURST).await;
        while let Some(Some(_)) = futures::FutureExt::now_or_never(signals.next()) {}
    }
}

/// Takes signals, and notes that there were some, until it is dropped.
async fn take_signals(
    signals: &mut (impl Stream<Item = zbus::Result<Message>> + Unpin),
    missed: &mut bool,
) -> Infallible {
    while let Some(Ok(_)) = signals.next().await {
        *missed = true;
    }
    // The next one who asks for a signal is told why there are no more.
    *missed = false;
    std::future::pending().await
}

/// The player that plays, the one that did before if there are several, and what it plays. If none
/// does, that one as long as it holds its song.
async fn playing(bus: &Connection, before: Option<&str>) -> zbus::Result<Option<(String, Track)>> {
    let dbus = "org.freedesktop.DBus";
    let asked = bus.call_method(Some(dbus), "/org/freedesktop/DBus", Some(dbus), "ListNames", &());
    let silent = |_| zbus::Error::Failure("the bus does not answer".into());
    let names = tokio::time::timeout(ANSWER, asked).await.map_err(silent)??;
    let names: Vec<String> = names.body().deserialize()?;
    let mut players: Vec<_> = names.into_iter().filter(|name| name.starts_with(PLAYERS)).collect();
    players.sort_by_key(|name| Some(name.as_str()) != before);
    let mut held = None;
    for player in players {
        let asked =
            bus.call_method(Some(player.as_str()), PATH, Some(PROPERTIES), "GetAll", &(INTERFACE,));
        // One that does not answer plays nothing that we could know.
        let Ok(Ok(answer)) = tokio::time::timeout(ANSWER, asked).await else { continue };
        let Ok(properties) = answer.body().deserialize::<HashMap<String, OwnedVariant>>() else {
            continue;
        };
        let status = properties.get("PlaybackStatus").and_then(|status| text(status));
        let Some(track) = properties.get("Metadata").and_then(|all| track(&player, all)) else {
            continue;
        };
        match status.as_deref() {
            Some("Playing") => return Ok(Some((player, track))),
            Some("Paused") if Some(player.as_str()) == before => {
                held = Some((player, Track { paused: true, ..track }));
            }
            _ => {}
        }
    }
    Ok(held)
}

fn track(player: &str, metadata: &Variant<'_>) -> Option<Track> {
    let Variant::Dict(metadata) = metadata else { return None };
    let entry = |key: &str| -> Option<String> {
        metadata.iter().find_map(|(name, value)| match name {
            Variant::Str(name) if name.as_str() == key => text(value),
            _ => None,
        })
    };
    let title = entry("xesam:title");
    let artist = entry("xesam:artist");
    let number = entry("mpris:trackid");
    // Some players give every track the same number, some have no title for streams.
    let parts = [Some(player), number.as_deref(), artist.as_deref(), title.as_deref()];
    let id = parts.map(Option::unwrap_or_default).join("\n");
    Some(Track { id, title, artist, album: entry("xesam:album"), paused: false })
}

/// A text, or several as one; `None` for an empty one.
fn text(value: &Variant<'_>) -> Option<String> {
    /// Most characters that are kept: a player may say anything.
    const MOST: usize = 300;
    let text = match value {
        Variant::Str(text) => text.to_string(),
        Variant::ObjectPath(path) => path.to_string(),
        Variant::Variant(inner) => return self::text(inner),
        Variant::Array(parts) => parts.iter().filter_map(self::text).collect::<Vec<_>>().join(", "),
        _ => return None,
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(MOST).collect();
    Some(text).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(entries: &[(&str, Variant<'static>)]) -> Variant<'static> {
        let map: HashMap<String, Variant<'static>> =
            entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
        Variant::from(map)
    }

    #[test]
    fn a_track_is_what_the_player_says() {
        let said = metadata(&[
            ("mpris:trackid", Variant::from("/7")),
            ("xesam:title", Variant::from("One\x1b[2J")),
            ("xesam:artist", Variant::from(vec!["A", "B"])),
            ("xesam:album", Variant::from("")),
        ]);
        let one = track("org.mpris.MediaPlayer2.x", &said).unwrap();
        assert_eq!(one.title.as_deref(), Some("One[2J"));
        assert_eq!(one.artist.as_deref(), Some("A, B"));
        assert_eq!(one.album, None);
        let other = metadata(&[("mpris:trackid", Variant::from("/7"))]);
        assert_ne!(track("org.mpris.MediaPlayer2.x", &other).unwrap().id, one.id);
        assert_eq!(track("x", &Variant::from(7)), None);
    }

    #[test]
    fn long_titles_are_cut() {
        let long = Variant::from("x".repeat(100_000));
        assert_eq!(text(&long).unwrap().len(), 300);
    }
}
