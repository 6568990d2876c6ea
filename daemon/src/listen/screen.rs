//! The terminal while the meter is drawn: set up, read for keys, and given back whatever happens.

use std::io::{self, Stdout, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{MoveTo, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::{execute, terminal};
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::view::{self, View};
use crate::exit::INTERRUPTED;
use crate::station::{SourceState, Station};
use crate::{interrupt, log, text};

/// From one drawing to the next: 20 a second.
const FRAME: Duration = Duration::from_millis(50);

/// Why the meter went away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// The input ended or failed.
    InputEnded,
    /// The user pressed q.
    Quit,
    /// The user pressed Ctrl-C.
    Interrupted,
}

/// What is shown.
pub(super) struct Shown<'a> {
    /// Where the readings come from.
    pub(super) station: &'a Station,
    /// Whether nothing more will come.
    pub(super) ended: &'a dyn Fn() -> bool,
    /// How long it will be, if known.
    pub(super) expected_s: Option<f64>,
}

impl Shown<'_> {
    fn view(&self) -> View {
        View::new(&self.station.meter(), self.expected_s)
    }

    /// What is listened to, and what is the matter with it.
    fn title(&self) -> String {
        let source = self.station.source();
        let device = text::tame(&source.device);
        match (source.state, &source.problem) {
            (_, Some(problem)) => text::tame(problem),
            (SourceState::Starting, _) => "starting".into(),
            (SourceState::Resting, _) => format!("{device} (nothing plays)"),
            _ => device,
        }
    }
}

/// Draws the meter until the input ends or the user has seen enough.
///
/// # Errors
/// When the terminal cannot be used.
pub(super) fn show(shown: &Shown<'_>) -> anyhow::Result<Ending> {
    let _held_lines = log::hold();
    let mut screen = Screen::open()
        .context("cannot draw in this terminal; --json writes readings as lines instead")?;
    let (mut view, mut epoch) = (shown.view(), shown.station.epoch());
    let begun = Instant::now();
    loop {
        let meter = shown.station.meter();
        // Asked first, so that the last reading is drawn too.
        let ended = (shown.ended)() || meter.failure().is_some();
        if shown.station.epoch() != epoch {
            (view, epoch) = (shown.view(), shown.station.epoch());
        }
        view.update(
            &meter,
            shown.title(),
            shown.station.source().state,
            begun.elapsed().as_secs_f64(),
        );
        screen.terminal.draw(|frame| view.draw(frame.area(), frame.buffer_mut()))?;
        if ended {
            return Ok(Ending::InputEnded);
        }
        if let Some(ending) = wait_for_key(Instant::now() + FRAME)? {
            return Ok(ending);
        }
        if interrupt::stopped() {
            return Ok(Ending::Interrupted);
        }
    }
}

/// Waits until it is time to draw again, or a key ends the meter.
fn wait_for_key(until: Instant) -> io::Result<Option<Ending>> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if !event::poll(left)? {
            return Ok(None);
        }
        if let Event::Key(key) = event::read()?
            && let Some(ending) = ending_for(key)
        {
            return Ok(Some(ending));
        }
    }
}

fn ending_for(key: KeyEvent) -> Option<Ending> {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        _ if key.kind == KeyEventKind::Release => None,
        KeyCode::Char('c') if control => Some(Ending::Interrupted),
        KeyCode::Char('q' | 'Q') | KeyCode::Esc => Some(Ending::Quit),
        _ => None,
    }
}

/// Whether the terminal is ours at the moment.
static OURS: AtomicBool = AtomicBool::new(false);

struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    fn open() -> io::Result<Self> {
        let (_, rows) = terminal::size()?;
        terminal::enable_raw_mode()?;
        OURS.store(true, Ordering::Relaxed);
        end_if_stuck();
        // Nothing else tells that the terminal has gone.
        interrupt::heed_hang_ups();
        let height = view::ROWS.min(rows.saturating_sub(1)).max(1);
        let options = TerminalOptions { viewport: Viewport::Inline(height) };
        match Terminal::with_options(CrosstermBackend::new(io::stdout()), options) {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // What follows goes below the meter, which stays.
        let area = self.terminal.get_frame().area();
        let _ = execute!(io::stdout(), MoveTo(0, area.bottom().saturating_sub(1)));
        let _ = write!(io::stdout(), "\r\n");
        give_back();
    }
}

/// Gives the terminal back if it is ours: before a panic's message as well, which must find one that shows it as
/// it is meant.
pub(crate) fn give_back() {
    if OURS.swap(false, Ordering::Relaxed) {
        let _ = terminal::disable_raw_mode();
        let _ = execute!(io::stdout(), Show);
    }
}

/// When the terminal goes away (its window is closed, say), reading keys from it may never return.
/// Then the request to stop that comes with it must end the program all the same.
fn end_if_stuck() {
    const LOOK_EVERY: Duration = Duration::from_millis(200);
    const GRACE: Duration = Duration::from_secs(1);
    let guard = || {
        while OURS.load(Ordering::Relaxed) {
            if interrupt::stopped() {
                std::thread::sleep(GRACE);
                if OURS.load(Ordering::Relaxed) {
                    std::process::exit(INTERRUPTED.into());
                }
            }
            std::thread::sleep(LOOK_EVERY);
        }
    };
    // Without the thread the meter works as well, as long as its terminal stays.
    let _ = std::thread::Builder::new().name("earworm-screen".into()).spawn(guard);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q_and_ctrl_c_end_the_meter() {
        let key = |code, modifiers| ending_for(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Ending::Quit));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Ending::Interrupted));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), None);
    }
}
