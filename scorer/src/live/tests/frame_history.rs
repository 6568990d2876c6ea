//! Frames, alone and in a race.

use crate::live::frame_history::FrameHistory;

#[test]
fn the_last_frames_stay() {
    let history = FrameHistory::new(2, 4);
    for i in 0..10 {
        history.write(f64::from(i), -1.0, &[i as f32, 0.5]);
    }
    let mut frames = Vec::new();
    let next = history.read(0, &mut frames);
    assert_eq!(next, 10);
    assert_eq!(frames.iter().map(|f| f.index).collect::<Vec<_>>(), [6, 7, 8, 9]);
    assert_eq!(frames[3].mel_db, [9.0, 0.5]);
    assert_eq!(frames[3].time_s, 9.0);
    history.write(10.0, -1.0, &[10.0, 0.5]);
    frames.clear();
    assert_eq!(history.read(next, &mut frames), 11);
    assert_eq!(frames.len(), 1);
}

#[test]
fn a_reader_never_sees_half_a_frame() {
    const FRAMES: u64 = if cfg!(miri) { 200 } else { 200_000 };
    let history = FrameHistory::new(8, 16);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for i in 0..FRAMES {
                history.write(i as f64, i as f32, &[i as f32; 8]);
            }
        });
        let (mut next, mut frames) = (0, Vec::new());
        while next < FRAMES {
            frames.clear();
            next = history.read(next, &mut frames);
            for frame in &frames {
                let value = frame.index as f32;
                assert_eq!(frame.level_db, value);
                assert!(frame.mel_db.iter().all(|&db| db == value), "torn frame {}", frame.index);
            }
        }
    });
}
