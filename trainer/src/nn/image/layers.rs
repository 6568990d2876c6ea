//! The layers of image networks: each runs in Candle and writes itself as ONNX.

use anyhow::Result;
use candle_core::{Device, Tensor, Var};

use super::conv::conv2d;
use super::depthwise::depthwise;
use super::norm::BatchNorm;
use super::pool::{Pool, pool2d};
use super::rectify::rectify;
use super::{super::dropout::dropout, super::linear::Linear, Sweep};
use crate::Rng;
use crate::onnx::{Attribute, Graph};

/// A step from one image, or row of values, to the next.
pub(super) enum Layer {
    Convolution(Convolution),
    Rectify {
        leak: f64,
        cap: Option<f64>,
    },
    Pool(Pool, Sweep),
    Adaptive(Adaptive),
    /// The mean of each channel: `[n, channels, height, width]` → `[n, channels]`.
    GlobalAverage,
    /// `[n, channels, height, width]` → `[n, channels · height · width]`.
    Flatten,
    /// Dropout of this share of the values.
    Dropout(f64),
    Linear(String, Linear),
    /// The layers' result added to what they were given.
    Residual(Vec<Layer>),
    /// A batch norm by itself, with its name.
    Norm(String, BatchNorm),
    /// Every column of the image times a matrix `[out height, height]`, with its name.
    Rows(String, Tensor),
    /// One channel through a colour map into three; see [`colour_map`].
    ColourMap,
    /// The image turned: `[n, channels, height, width]` → `[n, channels, width, height]`.
    Turn,
    /// As `Flatten`, channels last: `[n, height · width · channels]`.
    FlattenChannelsLast,
}

/// A convolution, with the batch norm behind it where there is one.
pub(super) struct Convolution {
    pub(super) name: String,
    /// `[outputs, inputs, height, width]`, or `[channels, 1, height, width]` for one kernel a channel.
    pub(super) kernel: Var,
    pub(super) bias: Option<Var>,
    pub(super) norm: Option<BatchNorm>,
    pub(super) stride: usize,
    pub(super) padding: usize,
    /// Each channel has a kernel of its own.
    pub(super) depthwise: bool,
    /// The kernel is one for colour images, and what it sees is the same in each colour.
    pub(super) grey: bool,
}

impl Convolution {
    /// The kernel for the channels there are: colours that are all the same are seen by the sum of
    /// their kernels, at a third of the work.
    fn kernel(&self) -> Result<Tensor> {
        Ok(match self.grey {
            true => self.kernel.sum_keepdim(1)?,
            false => self.kernel.as_tensor().clone(),
        })
    }

    fn bias(&self) -> Result<Tensor> {
        Ok(match &self.bias {
            Some(bias) => bias.as_tensor().clone(),
            None => Tensor::zeros(self.kernel.dim(0)?, self.kernel.dtype(), self.kernel.device())?,
        })
    }

    fn forward(&self, x: &Tensor, training: bool) -> Result<Tensor> {
        let y = match self.depthwise {
            true => depthwise(x, &self.kernel, self.stride, self.padding)?,
            false => conv2d(x, &self.kernel()?, &self.bias()?, self.stride, self.padding)?,
        };
        match &self.norm {
            Some(norm) => norm.forward(&y, training),
            None => Ok(y),
        }
    }

    /// One convolution: the batch norm, as it judges, is a factor on the kernels and a bias.
    fn write_onnx(&self, graph: &mut Graph, x: &str) -> Result<String> {
        let (mut kernel, mut bias) = (self.kernel()?, self.bias()?);
        if let Some(norm) = &self.norm {
            let (scale, shift) = norm.folded()?;
            kernel = kernel.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?;
            bias = ((bias * scale)? + shift)?;
        }
        let (w, b) = (format!("{}.w", self.name), format!("{}.b", self.name));
        graph.weights(&w, &kernel)?;
        graph.weights(&b, &bias)?;
        let (outputs, _, height, width) = kernel.dims4()?;
        let groups = if self.depthwise { outputs } else { 1 };
        let sweep = Sweep { kernel: (height, width), stride: self.stride, padding: self.padding };
        let mut attributes = sweep_attributes(sweep);
        attributes.push(Attribute::int("group", groups as i64));
        Ok(graph.apply("Conv", &[x, &w, &b], attributes))
    }
}

fn sweep_attributes(sweep: Sweep) -> Vec<Attribute> {
    let (stride, padding) = (sweep.stride as i64, sweep.padding as i64);
    vec![
        Attribute::ints("kernel_shape", &[sweep.kernel.0 as i64, sweep.kernel.1 as i64]),
        Attribute::ints("strides", &[stride, stride]),
        Attribute::ints("pads", &[padding; 4]),
    ]
}

/// Averages over parts of the image so that a given size comes out, whatever went in: PyTorch's
/// `AdaptiveAvgPool2d`. Parts overlap where the sizes do not divide, and repeat where the image is
/// smaller than what comes out. Being linear along either axis, it is two matrix products.
pub(super) struct Adaptive {
    name: String,
    /// `[out height, height]`.
    rows: Tensor,
    /// `[width, out width]`.
    columns: Tensor,
}

impl Adaptive {
    pub(super) fn new(
        name: &str,
        (height, width): (usize, usize),
        out: (usize, usize),
        device: &Device,
    ) -> Result<Self> {
        let averages = |size: usize, out: usize| -> Result<Tensor> {
            let mut values = vec![0.0f32; out * size];
            for (n, row) in values.chunks_exact_mut(size).enumerate() {
                let part = n * size / out..((n + 1) * size).div_ceil(out);
                let share = 1.0 / part.len() as f32;
                row[part].fill(share);
            }
            Ok(Tensor::from_vec(values, (out, size), device)?)
        };
        let (rows, columns) = (averages(height, out.0)?, averages(width, out.1)?);
        Ok(Self { name: name.to_owned(), rows, columns: columns.t()?.contiguous()? })
    }

    /// Another size by straight lines between neighbouring values, edges on edges.
    pub(super) fn resize(
        name: &str,
        (height, width): (usize, usize),
        out: (usize, usize),
        device: &Device,
    ) -> Result<Self> {
        let lines = |size: usize, out: usize| -> Result<Tensor> {
            let mut values = vec![0.0f32; out * size];
            for (n, row) in values.chunks_exact_mut(size).enumerate() {
                let at = n as f64 * (size - 1) as f64 / (out.max(2) - 1) as f64;
                let (low, share) = (at.floor() as usize, at.fract() as f32);
                row[low] += 1.0 - share;
                row[(low + 1).min(size - 1)] += share;
            }
            Ok(Tensor::from_vec(values, (out, size), device)?)
        };
        let (rows, columns) = (lines(height, out.0)?, lines(width, out.1)?);
        Ok(Self { name: name.to_owned(), rows, columns: columns.t()?.contiguous()? })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, channels, height, width) = x.dims4()?;
        let (out_height, out_width) = (self.rows.dim(0)?, self.columns.dim(1)?);
        let x = x.reshape((n * channels * height, width))?.matmul(&self.columns)?;
        let x = x.reshape((n * channels, height, out_width))?.transpose(1, 2)?;
        let x = x.reshape((n * channels * out_width, height))?.matmul(&self.rows.t()?)?;
        let x = x.reshape((n * channels, out_width, out_height))?.transpose(1, 2)?;
        Ok(x.contiguous()?.reshape((n, channels, out_height, out_width))?)
    }

    fn write_onnx(&self, graph: &mut Graph, x: &str) -> Result<String> {
        let (rows, columns) = (format!("{}.rows", self.name), format!("{}.columns", self.name));
        graph.weights(&rows, &self.rows)?;
        graph.weights(&columns, &self.columns)?;
        let x = graph.apply("MatMul", &[x, &columns], vec![]);
        Ok(graph.apply("MatMul", &[&rows, &x], vec![]))
    }
}

impl Layer {
    pub(super) fn forward(&self, x: &Tensor, training: &mut Option<&mut Rng>) -> Result<Tensor> {
        Ok(match self {
            Self::Convolution(conv) => conv.forward(x, training.is_some())?,
            Self::Rectify { leak, cap } => rectify(x, *leak, *cap)?,
            Self::Pool(pool, sweep) => pool2d(x, *pool, *sweep)?,
            Self::Adaptive(adaptive) => adaptive.forward(x)?,
            Self::GlobalAverage => x.flatten_from(2)?.mean(2)?,
            Self::Flatten => x.flatten_from(1)?,
            Self::Dropout(share) => dropout(x, *share, training)?,
            Self::Linear(_, linear) => linear.forward(x)?,
            Self::Residual(layers) => (x + run(layers, x, training)?)?,
            Self::Norm(_, norm) => norm.forward(x, training.is_some())?,
            Self::Rows(_, rows) => {
                let (n, channels, height, width) = x.dims4()?;
                let turned = x.transpose(2, 3)?.reshape((n * channels * width, height))?;
                let turned = turned.matmul(&rows.t()?)?.reshape((n, channels, width, ()))?;
                turned.transpose(2, 3)?.contiguous()?
            }
            Self::ColourMap => colour_map(x)?,
            Self::Turn => x.transpose(2, 3)?.contiguous()?,
            Self::FlattenChannelsLast => x.permute((0, 2, 3, 1))?.contiguous()?.flatten_from(1)?,
        })
    }

    /// The layer over the value called `x`; returns the name of what comes out.
    pub(super) fn write_onnx(&self, graph: &mut Graph, x: &str) -> Result<String> {
        Ok(match self {
            Self::Convolution(conv) => conv.write_onnx(graph, x)?,
            Self::Rectify { cap: Some(cap), .. } => {
                let (low, high) = ("zero".to_owned(), format!("cap.{cap}"));
                graph.values_once(&low, &[], &[0.0]);
                graph.values_once(&high, &[], &[*cap as f32]);
                graph.apply("Clip", &[x, &low, &high], vec![])
            }
            Self::Rectify { leak: 0.0, cap: None } => graph.apply("Relu", &[x], vec![]),
            Self::Rectify { leak, cap: None } => {
                graph.apply("LeakyRelu", &[x], vec![Attribute::float("alpha", *leak as f32)])
            }
            Self::Pool(Pool::Max, sweep) => graph.apply("MaxPool", &[x], sweep_attributes(*sweep)),
            // ONNX leaves padding out of the mean unless told otherwise, as we do.
            Self::Pool(Pool::Average, sweep) => {
                graph.apply("AveragePool", &[x], sweep_attributes(*sweep))
            }
            Self::Adaptive(adaptive) => adaptive.write_onnx(graph, x)?,
            Self::GlobalAverage => {
                let axes = Attribute::ints("axes", &[2, 3]);
                graph.apply("ReduceMean", &[x], vec![axes, Attribute::int("keepdims", 0)])
            }
            Self::Flatten => graph.apply("Flatten", &[x], vec![Attribute::int("axis", 1)]),
            Self::Dropout(_) => x.to_owned(),
            Self::Linear(name, linear) => {
                let to = format!("{name}.y");
                linear.write_onnx(graph, name, x, linear.width(), &to)?;
                to
            }
            Self::Residual(layers) => {
                let mut y = x.to_owned();
                for layer in layers {
                    y = layer.write_onnx(graph, &y)?;
                }
                graph.apply("Add", &[x, &y], vec![])
            }
            Self::Norm(name, norm) => {
                let (scale, shift) = norm.folded()?;
                let (w, b) = (format!("{name}.scale"), format!("{name}.shift"));
                graph.weights(&w, &scale.reshape(((), 1, 1))?)?;
                graph.weights(&b, &shift.reshape(((), 1, 1))?)?;
                let scaled = graph.apply("Mul", &[x, &w], vec![]);
                graph.apply("Add", &[&scaled, &b], vec![])
            }
            Self::Rows(name, rows) => {
                graph.weights(name, rows)?;
                graph.apply("MatMul", &[name, x], vec![])
            }
            Self::ColourMap => write_colour_map(graph, x),
            Self::Turn => {
                graph.apply("Transpose", &[x], vec![Attribute::ints("perm", &[0, 1, 3, 2])])
            }
            Self::FlattenChannelsLast => {
                let last = vec![Attribute::ints("perm", &[0, 2, 3, 1])];
                let turned = graph.apply("Transpose", &[x], last);
                graph.apply("Flatten", &[&turned], vec![Attribute::int("axis", 1)])
            }
        })
    }
}

/// Deviations from the mean that are the ends of the colour map.
const COLOUR_RANGE: f64 = 3.0;
/// Where red, green and blue are strongest, in quarters of the range.
const COLOUR_PEAKS: [f64; 3] = [3.0, 2.0, 1.0];

/// The colour map "jet": standardised values from −3 to 3 become v from 0 to 1, and each colour
/// `1.5 − |4 v − peak|`, held within 0 to 1.
fn colour_map(x: &Tensor) -> Result<Tensor> {
    let v = ((x / (2.0 * COLOUR_RANGE))? + 0.5)?.clamp(0.0, 1.0)?;
    let colours = COLOUR_PEAKS
        .iter()
        .map(|&peak| Ok((1.5 - ((&v * 4.0)? - peak)?.abs()?)?.clamp(0.0, 1.0)?))
        .collect::<Result<Vec<Tensor>>>()?;
    Ok(Tensor::cat(&colours, 1)?)
}

fn write_colour_map(graph: &mut Graph, x: &str) -> String {
    for (name, value) in [
        ("colour.range", 2.0 * COLOUR_RANGE),
        ("colour.half", 0.5),
        ("colour.zero", 0.0),
        ("colour.one", 1.0),
        ("colour.four", 4.0),
        ("colour.most", 1.5),
    ] {
        graph.values(name, &[], &[value as f32]);
    }
    let clip =
        |graph: &mut Graph, x: &str| graph.apply("Clip", &[x, "colour.zero", "colour.one"], vec![]);
    let scaled = graph.apply("Div", &[x, "colour.range"], vec![]);
    let moved = graph.apply("Add", &[&scaled, "colour.half"], vec![]);
    let v = clip(graph, &moved);
    let quarters = graph.apply("Mul", &[&v, "colour.four"], vec![]);
    let colours = COLOUR_PEAKS.map(|peak| {
        let name = format!("colour.peak.{peak}");
        graph.values(&name, &[], &[peak as f32]);
        let from = graph.apply("Sub", &[&quarters, &name], vec![]);
        let from = graph.apply("Abs", &[&from], vec![]);
        let strength = graph.apply("Sub", &["colour.most", &from], vec![]);
        clip(graph, &strength)
    });
    let [red, green, blue] = &colours;
    graph.apply("Concat", &[red, green, blue], vec![Attribute::int("axis", 1)])
}

/// One layer after the other.
pub(super) fn run(layers: &[Layer], x: &Tensor, training: &mut Option<&mut Rng>) -> Result<Tensor> {
    layers.iter().try_fold(x.clone(), |x, layer| layer.forward(&x, training))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_resized_between_their_edges() {
        let resize = Adaptive::resize("image", (1, 3), (2, 5), &Device::Cpu).unwrap();
        let x = Tensor::from_vec(vec![0.0f32, 1.0, 3.0], (1, 1, 1, 3), &Device::Cpu).unwrap();
        let y = resize.forward(&x).unwrap().reshape((2, 5)).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(y, [[0.0, 0.5, 1.0, 2.0, 3.0], [0.0, 0.5, 1.0, 2.0, 3.0]]);
    }

    #[test]
    fn low_values_are_blue_and_high_ones_red() {
        let x = Tensor::from_vec(vec![-3.0f32, 0.0, 3.0], (1, 1, 1, 3), &Device::Cpu).unwrap();
        let y = colour_map(&x).unwrap().reshape((3, 3)).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(y, [[0.0, 0.5, 0.5], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]);
    }

    /// Parts as PyTorch's `AdaptiveAvgPool2d` takes them, worked out by hand.
    #[test]
    fn adaptive_pools_take_pytorchs_parts() {
        let adaptive = Adaptive::new("pool", (5, 2), (3, 4), &Device::Cpu).unwrap();
        let x: Vec<f32> = (0..10).map(|n| n as f32).collect();
        let x = Tensor::from_vec(x, (1, 1, 5, 2), &Device::Cpu).unwrap();
        let y = adaptive.forward(&x).unwrap().reshape((3, 4)).unwrap().to_vec2::<f32>().unwrap();
        // Rows 0–1, 1–3 and 3–4; columns 0, 0, 1 and 1.
        assert_eq!(y, [[1.0, 1.0, 2.0, 2.0], [4.0, 4.0, 5.0, 5.0], [7.0, 7.0, 8.0, 8.0]]);
    }
}
