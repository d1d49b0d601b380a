/* SPDX-License-Identifier: GPL-2.0 */
/* Sends NMIs. Expects send_nmi.ko to be loaded, which is for x86 only. */
#ifndef _NMI_H
#define _NMI_H

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <test_progs.h>

/* Sends this number of NMIs to the current CPU. */
static inline void send_nmis(int count)
{
	int fd = open("/sys/module/send_nmi/parameters/count", O_WRONLY);

	if (!ASSERT_GE(fd, 0, "open send_nmi"))
		return;
	ASSERT_GT(dprintf(fd, "%d", count), 0, "send NMIs");
	close(fd);
}

#endif /* _NMI_H */
