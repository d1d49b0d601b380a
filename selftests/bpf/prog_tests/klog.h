/* SPDX-License-Identifier: GPL-2.0 */
/* Reads the kernel log. */
#ifndef _KLOG_H
#define _KLOG_H

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Opens the log at its end, so that only new messages are read. */
static inline int open_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

/* Whether the log has a line with the text, from fd's position on. */
static inline bool logged(int fd, const char *text)
{
	char line[1024];
	bool found = false;
	ssize_t len;

	while ((len = read(fd, line, sizeof(line) - 1)) > 0) {
		line[len] = 0;
		found |= !!strstr(line, text);
	}
	return found;
}

#endif /* _KLOG_H */
