/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _TIMES_H
#define _TIMES_H

/* Readings of the clock for one event. */
struct times {
	/* The program of the event begins. */
	unsigned long long event;
	/* The scheduler begins to wake the first thread of a workqueue. */
	unsigned long long wake;
	/* A thread begins the last work before the end. */
	unsigned long long work;
	/* The HID core is called with the report. */
	unsigned long long end;
};

#endif /* _TIMES_H */
