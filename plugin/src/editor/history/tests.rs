use super::*;

fn points(count: usize) -> Vec<Point> {
    (0..count)
        .map(|i| {
            let s = i as f64;
            Point { clock_s: 1e9 + s, song_s: 30.0 + s, window: 50.0, ..Point::gap(s) }
        })
        .collect()
}

#[test]
fn all_is_shown_until_it_is_zoomed() {
    let mut history = History::default();
    let points = points(200);
    let all = history.range(&points, Axis::Elapsed, None, None);
    assert_eq!(all, Range { from: 0.0, to: 199.0 });
    assert_eq!(history.range(&points, Axis::Song, None, None), Range { from: 30.0, to: 229.0 });
    assert_eq!(history.range(&[], Axis::Elapsed, None, None).length(), FIRST_S);
    let zoomed = history.range(&points, Axis::Elapsed, Some(20.0), None);
    assert_eq!(zoomed, Range { from: 179.0, to: 199.0 });
    history.drag(zoomed, 1e9);
    let moved = history.range(&points, Axis::Elapsed, Some(20.0), None);
    assert_eq!(moved, Range { from: 0.0, to: 20.0 }, "it stops at the start");
}

#[test]
fn what_the_view_was_moved_to_stays_in_sight() {
    let mut history = History::default();
    let look = |history: &mut History, heard: usize, span: Option<f64>| {
        history.range(&points(heard), Axis::Elapsed, span, None)
    };
    let zoom = Some(30.0);
    let shown = look(&mut history, 200, zoom);
    history.drag(shown, 60.0);
    let moved = look(&mut history, 200, zoom);
    assert_eq!(moved, Range { from: 109.0, to: 139.0 });
    history.let_go(moved, 199.0);
    assert_eq!(look(&mut history, 260, zoom), moved, "listening goes on");
    // Moved to the end again, it follows.
    history.drag(moved, -1e9);
    let end = look(&mut history, 260, zoom);
    assert_eq!(end, Range { from: 229.0, to: 259.0 });
    history.let_go(end, 259.0);
    assert_eq!(look(&mut history, 280, zoom).to, 279.0);
    // So it does after a double click, which shows all, and after a reset.
    for (heard, span) in [(280, None), (5, zoom)] {
        let shown = look(&mut history, 280, zoom);
        history.drag(shown, 60.0);
        assert_eq!(look(&mut history, 280, zoom).to, 219.0);
        look(&mut history, heard, span);
        assert_eq!(look(&mut history, 280, zoom).to, 279.0);
    }
}

/// Heard to 3:49, the song goes back and plays a passage again and again.
#[test]
fn on_the_songs_axis_the_view_follows_the_playhead() {
    let mut history = History::default();
    let mut points = points(200);
    let zoom = Some(30.0);
    let look = |history: &mut History, points: &[Point], playhead_s: Option<f64>| {
        history.range(points, Axis::Song, zoom, playhead_s)
    };
    assert_eq!(look(&mut history, &points, Some(68.0)), Range { from: 38.0, to: 68.0 });
    assert_eq!(look(&mut history, &points, Some(5.0)), Range { from: 5.0, to: 35.0 });
    // It stays in sight wherever it is: what was heard ends at 229.
    assert_eq!(look(&mut history, &points, Some(300.0)).to, 300.0);
    // While the transport stands, it is at what was heard last.
    points.push(Point { clock_s: 2e9, song_s: 61.0, window: 50.0, ..Point::gap(200.0) });
    points.push(Point::gap(201.0));
    let shown = look(&mut history, &points, None);
    assert_eq!(shown, Range { from: 31.0, to: 61.0 });
    // Moved, it stays, also where later parts were heard.
    history.drag(shown, -1e9);
    let moved = look(&mut history, &points, Some(62.0));
    assert_eq!(moved, Range { from: 199.0, to: 229.0 });
    history.let_go(moved, 62.0);
    assert_eq!(look(&mut history, &points, Some(63.0)), moved);
    history.drag(moved, 165.0);
    let back = look(&mut history, &points, Some(63.0));
    history.let_go(back, 63.0);
    assert_eq!(look(&mut history, &points, Some(70.0)).to, 70.0, "let go of at the playhead");
    // Near the song's beginning, an unmoved view ends behind the playhead.
    let beginning = look(&mut history, &points, Some(8.0));
    history.drag(beginning, 2.0);
    let unmoved = look(&mut History::default(), &points, Some(8.0));
    let dragged = look(&mut history, &points, Some(8.0));
    history.let_go(dragged, unmoved.to);
    assert_eq!(look(&mut history, &points, Some(70.0)).to, 70.0);
}
