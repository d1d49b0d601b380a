/* SPDX-License-Identifier: GPL-2.0 */
/* The event that the BPF program sends to the loader. */
#ifndef _EXEC_NAMES_H
#define _EXEC_NAMES_H

#define PATH_SIZE 4096
#define NAME_SIZE 64

struct exec_event {
	int pid;
	int name_len;		/* or a negative errno */
	unsigned int hash;
	int path_len;
	char name[NAME_SIZE];
	char path[NAME_SIZE];	/* its beginning, for display */
};

#endif /* _EXEC_NAMES_H */
