//! Before a VST3 host opens the editor, it is told a size in its pixels. nice-plug 0.4.2 as published forgets the
//! scale that the host has said by then; see `vendor`.

use std::ptr::null;

use earworm_plugin::Earworm;
use nice_plug::wrapper::vst3::Wrapper;
use nice_plug::wrapper::vst3::vst3::Steinberg::Vst::IEditControllerTrait;
use nice_plug::wrapper::vst3::vst3::Steinberg::{
    IPlugView, IPlugViewContentScaleSupport, IPlugViewContentScaleSupportTrait, IPlugViewTrait,
    ViewRect, kResultFalse, kResultOk,
};
use nice_plug::wrapper::vst3::vst3::{ComPtr, ComWrapper};

fn size(view: &ComPtr<IPlugView>) -> (i32, i32) {
    let mut rect = ViewRect { left: 0, top: 0, right: 0, bottom: 0 };
    // SAFETY: the rectangle lives until after the call.
    assert_eq!(unsafe { view.getSize(&mut rect) }, kResultOk);
    (rect.right - rect.left, rect.bottom - rect.top)
}

#[test]
fn a_host_that_says_its_scale_is_told_pixels() {
    let plugin = ComWrapper::new(Wrapper::<Earworm>::new());
    // SAFETY: the view is made for whoever asks, under any name; the pointer that comes back is owned.
    let view = unsafe { ComPtr::<IPlugView>::from_raw(plugin.createView(null())) };
    let view = view.expect("it has an editor");
    assert_eq!(size(&view), (880, 600));
    let scale = view.cast::<IPlugViewContentScaleSupport>().expect("it takes a scale");
    for (factor, taken) in [(2.0, kResultOk), (0.0, kResultFalse), (f32::NAN, kResultFalse)] {
        // SAFETY: a plain call.
        assert_eq!(unsafe { scale.setContentScaleFactor(factor) }, taken, "{factor}");
        // macOS counts in points.
        let want = if cfg!(target_os = "macos") { (880, 600) } else { (1760, 1200) };
        assert_eq!(size(&view), want);
    }
}
