/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BENCH_H
#define _BENCH_H

/* So often each function is called, and so many elements have the iterators. */
#define CALLS 1000

#endif /* _BENCH_H */
