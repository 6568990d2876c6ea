//! `GET /metrics`: counters in the text format of Prometheus.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use earworm_scorer::live::SCORING_BUCKETS;
use earworm_scorer::{Reading, Status};

use super::App;
use crate::station::{Memory, SourceState};

/// The version of the format.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

/// Answers with all of them.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text(&app)).into_response()
}

fn text(app: &App) -> String {
    let station = &app.station;
    let (load, tally, source) = (station.load(), &station.tally, station.source());
    let reading = station.meter().reading();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
    let mut page = Page(String::with_capacity(4096));
    page.counter("readings_total", "Readings published.", load.readings as f64);
    page.counter("samples_total", "Samples of one channel that came in.", count(&tally.samples));
    page.counter(
        "dropped_samples_total",
        "Samples lost because they could not be taken in fast enough.",
        load.lost as f64,
    );
    page.counter("reconnects_total", "Streams opened again.", count(&tally.reconnects));
    page.counter("gaps_total", "Stretches without audio that nobody wanted.", count(&tally.gaps));
    page.counter("gap_seconds_total", "Their length together.", count(&tally.gap_ms) / 1000.0);
    page.counter(
        "xruns_total",
        "Over- and underruns that the sound system tells of; PulseAudio tells of none.",
        count(&tally.xruns),
    );
    page.gauge("worker_lag_seconds", "Audio that waited for the worker.", station.lag_s());
    page.histogram(
        "inference_seconds",
        "Time for one block of audio, from samples to reading.",
        &load.scoring,
        load.scoring_s,
    );
    let running = f64::from(u8::from(source.state == SourceState::Running));
    page.gauge("capture_running", "1 while audio comes in.", running);
    // A first impression is not yet worth a curve.
    // Nor is what was heard last before the device went, or before it fell silent.
    if source.state == SourceState::Running && reading.status == Status::Scoring {
        page.scores(&reading);
    }
    let failing = matches!(*station.memory(), Memory::Failing(_));
    page.gauge(
        "history_failing",
        "1 while the history cannot be written.",
        f64::from(u8::from(failing)),
    );
    page.counter("http_requests_total", "Requests.", count(&app.counts.requests));
    page.counter("http_refused_total", "Requests refused.", count(&app.counts.refused));
    page.gauge("websockets", "Streams that are open.", count(&app.counts.sockets));
    page.counter("slow_clients_total", "Streams dropped as too slow.", count(&app.counts.slow));
    page.gauge("uptime_seconds", "Since the start.", station.start.elapsed().as_secs_f64());
    page.0
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "# HELP earworm_{name} {help}\n# TYPE earworm_{name} {kind}\n");
    }

    fn line(&mut self, name: &str, value: f64) {
        let _ = writeln!(self.0, "earworm_{name} {value}");
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "counter");
        self.line(name, value);
    }

    fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.head(name, help, "gauge");
        self.line(name, value);
    }

    fn scores(&mut self, reading: &Reading) {
        for (name, score) in [
            ("momentary", reading.momentary),
            ("window", reading.window),
            ("integrated", reading.integrated),
        ] {
            if let Some(score) = score {
                let help = "The score of the moment, 0 to 100.";
                self.gauge(&format!("score_{name}"), help, f64::from(score));
            }
        }
    }

    fn histogram(&mut self, name: &str, help: &str, counts: &[u64], sum: f64) {
        self.head(name, help, "histogram");
        let mut below = 0;
        for (index, &count) in counts.iter().enumerate() {
            below += count;
            let end = SCORING_BUCKETS.get(index).map_or("+Inf".to_owned(), f64::to_string);
            self.line(&format!("{name}_bucket{{le=\"{end}\"}}"), below as f64);
        }
        self.line(&format!("{name}_sum"), sum);
        self.line(&format!("{name}_count"), below as f64);
    }
}

#[cfg(test)]
mod tests {
    use earworm_scorer::Model;
    use earworm_scorer::live::Worker;

    use super::*;
    use crate::distinct;
    use crate::http::Rules;
    use crate::station::{Source, Station};

    #[test]
    fn scores_of_a_device_that_has_gone_are_left_out() {
        const RATE: u32 = 48_000;
        let (station, mut tap) = Station::new(Model::embedded(), RATE).unwrap();
        let second: Vec<f32> = (0..RATE).map(|i| 0.5 * (i as f32 * 0.05).sin()).collect();
        for _ in 0..20 {
            tap.push_interleaved(&second, 1);
            Worker::shared().drain();
        }
        assert_eq!(station.meter().reading().status, Status::Scoring);
        let bound = std::net::SocketAddr::from(([127, 0, 0, 1], 8730));
        let app = App::new(station.clone(), None, bound, Rules::default());
        let has_scores = |state| {
            station.set_source(Source { state, ..Source::default() });
            let page = text(&app);
            let names = ["momentary", "window", "integrated"];
            names.map(|name| page.contains(&format!("\nearworm_score_{name} ")))
        };
        assert_eq!(has_scores(SourceState::Running), [true; 3]);
        for state in [SourceState::Waiting, SourceState::Resting, SourceState::Ended] {
            assert_eq!(has_scores(state), [false; 3], "{state:?}");
        }
    }

    #[test]
    fn each_score_goes_by_its_own_name() {
        let mut page = Page(String::new());
        page.scores(&distinct::reading());
        for (name, score) in distinct::SCORES {
            let line = format!("earworm_score_{name} {score}");
            assert!(page.0.lines().any(|is| is == line), "{line} is missing in\n{}", page.0);
        }
    }

    #[test]
    fn a_histogram_adds_up() {
        let mut page = Page(String::new());
        let mut counts = [0; SCORING_BUCKETS.len() + 1];
        (counts[0], counts[2], counts[8]) = (3, 2, 1);
        page.histogram("t", "Time.", &counts, 1.5);
        for line in [
            "# TYPE earworm_t histogram",
            "earworm_t_bucket{le=\"0.0005\"} 3",
            "earworm_t_bucket{le=\"0.0025\"} 5",
            "earworm_t_bucket{le=\"+Inf\"} 6",
            "earworm_t_sum 1.5",
            "earworm_t_count 6",
        ] {
            assert!(page.0.lines().any(|is| is == line), "{line} is missing in\n{}", page.0);
        }
    }
}
