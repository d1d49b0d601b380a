// SPDX-License-Identifier: GPL-2.0
/* A module that does not use the crate. */
#include <linux/init.h>
#include <linux/module.h>

static int __init unrelated_init(void)
{
	return 0;
}
module_init(unrelated_init);

static void __exit unrelated_exit(void)
{
}
module_exit(unrelated_exit);

MODULE_DESCRIPTION("Does nothing, for the BPF selftests");
MODULE_LICENSE("GPL");
