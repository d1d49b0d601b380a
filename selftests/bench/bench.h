/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BENCH_H
#define _BENCH_H

/* The number of calls of each function, and of elements of each iterator. */
#define CALLS 1000

#endif /* _BENCH_H */
