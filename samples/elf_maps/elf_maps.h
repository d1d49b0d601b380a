/* SPDX-License-Identifier: GPL-2.0 */
/* What the program tells the loader. */
#ifndef _ELF_MAPS_H
#define _ELF_MAPS_H

struct image {
	/* The address in the process. */
	unsigned long long start;
	/* e_type and e_machine of the header. */
	unsigned short type, machine;
	/* The name of the file, and 0. */
	char name[28];
};

#endif /* _ELF_MAPS_H */
