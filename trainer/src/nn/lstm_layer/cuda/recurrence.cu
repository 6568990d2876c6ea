// The recurrence of an LSTM layer over whole sequences, forwards and back.
//
// One block takes SEQUENCES sequences through all steps, so blocks never wait for one another and no step
// costs a launch. It has a thread for each row of the recurrent weights. Threads keep their weights for
// the whole run: the first REGISTERS of them in registers, the next SHARED in shared memory, and the rest,
// where there is one, they read again in each step. No sum depends on how the weights are kept.
//
// Compiled when the program runs, for the layer at hand (`launch.rs` chooses the numbers):
//   HIDDEN     hidden values of the layer, a multiple of 4, at most 256
//   SEQUENCES  sequences of a block, 1 to 4
//   REGISTERS  weights of a thread in registers, a multiple of 4
//   SHARED     weights of a thread in shared memory, a multiple of 4
//
// C that is also C++: a test runs it on the CPU (tests/cuda_on_cpu.h). Gates stand in the order input,
// output, forget, cell.

#define ROWS (4 * HIDDEN)
#define KEPT (REGISTERS + SHARED)

#ifdef __cplusplus
extern "C" {
#endif

extern __shared__ float4 shared_memory[];

static __device__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

// projected [steps][batch][4 HIDDEN]  what the inputs and the bias give to the gates
// weights   [HIDDEN][4 HIDDEN]        the recurrent weights, transposed
// hidden    [steps][batch][HIDDEN]    result: hidden states
// gates     [steps][batch][4 HIDDEN]  result: activated gates, for the way back
// cells     [steps][batch][HIDDEN]    result: cell states, for the way back
__global__ void __launch_bounds__(ROWS, 1)
lstm_forward(const float *projected, const float *weights, float *hidden, float *gates, float *cells,
             int steps, int batch)
{
    float *const held = (float *)shared_memory;      // [SHARED][ROWS]
    float *const last = held + SHARED * ROWS;        // [SEQUENCES][HIDDEN]: the last hidden states
    float *const active = last + SEQUENCES * HIDDEN; // [SEQUENCES][ROWS]: the gates of this step

    const int row = threadIdx.x;
    const int first = blockIdx.x * SEQUENCES;
    // Among the first HIDDEN * SEQUENCES threads each has a hidden value of one sequence for itself.
    const int mine = row / HIDDEN, unit = row % HIDDEN;
    const int is_cell = mine == 3;
    const int owns = mine < SEQUENCES && first + mine < batch;

    float own[REGISTERS > 0 ? REGISTERS : 1];
#pragma unroll
    for (int k = 0; k < REGISTERS; k++)
        own[k] = weights[k * ROWS + row];
    for (int k = 0; k < SHARED; k++)
        held[k * ROWS + row] = weights[(REGISTERS + k) * ROWS + row];
    if (mine < SEQUENCES)
        last[row] = 0.0f;
    float cell = 0.0f;

    float next[SEQUENCES];
#pragma unroll
    for (int s = 0; s < SEQUENCES; s++)
        next[s] = first + s < batch ? projected[(long long)(first + s) * ROWS + row] : 0.0f;
    __syncthreads();

    for (int t = 0; t < steps; t++) {
        float sum[SEQUENCES];
#pragma unroll
        for (int s = 0; s < SEQUENCES; s++) {
            sum[s] = next[s];
            // What the next step adds to is on its way while this one is computed.
            if (t + 1 < steps && first + s < batch)
                next[s] = projected[((long long)(t + 1) * batch + first + s) * ROWS + row];
        }
#pragma unroll
        for (int k = 0; k < REGISTERS; k += 4) {
#pragma unroll
            for (int s = 0; s < SEQUENCES; s++) {
                const float4 h = ((const float4 *)(last + s * HIDDEN))[k / 4];
                sum[s] += own[k] * h.x + own[k + 1] * h.y + own[k + 2] * h.z + own[k + 3] * h.w;
            }
        }
#pragma unroll 8
        for (int k = 0; k < HIDDEN - REGISTERS; k += 4) {
            const float *const from = k < SHARED ? held + k * ROWS : weights + (REGISTERS + k) * ROWS;
            const float a = from[row], b = from[ROWS + row], c = from[2 * ROWS + row],
                        d = from[3 * ROWS + row];
#pragma unroll
            for (int s = 0; s < SEQUENCES; s++) {
                const float4 h = ((const float4 *)(last + s * HIDDEN))[(REGISTERS + k) / 4];
                sum[s] += a * h.x + b * h.y + c * h.z + d * h.w;
            }
        }
#pragma unroll
        for (int s = 0; s < SEQUENCES; s++) {
            const float gate = is_cell ? tanhf(sum[s]) : sigmoid(sum[s]);
            active[s * ROWS + row] = gate;
            if (first + s < batch)
                gates[((long long)t * batch + first + s) * ROWS + row] = gate;
        }
        __syncthreads();
        if (owns) {
            const float *const of = active + mine * ROWS + unit;
            cell = of[2 * HIDDEN] * cell + of[0] * of[3 * HIDDEN];
            const float h = of[HIDDEN] * tanhf(cell);
            last[row] = h;
            const long long at = ((long long)t * batch + first + mine) * HIDDEN + unit;
            cells[at] = cell;
            hidden[at] = h;
        }
        __syncthreads();
    }
}

// gradient [steps][batch][HIDDEN]    of the loss by the hidden states
// weights  [4 HIDDEN][HIDDEN]        the recurrent weights
// gates    [steps][batch][4 HIDDEN]  as the way forwards left them
// cells    [steps][batch][HIDDEN]    the same
// sums     [steps][batch][4 HIDDEN]  result: the gradient by the sums in the gates
__global__ void __launch_bounds__(ROWS, 1)
lstm_backward(const float *gradient, const float *weights, const float *gates, const float *cells,
              float *sums, int steps, int batch)
{
    float *const held = (float *)shared_memory;       // [SHARED][ROWS]
    float *const by_sum = held + SHARED * ROWS;       // [SEQUENCES][ROWS]: gradient by this step's sums
    float *const parts = by_sum + SEQUENCES * ROWS;   // [SEQUENCES][ROWS]: see below

    const int thread = threadIdx.x;
    const int first = blockIdx.x * SEQUENCES;
    // A thread adds up what one gate's rows give to one hidden value; the four sums of a hidden value lie
    // in `parts` and are added by the thread that has the hidden value for itself.
    const int gate = thread / HIDDEN, unit = thread % HIDDEN;
    const int mine = gate;
    const int owns = mine < SEQUENCES && first + mine < batch;
    const float *const column = weights + gate * HIDDEN * HIDDEN + unit;

    float own[REGISTERS > 0 ? REGISTERS : 1];
#pragma unroll
    for (int k = 0; k < REGISTERS; k++)
        own[k] = column[k * HIDDEN];
    for (int k = 0; k < SHARED; k++)
        held[k * ROWS + thread] = column[(REGISTERS + k) * HIDDEN];
#pragma unroll
    for (int s = 0; s < SEQUENCES; s++)
        by_sum[s * ROWS + thread] = parts[s * ROWS + thread] = 0.0f;

    float by_cell = 0.0f, d_hidden = 0.0f, cell = 0.0f;
    float i = 0.0f, o = 0.0f, f = 0.0f, g = 0.0f;
    long long at = ((long long)(steps - 1) * batch + first + mine) * HIDDEN + unit;
    if (owns) {
        const float *const of = gates + (at - unit) * 4 + unit;
        i = of[0], o = of[HIDDEN], f = of[2 * HIDDEN], g = of[3 * HIDDEN];
        d_hidden = gradient[at];
        cell = cells[at];
    }
    __syncthreads();

    for (int t = steps - 1; t >= 0; t--) {
        if (owns) {
            const float *const part = parts + mine * ROWS + unit;
            const float squashed = tanhf(cell);
            const float by_hidden =
                d_hidden + ((part[0] + part[HIDDEN]) + (part[2 * HIDDEN] + part[3 * HIDDEN]));
            const float past = t > 0 ? cells[at - (long long)batch * HIDDEN] : 0.0f;
            by_cell += by_hidden * o * (1.0f - squashed * squashed);
            float *const here = by_sum + mine * ROWS + unit;
            float *const out = sums + (at - unit) * 4 + unit;
            out[0] = here[0] = by_cell * g * i * (1.0f - i);
            out[HIDDEN] = here[HIDDEN] = by_hidden * squashed * o * (1.0f - o);
            out[2 * HIDDEN] = here[2 * HIDDEN] = by_cell * past * f * (1.0f - f);
            out[3 * HIDDEN] = here[3 * HIDDEN] = by_cell * i * (1.0f - g * g);
            by_cell *= f;
            cell = past;
            at -= (long long)batch * HIDDEN;
            // What the step before needs is on its way while the products are computed.
            if (t > 0) {
                const float *const of = gates + (at - unit) * 4 + unit;
                i = of[0], o = of[HIDDEN], f = of[2 * HIDDEN], g = of[3 * HIDDEN];
                d_hidden = gradient[at];
            }
        }
        __syncthreads();
        float sum[SEQUENCES];
#pragma unroll
        for (int s = 0; s < SEQUENCES; s++)
            sum[s] = 0.0f;
#pragma unroll
        for (int k = 0; k < REGISTERS; k += 4) {
#pragma unroll
            for (int s = 0; s < SEQUENCES; s++) {
                const float4 d = ((const float4 *)(by_sum + s * ROWS + gate * HIDDEN))[k / 4];
                sum[s] += own[k] * d.x + own[k + 1] * d.y + own[k + 2] * d.z + own[k + 3] * d.w;
            }
        }
#pragma unroll 8
        for (int k = 0; k < HIDDEN - REGISTERS; k += 4) {
            const float *const from =
                k < SHARED ? held + k * ROWS + thread : column + (REGISTERS + k) * HIDDEN;
            const int stride = k < SHARED ? ROWS : HIDDEN;
            const float a = from[0], b = from[stride], c = from[2 * stride], e = from[3 * stride];
#pragma unroll
            for (int s = 0; s < SEQUENCES; s++) {
                const float4 d =
                    ((const float4 *)(by_sum + s * ROWS + gate * HIDDEN))[(REGISTERS + k) / 4];
                sum[s] += a * d.x + b * d.y + c * d.z + e * d.w;
            }
        }
#pragma unroll
        for (int s = 0; s < SEQUENCES; s++)
            parts[s * ROWS + thread] = sum[s];
        __syncthreads();
    }
}

#ifdef __cplusplus
}
#endif
