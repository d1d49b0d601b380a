// SPDX-License-Identifier: GPL-2.0
/*
 * Sends NMIs, because a virtual machine has no other source of NMIs. Write the number of
 * NMIs to a file in /sys/module/send_nmi/parameters: to "count" for the current CPU, which
 * does nothing else then, or to "others" for each of the others, whatever they do.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/smp.h>
#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include <asm/nmi.h>

/* The number of NMIs that were sent and not handled yet. */
static atomic_t sent = ATOMIC_INIT(0);

static int handle(unsigned int type, struct pt_regs *regs)
{
	return atomic_dec_if_positive(&sent) < 0 ? NMI_DONE : NMI_HANDLED;
}

static int send(const char *text, const struct kernel_param *param)
{
	unsigned int count, wait;
	int err = kstrtouint(text, 0, &count);

	if (err)
		return err;
	while (count--) {
		atomic_inc(&sent);
		apic->send_IPI(get_cpu(), NMI_VECTOR);
		put_cpu();
		for (wait = 0; atomic_read(&sent) && wait < 1000000; wait++)
			cpu_relax();
	}
	return atomic_xchg(&sent, 0) ? -EIO : 0;
}

static int send_to_others(const char *text, const struct kernel_param *param)
{
	unsigned int count, wait;
	int err = kstrtouint(text, 0, &count);

	if (err)
		return err;
	while (count--) {
		preempt_disable();
		atomic_add(num_online_cpus() - 1, &sent);
		apic->send_IPI_allbutself(NMI_VECTOR);
		preempt_enable();
		for (wait = 0; atomic_read(&sent) && wait < 1000000; wait++)
			cpu_relax();
	}
	return atomic_xchg(&sent, 0) ? -EIO : 0;
}

static const struct kernel_param_ops send_ops = {
	.set = send,
};
module_param_cb(count, &send_ops, NULL, 0200);

static const struct kernel_param_ops others_ops = {
	.set = send_to_others,
};
module_param_cb(others, &others_ops, NULL, 0200);

static int __init send_nmi_init(void)
{
	return register_nmi_handler(NMI_LOCAL, handle, 0, "send_nmi");
}
module_init(send_nmi_init);

static void __exit send_nmi_exit(void)
{
	unregister_nmi_handler(NMI_LOCAL, "send_nmi");
}
module_exit(send_nmi_exit);

MODULE_DESCRIPTION("Sends NMIs, for the BPF selftests");
MODULE_LICENSE("GPL");
