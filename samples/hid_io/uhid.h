/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A HID device that a program of user space plays, with /dev/uhid. For the loader and the
 * tests.
 */
#ifndef _UHID_H
#define _UHID_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/uhid.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int uhid_write(int fd, const struct uhid_event *event)
{
	ssize_t size = write(fd, event, sizeof(*event));

	return size == sizeof(*event) ? 0 : size < 0 ? -errno : -EIO;
}

/* Returns a file for the new device, or a negative error number. */
static int uhid_create(const char *name, unsigned int vendor, unsigned int product,
		       const unsigned char *descriptor, size_t size)
{
	struct uhid_event event = { .type = UHID_CREATE2 };
	int err, fd;

	fd = open("/dev/uhid", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	snprintf((char *)event.u.create2.name, sizeof(event.u.create2.name), "%s", name);
	memcpy(event.u.create2.rd_data, descriptor, size);
	event.u.create2.rd_size = size;
	/* BUS_VIRTUAL */
	event.u.create2.bus = 6;
	event.u.create2.vendor = vendor;
	event.u.create2.product = product;
	err = uhid_write(fd, &event);
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Sends an input report. */
static inline int uhid_input(int fd, const void *report, size_t size)
{
	struct uhid_event event = { .type = UHID_INPUT2 };

	memcpy(event.u.input2.data, report, size);
	event.u.input2.size = size;
	return uhid_write(fd, &event);
}

/*
 * Returns the number of the newest device of a vendor and product that a driver is bound
 * to, or -ENODEV. The kernel binds a driver some time after uhid_create().
 */
static int uhid_id(unsigned int vendor, unsigned int product)
{
	unsigned int bus, v, p, id;
	int found = -ENODEV;
	struct dirent *entry;
	char driver[300];
	DIR *dir;

	dir = opendir("/sys/bus/hid/devices");
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (sscanf(entry->d_name, "%x:%x:%x.%x", &bus, &v, &p, &id) != 4 ||
		    v != vendor || p != product || (int)id <= found)
			continue;
		snprintf(driver, sizeof(driver), "/sys/bus/hid/devices/%s/driver", entry->d_name);
		if (!access(driver, F_OK))
			found = id;
	}
	closedir(dir);
	return found;
}

/* As uhid_id(), but waits for the device for at most two seconds. */
static inline int uhid_wait(unsigned int vendor, unsigned int product)
{
	int id, tries;

	for (tries = 0; tries < 200; tries++) {
		id = uhid_id(vendor, product);
		if (id >= 0)
			return id;
		usleep(10000);
	}
	return id;
}

#endif /* _UHID_H */
