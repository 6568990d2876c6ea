//! What is shown while it is held. It is kept here, not in the editor, which may be closed and opened meanwhile.

use std::sync::Arc;

use earworm_scorer::{Model, Reading};

use super::{Log, Scored, Session, lock};

/// What there was to be seen when hold went on.
pub struct Held {
    /// The latest reading.
    pub reading: Arc<Reading>,
    /// The model that scored.
    pub model: Arc<Model>,
    /// Seconds of a window.
    pub window_s: f64,
    /// What had been read since the reset.
    pub log: Log,
    /// The latest scores, if there were any.
    pub scored: Option<Scored>,
}

impl Session {
    /// What is held, while something is. Nothing tells when the host puts hold on, so that this is to be called
    /// before anything that is shown is replaced.
    pub fn held(&self) -> Option<Arc<Held>> {
        let mut held = lock(&self.held);
        if !self.params.hold.value() {
            *held = None;
        } else if held.is_none() {
            *held = self.present().map(Arc::new);
        }
        held.clone()
    }

    /// What there is to be seen now; nothing without a stream.
    fn present(&self) -> Option<Held> {
        // Both at once, so that they are of one stream.
        let (meter, log) = self.with_log(|log| (self.meter(), log.clone()));
        let meter = meter?;
        let model = meter.model().clone();
        Some(Held {
            reading: log.reading.clone(),
            window_s: model.metadata().front_end.seconds(self.window_frames(&model)),
            scored: self.scored_of(&meter, log.latest, &log.reading),
            model,
            log,
        })
    }
}
