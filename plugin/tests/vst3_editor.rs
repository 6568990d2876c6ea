//! Editors in VST3 hosts on Linux, where their windows have a thread of their own: hosts are spoken to on their main
//! thread alone, nothing is left of an editor that is closed, and nothing that is meant for an open one ends a thread
//! or reaches the audio thread. nice-plug 0.4.2 as published does all of that; see `vendor`.
#![cfg(target_os = "linux")]

mod common;

use std::convert::Infallible;
use std::error::Error;
use std::ptr::{dangling_mut, null, null_mut};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use earworm_watch::real_time;
use nice_plug::context::gui::{AsyncExecutor, GuiContext};
use nice_plug::editor::dpi::NativeSize;
use nice_plug::editor::{Editor, EditorHandle, HostMethods, ParentWindowHandle, SpawnedEditor};
use nice_plug::prelude::*;
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::{
    IComponentHandler, IEditControllerTrait, IParameterChanges, ProcessModes_,
};
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    IPlugFrame, IPlugView, IPlugViewTrait, kPlatformTypeX11EmbedWindowID, kResultOk,
};
use nice_plug::wrapper::vst3::vst3::{ComPtr, ComWrapper};

use common::com::{Changes, Frame, Handler, Told, lock};
use common::vst3;

/// What is waited for comes long before this.
const LIMIT: Duration = Duration::from_secs(30);

#[derive(Params)]
struct Parameters {
    #[id = "on"]
    on: BoolParam,
}

impl Default for Parameters {
    fn default() -> Self {
        Self { on: BoolParam::new("On", false) }
    }
}

/// An editor without a window.
struct Blank;

impl Editor for Blank {
    type Handle = Self;

    fn spawn(
        &self,
        _parent: Option<ParentWindowHandle>,
        _wait_for_parent: bool,
        _fallback_scale_factor: Option<f64>,
        _context: GuiContext,
        _host: Option<HostMethods>,
    ) -> Result<SpawnedEditor<Self>, Box<dyn Error>> {
        Ok(SpawnedEditor { handle: Self, window: () })
    }

    fn size(&self) -> NativeSize<u32> {
        NativeSize::new(100, 100)
    }
}

impl EditorHandle for Blank {
    type Window = ();
    type Error = Infallible;

    fn run_until_closed(_window: ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_parent(&self, _parent: ParentWindowHandle, _window: &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn show(&self, _window: &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn hide(&self, _window: &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn set_size(&self, _size: NativeSize<u32>, _window: &()) -> Result<(), Infallible> {
        Ok(())
    }

    fn host_main_thread_callback(&self, _window: &()) {}

    fn param_value_changed(&self, _id: &str, _normalized: f32) {}

    fn param_modulation_changed(&self, _id: &str, _offset: f32) {}
}

type Task = Box<dyn FnOnce() + Send>;

/// A task that says when it is done.
fn task() -> (Task, Receiver<()>) {
    let (done, is_done) = channel();
    let tell = move || {
        let _ = done.send(());
    };
    (Box::new(tell), is_done)
}

/// A plugin with one parameter, and with work to do.
#[derive(Default)]
struct Plain {
    params: Arc<Parameters>,
    executor: Option<AsyncExecutor<Plain>>,
}

/// What an instance was given, and has.
struct Given {
    context: GuiContext,
    executor: AsyncExecutor<Plain>,
    params: Arc<Parameters>,
}

/// Of the instance that was made last.
static GIVEN: Mutex<Option<Given>> = Mutex::new(None);

impl Plugin for Plain {
    const NAME: &'static str = "Plain";
    const VENDOR: &'static str = "Earworm";
    const URL: &'static str = "";
    const EMAIL: &'static str = "";
    const VERSION: &'static str = "0.0.0";
    const AUDIO_IO_LAYOUTS: &'static [AudioIOLayout] = &[];

    type Editor = Blank;
    type SysExMessage = ();
    type BackgroundTask = Task;

    fn task_executor(&mut self) -> TaskExecutor<Self> {
        Box::new(|task| task())
    }

    fn params(&self) -> Arc<dyn Params> {
        self.params.clone()
    }

    fn editor(&mut self, executor: AsyncExecutor<Self>) -> Option<Blank> {
        self.executor = Some(executor);
        Some(Blank)
    }

    fn process(
        &mut self,
        _buffer: &mut Buffer,
        _aux: &mut AuxiliaryBuffers,
        _context: &mut impl ProcessContext<Self>,
    ) -> ProcessStatus {
        ProcessStatus::Normal
    }
}

impl Vst3Plugin for Plain {
    const VST3_CLASS_ID: [u8; 16] = *b"EarwormTestEdit1";
    const VST3_SUBCATEGORIES: &'static [Vst3SubCategory] = &[Vst3SubCategory::Fx];

    fn gui_context(&mut self, context: GuiContext) {
        let executor = self.executor.clone().expect("the editor comes first");
        let params = self.params.clone();
        *lock(&GIVEN) = Some(Given { context, executor, params });
    }
}

/// An instance in a host.
struct Instance {
    plugin: ComWrapper<Wrapper<Plain>>,
    given: Given,
    handler: ComWrapper<Handler>,
    /// The number of its parameter.
    on: u32,
}

impl Instance {
    fn new() -> Self {
        let plugin = ComWrapper::new(Wrapper::<Plain>::new());
        let given = lock(&GIVEN).take().expect("it is given a context before its editor is opened");
        let handler = ComWrapper::new(Handler::default());
        let pointer = handler.as_com_ref::<IComponentHandler>().unwrap().as_ptr();
        // SAFETY: the plugin takes a reference of its own.
        assert_eq!(unsafe { plugin.setComponentHandler(pointer) }, kResultOk);
        let on = vst3::parameter(&plugin, "On");
        Self { plugin, given, handler, on }
    }

    fn view(&self) -> ComPtr<IPlugView> {
        // SAFETY: the view is made for whoever asks, under any name; the pointer that comes back is owned.
        let view = unsafe { ComPtr::from_raw(self.plugin.createView(null())) };
        view.expect("it has an editor")
    }

    /// Changes the parameter on a thread of its own, as an editor's window does.
    fn switch(&self, on: bool) {
        thread::scope(|scope| {
            scope.spawn(|| switch_here(&self.given, on)).join().unwrap();
        });
    }

    /// What the host is told of one change.
    fn told(&self, on: bool) -> [Told; 3] {
        [Told::Begin(self.on), Told::Set(self.on, f64::from(u8::from(on))), Told::End(self.on)]
    }
}

fn switch_here(given: &Given, on: bool) {
    let setter = given.context.param_setter();
    setter.begin_set_parameter(&given.params.on);
    setter.set_parameter(&given.params.on, on);
    setter.end_set_parameter(&given.params.on);
}

fn set_frame(view: &ComPtr<IPlugView>, frame: Option<&ComWrapper<Frame>>) {
    let frame = frame.and_then(|frame| frame.as_com_ref::<IPlugFrame>());
    let pointer = frame.map_or(null_mut(), |frame| frame.as_ptr());
    // SAFETY: the plugin takes a reference of its own.
    assert_eq!(unsafe { view.setFrame(pointer) }, kResultOk);
}

fn attach(view: &ComPtr<IPlugView>) {
    // SAFETY: there is no window, and nobody looks for it.
    let attached = unsafe { view.attached(dangling_mut(), kPlatformTypeX11EmbedWindowID) };
    assert_eq!(attached, kResultOk);
}

fn remove(view: &ComPtr<IPlugView>) {
    // SAFETY: a plain call.
    assert_eq!(unsafe { view.removed() }, kResultOk);
}

/// One test at a time: instances are told apart by who was made last, and files are counted.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn a_host_is_told_on_its_own_thread() {
    let _turn = lock(&TURN);
    let instance = Instance::new();
    let (view, frame) = (instance.view(), ComWrapper::new(Frame::default()));
    set_frame(&view, Some(&frame));
    attach(&view);
    instance.switch(true);
    assert!(instance.given.params.on.value(), "the editor sees it at once");
    assert!(instance.handler.heard_here().is_empty());
    assert_eq!(frame.turn(), 1, "the run loop is woken");
    assert_eq!(instance.handler.heard_here(), instance.told(true));
    // What was said before comes before, and nothing is said twice.
    instance.switch(false);
    switch_here(&instance.given, true);
    let both = [instance.told(false), instance.told(true)].concat();
    assert_eq!(instance.handler.heard_here(), both);
    frame.turn();
    assert!(instance.handler.heard_here().is_empty());
    // A window that is closed may have said something last.
    instance.switch(false);
    remove(&view);
    assert_eq!(instance.handler.heard_here(), instance.told(false));
    assert_eq!(frame.handlers(), 0);
    // Nor is this said on any other thread while there is no editor.
    instance.switch(true);
    assert!(instance.handler.heard_here().is_empty());
    attach(&view);
    set_frame(&view, None);
    assert_eq!(instance.handler.heard_here(), instance.told(true));
    remove(&view);
}

#[test]
fn nothing_is_left_of_an_editor() {
    let _turn = lock(&TURN);
    let instance = Instance::new();
    let frame = ComWrapper::new(Frame::default());
    let files = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let open = |close: &dyn Fn(&ComPtr<IPlugView>)| {
        let view = instance.view();
        set_frame(&view, Some(&frame));
        assert_eq!(frame.handlers(), 1);
        attach(&view);
        close(&view);
    };
    let before = files();
    for _ in 0..50 {
        open(&|view| {
            remove(view);
            set_frame(view, None);
        });
    }
    assert_eq!((files(), frame.handlers()), (before, 0));
    // Hosts may only let go of it.
    for _ in 0..50 {
        open(&remove);
    }
    assert_eq!((files(), frame.handlers()), (before, 0));
    // Or never have shown it.
    for _ in 0..50 {
        set_frame(&instance.view(), Some(&frame));
        assert_eq!(frame.handlers(), 1);
    }
    drop(instance);
    assert_eq!((files(), frame.handlers()), (before, 0));
}

/// All instances share that thread.
#[test]
fn what_is_for_an_open_editor_does_not_end_the_thread_for_tasks() {
    let _turn = lock(&TURN);
    let instance = Instance::new();
    let view = instance.view();
    // Without a run loop, that thread is where tasks go.
    attach(&view);
    thread::scope(|scope| {
        // SAFETY: a plain call.
        let set = || unsafe { instance.plugin.setParamNormalized(instance.on, 1.0) };
        assert_eq!(scope.spawn(set).join().unwrap(), kResultOk);
    });
    let (task, is_done) = task();
    instance.given.executor.execute_background(task);
    is_done.recv_timeout(LIMIT).expect("the thread goes on");
    remove(&view);
}

#[test]
fn the_audio_thread_leaves_an_open_editor_alone() {
    let _turn = lock(&TURN);
    let instance = Instance::new();
    let (view, frame) = (instance.view(), ComWrapper::new(Frame::default()));
    set_frame(&view, Some(&frame));
    attach(&view);
    frame.turn();
    let live = ProcessModes_::kRealtime as i32;
    vst3::set_up(&instance.plugin, live, 48_000, 64);
    vst3::start(&instance.plugin);
    let changes = [1.0, 0.0].map(|value| Changes::new([(instance.on, value)]));
    let play = || {
        for block in 0..101 {
            let none = vst3::bus(&mut [], 0);
            let list = changes[block % 2].as_com_ref::<IParameterChanges>().unwrap().as_ptr();
            let went_well = real_time(|| {
                // SAFETY: there are no channels, and the changes outlive the call.
                unsafe { vst3::process_with(&instance.plugin, live, none, none, 64, list) }
            });
            assert!(went_well);
        }
    };
    thread::scope(|scope| scope.spawn(play).join().unwrap());
    assert!(instance.given.params.on.value());
    assert_eq!(frame.turn(), 0, "nobody is woken");
    vst3::stop(&instance.plugin);
    remove(&view);
}

/// As when a task tells the host of a value, which asks something in a window of its own and has its loop run meanwhile.
#[test]
fn a_task_may_have_another_one_done() {
    let _turn = lock(&TURN);
    let (task, is_done) = task();
    // On a thread that is given up if it never comes back.
    thread::spawn(move || {
        let instance = Instance::new();
        let inner = instance.given.executor.clone();
        instance.given.executor.execute_gui(Box::new(move || inner.execute_gui(task)));
    });
    is_done.recv_timeout(LIMIT).expect("it does not wait for the first one's end");
}
