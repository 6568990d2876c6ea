/* Takes the LSTM kernels through one problem: `steps batch rising|falling` as arguments, `projected`,
 * transposed recurrent weights, recurrent weights and gradient on stdin, hidden states and the gradient by
 * the sums in the gates on stdout, all as floats of this machine. KERNEL is the file they are in. */
#include <string.h>

#include "cuda_on_cpu.h"
#include KERNEL

static int steps, batch;
static float *projected, *transposed, *weights, *gradient, *hidden, *gates, *cells, *sums;

static void forward(void) { lstm_forward(projected, transposed, hidden, gates, cells, steps, batch); }
static void backward(void) { lstm_backward(gradient, weights, gates, cells, sums, steps, batch); }

/* Exactly as much as there is, so that a tool that watches memory sees what is read behind the end. */
static float *values(size_t count, int given)
{
    float *v = malloc(count * sizeof(float));
    if (!v || (given && fread(v, sizeof(float), count, stdin) != count)) {
        fprintf(stderr, "too few values on stdin\n");
        exit(2);
    }
    return v;
}

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    steps = atoi(arguments[1]), batch = atoi(arguments[2]);
    int falling = !strcmp(arguments[3], "falling"), blocks = (batch + SEQUENCES - 1) / SEQUENCES;
    size_t rows = (size_t)steps * batch;
    projected = values(rows * ROWS, 1);
    transposed = values(HIDDEN * ROWS, 1);
    weights = values(HIDDEN * ROWS, 1);
    gradient = values(rows * HIDDEN, 1);
    hidden = values(rows * HIDDEN, 0), gates = values(rows * ROWS, 0);
    cells = values(rows * HIDDEN, 0), sums = values(rows * ROWS, 0);
    run(forward, blocks, ROWS, falling);
    run(backward, blocks, ROWS, falling);
    fwrite(hidden, sizeof(float), rows * HIDDEN, stdout);
    fwrite(sums, sizeof(float), rows * ROWS, stdout);
    return 0;
}
