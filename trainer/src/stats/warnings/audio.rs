//! Audio that is clipped, silent or not there, or that tells where it comes from.

use super::{Kind, Warning};
use crate::catalogues;
use crate::dataset::{Dataset, SongEntry, Track};

/// A song is clipped when this share of its samples is at full scale: more than a peak touched by chance.
const CLIPPED_SHARE: f64 = 0.001;
/// A song of which less than this share is audible is silent.
const AUDIBLE_SHARE: f64 = 0.1;
/// A song shorter than this, in seconds, is very short.
const SHORT_SECONDS: f64 = 5.0;

/// Catalogues that level, bandwidth or codec alone tell apart.
pub(in crate::stats) fn catalogues(set: &Dataset) -> Vec<Warning> {
    let warning = |(column, message)| Warning::new(Kind::Catalogues, message, [column]);
    catalogues::warnings(set, &[]).into_iter().map(warning).collect()
}

/// Songs whose audio is clipped, silent or very short.
pub(in crate::stats) fn audio(songs: &[SongEntry], least_frames: Option<usize>) -> Vec<Warning> {
    let pick = |is: &dyn Fn(&SongEntry) -> bool, what: &dyn Fn(&SongEntry) -> String| {
        songs
            .iter()
            .filter(|song| is(song))
            .map(|song| format!("{} ({})", song.track.id, what(song)))
            .collect::<Vec<String>>()
    };
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let audible = |song: &SongEntry| song.audible as f64 / song.frames.max(1) as f64;
    let clipped = pick(&|song| song.clipped > CLIPPED_SHARE, &|song| percent(song.clipped));
    let silent = pick(&|song| audible(song) < AUDIBLE_SHARE, &|song| {
        format!("{} audible", percent(audible(song)))
    });
    let short =
        pick(&|song| song.seconds < SHORT_SECONDS, &|song| format!("{:.1} s", song.seconds));
    let little = pick(&|song| least_frames.is_some_and(|least| song.audible < least), &|song| {
        format!("{} frames", song.audible)
    });
    let more = 100.0 * CLIPPED_SHARE;
    [
        (
            Kind::Clipped,
            clipped,
            format!("songs have more than {more} % of their samples at full scale"),
        ),
        (Kind::Silent, silent, "songs are all but silent".to_owned()),
        (Kind::Silent, short, format!("songs are shorter than {SHORT_SECONDS} s")),
        (Kind::Silent, little, "songs have too little sound for the recipe".to_owned()),
    ]
    .into_iter()
    .filter(|(_, songs, _)| !songs.is_empty())
    .map(|(kind, songs, what)| {
        let message = format!("{} {what}", songs.len());
        Warning::new(kind, message, songs)
    })
    .collect()
}

/// Songs that are not in the data set.
pub(in crate::stats) fn unread(
    skipped: &[(String, String)],
    unread: &[(u64, Track)],
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if !skipped.is_empty() {
        let message = format!("{} songs of the manifest could not be read", skipped.len());
        let names = skipped.iter().map(|(id, reason)| format!("{id}: {reason}"));
        warnings.push(Warning::new(Kind::Unread, message, names));
    }
    if !unread.is_empty() {
        let message = format!(
            "{} songs of the manifest were not read yet; run `dataset build` again to go on",
            unread.len()
        );
        warnings.push(Warning::new(
            Kind::Unread,
            message,
            unread.iter().map(|(_, track)| track.id.clone()),
        ));
    }
    warnings
}
