/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A dial with a ring of eight lamps. The device only says that it was turned or pressed;
 * the lamps follow the logic in this file. The programs by_*.bpf.c differ in the way from
 * the event, which a program must not sleep in, to the report, for which it must.
 */
#ifndef _DIAL_H
#define _DIAL_H

/* The input report: its ID, the steps (a signed byte), and 1 if the dial is pressed. */
#define DIAL_TURNED	1
/* The output report: its ID, the number of lamps, and their colour. */
#define DIAL_LAMPS	2
#define DIAL_REPORT	3

#define DIAL_MAX	8
#define DIAL_COLOURS	3

/* What the program tells user space about an event. */
struct dial_event {
	/* Nanoseconds since the boot. */
	unsigned long long time;
	signed char steps;
	unsigned char pressed;
	unsigned char level;
	unsigned char colour;
};

#ifdef __bpf__

/* The device, which user space sets. */
unsigned int id;
/* The lamps. Only the event changes them, and the HID core passes one event at a time. */
unsigned char level, colour;
/* Events that the program saw, reports that it made, and those that failed. */
unsigned long long seen, made, failed;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} events SEC(".maps");

/* Changes the lamps after an event. Returns false for other reports. */
static inline bool turn(struct hid_bpf_ctx *ctx, u64 source)
{
	struct dial_event event = {};
	int steps;
	u8 *data;

	/* The source is not 0 for a report that a program has injected. */
	data = hid_bpf_get_data(ctx, 0, DIAL_REPORT);
	if (source || !data || data[0] != DIAL_TURNED)
		return false;
	steps = level + (s8)data[1];
	level = steps < 0 ? 0 : steps > DIAL_MAX ? DIAL_MAX : steps;
	if (data[2])
		colour = (colour + 1) % DIAL_COLOURS;
	__sync_fetch_and_add(&seen, 1);

	event.time = bpf_ktime_get_ns();
	event.steps = data[1];
	event.pressed = data[2];
	event.level = level;
	event.colour = colour;
	bpf_ringbuf_output(&events, &event, sizeof(event), 0);
	return true;
}

/* User space runs this program. Returns whether the module offers the device. */
SEC("syscall")
int is_ready(void *ctx)
{
	struct bpf_hid *hid = bpf_hid_find(id);

	if (!hid)
		return false;
	bpf_hid_release(hid);
	return true;
}

/* Sets the lamps of a device. Sleeps. */
static inline void show(struct bpf_hid *hid)
{
	u8 report[DIAL_REPORT] = { DIAL_LAMPS, level, colour };

	if (bpf_hid_output_report(hid, report, sizeof(report)) == sizeof(report))
		__sync_fetch_and_add(&made, 1);
	else
		__sync_fetch_and_add(&failed, 1);
}

#endif /* __bpf__ */

#endif /* _DIAL_H */
