//! The image networks, layer by layer.

use anyhow::Result;

use super::super::recipe::{AlexNetRecipe, Cnn3Recipe, MlpRecipe, MobileNetV2Recipe, Vgg11Recipe};
use super::super::{Blueprint, LEAK};
use super::Sweep;
use super::network::{Builder, Draw, ImageNetwork, Kernel};
use super::pool::Pool;

/// Linear layers with leaky rectifiers and dropout between them, over all values of a window: band by
/// band, each with its frames in order. With windows of one frame it takes rows of a table. Fresh
/// weights: PyTorch's default.
pub(in crate::nn) fn mlp(recipe: &MlpRecipe, blueprint: &Blueprint<'_>) -> Result<ImageNetwork> {
    let mut net = Builder::new("mlp", blueprint);
    net.flatten();
    for (n, &width) in recipe.widths.iter().enumerate() {
        net.linear(&format!("layers.{n}"), width, Draw::Default)?;
        net.rectify(LEAK, None).dropout(recipe.dropout);
    }
    net.outputs("outputs", Draw::Default)
}

/// Seed system A's own network: three blocks of convolution 5 × 5, batch norm, average pool 7 with
/// stride 3 and leaky rectifier, then a linear layer of 512 and the outputs. Fresh weights: PyTorch's
/// default.
///
/// Convolutions are padded by 2 and pools by 3 (outside the mean), so that 64 bands are enough: without
/// padding the third pool would have nothing left to see. Between the two linear layers, which would
/// otherwise be one, lie a leaky rectifier and dropout; with `straight`, as published, nothing does.
pub(in crate::nn) fn cnn3(recipe: &Cnn3Recipe, blueprint: &Blueprint<'_>) -> Result<ImageNetwork> {
    let mut net = Builder::new("cnn3", blueprint);
    net.eight_bit(recipe.eight_bit);
    for (n, &outputs) in recipe.channels.iter().enumerate() {
        let kernel = Kernel { outputs, size: 5, stride: 1, padding: 2, draw: Draw::Default };
        net.conv_norm(&format!("blocks.{n}.conv"), kernel, &format!("blocks.{n}.norm"))?
            .pool(Pool::Average, Sweep::square(7, 3, 3))?
            .rectify(LEAK, None);
    }
    net.flatten().linear("linear", recipe.width, Draw::Default)?;
    if !recipe.straight {
        net.rectify(LEAK, None).dropout(recipe.dropout);
    }
    net.outputs("outputs", Draw::Default)
}

/// `size` in relation to the published network's, at least one.
fn scaled(size: usize, width: f64) -> usize {
    ((size as f64 * width).round() as usize).max(1)
}

/// VGG11 without batch norm (configuration A), layer by layer as torchvision builds it. Adaptive
/// average pooling to 7 × 7 takes any window of at least 32 × 32. Fresh weights as torchvision's:
/// convolutions normal with deviation √(2/fan-out), linear layers with 0.01, biases zero.
pub(in crate::nn) fn vgg11(
    recipe: &Vgg11Recipe,
    blueprint: &Blueprint<'_>,
) -> Result<ImageNetwork> {
    let mut net = Builder::new("vgg11", blueprint);
    net.coloured().eight_bit(recipe.eight_bit);
    // Number in torchvision's `features`, channels, and whether a pool follows.
    for (number, channels, pooled) in [
        (0, 64, true),
        (3, 128, true),
        (6, 256, false),
        (8, 256, true),
        (11, 512, false),
        (13, 512, true),
        (16, 512, false),
        (18, 512, true),
    ] {
        let outputs = scaled(channels, recipe.width);
        let kernel = Kernel { outputs, size: 3, stride: 1, padding: 1, draw: Draw::FanOut };
        net.conv(&format!("features.{number}"), kernel)?.rectify(0.0, None);
        if pooled {
            net.pool(Pool::Max, Sweep::square(2, 2, 0))?;
        }
    }
    net.adaptive("avgpool", 7)?.flatten();
    for name in ["classifier.0", "classifier.3"] {
        net.linear(name, scaled(4096, recipe.width), Draw::Small)?;
        net.rectify(0.0, None).dropout(recipe.dropout);
    }
    net.outputs("classifier.6", Draw::Small)
}

/// AlexNet layer by layer as torchvision builds it ("One weird trick …", one tower). Adaptive average
/// pooling to 6 × 6 takes any window of at least 63 × 63. Fresh weights: PyTorch's default.
pub(in crate::nn) fn alexnet(
    recipe: &AlexNetRecipe,
    blueprint: &Blueprint<'_>,
) -> Result<ImageNetwork> {
    let mut net = Builder::new("alexnet", blueprint);
    net.coloured().eight_bit(recipe.eight_bit);
    // Number in torchvision's `features`, channels, kernel, stride, padding, and whether a pool follows.
    for (number, channels, size, stride, padding, pooled) in [
        (0, 64, 11, 4, 2, true),
        (3, 192, 5, 1, 2, true),
        (6, 384, 3, 1, 1, false),
        (8, 256, 3, 1, 1, false),
        (10, 256, 3, 1, 1, true),
    ] {
        let outputs = scaled(channels, recipe.width);
        let kernel = Kernel { outputs, size, stride, padding, draw: Draw::Default };
        net.conv(&format!("features.{number}"), kernel)?.rectify(0.0, None);
        if pooled {
            net.pool(Pool::Max, Sweep::square(3, 2, 0))?;
        }
    }
    net.adaptive("avgpool", 6)?.flatten();
    for name in ["classifier.1", "classifier.4"] {
        net.dropout(recipe.dropout);
        net.linear(name, scaled(4096, recipe.width), Draw::Default)?.rectify(0.0, None);
    }
    net.outputs("classifier.6", Draw::Default)
}

/// Torchvision's `_make_divisible`: the next multiple of 8, but never less than nine tenths.
fn divisible(channels: f64) -> usize {
    let rounded = ((channels + 4.0) as usize / 8 * 8).max(8);
    if (rounded as f64) < 0.9 * channels { rounded + 8 } else { rounded }
}

/// MobileNetV2 layer by layer as torchvision builds it; it takes any window. Fresh weights as
/// torchvision's: convolutions normal with deviation √(2/fan-out), the last layer with 0.01.
pub(in crate::nn) fn mobilenet_v2(
    recipe: &MobileNetV2Recipe,
    blueprint: &Blueprint<'_>,
) -> Result<ImageNetwork> {
    let mut net = Builder::new("mobilenet-v2", blueprint);
    let kernel = |outputs, size, stride| Kernel {
        outputs,
        size,
        stride,
        padding: (size - 1) / 2,
        draw: Draw::FanOut,
    };
    net.coloured().eight_bit(recipe.eight_bit);
    let first = kernel(divisible(32.0 * recipe.width), 3, 2);
    net.conv_norm("features.0.0", first, "features.0.1")?.rectify(0.0, Some(6.0));
    // Factor of expansion, channels, repeats, and stride of the first.
    let blocks = [
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ];
    let mut number = 0;
    for (expansion, channels, repeats, stride) in blocks {
        let outputs = divisible(channels as f64 * recipe.width);
        for repeat in 0..repeats {
            number += 1;
            let stride = if repeat == 0 { stride } else { 1 };
            let inputs = net.channels();
            let block = |net: &mut Builder<'_>| -> Result<()> {
                let name = |part: &str| format!("features.{number}.conv.{part}");
                let wide = inputs * expansion;
                // The first block does not expand, and counts one step less.
                let mut step = 0;
                if expansion > 1 {
                    net.conv_norm(&name("0.0"), kernel(wide, 1, 1), &name("0.1"))?
                        .rectify(0.0, Some(6.0));
                    step = 1;
                }
                net.depthwise_norm(
                    &name(&format!("{step}.0")),
                    kernel(wide, 3, stride),
                    &name(&format!("{step}.1")),
                )?
                .rectify(0.0, Some(6.0));
                let (project, norm) =
                    (name(&(step + 1).to_string()), name(&(step + 2).to_string()));
                net.conv_norm(&project, kernel(outputs, 1, 1), &norm)?;
                Ok(())
            };
            if stride == 1 && inputs == outputs {
                net.residual(block)?;
            } else {
                block(&mut net)?;
            }
        }
    }
    let last = kernel(divisible(1280.0 * recipe.width.max(1.0)), 1, 1);
    net.conv_norm("features.18.0", last, "features.18.1")?.rectify(0.0, Some(6.0));
    net.global_average().dropout(recipe.dropout);
    net.outputs("classifier.1", Draw::Small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_rounded_as_torchvision_rounds_them() {
        let widths = [8.0, 11.2, 12.0, 19.0, 24.0, 33.6, 44.8, 1280.0];
        let rounded = [8, 16, 16, 24, 24, 32, 48, 1280];
        assert_eq!(widths.map(divisible), rounded);
    }
}
