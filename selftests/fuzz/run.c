// SPDX-License-Identifier: GPL-2.0
/*
 * Loads programs and runs them: by BPF_PROG_TEST_RUN, and on events that other
 * programs or this process cause.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include "fuzz.h"

/*
 * Programs on these tracepoints run in the middle of a kfunc that allocates,
 * frees or waits for RCU, and in interrupts. A kernel may lack some of them.
 */
static const char * const tracepoints[] = {
	"kmalloc", "kfree", "kmem_cache_alloc", "kmem_cache_free", "mm_page_alloc", "mm_page_free",
	"sched_switch", "sys_enter", "sys_exit", "hrtimer_start", "hrtimer_expire_entry",
	"rcu_utilization", "nmi_handler", "nmi_handler", "module_put", "contention_begin",
};

static const char * const functions[] = {
	"bpf_fentry_test1", "kfree", "call_rcu", "kfree_nolock", "__kmalloc_cache_noprof",
	"__kmalloc_noprof", "_kmalloc_nolock_noprof", "kmalloc_nolock_noprof",
	"krealloc_node_align_noprof", "bpf_timer_start", "bpf_dynptr_from_mem",
};

const char * const way_names[NR_WAYS] = {
	"syscall", "raw_tp", "fentry", "xdp", "tc", "struct_ops", "struct_ops.s", "timer",
	"work queue", "nmi",
};

#define NR(array)	(sizeof(array) / sizeof(*(array)))

/* Each thread's programs of the kind "syscall" that trigger attached programs. */
#define NR_TRIGGERS	4
/* The number of programs that wait for an NMI. */
#define NR_WAITING	2

static __thread int triggers[NR_TRIGGERS], next_trigger;
static __thread int waiting[NR_WAITING], next_waiting;

static __u32 attach_function(const struct program *prog)
{
	for (int i = 0; i < NR(functions); i++) {
		__u32 id = kernel_btf_id(functions[(prog->choice + i) % NR(functions)],
					 BTF_KIND_FUNC);

		if (id)
			return id;
	}
	return 0;
}

static int program_btf_fd = -1;

/* The BTF of a program: int fuzz(void *ctx), static int callback(...). */
static void make_program_btf(void)
{
	struct btf *btf = btf__new_empty();
	int id, pointer, proto;

	id = btf__add_int(btf, "int", 4, BTF_INT_SIGNED);
	pointer = btf__add_ptr(btf, 0);
	proto = btf__add_func_proto(btf, id);
	btf__add_func_param(btf, "ctx", pointer);
	btf__add_func(btf, "fuzz", BTF_FUNC_GLOBAL, proto);
	proto = btf__add_func_proto(btf, id);
	btf__add_func_param(btf, "map", pointer);
	btf__add_func_param(btf, "key", pointer);
	btf__add_func_param(btf, "value", pointer);
	btf__add_func(btf, "callback", BTF_FUNC_STATIC, proto);
	if (btf__load_into_kernel(btf))
		die("BTF of programs");
	program_btf_fd = dup(btf__fd(btf));
	btf__free(btf);
}

static int program_btf(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_program_btf);
	return program_btf_fd;
}

/* The ids of the functions in it. */
#define BTF_MAIN	4
#define BTF_CALLBACK	6

static const char *ops_table(enum prog_kind kind)
{
	return kind == KIND_OPS ? "bpf_test_ops" : "bpf_test_sleep_ops";
}

static bool find_ops(enum prog_kind kind, struct ops_member *member)
{
	return find_ops_member(ops_table(kind), kind == KIND_OPS ? "add" : "work", member);
}

/* Returns a file descriptor, or -1. */
int load(struct program *prog, char *log, size_t log_size, int level)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	struct bpf_func_info infos[2] = { { 0, BTF_MAIN } };
	enum bpf_prog_type type;
	struct ops_member ops;
	int fds[MOST_MODULES];

	switch (prog->kind) {
	case KIND_SYSCALL:
		type = BPF_PROG_TYPE_SYSCALL;
		opts.prog_flags = BPF_F_SLEEPABLE;
		break;
	case KIND_RAW_TP:
		type = BPF_PROG_TYPE_RAW_TRACEPOINT;
		break;
	case KIND_FENTRY:
		type = BPF_PROG_TYPE_TRACING;
		opts.expected_attach_type = BPF_TRACE_FENTRY;
		opts.attach_btf_id = attach_function(prog);
		if (!opts.attach_btf_id)
			return -1;
		break;
	case KIND_XDP:
		type = BPF_PROG_TYPE_XDP;
		break;
	case KIND_TC:
		type = BPF_PROG_TYPE_SCHED_CLS;
		break;
	default:
		type = BPF_PROG_TYPE_STRUCT_OPS;
		if (prog->kind == KIND_OPS_SLEEP)
			opts.prog_flags = BPF_F_SLEEPABLE;
		if (!find_ops(prog->kind, &ops))
			return -1;
		opts.attach_btf_id = ops.table;
		opts.attach_btf_obj_fd = modules[ops.module].btf_fd;
		opts.expected_attach_type = ops.index;
	}
	for (int i = 0; i < nr_modules; i++)
		fds[i] = modules[i].btf_fd;
	opts.fd_array = fds;
	opts.log_buf = log;
	opts.log_size = log_size;
	opts.log_level = log ? level : 0;
	if (prog->callback) {
		infos[1] = (struct bpf_func_info){ prog->callback, BTF_CALLBACK };
		opts.prog_btf_fd = program_btf();
		opts.func_info = infos;
		opts.func_info_cnt = 2;
		opts.func_info_rec_size = sizeof(infos[0]);
	}
	return bpf_prog_load(type, "fuzz", "GPL", prog->insns.code, prog->insns.len, &opts);
}

/* Whether the verifier accepts a program with a call without arguments, or none. */
bool load_empty(enum prog_kind kind, int kfunc, char *log, size_t log_size)
{
	struct program *prog = calloc(1, sizeof(*prog));
	struct gen g = { .prog = prog };
	int fd;

	if (!prog)
		die("no memory");
	prog->kind = kind;
	if (kfunc >= 0)
		put_kfunc(&g, kfunc);
	put(&g, BPF_MOV64_IMM(BPF_REG_0, 0));
	put(&g, BPF_EXIT_INSN());
	*log = 0;
	fd = load(prog, log, log_size, 1);
	free(prog);
	if (fd < 0)
		return false;
	close(fd);
	return true;
}

bool kind_exists(enum prog_kind kind)
{
	static char known[NR_KINDS];
	char log[4096];

	if (!known[kind])
		known[kind] = load_empty(kind, -1, log, sizeof(log)) ? 'y' : 'n';
	return known[kind] == 'y';
}

static void run_packets(int fd)
{
	/* A DNS question for a.bc, after the headers. */
	static const __u8 dns[] = { 0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 'a', 2, 'b', 'c', 0 };
	static const int sizes[] = { 14, 64, 512, 3000 };
	__u8 packet[3000];

	for (int i = 0; i < NR(sizes); i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet,
			    .data_size_in = sizes[i], .repeat = 1);

		memset(packet, i, sizeof(packet));
		if (sizes[i] >= 64)
			memcpy(packet + 42, dns, sizeof(dns));
		bpf_prog_test_run_opts(fd, &opts);
	}
}

static void run_syscall(int fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, none);
	LIBBPF_OPTS(bpf_test_run_opts, some);
	__u8 context[64] = "context";

	some.ctx_in = context;
	some.ctx_size_in = sizeof(context);
	/* Run it without a context: this fails if the program reads the context. */
	bpf_prog_test_run_opts(fd, &none);
	bpf_prog_test_run_opts(fd, &some);
}

static void cause_events(void)
{
	for (int i = 0; i < NR_TRIGGERS; i++)
		if (triggers[i])
			run_syscall(triggers[i]);
	close(open("/proc/self/status", O_RDONLY));
	usleep(1);
}

static const char *tracepoint(const struct program *prog)
{
	return tracepoints[prog->choice % NR(tracepoints)];
}

bool waits_for_nmi(const struct program *prog)
{
	return prog->kind == KIND_RAW_TP && !strcmp(tracepoint(prog), "nmi_handler");
}

static void replace(int *fds, int *next, int nr, int fd)
{
	if (fds[*next])
		close(fds[*next]);
	fds[*next] = fd;
	*next = (*next + 1) % nr;
}

/* Attaches a program to an event and causes events. */
static void run_attached(const struct program *prog, int fd)
{
	int link;

	link = bpf_raw_tracepoint_open(prog->kind == KIND_RAW_TP ? tracepoint(prog) : NULL, fd);
	if (link < 0)
		return;
	if (waits_for_nmi(prog)) {
		send_nmis();
		replace(waiting, &next_waiting, NR_WAITING, link);
		return;
	}
	cause_events();
	close(link);
}

/* Calls a kfunc that takes only scalars; returns 0 or an error. */
int call(int k, const __u64 *args, __u32 *result)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct program *prog;
	struct gen g = {};
	int err, fd;

	prog = calloc(1, sizeof(*prog));
	if (!prog)
		die("no memory");
	g.prog = prog;
	for (int i = 0; i < kfuncs[k].nr_params && i < 5; i++)
		put_imm64(&g, BPF_REG_1 + i, args[i]);
	put_kfunc(&g, k);
	put(&g, BPF_EXIT_INSN());
	fd = load(prog, NULL, 0, 0);
	free(prog);
	if (fd < 0)
		return fd;
	err = bpf_prog_test_run_opts(fd, &opts);
	close(fd);
	if (result)
		*result = opts.retval;
	return err;
}

static void call_with_id(const char *name, __u64 id)
{
	int k = kfunc_named(name);

	if (k >= 0)
		call(k, &id, NULL);
}

/* Calls all kfuncs of the table's module: some of them call members of the table. */
static void call_module(int module, __u64 id, __u64 choice)
{
	struct gen g = { .rng = { choice } };

	for (int k = 0; k < nr_kfuncs; k++) {
		__u64 args[5] = { id };
		bool scalars = kfuncs[k].nr_params <= 5;

		for (int i = 0; i < kfuncs[k].nr_params; i++)
			scalars &= kfuncs[k].params[i].kind == PARAM_SCALAR;
		for (int i = 1; i < 5; i++)
			args[i] = edge(&g);
		if (scalars && kfuncs[k].module == module && kfuncs[k].kinds & (1 << KIND_SYSCALL))
			call(k, args, NULL);
	}
}

/* Runs a program as a member of a table: attaches the table and calls it. */
static void run_ops(const struct program *prog, int fd)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_LINK | BPF_F_VTYPE_BTF_OBJ_FD);
	__u8 value[512] = {};
	struct ops_member ops;
	int map, link, zero = 0;
	__u32 id = prog->choice % 4;

	if (!find_ops(prog->kind, &ops) || ops.value_size > sizeof(value))
		return;
	opts.btf_vmlinux_value_type_id = ops.value;
	opts.value_type_btf_obj_fd = modules[ops.module].btf_fd;
	/* The kernel requires BTF for a struct_ops map. */
	opts.btf_fd = program_btf();
	map = bpf_map_create(BPF_MAP_TYPE_STRUCT_OPS, ops_table(prog->kind), sizeof(int),
			     ops.value_size, 1, &opts);
	if (map < 0)
		return;
	memcpy(value + ops.id_at, &id, sizeof(id));
	memcpy(value + ops.member_at, &fd, sizeof(fd));
	if (prog->kind == KIND_OPS_SLEEP)
		call_with_id("bpf_ops_test_open", id);
	if (!bpf_map_update_elem(map, &zero, value, 0)) {
		link = bpf_link_create(map, 0, BPF_STRUCT_OPS, NULL);
		call_module(ops.module, id, prog->choice);
		if (link >= 0)
			close(link);
	}
	if (prog->kind == KIND_OPS_SLEEP)
		call_with_id("bpf_ops_test_close", id);
	close(map);
}

void run(struct program *prog, int fd)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	__u64 args[5] = {};

	switch (prog->kind) {
	case KIND_SYSCALL:
		run_syscall(fd);
		if (!prog->callback)
			replace(triggers, &next_trigger, NR_TRIGGERS, dup(fd));
		break;
	case KIND_RAW_TP:
		opts.ctx_in = args;
		opts.ctx_size_in = sizeof(args);
		if (!waits_for_nmi(prog))
			bpf_prog_test_run_opts(fd, &opts);
		run_attached(prog, fd);
		break;
	case KIND_FENTRY:
		run_attached(prog, fd);
		break;
	case KIND_XDP:
	case KIND_TC:
		run_packets(fd);
		break;
	default:
		run_ops(prog, fd);
	}
}

/* Releases the programs and other resources of the thread. */
void run_ends(void)
{
	for (int i = 0; i < NR_TRIGGERS; i++)
		replace(triggers, &next_trigger, NR_TRIGGERS, 0);
	for (int i = 0; i < NR_WAITING; i++)
		replace(waiting, &next_waiting, NR_WAITING, 0);
}
