/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _WATCHDOG_H
#define _WATCHDOG_H

/* What the worker has in its memory: it tells how far it is. */
struct progress {
	unsigned long long steps;
	char stage[16];
};

/* What the program reports about a worker that makes no progress. */
struct report {
	/* For how long the program has seen none, in nanoseconds. */
	unsigned long long time;
	struct progress progress;
};

#endif /* _WATCHDOG_H */
