/* SPDX-License-Identifier: GPL-2.0 */
/* For programs that check several things. */
#ifndef _EXPECT_H
#define _EXPECT_H

/* Returns the number of the line of the first thing that is not so. */
#define EXPECT(condition)				\
	do {						\
		if (!(condition))			\
			return __LINE__;		\
	} while (0)

#endif /* _EXPECT_H */
