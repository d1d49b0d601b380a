// SPDX-License-Identifier: GPL-2.0
/*
 * Tracers on traceable functions in Rust. Expects trace_test to be loaded and the
 * .ko files in the current folder; leaves trace_test loaded.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "trace.skel.h"
#include "trace_bad.skel.h"
#include "trace_deep.skel.h"

/* The error for a function without a place for ftrace. */
#if defined(__aarch64__)
#define NOT_TRACEABLE 524 /* ENOTSUPP */
#else
#define NOT_TRACEABLE EINVAL
#endif

/* More than the size of a function with one call. */
#define CALLER_SIZE 256

#define LEAST_CALLS 1000
#define ROUNDS 20
/* BPF_MAX_TRAMP_LINKS of include/linux/bpf.h */
#define MOST_TRACERS 38

static void call(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts),
		      bpf_program__name(prog)))
		ASSERT_EQ(opts.retval, 0, bpf_program__name(prog));
}

static bool attach(struct bpf_program *prog, struct bpf_link **link)
{
	*link = bpf_program__attach(prog);
	return ASSERT_OK_PTR(*link, bpf_program__name(prog));
}

/*
 * The address of a function. The runner's own functions read kallsyms up to the first
 * symbol that is longer than they expect, and Rust has such symbols.
 */
static unsigned long address_of(const char *name)
{
	unsigned long address, found = 0;
	char *line = NULL, symbol[64];
	FILE *file = fopen("/proc/kallsyms", "r");
	size_t size = 0;

	if (!ASSERT_OK_PTR(file, "kallsyms"))
		return 0;
	while (getline(&line, &size, file) > 0) {
		if (sscanf(line, "%lx %*c %63s", &address, symbol) == 2 && !strcmp(symbol, name))
			found = address;
	}
	free(line);
	fclose(file);
	return found;
}

/* The unwinder finds the function that called the stub. */
static void check_stack(const unsigned long *stack, size_t depth, const char *what)
{
	unsigned long caller = address_of("bpf_trace_test_args");
	bool found = false;
	size_t i;

	for (i = 0; i < depth && stack[i]; i++)
		found |= stack[i] > caller && stack[i] < caller + CALLER_SIZE;
	ASSERT_TRUE(caller && found, what);
}

/* fentry, fexit: the arguments and the results. */
static void subtest_values(void)
{
	static const char *const progs[] = {
		"args_entry", "args_exit", "objects_exit", "depth_entry", "depth_exit",
		"table_exit", "traced_entry", "traced_exit", "eight_exit", "aux_exit",
	};
	struct trace *skel = trace__open_and_load();
	struct bpf_link *links[ARRAY_SIZE(progs)] = {};
	size_t i;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	for (i = 0; i < ARRAY_SIZE(progs); i++) {
		if (!attach(bpf_object__find_program_by_name(skel->obj, progs[i]), &links[i]))
			goto out;
	}

	call(skel->progs.call_args);
	ASSERT_EQ(skel->bss->a, 0x81, "u8");
	ASSERT_EQ(skel->bss->b, (__u64)-2, "s16");
	ASSERT_EQ(skel->bss->c, 0x80000001, "u32");
	ASSERT_EQ(skel->bss->d, (__u64)-3, "s64");
	ASSERT_EQ(skel->bss->e, 1, "bool");
	ASSERT_EQ(skel->bss->f, 6, "u64");
	ASSERT_EQ(skel->bss->ret, (0x81ULL ^ (__u64)-2 ^ 0x80000001ULL ^ (__u64)-3 ^ 1) + 6,
		  "result");
	check_stack(skel->bss->entry_stack, ARRAY_SIZE(skel->bss->entry_stack), "stack of fentry");
	ASSERT_EQ(skel->bss->thing_id, 41, "object");
	ASSERT_TRUE(skel->bss->has_other, "Some");
	ASSERT_EQ(skel->bss->other_id, 1, "object in Some");
	ASSERT_EQ(skel->bss->objects_ret, -40, "negative result");
	ASSERT_EQ(skel->bss->depth_entries, 6, "recursion: entries");
	ASSERT_EQ(skel->bss->depth_exits, 6, "recursion: exits");
	ASSERT_EQ(skel->bss->table_ret, 7, "may_panic");

	call(skel->progs.call_without_other);
	ASSERT_FALSE(skel->bss->has_other, "None");

	call(skel->progs.call_kfuncs);
	ASSERT_EQ(skel->bss->traced_value, 100, "kfunc: u32");
	ASSERT_EQ(skel->bss->traced_size, 3, "kfunc: size");
	ASSERT_EQ(skel->bss->traced_ret, 103, "kfunc: result");
	ASSERT_EQ(skel->bss->kfunc_again, 102, "kfunc: call by its tracer");
	for (i = 0; i < ARRAY_SIZE(skel->bss->eight); i++)
		ASSERT_EQ(skel->bss->eight[i], i + 1, "argument in a register or on the stack");
	ASSERT_EQ(skel->bss->eight_ret, 12345678, "result of eight arguments");
	ASSERT_EQ(skel->bss->aux_value, 9, "argument before the implicit one");
	ASSERT_NEQ(skel->bss->aux_pointer, 0, "implicit argument");
	ASSERT_EQ(skel->bss->aux_ret, 9, "result after the implicit argument");
out:
	for (i = 0; i < ARRAY_SIZE(progs); i++)
		bpf_link__destroy(links[i]);
	trace__destroy(skel);
}

static void subtest_kprobes(void)
{
	struct trace *skel = trace__open_and_load();
	struct bpf_link *kprobe = NULL, *multi = NULL, *ret = NULL;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	if (!attach(skel->progs.kprobe, &kprobe) || !attach(skel->progs.kprobe_multi, &multi) ||
	    !attach(skel->progs.kretprobe_multi, &ret))
		goto out;
	call(skel->progs.call_args);
	ASSERT_EQ(skel->bss->kprobes, 1, "kprobe");
	ASSERT_EQ(skel->bss->kprobe_arg, 0x81, "kprobe argument");
	/*
	 * From the registers of a kprobe, arm64 unwinds along the frame pointer. At the
	 * entry of any function, the caller's address is still in the link register.
	 */
#if !defined(__aarch64__)
	check_stack(skel->bss->kprobe_stack, ARRAY_SIZE(skel->bss->kprobe_stack),
		    "stack of kprobe");
#endif
	ASSERT_EQ(skel->bss->multi, 6, "kprobe.multi");
	ASSERT_EQ(skel->bss->multi_returns, 6, "kretprobe.multi");
	ASSERT_EQ(skel->bss->multi_ret, 5, "last result");
out:
	bpf_link__destroy(kprobe);
	bpf_link__destroy(multi);
	bpf_link__destroy(ret);
	trace__destroy(skel);
}

static void check_hooks(struct trace *skel, int ret, int result, int code)
{
	skel->bss->hook_ret = ret;
	skel->bss->sleeps_ret = ret;
	skel->bss->modifiable_ret = ret;
	skel->bss->sleepable_ret = ret;
	call(skel->progs.call_hooks);
	ASSERT_EQ(skel->bss->results[0], result, "function");
	ASSERT_EQ(skel->bss->results[1], result, "function that sleeps");
	ASSERT_EQ(skel->bss->results[2], code, "kfunc");
	ASSERT_EQ(skel->bss->results[3], code, "kfunc that sleeps");
}

/* A program replaces the result; Rust code makes a valid Result of each number. */
static void subtest_fmod_ret(void)
{
	struct trace *skel = trace__open_and_load();
	struct bpf_link *links[5] = {};
	size_t i;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	if (!attach(skel->progs.hook, &links[0]) || !attach(skel->progs.sleeps, &links[1]) ||
	    !attach(skel->progs.modifiable, &links[2]) ||
	    !attach(skel->progs.sleepable, &links[3]) || !attach(skel->progs.hook_exit, &links[4]))
		goto out;

	/* 0 is no replacement: the function runs. */
	check_hooks(skel, 0, 1, 0);
	check_hooks(skel, -EACCES, -EACCES, -EACCES);
	check_hooks(skel, -4095, -4095, -4095);
	/* Programs get the number of a kfunc as it is; Rust code gets an error, or Ok. */
	check_hooks(skel, -4096, -EINVAL, -4096);
	check_hooks(skel, INT_MIN, -EINVAL, INT_MIN);
	check_hooks(skel, 1, 1, 1);
	check_hooks(skel, INT_MAX, 1, INT_MAX);
	ASSERT_EQ(skel->bss->hook_runs, 7, "fexit runs after each replacement");
	ASSERT_EQ(skel->bss->sleeps_runs, 7, "program that sleeps");
out:
	for (i = 0; i < ARRAY_SIZE(links); i++)
		bpf_link__destroy(links[i]);
	trace__destroy(skel);
}

/* As many tracers as the kernel attaches to one function, each inside of the one before. */
static void subtest_deep(void)
{
	struct trace_deep *skels[MOST_TRACERS + 1] = {};
	int count, err = 0, i;

	/* The programs of a trampoline must also fit into a page. */
	for (count = 0; !err && count <= MOST_TRACERS; count++) {
		skels[count] = trace_deep__open_and_load();
		if (!ASSERT_OK_PTR(skels[count], "open_and_load"))
			goto out;
		err = trace_deep__attach(skels[count]);
	}
	ASSERT_EQ(err, -E2BIG, "attach one too many");
	ASSERT_GT(count, MOST_TRACERS / 2, "tracers");
	call(skels[0]->progs.call);
	for (i = 0; i < count - 1; i++)
		ASSERT_GT(skels[i]->bss->runs, 0, "runs");
out:
	for (i = 0; i <= MOST_TRACERS; i++)
		trace_deep__destroy(skels[i]);
}

/* A kfunc without the attribute is in BTF, but ftrace does not know it. */
static void subtest_not_traceable(void)
{
	struct bpf_link *link;
	struct trace *skel = trace__open();
	int err;

	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	err = bpf_program__set_attach_target(skel->progs.table_exit, 0, "bpf_trace_test_others");
	if (!ASSERT_OK(err, "target") || !ASSERT_OK(trace__load(skel), "load"))
		goto out;
	link = bpf_program__attach(skel->progs.table_exit);
	if (!ASSERT_ERR_PTR(link, "fexit"))
		bpf_link__destroy(link);
	ASSERT_EQ(errno, NOT_TRACEABLE, "fexit");

	link = bpf_program__attach_kprobe_multi_opts(skel->progs.kprobe_multi,
						     "bpf_trace_test_others", NULL);
	if (!ASSERT_ERR_PTR(link, "kprobe.multi"))
		bpf_link__destroy(link);
	ASSERT_EQ(errno, ENOENT, "kprobe.multi");
out:
	trace__destroy(skel);
}

static atomic_bool stop;
static atomic_uint attached, called;

static void *attach_and_detach(void *prog)
{
	struct bpf_link *link;

	while (!stop) {
		link = bpf_program__attach(prog);
		if (link)
			attached++;
		bpf_link__destroy(link);
	}
	return NULL;
}

static void *call_always(void *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	while (!stop) {
		if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) || opts.retval)
			break;
		called++;
	}
	return NULL;
}

/* Two threads attach and detach and two call, while the module is asked to unload. */
static void subtest_storm(void)
{
	struct trace *skel = trace__open_and_load();
	pthread_t threads[4];
	int started = 0, i, err;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	stop = false;
	attached = 0;
	called = 0;
	for (; started < 4; started++) {
		struct bpf_program *progs[] = {
			skel->progs.args_exit, skel->progs.eight_exit,
			skel->progs.call_args, skel->progs.call_kfuncs,
		};

		err = pthread_create(&threads[started], NULL,
				     started < 2 ? attach_and_detach : call_always,
				     progs[started]);
		if (!ASSERT_OK(err, "thread"))
			break;
	}
	for (i = 0; i < ROUNDS || attached < ROUNDS || called < LEAST_CALLS; i++) {
		err = delete_module("trace_test", O_NONBLOCK);
		if (!ASSERT_EQ(err ? errno : 0, EAGAIN, "unload while programs use it"))
			break;
		usleep(50000);
		if (i == 50 * ROUNDS) {
			ASSERT_GE(attached, ROUNDS, "links");
			ASSERT_GE(called, LEAST_CALLS, "calls");
			break;
		}
	}
	stop = true;
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	printf("%u links, %u calls\n", attached, called);
	trace__destroy(skel);
}

/* A kprobe does not keep the module, as with C: the kernel removes the probe. */
static void subtest_unload_kprobe(void)
{
	struct trace *skel = trace__open();
	struct bpf_program *prog;
	struct bpf_link *link;

	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, prog == skel->progs.kprobe);
	if (ASSERT_OK(trace__load(skel), "load") && attach(skel->progs.kprobe, &link)) {
		ASSERT_OK(unload_module("trace_test", false), "unload with a kprobe");
		ASSERT_OK(load_module("trace_test.ko", false), "load with a kprobe");
		bpf_link__destroy(link);
	}
	trace__destroy(skel);
}

/* A link keeps the module. After the link, the module goes and comes back. */
static void subtest_unload(void)
{
	struct trace *skel = trace__open();
	struct bpf_program *prog;
	struct bpf_link *link;
	int err;

	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	/* Only the tracer, which calls no kfunc. */
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, prog == skel->progs.args_exit);
	if (!ASSERT_OK(trace__load(skel), "load") || !attach(skel->progs.args_exit, &link))
		goto out;
	err = delete_module("trace_test", O_NONBLOCK);
	ASSERT_EQ(err ? errno : 0, EAGAIN, "unload with a link");
	bpf_link__destroy(link);
	err = delete_module("trace_test", O_NONBLOCK);
	ASSERT_EQ(err ? errno : 0, EAGAIN, "unload with a loaded program");
out:
	trace__destroy(skel);
	if (ASSERT_OK(unload_module("trace_test", false), "unload"))
		ASSERT_OK(load_module("trace_test.ko", false), "load again");
}

void serial_test_trace(void)
{
	if (test__start_subtest("values"))
		subtest_values();
	if (test__start_subtest("kprobes"))
		subtest_kprobes();
	if (test__start_subtest("fmod_ret"))
		subtest_fmod_ret();
	if (test__start_subtest("deep"))
		subtest_deep();
	if (test__start_subtest("not_traceable"))
		subtest_not_traceable();
	if (test__start_subtest("storm"))
		subtest_storm();
	if (test__start_subtest("unload"))
		subtest_unload();
	if (test__start_subtest("unload_kprobe"))
		subtest_unload_kprobe();
	if (test__start_subtest("values_after_reload"))
		subtest_values();
	RUN_TESTS(trace_bad);
}
