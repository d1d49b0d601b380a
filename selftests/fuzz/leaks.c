// SPDX-License-Identifier: GPL-2.0
/*
 * Checks for leaks: without programs and maps, there must be no object and no
 * reference to a module.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <bpf/bpf.h>
#include "fuzz.h"

/* The number of times to wait for RCU and work queues. */
#define TRIES		100
#define TRY_US		100000

#define ITER_AT		(ITERS_AT - ITERS_SIZE)

/* Removes the counters in the registry, as far as one iterator returns them. */
static void drain_registry(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int new = kfunc_named("bpf_iter_counter_new"), remove = kfunc_named("bpf_counter_remove");
	struct program *prog;
	struct gen g = {};
	int start, end, fd, key;

	if (new < 0 || remove < 0)
		return;
	/* The only field is the key. */
	key = objects[kfuncs[kfuncs[new].next].result_object].fields[0].at;
	prog = calloc(1, sizeof(*prog));
	if (!prog)
		die("no memory");
	g.prog = prog;
	put_kernel_kfunc(&g, "bpf_rcu_read_lock");
	put_stack_address(&g, BPF_REG_1, ITER_AT);
	put(&g, BPF_MOV64_IMM(BPF_REG_2, 0));
	put_kfunc(&g, new);
	start = here(&g);
	put_stack_address(&g, BPF_REG_1, ITER_AT);
	put_kfunc(&g, kfuncs[new].next);
	end = put_jump(&g, BPF_JEQ, BPF_REG_0, 0);
	put(&g, BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_0, key));
	put_kfunc(&g, remove);
	put(&g, BPF_JMP_A(start - here(&g) - 1));
	land(&g, end);
	put_stack_address(&g, BPF_REG_1, ITER_AT);
	put_kfunc(&g, kfuncs[new].destroy);
	put_kernel_kfunc(&g, "bpf_rcu_read_unlock");
	put(&g, BPF_MOV64_IMM(BPF_REG_0, 0));
	put(&g, BPF_EXIT_INSN());
	fd = load(prog, NULL, 0, 0);
	free(prog);
	if (fd < 0)
		return;
	bpf_prog_test_run_opts(fd, &opts);
	close(fd);
}

static bool is_zero(int kfunc, __u32 *value)
{
	for (int i = 0; i < TRIES; i++) {
		if (call(kfunc, NULL, value))
			die(kfuncs[kfunc].name);
		if (!*value)
			return true;
		drain_registry();
		usleep(TRY_US);
	}
	return false;
}

static bool unload(const char *name)
{
	for (int i = 0; i < TRIES; i++) {
		if (!syscall(SYS_delete_module, name, O_NONBLOCK))
			return true;
		if (errno != EAGAIN && errno != EBUSY)
			return false;
		usleep(TRY_US);
	}
	return false;
}

/* Prints the leaks. */
void check_leaks(void)
{
	int leaks = 0;
	__u32 value;

	for (int k = 0; k < nr_kfuncs; k++) {
		const char *name = kfuncs[k].name, *end = strstr(name, "_alive");

		/* By convention, such a kfunc counts the objects of its module. */
		if (!end || strcmp(end, "_alive") || kfuncs[k].nr_params || is_zero(k, &value))
			continue;
		printf("leaked: %s() returns %u\n", name, value);
		leaks++;
	}
	for (int i = nr_modules - 1; i; i--) {
		if (modules[i].file < 0 || unload(modules[i].name))
			continue;
		printf("leaked: %s is used: %s\n", modules[i].name, strerror(errno));
		leaks++;
	}
	if (!leaks)
		printf("nothing leaked\n");
}
