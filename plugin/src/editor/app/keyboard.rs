//! Keys pressed anew: one that is held down counts once. Buttons have none.

use std::collections::BTreeMap;

use egui::{Context, Event, FocusDirection, Key};

/// X11 tells of a key that is held down as if it were let go and pressed again and again. A press so few seconds
/// after the last press or release of the same key is taken for one of those.
const TOO_SOON_S: f64 = 0.3;

/// When keys were last pressed or let go, in egui's time.
#[derive(Default)]
pub(super) struct Keyboard {
    last_s: BTreeMap<Key, f64>,
}

impl Keyboard {
    /// The keys pressed anew since the last frame without Ctrl, Shift and the like, in this order.
    pub(super) fn pressed(&mut self, ctx: &Context) -> Vec<Key> {
        ctx.input(|input| {
            input.events.iter().filter_map(|event| self.take(event, input.time)).collect()
        })
    }

    fn take(&mut self, event: &Event, now_s: f64) -> Option<Key> {
        let &Event::Key { key, pressed, repeat, modifiers, .. } = event else { return None };
        let last_s = self.last_s.insert(key, now_s);
        let too_soon = last_s.is_some_and(|last_s| now_s - last_s < TOO_SOON_S);
        (pressed && !repeat && !too_soon && modifiers.is_none()).then_some(key)
    }
}

/// Takes the focus from whatever Tab has led to, and leads Tab nowhere: a button that has it acts on the space bar, which
/// is the host's. Before anything is drawn, and not while somebody types.
pub(super) fn let_go_of_buttons(ctx: &Context) {
    ctx.memory_mut(|memory| {
        if let Some(focused) = memory.focused() {
            memory.surrender_focus(focused);
        }
        memory.move_focus(FocusDirection::None);
    });
}

#[cfg(test)]
mod tests {
    use egui::{Modifiers, RawInput};

    use super::*;

    fn event(key: Key, pressed: bool, modifiers: Modifiers) -> Event {
        Event::Key { key, physical_key: None, pressed, repeat: false, modifiers }
    }

    /// The keys pressed anew in frames at these times, in which this happens to `S`.
    fn pressed(frames: &[(f64, &[bool])]) -> usize {
        let (ctx, mut keyboard, mut found) = (Context::default(), Keyboard::default(), 0);
        for &(time_s, presses) in frames {
            let events = presses.iter().map(|&pressed| event(Key::S, pressed, Modifiers::NONE));
            let input =
                RawInput { time: Some(time_s), events: events.collect(), ..RawInput::default() };
            let _ = ctx.run_ui(input, |ui| found += keyboard.pressed(ui.ctx()).len());
        }
        found
    }

    #[test]
    fn a_key_held_down_counts_once_however_it_is_told() {
        let (down, up, again): (&[bool], &[bool], &[bool]) = (&[true], &[false], &[false, true]);
        // Pressed, held down, let go, and pressed once more.
        let presses: [(f64, &[bool]); 6] =
            [(1.0, down), (1.66, down), (1.7, down), (1.74, down), (1.8, up), (2.2, down)];
        assert_eq!(pressed(&presses), 2, "as other systems tell it");
        let pairs: [(f64, &[bool]); 6] =
            [(1.0, down), (1.66, again), (1.7, again), (1.74, again), (1.8, up), (2.2, down)];
        assert_eq!(pressed(&pairs), 2, "as X11 tells it");
        // The release and the press after it may come with one frame after the other.
        let apart: [(f64, &[bool]); 4] = [(1.0, down), (1.66, up), (1.68, down), (1.7, up)];
        assert_eq!(pressed(&apart), 1);
    }

    #[test]
    fn keys_do_not_keep_each_other_from_counting() {
        let mut keyboard = Keyboard::default();
        let mut press = |key, modifiers| keyboard.take(&event(key, true, modifiers), 1.0);
        assert_eq!(press(Key::H, Modifiers::NONE), Some(Key::H));
        assert_eq!(press(Key::S, Modifiers::NONE), Some(Key::S));
        assert_eq!(press(Key::R, Modifiers::CTRL), None, "that is the host's");
    }
}
