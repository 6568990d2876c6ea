//! A list of layers as a network, and what builds such lists.

use anyhow::{Result, bail};
use candle_core::Tensor;

use super::super::cepstrum::cosines;
use super::super::init::{Fill, Maker, default_limit};
use super::super::linear::Linear;
use super::super::standardise::Standardise;
use super::super::{Blueprint, Network, Weights, check_frames};
use super::layers::{Adaptive, Convolution, Layer, run};
use super::norm::BatchNorm;
use super::pool::Pool;
use super::{Sweep, eight_bit};
use crate::Rng;
use crate::onnx::{Attribute, Dim, Graph};

/// A network over windows: `[frames, batch, bands]` → one answer.
pub(in crate::nn) struct ImageNetwork {
    weights: Weights,
    standardise: Standardise,
    /// Windows are pictures of 256 greys, not standardised bands.
    eight_bit: bool,
    /// All layers but the last.
    layers: Vec<Layer>,
    last: (String, Linear),
    frames: usize,
}

impl Network for ImageNetwork {
    fn forward(
        &self,
        frames: &Tensor,
        _judged_at: &[u32],
        mut training: Option<&mut Rng>,
    ) -> Result<Tensor> {
        check_frames(frames, self.frames)?;
        let image = match self.eight_bit {
            true => eight_bit::picture(frames)?,
            false => self.standardise.forward(frames)?,
        };
        // [frames, batch, bands] → [batch, 1, bands, frames]
        let image = image.permute((1, 2, 0))?.unsqueeze(1)?.contiguous()?;
        let x = run(&self.layers, &image, &mut training)?;
        Ok(self.last.1.forward(&x)?.unsqueeze(0)?)
    }

    fn weights(&self) -> &Weights {
        &self.weights
    }

    fn write_onnx(&self, graph: &mut Graph, outputs: usize) -> Result<()> {
        self.standardise.declare_window(graph, (self.frames, outputs));
        let x = match self.eight_bit {
            true => eight_bit::write_onnx(graph),
            false => self.standardise.write_onnx(graph)?.to_owned(),
        };
        let turned = graph.apply("Transpose", &[&x], vec![Attribute::ints("perm", &[0, 2, 1])]);
        graph.integers("axis.channel", &[1]);
        let mut x = graph.apply("Unsqueeze", &[&turned, "axis.channel"], vec![]);
        for layer in &self.layers {
            x = layer.write_onnx(graph, &x)?;
        }
        let (name, last) = &self.last;
        last.write_onnx(graph, name, &x, outputs, "score")
    }
}

impl ImageNetwork {
    /// Adds all layers but the last to a graph, over `mel [batch, frames, bands]` as it is; the result is
    /// called `embedding`.
    pub(super) fn write_embedding(&self, graph: &mut Graph) -> Result<()> {
        let bands = self.standardise.bands();
        graph.input("mel", &[Dim::Any("batch"), Dim::Size(self.frames), Dim::Size(bands)]);
        graph.output("embedding", &[Dim::Any("batch"), Dim::Any("values")]);
        let turned = graph.apply("Transpose", &["mel"], vec![Attribute::ints("perm", &[0, 2, 1])]);
        graph.integers("axis.channel", &[1]);
        let mut x = graph.apply("Unsqueeze", &[&turned, "axis.channel"], vec![]);
        for layer in &self.layers {
            x = layer.write_onnx(graph, &x)?;
        }
        graph.node("Identity", &[&x], &["embedding"], vec![]);
        Ok(())
    }
}

/// How the weights of a layer are drawn.
#[derive(Clone, Copy)]
pub(super) enum Draw {
    /// PyTorch's default: weights and biases uniform in ± 1/√fan-in.
    Default,
    /// `kaiming_normal_(mode="fan_out")`: normal with deviation √(2/fan-out), biases zero.
    FanOut,
    /// Normal with deviation 0.01, biases zero.
    Small,
}

impl Draw {
    fn weight(self, fan_in: usize, fan_out: usize) -> Fill<'static> {
        match self {
            Self::Default => Fill::Uniform(default_limit(fan_in)),
            Self::FanOut => Fill::Normal((2.0 / fan_out.max(1) as f32).sqrt()),
            Self::Small => Fill::Normal(0.01),
        }
    }

    fn bias(self, fan_in: usize) -> Fill<'static> {
        match self {
            Self::Default => Fill::Uniform(default_limit(fan_in)),
            Self::FanOut | Self::Small => Fill::Constant(0.0),
        }
    }
}

/// A convolution to be built.
pub(super) struct Kernel {
    pub(super) outputs: usize,
    /// Height and width.
    pub(super) size: usize,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) draw: Draw,
}

/// Puts layers together and follows the size of the image through them.
pub(super) struct Builder<'a> {
    maker: Maker<'a>,
    /// What the network is called in messages.
    kind: &'static str,
    channels: usize,
    image: (usize, usize),
    layers: Vec<Layer>,
    eight_bit: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(kind: &'static str, blueprint: &Blueprint<'a>) -> Self {
        Self {
            maker: Maker::new(blueprint),
            kind,
            channels: 1,
            image: (blueprint.bands, blueprint.frames),
            layers: Vec::new(),
            eight_bit: false,
        }
    }

    /// Whether windows are to be pictures of 256 greys in place of standardised bands.
    pub(super) fn eight_bit(&mut self, eight_bit: bool) -> &mut Self {
        self.eight_bit = eight_bit;
        self
    }

    fn moves(&mut self, sweep: Sweep) -> Result<()> {
        let Some(out) = sweep.over(self.image) else {
            let Blueprint { bands, frames, .. } = self.maker.blueprint;
            bail!(
                "{} cannot see windows of {bands} bands and {frames} frames: only {} × {} are left where it needs {} × {}; give it more bands or longer windows",
                self.kind,
                self.image.0,
                self.image.1,
                sweep.kernel.0,
                sweep.kernel.1
            );
        };
        self.image = out;
        Ok(())
    }

    /// A convolution with a bias.
    pub(super) fn conv(&mut self, name: &str, kernel: Kernel) -> Result<&mut Self> {
        self.convolution(name, kernel, false, None)
    }

    /// A convolution without a bias, and a batch norm called `norm`.
    pub(super) fn conv_norm(
        &mut self,
        name: &str,
        kernel: Kernel,
        norm: &str,
    ) -> Result<&mut Self> {
        self.convolution(name, kernel, false, Some(norm))
    }

    /// The same with one kernel for each channel.
    pub(super) fn depthwise_norm(
        &mut self,
        name: &str,
        kernel: Kernel,
        norm: &str,
    ) -> Result<&mut Self> {
        self.convolution(name, kernel, true, Some(norm))
    }

    fn convolution(
        &mut self,
        name: &str,
        kernel: Kernel,
        depthwise: bool,
        norm: Option<&str>,
    ) -> Result<&mut Self> {
        let Kernel { outputs, size, stride, padding, draw } = kernel;
        // Colours of an image that has none: see `Convolution::grey`.
        let inputs = if depthwise { 1 } else { self.channels };
        let (fan_in, fan_out) = (inputs * size * size, outputs * size * size);
        let maker = &mut self.maker;
        let dims = [outputs, inputs, size, size];
        let weight = draw.weight(fan_in, fan_out);
        let kernel = maker.trained(&format!("{name}.weight"), &dims, weight)?;
        let bias = match norm {
            Some(_) => None,
            None => Some(maker.trained(&format!("{name}.bias"), &[outputs], draw.bias(fan_in))?),
        };
        let norm = norm.map(|norm| BatchNorm::new(maker, norm, outputs)).transpose()?;
        let grey = self.layers.is_empty() && self.channels == COLOURS;
        self.moves(Sweep::square(size, stride, padding))?;
        self.channels = outputs;
        self.layers.push(Layer::Convolution(Convolution {
            name: name.to_owned(),
            kernel,
            bias,
            norm,
            stride,
            padding,
            depthwise,
            grey,
        }));
        Ok(self)
    }

    /// Says that the first convolution is one for colour images; the window is the same in each.
    pub(super) fn coloured(&mut self) -> &mut Self {
        self.channels = COLOURS;
        self
    }

    /// A batch norm by itself.
    pub(super) fn norm(&mut self, name: &str) -> Result<&mut Self> {
        let norm = BatchNorm::new(&mut self.maker, name, self.channels)?;
        self.layers.push(Layer::Norm(name.to_owned(), norm));
        Ok(self)
    }

    /// The image in another size.
    pub(super) fn resize(&mut self, name: &str, size: (usize, usize)) -> Result<&mut Self> {
        let resize = Adaptive::resize(name, self.image, size, self.maker.device())?;
        self.layers.push(Layer::Adaptive(resize));
        self.image = size;
        Ok(self)
    }

    /// The image in the colours of a colour map.
    pub(super) fn colour_map(&mut self) -> &mut Self {
        self.layers.push(Layer::ColourMap);
        self.channels = COLOURS;
        self
    }

    /// Cepstral coefficients in place of the bands.
    pub(super) fn cepstrum(&mut self, name: &str, count: usize) -> Result<&mut Self> {
        let cosines = cosines(self.image.0, count, self.maker.device())?;
        self.layers.push(Layer::Rows(name.to_owned(), cosines.t()?.contiguous()?));
        self.image.0 = count;
        Ok(self)
    }

    /// Frames downwards and bands across.
    pub(super) fn upright(&mut self) -> &mut Self {
        self.layers.push(Layer::Turn);
        self.image = (self.image.1, self.image.0);
        self
    }

    pub(super) fn flatten_channels_last(&mut self) -> &mut Self {
        self.layers.push(Layer::FlattenChannelsLast);
        self.channels *= self.image.0 * self.image.1;
        self.image = (1, 1);
        self
    }

    pub(super) fn rectify(&mut self, leak: f64, cap: Option<f64>) -> &mut Self {
        self.layers.push(Layer::Rectify { leak, cap });
        self
    }

    pub(super) fn pool(&mut self, pool: Pool, sweep: Sweep) -> Result<&mut Self> {
        self.moves(sweep)?;
        self.layers.push(Layer::Pool(pool, sweep));
        Ok(self)
    }

    pub(super) fn adaptive(&mut self, name: &str, size: usize) -> Result<&mut Self> {
        let adaptive = Adaptive::new(name, self.image, (size, size), self.maker.device())?;
        self.layers.push(Layer::Adaptive(adaptive));
        self.image = (size, size);
        Ok(self)
    }

    pub(super) fn global_average(&mut self) -> &mut Self {
        self.layers.push(Layer::GlobalAverage);
        self.image = (1, 1);
        self
    }

    pub(super) fn flatten(&mut self) -> &mut Self {
        self.layers.push(Layer::Flatten);
        self.channels *= self.image.0 * self.image.1;
        self.image = (1, 1);
        self
    }

    pub(super) fn dropout(&mut self, share: f64) -> &mut Self {
        self.layers.push(Layer::Dropout(share));
        self
    }

    pub(super) fn linear(&mut self, name: &str, outputs: usize, draw: Draw) -> Result<&mut Self> {
        let inputs = self.channels;
        let (weight, bias) = (draw.weight(inputs, outputs), draw.bias(inputs));
        let linear = Linear::new(&mut self.maker, name, (inputs, outputs), weight, bias)?;
        self.channels = outputs;
        self.layers.push(Layer::Linear(name.to_owned(), linear));
        Ok(self)
    }

    /// Adds what `build` builds as a block with a way around it.
    pub(super) fn residual(
        &mut self,
        build: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<&mut Self> {
        let before = self.layers.len();
        build(self)?;
        let block = self.layers.split_off(before);
        self.layers.push(Layer::Residual(block));
        Ok(self)
    }

    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Ends with the linear layer that gives the outputs.
    pub(super) fn outputs(mut self, name: &str, draw: Draw) -> Result<ImageNetwork> {
        let inputs = self.channels;
        let weight = draw.weight(inputs, self.maker.blueprint.outputs);
        let last = Linear::outputs(&mut self.maker, name, inputs, weight)?;
        let standardise = Standardise::new(&mut self.maker)?;
        Ok(ImageNetwork {
            weights: self.maker.weights,
            standardise,
            eight_bit: self.eight_bit,
            layers: self.layers,
            last: (name.to_owned(), last),
            frames: self.maker.blueprint.frames,
        })
    }
}

/// Red, green and blue.
const COLOURS: usize = 3;
