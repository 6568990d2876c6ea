use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nice_plug::context::gui::{GuiContext, GuiContextInner};
use nice_plug::params::internals::ParamPtr;
use nice_plug::prelude::{PluginApi, PluginState, ProcessMode};

use super::Session;
use crate::harness::{Host, automate};

const PATIENCE: Duration = Duration::from_secs(60);

/// A host that repeats what it is told.
struct Told {
    api: PluginApi,
    told: Sender<&'static str>,
    /// Waited for by the first gesture.
    go_on: Mutex<Option<Receiver<()>>>,
}

impl GuiContextInner for Told {
    fn plugin_api(&self) -> PluginApi {
        self.api
    }
    unsafe fn raw_begin_set_parameter(&self, _param: ParamPtr) {
        let _ = self.told.send("begin");
        let wait = self.go_on.lock().unwrap().take();
        if let Some(wait) = wait {
            // Ends also when the test has failed.
            let _ = wait.recv();
        }
    }
    unsafe fn raw_set_parameter_normalized(&self, _param: ParamPtr, _normalized: f32) {
        let _ = self.told.send("set");
    }
    unsafe fn raw_end_set_parameter(&self, _param: ParamPtr) {
        let _ = self.told.send("end");
    }
    fn get_state(&self) -> PluginState {
        PluginState {
            version: String::new(),
            params: Default::default(),
            fields: Default::default(),
        }
    }
    fn set_state(&self, _state: PluginState) {}
    fn request_restart(&self) {}
}

/// Gives the instance a host to tell, and what that host was told.
fn listen(host: &Host, api: PluginApi, go_on: Option<Receiver<()>>) -> Receiver<&'static str> {
    let (told, words) = channel();
    let context = Told { api, told, go_on: Mutex::new(go_on) };
    host.session().set_context(GuiContext::new(Arc::new(context)));
    automate(&host.session().params.write, 1.0);
    words
}

/// Tells the host on whatever thread there is something to tell.
fn tell_at_once(session: &Arc<Session>) {
    let weak = Arc::downgrade(session);
    session.set_executor(Arc::new(move || {
        if let Some(session) = weak.upgrade() {
            session.publish_score();
        }
    }));
}

#[test]
fn a_host_that_takes_its_time_holds_up_nobody() {
    let [mut slow, mut other] =
        std::array::from_fn(|_| Host::new(48_000, 48_000, ProcessMode::Offline));
    let session = slow.session().clone();
    let (go_on, wait) = channel();
    let words = listen(&slow, PluginApi::Clap, Some(wait));
    // As nice-plug does: on another thread than the worker.
    let (tasks, inbox) = channel();
    session.set_executor(Arc::new(move || {
        let _ = tasks.send(());
    }));
    let weak = Arc::downgrade(&session);
    std::thread::spawn(move || {
        for () in inbox {
            let Some(session) = weak.upgrade() else { return };
            session.publish_score();
        }
    });
    slow.play(8, 1.0);
    assert_eq!(words.recv_timeout(PATIENCE), Ok("begin"));
    // Now the host takes its time. Both go on to be scored.
    slow.play(2, 1.0);
    other.play(8, 1.0);
    assert!((session.reading().time_s - 10.0).abs() < 1e-6, "its own instance");
    assert!((other.session().reading().time_s - 8.0).abs() < 1e-6, "another instance");
    assert!(words.try_recv().is_err(), "it has not answered yet");
    drop(go_on);
    assert_eq!(words.recv_timeout(PATIENCE), Ok("set"));
    automate(&session.params.write, 0.0);
    slow.play(1, 1.0);
    let rest: Vec<_> =
        std::iter::from_fn(|| Some(words.recv_timeout(PATIENCE).expect("the gesture ends")))
            .take_while(|&word| word != "end")
            .collect();
    assert!(rest.iter().all(|&word| word == "set"), "{rest:?}");
}

#[test]
fn a_gesture_ends_though_nothing_is_heard() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let words = listen(&host, PluginApi::Clap, None);
    tell_at_once(&session);
    host.play(8, 1.0);
    host.wait_until_taken();
    let told: Vec<_> = words.try_iter().collect();
    assert_eq!(told.first(), Some(&"begin"), "{told:?}");
    assert!(!told.contains(&"end"), "{told:?}");
    // From here on there are no readings.
    automate(&session.params.write, 0.0);
    assert_eq!(words.recv_timeout(PATIENCE), Ok("end"));
    session.end_unwanted_gesture();
    session.publish_score();
    assert!(words.try_recv().is_err(), "it ends once");
}

/// As while it bounces: its main thread has no time.
#[test]
fn a_host_that_has_not_been_told_yet_can_ask() {
    let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
    let session = host.session().clone();
    let words = listen(&host, PluginApi::Clap, None);
    session.set_executor(Arc::new(|| {}));
    host.play(8, 1.0);
    assert_eq!(words.try_iter().count(), 0);
    let shown = session.reading().window.unwrap();
    assert!((session.params.score.value() - shown).abs() < 0.06);
}

#[cfg(target_os = "linux")]
#[test]
fn a_vst3_host_is_told_while_the_editor_is_open() {
    for (api, told_without) in [(PluginApi::Clap, true), (PluginApi::Vst3, false)] {
        let mut host = Host::new(48_000, 48_000, ProcessMode::Offline);
        let session = host.session().clone();
        let words = listen(&host, api, None);
        tell_at_once(&session);
        host.play(8, 1.0);
        let told: Vec<_> = words.try_iter().collect();
        assert_eq!(told.first(), told_without.then_some(&"begin"), "{told:?}");
        if told_without {
            continue;
        }
        // It is there for hosts that ask.
        let shown = session.reading().window.unwrap();
        assert!((session.params.score.value() - shown).abs() < 0.06);
        session.set_editor_open(true);
        host.play(1, 1.0);
        let told: Vec<_> = words.try_iter().collect();
        assert!(told.len() > 1 && told[0] == "begin", "{told:?}");
        assert!(told[1..].iter().all(|&word| word == "set"), "{told:?}");
        session.set_editor_open(false);
        assert_eq!(words.try_iter().collect::<Vec<_>>(), ["end"]);
        host.play(1, 1.0);
        assert_eq!(words.try_iter().count(), 0);
        let shown = session.reading().window.unwrap();
        assert!((session.params.score.value() - shown).abs() < 0.06);
    }
}
