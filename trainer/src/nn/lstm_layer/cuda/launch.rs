//! The kernels of `recurrence.cu` as an operation of Candle's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::sys::{
    CUdevice_attribute as Attribute, CUfunction_attribute,
};
use candle_core::cuda_backend::cudarc::driver::{
    CudaFunction, CudaSlice, CudaStream, CudaView, LaunchConfig, PushKernelArg,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaDevice, CudaStorage, WrapErr};
use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor};

use super::plan::Plan;
use crate::nn::lstm_layer::GATES;

const SOURCE: &str = include_str!("recurrence.cu");

/// Hidden states `[steps, batch, hidden]` from states of zeros: as `lstm_steps`, of the same arguments, by the
/// kernels of a plan for them. A result can be walked back from once.
pub(super) fn recurrence(projected: &Tensor, recurrent: &Tensor, plan: Plan) -> Result<Tensor> {
    let (steps, batch, _) = projected.dims3()?;
    let sizes = Sizes { steps, batch, plan };
    let transposed = recurrent.t()?.contiguous()?;
    let forward = Forward { sizes, saved: Mutex::new(None) };
    projected.contiguous()?.apply_op2(&transposed, forward)
}

#[derive(Clone, Copy)]
struct Sizes {
    steps: usize,
    batch: usize,
    plan: Plan,
}

impl Sizes {
    fn states(self) -> usize {
        self.steps * self.batch * self.plan.hidden
    }
}

/// What the way back needs from the way there.
struct Saved {
    /// Activated gates `[steps, batch, 4 hidden]`.
    gates: CudaSlice<f32>,
    /// Cell states `[steps, batch, hidden]`.
    cells: CudaSlice<f32>,
}

struct Forward {
    sizes: Sizes,
    saved: Mutex<Option<Saved>>,
}

impl CustomOp2 for Forward {
    fn name(&self) -> &'static str {
        "lstm-recurrence"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        candle_core::bail!("lstm-recurrence: tensors are not on a GPU")
    }

    fn cuda_fwd(
        &self,
        projected: &CudaStorage,
        projected_layout: &Layout,
        transposed: &CudaStorage,
        transposed_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = projected.device().clone();
        let Sizes { steps, batch, plan: Plan { hidden, .. } } = self.sizes;
        let states = self.sizes.states();
        // SAFETY: the kernel writes every value of the three before anything reads them.
        let (mut outputs, mut gates, mut cells) = unsafe {
            (device.alloc(states)?, device.alloc(GATES * states)?, device.alloc(states)?)
        };
        let projected = view(projected, projected_layout, GATES * states)?;
        let transposed = view(transposed, transposed_layout, GATES * hidden * hidden)?;
        let launch = Launch::new(&device, self.sizes, "lstm_forward")?;
        let into = [&mut outputs, &mut gates, &mut cells];
        launch.run(&[&projected, &transposed], into)?;
        *self.saved.lock().unwrap_or_else(PoisonError::into_inner) = Some(Saved { gates, cells });
        let outputs = CudaStorage::wrap_cuda_slice(outputs, device);
        Ok((outputs, (steps, batch, hidden).into()))
    }

    fn bwd(
        &self,
        _projected: &Tensor,
        transposed: &Tensor,
        outputs: &Tensor,
        gradient: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(saved) = saved else {
            candle_core::bail!("lstm-recurrence: its gradient can be asked for once only");
        };
        let Sizes { steps, batch, plan: Plan { hidden, .. } } = self.sizes;
        let weights = transposed.t()?.contiguous()?;
        let backward = Backward { sizes: self.sizes, saved };
        let by_sums = gradient.contiguous()?.apply_op2_no_bwd(&weights, &backward)?;
        if steps == 1 {
            return Ok((Some(by_sums), Some(transposed.zeros_like()?)));
        }
        // Each step's sums took the hidden states of the step before.
        let rows = (steps - 1) * batch;
        let before = outputs.narrow(0, 0, steps - 1)?.reshape((rows, hidden))?;
        let of_sums = by_sums.narrow(0, 1, steps - 1)?.reshape((rows, GATES * hidden))?;
        let by_weights = before.t()?.matmul(&of_sums)?;
        Ok((Some(by_sums), Some(by_weights)))
    }
}

struct Backward {
    sizes: Sizes,
    saved: Saved,
}

impl CustomOp2 for Backward {
    fn name(&self) -> &'static str {
        "lstm-recurrence-back"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        candle_core::bail!("lstm-recurrence-back: tensors are not on a GPU")
    }

    fn cuda_fwd(
        &self,
        gradient: &CudaStorage,
        gradient_layout: &Layout,
        weights: &CudaStorage,
        weights_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = gradient.device().clone();
        let Sizes { steps, batch, plan: Plan { hidden, .. } } = self.sizes;
        let states = self.sizes.states();
        // SAFETY: the kernel writes every value before anything reads it.
        let mut sums = unsafe { device.alloc(GATES * states)? };
        let gradient = view(gradient, gradient_layout, states)?;
        let weights = view(weights, weights_layout, GATES * hidden * hidden)?;
        let Saved { gates, cells } = &self.saved;
        let launch = Launch::new(&device, self.sizes, "lstm_backward")?;
        let from = [&gradient, &weights, &gates.slice(..), &cells.slice(..)];
        launch.run(&from, [&mut sums])?;
        let sums = CudaStorage::wrap_cuda_slice(sums, device);
        Ok((sums, (steps, batch, GATES * hidden).into()))
    }
}

/// The values of a contiguous tensor of `count`.
fn view<'a>(storage: &'a CudaStorage, layout: &Layout, count: usize) -> Result<CudaView<'a, f32>> {
    match layout.contiguous_offsets() {
        Some((start, end)) if end - start == count => {
            Ok(storage.as_cuda_slice::<f32>()?.slice(start..end))
        }
        _ => candle_core::bail!(
            "an LSTM's recurrence needs {count} values side by side, not {:?}",
            layout.dims()
        ),
    }
}

/// One of the kernels, ready for the layer's sizes.
struct Launch {
    function: CudaFunction,
    stream: Arc<CudaStream>,
    config: LaunchConfig,
    sizes: Sizes,
}

impl Launch {
    fn new(device: &CudaDevice, sizes: Sizes, name: &str) -> Result<Self> {
        let plan = sizes.plan;
        let (module, code) = compiled(device, plan)?;
        let function = device.get_or_load_custom_func(name, &module, &code)?.into_cuda_function();
        let bytes = plan.shared_bytes();
        function
            .set_attribute(
                CUfunction_attribute::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                i32::try_from(bytes)?,
            )
            .w()?;
        let config = LaunchConfig {
            grid_dim: (u32::try_from(sizes.batch.div_ceil(plan.sequences))?, 1, 1),
            block_dim: (u32::try_from(plan.threads())?, 1, 1),
            shared_mem_bytes: u32::try_from(bytes)?,
        };
        Ok(Self { function, stream: device.cuda_stream(), config, sizes })
    }

    /// Hands over `from`, then `into`, then the number of steps and of sequences.
    fn run<const N: usize>(
        &self,
        from: &[&CudaView<'_, f32>],
        into: [&mut CudaSlice<f32>; N],
    ) -> Result<()> {
        let (steps, batch) = (i32::try_from(self.sizes.steps)?, i32::try_from(self.sizes.batch)?);
        let mut launch = self.stream.launch_builder(&self.function);
        for values in from {
            launch.arg(*values);
        }
        for values in into {
            launch.arg(values);
        }
        launch.arg(&steps);
        launch.arg(&batch);
        // SAFETY: the arguments are in the order of the kernel's, each with as many values as its
        // comment says (`view` and the allocations see to it); threads and shared memory are what it was
        // compiled for, and blocks beyond the batch write nothing.
        unsafe { launch.launch(self.config) }.w()?;
        Ok(())
    }
}

/// How a layer is laid out on this GPU; `None` where the kernels do not serve it.
pub(super) fn planned(device: &CudaDevice, hidden: usize, batch: usize) -> Result<Option<Plan>> {
    let stream = device.cuda_stream();
    let number = |attribute| -> Result<usize> {
        Ok(usize::try_from(stream.context().attribute(attribute).w()?)?)
    };
    let multiprocessors = number(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?;
    let shared = number(Attribute::CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)?;
    Ok(Plan::new(hidden, batch, multiprocessors, shared))
}

/// Name and code of the kernels for a plan, compiled once for each kind of GPU.
fn compiled(device: &CudaDevice, plan: Plan) -> Result<(String, Arc<String>)> {
    static KNOWN: Mutex<Option<HashMap<String, Arc<String>>>> = Mutex::new(None);
    let (major, minor) = device.cuda_stream().context().compute_capability().w()?;
    let Plan { hidden, sequences, registers, shared } = plan;
    let name = format!("earworm-lstm-{major}{minor}-{hidden}-{sequences}-{registers}-{shared}");
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = known.get_or_insert_default();
    if let Some(code) = known.get(&name) {
        return Ok((name, code.clone()));
    }
    let mut options = plan.definitions();
    options.push(format!("--gpu-architecture=compute_{major}{minor}"));
    let code = compile_ptx_with_opts(SOURCE, CompileOptions { options, ..Default::default() })
        .map_err(|error| candle_core::Error::Msg(format!("cannot compile {name}: {error}")))?;
    let code = Arc::new(code.to_src());
    known.insert(name.clone(), code.clone());
    Ok((name, code))
}
