//! What the terminal meter shows.

use std::sync::Arc;

use earworm_scorer::front_end::SILENCE_DB;
use earworm_scorer::live::Meter;
use earworm_scorer::model::Metadata;
use earworm_scorer::{Reading, Status};
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Widget};

use super::bars::{bar_line, colour, score_line};
use super::big_number;
use super::history::History;
use super::rolling_mel::RollingMel;
use crate::flow::Flow;
use crate::station::SourceState;
use crate::{clock, text};
use earworm_kit::colour::{BRIGHT, DIM, HOOK, INTEGRATED, MOMENTARY, Rgb, WINDOW};

/// Rows that the meter takes if the terminal has them.
pub(super) const ROWS: u16 = 24;
/// Seconds of mel frames shown.
const MEL_SECONDS: f64 = 30.0;
/// The quietest level the level bar shows.
const QUIETEST_DB: f32 = -60.0;
/// Narrower than this there is no room for the large number.
const WITH_NUMBER: u16 = 60;
/// Cells of one class bar.
const CLASS_CELLS: u16 = 32;
/// Rows of score bars.
const METER_ROWS: u16 = 7;

/// The state of the meter on the screen.
pub(super) struct View {
    model: Arc<earworm_scorer::Model>,
    title: String,
    expected_s: Option<f64>,
    reading: Arc<Reading>,
    source: SourceState,
    flow: Flow,
    /// Whether audio comes in; else the reading is that of a while ago.
    flows: bool,
    history: History,
    mel: RollingMel,
}

impl View {
    /// A meter that has heard nothing yet.
    pub(super) fn new(meter: &Meter, expected_s: Option<f64>) -> Self {
        let frame_rate = meter.model().metadata().front_end.frame_rate();
        Self {
            model: meter.model().clone(),
            title: String::new(),
            expected_s,
            reading: Arc::new(Reading { level_db: SILENCE_DB, ..Reading::default() }),
            source: SourceState::Starting,
            flow: Flow::default(),
            flows: false,
            history: History::new(),
            mel: RollingMel::new((MEL_SECONDS * frame_rate) as usize),
        }
    }

    /// Takes in what is new at `now_s`, on any clock that does not go back.
    pub(super) fn update(&mut self, meter: &Meter, title: String, source: SourceState, now_s: f64) {
        self.title = title;
        self.mel.update(meter);
        if meter.readings() > 0 {
            self.take(meter.reading());
        }
        self.look(source, now_s);
    }

    /// Sees whether the reading is one of now.
    fn look(&mut self, source: SourceState, now_s: f64) {
        self.source = source;
        // Where the scorer starts anew, so does the view.
        let moves = self.flow.note(now_s, (0, 0), self.reading.time_s);
        self.flows = moves && source == SourceState::Running;
    }

    fn take(&mut self, reading: Arc<Reading>) {
        let score = reading.window.filter(|_| reading.status == Status::Scoring);
        self.history.push(reading.time_s, score);
        self.reading = reading;
    }

    /// Draws everything; what there is no room for is left out, the model's worth never.
    pub(super) fn draw(&self, area: Rect, buffer: &mut Buffer) {
        let class_columns = (area.width / CLASS_CELLS).max(1);
        let classes = self.model.metadata().classes.len() as u16;
        let class_rows = match classes {
            0 | 1 => 0,
            more => more.div_ceil(class_columns).min(6),
        };
        let spare = area.height.saturating_sub(2 + METER_ROWS + class_rows);
        let (history_rows, mel_rows) = match spare {
            0..3 => (0, 0),
            3..7 => (spare, 0),
            _ => (spare / 2, spare - spare / 2),
        };
        let class_rows = if spare > 0 { class_rows } else { 0 };
        let [header, meters, history, mel, class_area, footer] = Layout::vertical(
            [1, METER_ROWS, history_rows, mel_rows, class_rows, 1].map(Constraint::Length),
        )
        .areas(area);
        self.draw_header(header, buffer);
        self.draw_meters(meters, buffer);
        let hook = self.reading.hook.as_ref();
        self.history.draw(history, buffer, hook, self.expected_s);
        self.mel.draw(mel, buffer);
        self.draw_classes(class_area, class_columns, buffer);
        self.draw_footer(footer, buffer);
    }

    fn draw_header(&self, area: Rect, buffer: &mut Buffer) {
        let metadata = self.model.metadata();
        let worth = text::worth(metadata);
        let room = usize::from(area.width).saturating_sub(text::width(&worth) + 3);
        let name = text::shorten(&text::tame(&metadata.name), room);
        let model = if room > 0 { format!("{name} · {worth}") } else { worth };
        let mut place = clock::clock(self.reading.time_s);
        if let Some(expected_s) = self.expected_s {
            place += &format!(" / {}", clock::clock(expected_s));
        }
        let room = usize::from(area.width).saturating_sub(text::width(&model) + 4);
        let title = text::shorten(&self.title, room.saturating_sub(text::width(&place) + 2));
        let right = text::pad(&format!("{title}  {place}"), room, true);
        let line = Line::from(vec![
            Span::styled(model, Style::new().fg(colour(BRIGHT)).add_modifier(Modifier::BOLD)),
            Span::raw("    "),
            Span::styled(right, Style::new().fg(colour(DIM))),
        ]);
        Paragraph::new(line).render(area, buffer);
    }

    fn draw_meters(&self, area: Rect, buffer: &mut Buffer) {
        let wide = area.width >= WITH_NUMBER;
        let left = if wide { big_number::CELLS as u16 + 3 } else { 0 };
        let [number, bars] =
            Layout::horizontal([Constraint::Length(left), Constraint::Fill(1)]).areas(area);
        self.draw_number(number, buffer);
        let reading = &self.reading;
        let cells = usize::from(bars.width);
        let level = 1.0 - reading.level_db / QUIETEST_DB;
        let coverage = format!("{:.0} %", 100.0 * reading.coverage);
        let level_db = format!("{:.1} dB", reading.level_db);
        // A first impression looks like one.
        let momentary = if reading.status == Status::Listening { DIM } else { MOMENTARY };
        let lines = vec![
            Line::default(),
            score_line("momentary", reading.momentary, momentary, cells),
            score_line("window", reading.window, WINDOW, cells),
            score_line("integrated", reading.integrated, INTEGRATED, cells),
            bar_line("coverage", Some(reading.coverage), &coverage, DIM, cells),
            bar_line("level", Some(level), &level_db, DIM, cells),
            self.hook_line(),
        ];
        Paragraph::new(lines).render(bars, buffer);
    }

    fn hook_line(&self) -> Line<'static> {
        let hook = text::pad(&text::hook(self.reading.hook.as_ref()), 18, false);
        let mut spans = vec![
            Span::styled("hook       ", Style::new().fg(colour(DIM))),
            Span::styled(hook, Style::new().fg(colour(HOOK))),
        ];
        let dropped = format!("dropped {}", self.reading.dropped);
        let rgb = if self.reading.dropped > 0 { HOOK } else { DIM };
        spans.push(Span::styled(dropped, Style::new().fg(colour(rgb))));
        if self.reading.invalid > 0 {
            let invalid = format!("  invalid {}", self.reading.invalid);
            spans.push(Span::styled(invalid, Style::new().fg(colour(HOOK))));
        }
        Line::from(spans)
    }

    /// The momentary score, while there is no other.
    fn impression(&self) -> Option<f32> {
        self.reading.momentary.filter(|_| self.reading.status == Status::Listening)
    }

    /// The colour of the number, what it is, and what is waited for where there is none.
    fn number_says(&self) -> (Rgb, &'static str, &'static str) {
        let enough = "until there is enough";
        match (self.source, self.reading.status) {
            (SourceState::Resting, _) => (DIM, "nothing plays", ""),
            (SourceState::Ended, _) => (DIM, "the end", ""),
            (source, _) if !self.flows && source != SourceState::Starting => {
                (DIM, "nothing comes in", "")
            }
            (_, Status::Scoring) => (WINDOW, "window score, 0–100", enough),
            (_, Status::Silence) => (DIM, "silence", "nothing audible plays"),
            (_, Status::Listening) if self.impression().is_some() => {
                (DIM, "first impression", enough)
            }
            (_, Status::Listening) => (DIM, "listening …", enough),
        }
    }

    fn draw_number(&self, area: Rect, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let reading = &self.reading;
        let fg = |rgb| Style::new().fg(colour(rgb));
        let (rgb, caption, until) = self.number_says();
        let mut lines = vec![Line::default()];
        match reading.window.or(self.impression()) {
            Some(score) => {
                lines.extend(
                    big_number::rows(score.round() as u32).map(|row| Line::styled(row, fg(rgb))),
                );
                lines.push(Line::styled(caption, fg(DIM)));
            }
            None => {
                let bar = text::bar(reading.coverage, big_number::CELLS);
                let bar = text::pad(&bar, big_number::CELLS, false);
                lines.extend([
                    Line::default(),
                    Line::styled(caption, fg(BRIGHT)),
                    Line::styled(bar, fg(WINDOW).bg(colour(earworm_kit::colour::GRID))),
                    Line::styled(until, fg(DIM)),
                    Line::default(),
                ]);
            }
        }
        Paragraph::new(lines).render(area, buffer);
    }

    fn draw_classes(&self, area: Rect, columns: u16, buffer: &mut Buffer) {
        if area.is_empty() {
            return;
        }
        let Metadata { classes, score_class, .. } = self.model.metadata();
        let cell = area.width / columns;
        for (index, class) in classes.iter().enumerate() {
            let (row, column) = (index as u16 / columns, index as u16 % columns);
            if row >= area.height {
                break;
            }
            let value = self.reading.details.get(index).copied();
            let figure =
                value.map_or_else(|| "–".into(), |value| format!("{:.0} %", 100.0 * value));
            let rgb = if class.name == *score_class { WINDOW } else { MOMENTARY };
            let cells = usize::from(cell.saturating_sub(2));
            let line = bar_line(&text::tame(&class.name), value, &figure, rgb, cells);
            buffer.set_line(area.x + column * cell, area.y + row, &line, cell);
        }
    }

    fn draw_footer(&self, area: Rect, buffer: &mut Buffer) {
        let line =
            Line::styled("q quits · a hint, not a promise", Style::new().fg(Color::DarkGray));
        Paragraph::new(line).render(area, buffer);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use earworm_scorer::{Hook, Model, ScorerOptions, live};

    use super::*;

    fn meter() -> Meter {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let model = Model::load(folder.join("../scorer/tests/fixtures/tiny_lstm.onnx")).unwrap();
        live::open(model, 48_000, ScorerOptions::LIVE).unwrap().2
    }

    fn scoring() -> Arc<Reading> {
        Arc::new(Reading {
            time_s: 83.0,
            status: Status::Scoring,
            momentary: Some(60.0),
            window: Some(99.7),
            integrated: Some(58.0),
            hook: Some(Hook { score: 71.0, start_s: 30.0, end_s: 59.0 }),
            level_db: -14.2,
            coverage: 1.0,
            dropped: 1024,
            invalid: 3,
            details: vec![0.1, 0.5, 0.9],
            integrated_details: vec![0.1, 0.5, 0.9],
        })
    }

    fn screen(view: &View, width: u16, height: u16) -> String {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        view.draw(area, &mut buffer);
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol().to_owned()).collect::<String>();
        (0..height).map(row).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn everything_is_there() {
        let mut view = View::new(&meter(), Some(225.0));
        view.title = "song.wav".into();
        view.take(scoring());
        let screen = screen(&view, 100, ROWS);
        for part in [
            "tiny-streaming · test AUC not measured",
            "song.wav  1:23 / 3:45",
            "momentary",
            "0:30–0:59 (71)",
            "dropped 1024",
            "-14.2 dB",
            "▲ hook 71",
            "liked",
            "90 %",
            "██  ██████  ██████",
        ] {
            assert!(screen.contains(part), "{part} is missing in\n{screen}");
        }
        for (name, score) in [("momentary", " 60"), ("window", " 100"), ("integrated", " 58")] {
            let row = screen.lines().find(|row| row.contains(name)).unwrap();
            assert!(row.trim_end().ends_with(score), "{row}");
        }
    }

    #[test]
    fn without_a_score_it_says_why() {
        let mut view = View::new(&meter(), None);
        assert!(screen(&view, 80, 20).contains("listening …"));
        view.take(Arc::new(Reading { momentary: Some(11.0), ..Reading::default() }));
        let shown = screen(&view, 80, 20);
        assert!(shown.contains("first impression") && !shown.contains("window score"), "{shown}");
        assert!(shown.contains("  ██      ██"), "an eleven: {shown}");
        view.take(Arc::new(Reading { status: Status::Silence, ..Reading::default() }));
        assert!(screen(&view, 80, 20).contains("silence"));
    }

    #[test]
    fn the_number_of_a_device_that_has_gone_is_not_lit() {
        let mut view = View::new(&meter(), None);
        let mut shown = |reading: Arc<Reading>, source, seconds| {
            view.take(reading);
            view.look(source, f64::from(seconds));
            let area = Rect::new(0, 0, 80, 20);
            let mut buffer = Buffer::empty(area);
            view.draw(area, &mut buffer);
            let number = Rect::new(0, 1, big_number::CELLS as u16, METER_ROWS);
            let lit = number.positions().any(|place| buffer[place].fg == colour(WINDOW));
            (lit, screen(&view, 80, 20))
        };
        let running = SourceState::Running;
        let (lit, text) = shown(scoring(), running, 0);
        assert!(lit && text.contains("window score"), "{text}");
        for (source, seconds, caption) in [
            (SourceState::Waiting, 1, "nothing comes in"),
            (SourceState::Resting, 1, "nothing plays"),
            (running, 2, "nothing comes in"),
            (SourceState::Ended, 2, "the end"),
        ] {
            let (lit, text) = shown(scoring(), source, seconds);
            assert!(!lit && text.contains(caption), "{source:?}\n{text}");
            assert!(text.contains("██  ██████  ██████"), "it is still there\n{text}");
        }
        let next = Reading { time_s: 84.0, ..(*scoring()).clone() };
        assert!(shown(Arc::new(next), running, 3).0, "it goes on");
    }

    #[test]
    fn any_terminal_will_do() {
        let mut view = View::new(&meter(), Some(1.0));
        view.title = "a rather long name of a song.flac".into();
        for _ in 0..2 {
            for width in (0..140).step_by(7) {
                for height in 0..30 {
                    let screen = screen(&view, width, height);
                    let shown = width < 30 || height == 0 || screen.contains("AUC");
                    assert!(shown, "{width} x {height}\n{screen}");
                }
            }
            view.take(scoring());
        }
    }
}
