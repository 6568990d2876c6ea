/* Runs a CUDA kernel on the CPU, to test what it computes where there is no GPU.
 *
 * The threads of a block are coroutines that take turns at each __syncthreads(), in rising or in falling
 * order: a kernel that lacks a barrier gives other results in one of the two. A block whose threads do not
 * all come to a barrier is an error. Blocks run one after the other, with shared memory full of NaN. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

#define __global__
#define __device__
#define __shared__
#define __launch_bounds__(threads, blocks)
#define __syncthreads() wait_for_the_block()

typedef struct { float x, y, z, w; } __attribute__((aligned(16))) float4;
typedef struct { int x; } index_of;

enum { STACK = 64 * 1024, LARGEST_BLOCK = 1024, SHARED_BYTES = 227 * 1024 };

float4 shared_memory[SHARED_BYTES / sizeof(float4)];
static index_of threadIdx, blockIdx;

static ucontext_t scheduler, threads[LARGEST_BLOCK];
static int ended[LARGEST_BLOCK];
static void (*kernel)(void);

static void wait_for_the_block(void)
{
    int thread = threadIdx.x;
    swapcontext(&threads[thread], &scheduler);
    threadIdx.x = thread;
}

static void thread_main(void)
{
    kernel();
    ended[threadIdx.x] = 1;
}

static void run(void (*work)(void), int blocks, int size, int falling)
{
    static char *stacks;
    if (!stacks)
        stacks = malloc((size_t)STACK * LARGEST_BLOCK);
    kernel = work;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
        for (size_t n = 0; n < SHARED_BYTES / sizeof(float); n++)
            ((float *)shared_memory)[n] = NAN;
        for (int n = 0; n < size; n++) {
            getcontext(&threads[n]);
            threads[n].uc_stack.ss_sp = stacks + (size_t)STACK * n;
            threads[n].uc_stack.ss_size = STACK;
            threads[n].uc_link = &scheduler;
            makecontext(&threads[n], thread_main, 0);
            ended[n] = 0;
        }
        for (int done = 0; done < size;) {
            done = 0;
            for (int n = 0; n < size; n++) {
                int turn = falling ? size - 1 - n : n;
                threadIdx.x = turn;
                swapcontext(&scheduler, &threads[turn]);
                done += ended[turn];
            }
            if (done != 0 && done != size) {
                fprintf(stderr, "%d of %d threads wait at a barrier for the others\n", size - done, size);
                exit(1);
            }
        }
    }
}
