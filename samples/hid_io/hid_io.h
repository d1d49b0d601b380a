/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What programs and user space share with hid_io.ko. For programs, the structs that begin
 * with bpf_hid are in vmlinux.h.
 */
#ifndef _HID_IO_H
#define _HID_IO_H

/* The field op of struct bpf_hid_start. */
#define HID_IO_GET	0
#define HID_IO_SET	1
#define HID_IO_OUTPUT	2
#define HID_IO_INPUT	3

/* The largest report of a request that a program starts, in bytes. */
#define HID_IO_REPORT	65

/* The record that bpf_hid_start_ring() appends to a ring buffer. */
struct hid_io_record {
	unsigned long long cookie;
	/* The number of bytes, or a negative error number. */
	long long result;
	/* The answer of the device, for HID_IO_GET; zeroes at the end. */
	unsigned char report[72];
};

#ifndef __bpf__

struct bpf_hid_start {
	unsigned long long cookie;
	unsigned char op;
	unsigned char report_type;
	unsigned char len;
	unsigned char report[HID_IO_REPORT];
	unsigned char pad[4];
};

struct bpf_hid_counts {
	unsigned long long answered;
	unsigned long long failed;
	unsigned long long refused;
	unsigned long long lost;
	unsigned int pending;
	unsigned int pad;
};

#endif /* !__bpf__ */

#endif /* _HID_IO_H */
