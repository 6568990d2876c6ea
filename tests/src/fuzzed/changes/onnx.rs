//! Changes of ONNX files: what is changed is a model still, with other nodes, names, shapes and numbers.

use super::Mutate;
use super::message::{self, is_name};
use super::random::Random;
use super::wire::{self, Field, Value};

/// Operators and attributes that take the place of others.
const WORDS: &str = "Abs Add And ArgMax ArgMin AveragePool BatchNormalization Cast Ceil Clip Concat Constant \
    ConstantOfShape Conv ConvTranspose CumSum DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand Flatten \
    Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater HardSigmoid \
    HardSwish Identity InstanceNormalization LRN LSTM LayerNormalization LeakyRelu Less Log LogSoftmax MatMul \
    MatMulInteger Max MaxPool Mean Min Mish Mod Mul Multinomial Neg NonZero Not Or PRelu Pad Pow \
    QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv RNN RandomNormalLike Reciprocal ReduceL1 \
    ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Reshape \
    ReverseSequence Round ScatterElements ScatterND Selu Shape Sigmoid Sign Size Slice Softmax Softplus \
    Softsign SpaceToDepth Split Sqrt Squeeze STFT Sub Sum Tanh ThresholdedRelu TopK Transpose Trilu Unsqueeze \
    Where Xor activations alpha axes axis auto_pad beta ceil_mode clip count_include_pad dilations direction \
    epsilon equation fmod group hidden_size input_forget kernel_shape keepdims layout linear_before_reset \
    mode momentum num_outputs output_padding output_shape pads perm select_last_index storage_order strides \
    to transA transB value value_float value_ints SAME_UPPER VALID bidirectional reverse";

/// Changes the model file that the first `size` bytes are, to one of at most `most` bytes, and gives its size.
///
/// # Panics
/// When `data` has no room for `size` or `most` bytes.
pub fn onnx(data: &mut [u8], size: usize, most: usize, seed: u32, mutate: Mutate) -> usize {
    let mut random = Random::new(seed);
    let changed = (!random.once_in(16)).then(|| wire::read(&data[..size])).flatten();
    let Some(mut fields) = changed.filter(|fields| !fields.is_empty()) else {
        return mutate(data, size, most);
    };
    let mut words: Vec<Vec<u8>> = Vec::new();
    gather(&fields, &mut words);
    // Names of the model's own as often as words of ONNX.
    let own = words.len().max(1);
    let all: Vec<&str> = WORDS.split_whitespace().collect();
    for _ in 0..own {
        words.extend(random.choose(&all).map(|word| word.as_bytes().to_owned()));
    }
    for _ in 0..=random.below(3) {
        message::change(&mut fields, &mut random, &words, mutate);
    }
    let written = wire::write(&fields);
    if written.len() > most {
        return mutate(data, size, most);
    }
    data[..written.len()].copy_from_slice(&written);
    written.len()
}

/// All names in a message and in those inside.
fn gather(fields: &[Field], into: &mut Vec<Vec<u8>>) {
    for field in fields {
        let Value::Bytes(content) = &field.value else { continue };
        if is_name(content) {
            into.push(content.clone());
        } else if let Some(inner) = wire::read(content) {
            gather(&inner, into);
        }
    }
}
