//! What the worker publishes, as readers see it meanwhile.

use std::sync::{Arc, OnceLock};

use loom::thread;

use crate::every_order;
use crate::frame_history::FrameHistory;
use crate::meter;
use crate::model::Model;
use crate::reading::Reading;

/// Writes frames, each of which is one number throughout.
fn write(history: &FrameHistory, frames: std::ops::Range<u64>) {
    for i in frames {
        // Both halves of the time tell which frame it is.
        let time = f64::from_bits(i << 32 | i);
        history.write(time, i as f32, &[i as f32]);
    }
}

/// A ring of `capacity` frames into which three are written while someone reads it twice.
fn read_while_written(capacity: usize) {
    let orders = every_order(3, move || {
        let history = Arc::new(FrameHistory::new(1, capacity));
        let writer = {
            let history = history.clone();
            thread::spawn(move || write(&history, 0..3))
        };
        let (mut next, mut frames) = (0, Vec::new());
        for _ in 0..2 {
            let (from, had) = (next, frames.len());
            next = history.read(from, &mut frames);
            assert!(next >= from && frames[had..].iter().all(|frame| frame.index >= from));
        }
        writer.join().unwrap();
        let had = frames.len();
        assert_eq!(history.read(next, &mut frames), 3);
        // Nobody writes any more: all that are still kept come.
        let kept = (3 - next).min(capacity as u64);
        assert_eq!(frames.len() - had, kept as usize);
        assert!(frames.windows(2).all(|pair| pair[0].index < pair[1].index));
        for frame in &frames {
            let (value, time) = (frame.index as f32, frame.time_s.to_bits());
            assert_eq!((frame.level_db, &frame.mel_db[..]), (value, &[value][..]), "{frame:?}");
            assert_eq!(time, frame.index << 32 | frame.index, "{frame:?}");
        }
    });
    println!("{capacity} places: {orders} orders");
    assert!(orders > 1000, "{orders} orders");
}

#[test]
fn a_reader_never_sees_half_a_frame() {
    read_while_written(1);
    read_while_written(2);
}

/// A meter needs a model; which one does not matter.
fn some_model() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny_lstm.onnx");
    MODEL.get_or_init(|| Model::load(file).unwrap()).clone()
}

/// Who sees that there is a new reading gets it; who has a reading sees the frames and the reset before it.
#[test]
fn what_is_counted_is_there() {
    let model = some_model();
    let orders = every_order(3, move || {
        let (meter, publisher) = meter::sized(model.clone(), 1, 2);
        let writer = thread::spawn(move || {
            let reading = |time_s| Reading { time_s, ..Reading::default() };
            publisher.count_lost(5);
            publisher.publish(&reading(1.0));
            publisher.reset();
            publisher.publish(&reading(2.0));
            publisher.fail("broken");
        });
        let (readings, resets) = (meter.readings(), meter.resets());
        let reading = meter.reading();
        assert!(reading.time_s >= readings as f64, "{readings} counted, {} there", reading.time_s);
        assert!(resets == 0 || reading.time_s >= 1.0);
        if reading.time_s > 0.0 {
            assert_eq!(meter.load().lost, 5);
        }
        if reading.time_s > 1.0 {
            assert_eq!(meter.resets(), 1);
        }
        if meter.failure().is_some() {
            assert_eq!((meter.readings(), meter.reading().time_s), (2, 2.0));
        }
        writer.join().unwrap();
        assert_eq!((meter.readings(), meter.resets(), meter.reading().time_s), (2, 1, 2.0));
    });
    println!("{orders} orders");
    assert!(orders > 100, "{orders} orders");
}
