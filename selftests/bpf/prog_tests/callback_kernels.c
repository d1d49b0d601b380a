// SPDX-License-Identifier: GPL-2.0
/* Programs can call the kfuncs of a set that take callbacks if the kernel checks callbacks, and
 * the other ones on each kernel. Expects callback_test.ko to be loaded.
 */
#include <test_progs.h>
#include "klog.h"
#include "trace_helpers.h"
#include "callback_kernels.skel.h"

static const char not_allowed[] = "calling kernel function bpf_cbtest_error is not allowed";

static char log_buf[1 << 16];

/* Loads one program. Returns the error. */
static int load(const char *name)
{
	struct callback_kernels *skel = callback_kernels__open();
	struct bpf_program *prog;
	int err;

	if (!ASSERT_OK_PTR(skel, "open"))
		return -1;
	log_buf[0] = 0;
	prog = bpf_object__find_program_by_name(skel->obj, name);
	bpf_program__set_autoload(prog, true);
	bpf_program__set_log_buf(prog, log_buf, sizeof(log_buf));
	err = callback_kernels__load(skel);
	callback_kernels__destroy(skel);
	return err;
}

void test_callback_kernels(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct callback_kernels *skel;
	bool patched;
	int kmsg;

	if (!ASSERT_OK(load_kallsyms(), "kallsyms"))
		return;
	patched = ksym_get_addr("bpf_callback_arm");

	/* From its first line on */
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (!ASSERT_OK_FD(kmsg, "/dev/kmsg"))
		return;
	ASSERT_EQ(logged(kmsg, "KFUNCS: programs cannot call 9 kfuncs that take callbacks"),
		  !patched, "log");
	close(kmsg);

	skel = callback_kernels__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.others), &opts), "run");
	ASSERT_EQ(opts.retval, 7, "others");
	callback_kernels__destroy(skel);

	ASSERT_EQ(load("takes_callback"), patched ? 0 : -EACCES, "takes_callback");
	if (!patched)
		ASSERT_HAS_SUBSTR(log_buf, not_allowed, "log");
	ASSERT_EQ(load("takes_wild_callback"), -EACCES, "takes_wild_callback");
	ASSERT_HAS_SUBSTR(log_buf, patched ? "R1 invalid mem access 'scalar'" : not_allowed, "log");
}
