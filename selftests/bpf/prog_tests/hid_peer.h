/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A HID device for tests. A thread plays the device: it answers, answers late or
 * wrongly, does not answer, or goes away.
 */
#ifndef _HID_PEER_H
#define _HID_PEER_H

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include "../../../samples/hid_io/dial.h"
#include "../../../samples/hid_io/uhid.h"

enum peer_mode {
	PEER_ANSWERS,
	PEER_LATE,		/* after delay_ms */
	PEER_SHORT,		/* two bytes */
	PEER_LONG,		/* more than it was asked for */
	PEER_OTHER_ID,
	PEER_EMPTY,
	PEER_ERROR,
	PEER_SILENT,
	PEER_VANISHES,		/* between the request and the answer */
};

struct peer {
	int fd, id;
	unsigned int vendor, product;
	pthread_t thread;
	volatile bool stop;
	volatile enum peer_mode mode;
	volatile int delay_ms;
	/* What the device got. */
	volatile int gets, sets, outputs, opens, closes;
	volatile unsigned char last[UHID_DATA_MAX];
	volatile int last_size;
};

/*
 * An input report 1 (two bytes), an output report 2 (two bytes), and feature reports 3 and
 * 4 (8 and 64 bytes), as a dial has them.
 */
static const unsigned char peer_numbered[] = {
	0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01,
	0x85, 0x01, 0x09, 0x02, 0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x02, 0x81, 0x02,
	0x85, 0x02, 0x09, 0x03, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x02, 0x91, 0x02,
	0x85, 0x03, 0x09, 0x04, 0x95, 0x08, 0xb1, 0x02,
	0x85, 0x04, 0x09, 0x05, 0x95, 0x40, 0xb1, 0x02,
	0xc0,
};

/* The same without IDs: an input, an output and a feature report of four bytes. */
static const unsigned char peer_unnumbered[] = {
	0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01,
	0x09, 0x02, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x04, 0x81, 0x02,
	0x09, 0x03, 0x95, 0x04, 0x91, 0x02,
	0x09, 0x04, 0x95, 0x04, 0xb1, 0x02,
	0xc0,
};

static void peer_reply(struct peer *peer, const struct uhid_event *request)
{
	bool is_get = request->type == UHID_GET_REPORT;
	struct uhid_event reply = {};
	unsigned char *data = reply.u.get_report_reply.data;
	int i, err = 0, size = 64;

	reply.type = is_get ? UHID_GET_REPORT_REPLY : UHID_SET_REPORT_REPLY;
	for (i = 0; i < size; i++)
		data[i] = i + 10;
	data[0] = request->u.get_report.rnum;
	if (!data[0])
		size = 5;

	switch (peer->mode) {
	case PEER_LATE:
		usleep(peer->delay_ms * 1000);
		break;
	case PEER_SHORT:
		size = 2;
		break;
	case PEER_LONG:
		size = 1000;
		break;
	case PEER_OTHER_ID:
		data[0]++;
		break;
	case PEER_EMPTY:
		size = 0;
		break;
	case PEER_ERROR:
		err = 5;
		break;
	case PEER_SILENT:
		return;
	case PEER_VANISHES:
		reply.type = UHID_DESTROY;
		uhid_write(peer->fd, &reply);
		return;
	default:
		break;
	}
	if (is_get) {
		reply.u.get_report_reply.id = request->u.get_report.id;
		reply.u.get_report_reply.err = err;
		reply.u.get_report_reply.size = size;
	} else {
		reply.u.set_report_reply.id = request->u.set_report.id;
		reply.u.set_report_reply.err = err;
	}
	uhid_write(peer->fd, &reply);
}

static void peer_note(struct peer *peer, const unsigned char *data, int size)
{
	int i;

	for (i = 0; i < size && i < UHID_DATA_MAX; i++)
		peer->last[i] = data[i];
	peer->last_size = size;
}

static void *peer_run(void *arg)
{
	struct uhid_event event;
	struct peer *peer = arg;
	struct pollfd wait = { .fd = peer->fd, .events = POLLIN };

	while (!peer->stop) {
		if (poll(&wait, 1, 50) <= 0)
			continue;
		if (read(peer->fd, &event, sizeof(event)) <= 0)
			continue;
		switch (event.type) {
		case UHID_OPEN:
			__sync_fetch_and_add(&peer->opens, 1);
			break;
		case UHID_CLOSE:
			__sync_fetch_and_add(&peer->closes, 1);
			break;
		case UHID_OUTPUT:
			peer_note(peer, event.u.output.data, event.u.output.size);
			__sync_fetch_and_add(&peer->outputs, 1);
			break;
		case UHID_GET_REPORT:
			__sync_fetch_and_add(&peer->gets, 1);
			peer_reply(peer, &event);
			break;
		case UHID_SET_REPORT:
			peer_note(peer, event.u.set_report.data, event.u.set_report.size);
			__sync_fetch_and_add(&peer->sets, 1);
			peer_reply(peer, &event);
			break;
		default:
			break;
		}
	}
	return NULL;
}

/* Plugs the device in, and waits until a driver is bound to it. */
static struct peer *peer_plug(bool is_numbered)
{
	static unsigned int product = 0x100;
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		return NULL;
	peer->vendor = 0x1d6b;
	peer->product = product++;
	peer->fd = uhid_create("peer", peer->vendor, peer->product,
			       is_numbered ? peer_numbered : peer_unnumbered,
			       is_numbered ? sizeof(peer_numbered) : sizeof(peer_unnumbered));
	if (peer->fd >= 0 && !pthread_create(&peer->thread, NULL, peer_run, peer)) {
		peer->id = uhid_wait(peer->vendor, peer->product);
		if (peer->id > 0)
			return peer;
		fprintf(stderr, "no driver is bound to the device\n");
		peer->stop = true;
		pthread_join(peer->thread, NULL);
	}
	if (peer->fd >= 0)
		close(peer->fd);
	free(peer);
	return NULL;
}

/* Unplugs the device. */
static void peer_vanish(struct peer *peer)
{
	struct uhid_event event = { .type = UHID_DESTROY };

	uhid_write(peer->fd, &event);
}

static void peer_unplug(struct peer *peer)
{
	if (!peer)
		return;
	peer->stop = true;
	pthread_join(peer->thread, NULL);
	close(peer->fd);
	free(peer);
}

/* Unbinds the driver of the device, or binds it again. Returns 0 or an error number. */
static inline int peer_bind(struct peer *peer, bool bind)
{
	char name[32], path[64];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/sys/bus/hid/drivers/hid-generic/%s",
		 bind ? "bind" : "unbind");
	snprintf(name, sizeof(name), "0006:%04X:%04X.%04X", peer->vendor, peer->product, peer->id);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, name, strlen(name)) < 0)
		err = -errno;
	close(fd);
	return err;
}

#endif /* _HID_PEER_H */
