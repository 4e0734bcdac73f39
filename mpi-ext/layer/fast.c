/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fast.c - the shortest way through the layer (fast.h).
 *
 * The wrappers of own.h for four functions, in assembly. Each compares the peer with one number
 * (which also says that nothing has changed), leaves the arguments on the stack, and calls Open
 * MPI's function. Whatever is not the usual case is left to C: ftm_general_X before the call,
 * ftm_failed_X and ftm_posted_X after it.
 *
 * MPI_Send and MPI_Recv to oneself, measured: 2.9 ns more than without the layer became 1.8.
 */
#include "config.h"

#include "fast.h"

#include <stddef.h>

#include "own.h"
#include "world.h"

#include "real.h" /* the last: PMPI_X is Open MPI's own from here on */

/* One cache line. */
struct fast {
    unsigned below; /* a peer < this one is reached as ever */
    int (*send)(const void *, int, MPI_Datatype, int, int, MPI_Comm);
    int (*recv)(void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Status *);
    int (*isend)(const void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);
    int (*irecv)(void *, int, MPI_Datatype, int, int, MPI_Comm, MPI_Request *);
} __attribute__((aligned(64)));

extern struct fast ftm_fast; /* the assembler's name of it */
struct fast ftm_fast;

void ftm_fast_peers(int n)
{
    __atomic_store_n(&ftm_fast.below, (unsigned) n, __ATOMIC_RELEASE);
}

void ftm_fast_begin(void)
{
    ftm_fast.send = PMPI_Send;
    ftm_fast.recv = PMPI_Recv;
    ftm_fast.isend = PMPI_Isend;
    ftm_fast.irecv = PMPI_Irecv;
    ftm_fast_peers(ftm_world_n);
    if (__atomic_load_n(&ftm_changed, __ATOMIC_ACQUIRE)) /* just now, maybe */
        ftm_fast_peers(0);
}

#if FTM_FAST

_Static_assert(offsetof(struct fast, send) == 8 && offsetof(struct fast, recv) == 16
                   && offsetof(struct fast, isend) == 24 && offsetof(struct fast, irecv) == 32,
               "FAST names these places");
_Static_assert(sizeof(struct ftm_arguments) == 56 && offsetof(struct ftm_arguments, buf) == 8
                   && offsetof(struct ftm_arguments, comm) == 48,
               "FAST lays it on the stack");

/* at: of Open MPI's function in ftm_fast; last: pushes the argument that is on the stack already,
 * or nothing; done: what is to be done after success. The stack is as the ABI has it at each call:
 * seven words and the return address are a multiple of 16. */
#define FAST(name, at, last, done)                                                                 \
    __asm__(".pushsection .text\n"                                                                 \
            ".p2align 6\n"                                                                         \
            ".globl ftm_own_" #name "\n"                                                           \
            ".hidden ftm_own_" #name "\n"                                                          \
            ".type ftm_own_" #name ", @function\n"                                                 \
            "ftm_own_" #name ":\n"                                                                 \
            ".cfi_startproc\n"                                                                     \
            "cmpl ftm_fast(%rip), %ecx\n"                                                          \
            "jae ftm_general_" #name "\n"                                                          \
            "pushq %r9\n"                                                                          \
            "pushq %r8\n"                                                                          \
            "pushq %rcx\n"                                                                         \
            "pushq %rdx\n"                                                                         \
            "pushq %rsi\n"                                                                         \
            "pushq %rdi\n" last                                                                    \
            ".cfi_def_cfa_offset 64\n"                                                             \
            "call *ftm_fast+" at "(%rip)\n"                                                        \
            "testl %eax, %eax\n"                                                                   \
            "jne 1f\n" done                                                                        \
            "0: addq $56, %rsp\n"                                                                  \
            ".cfi_remember_state\n"                                                                \
            ".cfi_def_cfa_offset 8\n"                                                              \
            "ret\n"                                                                                \
            ".cfi_restore_state\n"                                                                 \
            "1: movq %rsp, %rdi\n"                                                                 \
            "movl %eax, %esi\n"                                                                    \
            "call ftm_failed_" #name "\n"                                                          \
            "jmp 0b\n"                                                                             \
            ".cfi_endproc\n"                                                                       \
            ".size ftm_own_" #name ", . - ftm_own_" #name "\n"                                     \
            ".popsection\n")

#define NO_SEVENTH "subq $8, %rsp\n"
#define SEVENTH "pushq 56(%rsp)\n"
#define POSTED(name) "movq %rsp, %rdi\ncall ftm_posted_" name "\n"

FAST(Send, "8", NO_SEVENTH, "");
FAST(Recv, "16", SEVENTH, "");
FAST(Isend, "24", SEVENTH, POSTED("Isend"));
FAST(Irecv, "32", SEVENTH, POSTED("Irecv"));

#endif
