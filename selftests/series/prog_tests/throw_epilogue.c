// SPDX-License-Identifier: GPL-2.0
/*
 * The crate refuses programs that throw by bpf_throw_reason() and have an epilogue, as it
 * does for bpf_throw() (selftests/bpf/progs/pro_epilogue.c). Expects ops_test.ko to be
 * loaded.
 */
#include <test_progs.h>
#include "throw_epilogue.skel.h"

static char log_buf[64 * 1024];

void test_throw_epilogue(void)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct throw_epilogue *skel;

	opts.kernel_log_buf = log_buf;
	opts.kernel_log_size = sizeof(log_buf);
	opts.kernel_log_level = 1;
	skel = throw_epilogue__open_opts(&opts);
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	ASSERT_ERR(throw_epilogue__load(skel), "load");
	ASSERT_HAS_SUBSTR(log_buf, "attach to unsupported member after", "log");
	throw_epilogue__destroy(skel);
}
