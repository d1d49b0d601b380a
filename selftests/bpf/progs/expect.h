/* SPDX-License-Identifier: GPL-2.0 */
/* For programs that check several conditions. */
#ifndef _EXPECT_H
#define _EXPECT_H

/* Returns from the program with the line number of the first false condition. */
#define EXPECT(condition)				\
	do {						\
		if (!(condition))			\
			return __LINE__;		\
	} while (0)

#endif /* _EXPECT_H */
