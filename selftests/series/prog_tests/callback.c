// SPDX-License-Identifier: GPL-2.0
/* Kfuncs in Rust call functions of programs later. */
#include <sys/mman.h>
#include <pthread.h>
#include <test_progs.h>
#include <network_helpers.h>
#include "testing_helpers.h"
#include "callback.skel.h"

#define STORM_SECONDS 10

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_program__type(prog) == BPF_PROG_TYPE_SCHED_CLS) {
		opts.data_in = &pkt_v4;
		opts.data_size_in = sizeof(pkt_v4);
	}
	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "run"))
		return -1000;
	return opts.retval;
}

/* Waits until no value and no callback is left. */
static void none_left(struct bpf_program *counts)
{
	int i, left = -1;

	for (i = 0; i < 1000 && left; i++) {
		left = run(counts);
		usleep(10 * 1000);
	}
	ASSERT_EQ(left, 0, "values and callbacks");
}

static bool prog_exists(__u32 id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static __u32 prog_id(struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	ASSERT_OK(bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len), "info");
	return info.id;
}

/* Waits until a program is freed. */
static void is_freed(__u32 id)
{
	int i;

	for (i = 0; i < 1000 && prog_exists(id); i++)
		usleep(10 * 1000);
	ASSERT_FALSE(prog_exists(id), "program");
}

static void test_values(struct callback *skel)
{
	int i, result = 0;

	ASSERT_EQ(run(skel->progs.run_numbers), 1, "numbers");
	ASSERT_EQ(run(skel->progs.run_later), 42, "later");
	ASSERT_EQ(run(skel->progs.run_give), 22, "give two");
	ASSERT_EQ(run(skel->progs.run_give_null), 10, "give one and null");
	ASSERT_EQ(run(skel->progs.run_lend), 24, "lend");
	ASSERT_EQ(run(skel->progs.run_cancel), 0, "cancel");
	ASSERT_EQ(run(skel->progs.run_locked), 8, "under a lock");

	for (i = 0; i < 100; i++)
		result |= run(skel->progs.start_sleep);
	ASSERT_EQ(result, 0, "start");
	ASSERT_EQ(run(skel->progs.wait_elem), 7, "sleep");
	none_left(skel->progs.counts);
}

/* The stack of a program is private, and not that of its callbacks. */
static void test_private_stack(struct callback *skel)
{
	int i;

	ASSERT_EQ(run(skel->progs.start_private), 255 * 256, "program");
	for (i = 0; i < 20; i++)
		ASSERT_EQ(run(skel->progs.start_private), 255 * 256, "program, again");
	ASSERT_EQ(run(skel->progs.wait_elem), 7 * 256, "callback");
	none_left(skel->progs.counts);
}

/* The largest number of works of tasks. */
#define MAX_TASK_WORKS 4096

/* Waits until a child sleeps in the kernel. */
static void wait_for_sleep(pid_t pid)
{
	char path[32], state = 0;
	FILE *stat;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (i = 0; i < 5000 && state != 'S'; i++) {
		usleep(1000);
		stat = fopen(path, "r");
		if (!ASSERT_OK_PTR(stat, path))
			return;
		if (fscanf(stat, "%*d %*s %c", &state) != 1)
			state = 0;
		fclose(stat);
	}
	ASSERT_EQ(state, 'S', "state");
}

/* The task calls, before it returns to user mode. */
static void test_by_task(struct callback *skel)
{
	int status;
	pid_t pid;

	skel->bss->task_pid = syscall(SYS_gettid);
	ASSERT_OK(run(skel->progs.start_by_task), "start");
	ASSERT_EQ(run(skel->progs.wait_elem), 5, "callback");
	ASSERT_OK(run(skel->progs.start_by_task_irqs_off), "start");
	ASSERT_EQ(run(skel->progs.wait_elem), 6, "callback");
	/* A thread of the kernel has no user mode. */
	skel->bss->task_pid = 2;
	ASSERT_EQ(run(skel->progs.start_by_other_task), 0, "kthreadd");
	/* Another task, which waits in the kernel until it gets a signal. */
	skel->links.new_task = bpf_program__attach(skel->progs.new_task);
	ASSERT_OK_PTR(skel->links.new_task, "attach");
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	callback__detach(skel);
	ASSERT_EQ(skel->bss->new_started, 0, "works of a new task");
	ASSERT_GT(skel->bss->new_refused, 0, "refused");
	skel->bss->task_pid = pid;
	wait_for_sleep(pid);
	ASSERT_EQ(run(skel->progs.start_by_other_task), MAX_TASK_WORKS, "start");
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid, "wait");
	ASSERT_EQ(run(skel->progs.wait_elem), 7, "callback before the exit");
	none_left(skel->progs.counts);
	skel->bss->task_pid = syscall(SYS_gettid);
	ASSERT_OK(run(skel->progs.start_by_task), "start");
	ASSERT_EQ(run(skel->progs.wait_elem), 5, "callback after the limit");
	none_left(skel->progs.counts);
}

/* A callback that starts the next one for its task does not keep the task in the kernel. */
static void test_by_task_again(struct callback *skel)
{
	volatile u64 *nexts = (volatile u64 *)&skel->bss->nexts;
	int i, nap, status;
	pid_t pid;

	for (nap = 0; nap <= 20; nap += 20) {
		pid = fork();
		if (!pid)
			for (;;)
				getppid();
		*nexts = 0;
		skel->bss->task_pid = pid;
		skel->bss->naps = nap;
		ASSERT_OK(run(skel->progs.start_by_task_again), "start");
		for (i = 0; i < 5000 && *nexts < 20; i++)
			usleep(1000);
		ASSERT_GE(*nexts, 20, "callbacks");
		ASSERT_OK(kill(pid, SIGKILL), "kill");
		for (i = 0; i < 5000 && waitpid(pid, &status, WNOHANG) != pid; i++)
			usleep(1000);
		ASSERT_LT(i, 5000, "end");
	}
	none_left(skel->progs.counts);
}

/* Works of a task that exits are skipped, or refused. */
static void test_exit(struct callback *skel)
{
	int status;
	pid_t pid;

	skel->bss->exit_group = SYS_exit_group;
	skel->links.enter_exit = bpf_program__attach(skel->progs.enter_exit);
	skel->links.process_exit = bpf_program__attach(skel->progs.process_exit);
	if (!ASSERT_OK_PTR(skel->links.enter_exit, "attach") ||
	    !ASSERT_OK_PTR(skel->links.process_exit, "attach"))
		return;
	pid = fork();
	if (!pid) {
		skel->bss->task_pid = syscall(SYS_gettid);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid, "wait");
	callback__detach(skel);
	ASSERT_EQ(skel->bss->exit_started, 1, "started");
	ASSERT_EQ(skel->bss->exit_refused, 1, "refused");
	ASSERT_EQ(run(skel->progs.wait_elem), -ECANCELED, "skipped");
	none_left(skel->progs.counts);
}

/* Calls in softirqs, once and again and again, until user space closes everything. */
static void test_softirq(struct callback *counter)
{
	struct callback *skel = callback__open_and_load();
	int result;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	ASSERT_OK(run(skel->progs.start_soon), "once");
	usleep(100 * 1000);
	ASSERT_EQ(run(skel->progs.end_soon), 1, "one call");
	skel->bss->period = 1000 * 1000;
	ASSERT_OK(run(skel->progs.start_soon), "each millisecond");
	usleep(200 * 1000);
	result = run(skel->progs.end_soon);
	ASSERT_GT(result, 20, "calls");
	ASSERT_LE(result, 1000, "calls");
	ASSERT_EQ(skel->bss->not_in_softirq, 0, "softirqs");
	ASSERT_OK(run(skel->progs.start_soon), "until the end");
	callback__destroy(skel);
	none_left(counter->progs.counts);
}

/* The work of a task, whose function is a callback, too, starts one. */
static void test_task_work(struct callback *skel)
{
	ASSERT_OK(run(skel->progs.start_in_task), "start");
	ASSERT_EQ(run(skel->progs.wait_elem), 9, "callback");
	none_left(skel->progs.counts);
}

/* Another skeleton counts, while @skel is closed in the order that @order says. */
static void close_in_order(struct callback *counter, int order)
{
	struct callback *skel = callback__open_and_load();
	int map, extra = -1;
	__u32 id;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	skel->bss->milliseconds = order == 3 ? 0 : 200;
	id = prog_id(skel->progs.start_cycle);
	map = bpf_map__fd(skel->maps.owner);
	ASSERT_OK(run(skel->progs.start_cycle), "start");
	if (order == 1) {
		/* A pin holds the map, and the callbacks run. */
		unlink("/sys/fs/bpf/callback_owner");
		ASSERT_OK(bpf_obj_pin(map, "/sys/fs/bpf/callback_owner"), "pin");
	} else if (order == 2) {
		/* The program goes first: its callbacks hold it. */
		extra = dup(map);
		bpf_program__unload(skel->progs.start_cycle);
		ASSERT_TRUE(prog_exists(id), "held by its callbacks");
	}
	callback__destroy(skel);
	if (order == 1) {
		ASSERT_TRUE(prog_exists(id), "held by its callbacks");
		ASSERT_OK(unlink("/sys/fs/bpf/callback_owner"), "unpin");
	} else if (order == 2) {
		usleep(100 * 1000);
		close(extra);
	}
	is_freed(id);
	none_left(counter->progs.counts);
}

/* A callback that starts itself again ends with its map. */
static void test_again(struct callback *counter)
{
	struct callback *skel = callback__open_and_load();
	__u32 id;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	id = prog_id(skel->progs.start_again);
	ASSERT_OK(run(skel->progs.start_again), "start");
	usleep(200 * 1000);
	ASSERT_GT(skel->bss->runs, 10, "runs");
	callback__destroy(skel);
	is_freed(id);
	none_left(counter->progs.counts);
}

/* A callback that runs when everything is closed goes on. */
static void test_running(struct callback *counter)
{
	struct callback *skel = callback__open_and_load();
	struct callback__bss *data;
	int bss, i;
	__u32 id;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	id = prog_id(skel->progs.start_slow);
	bss = dup(bpf_map__fd(skel->maps.bss));
	data = mmap(NULL, sizeof(*data), PROT_READ | PROT_WRITE, MAP_SHARED, bss, 0);
	if (!ASSERT_NEQ(data, MAP_FAILED, "mmap"))
		return;
	ASSERT_OK(run(skel->progs.start_slow), "start");
	for (i = 0; i < 1000 && !*(volatile __u32 *)&data->in_program; i++)
		usleep(1000);
	ASSERT_EQ(data->in_program, 1, "runs");
	callback__destroy(skel);
	ASSERT_TRUE(prog_exists(id), "held by its call");
	data->may_end = 1;
	is_freed(id);
	ASSERT_EQ(data->runs, 1, "ended");
	munmap(data, sizeof(*data));
	close(bss);
	none_left(counter->progs.counts);
}

/* User space has closed the map before. */
static void test_no_owner(struct callback *counter)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct callback *skel;
	int fd;

	skel = callback__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	ASSERT_OK(run(skel->progs.error), "owner");
	fd = dup(bpf_program__fd(skel->progs.error));
	callback__destroy(skel);
	ASSERT_OK(bpf_prog_test_run_opts(fd, &opts), "run");
	ASSERT_EQ((int)opts.retval, -EPERM, "no owner");
	close(fd);
	none_left(counter->progs.counts);
}

/* Runs a program until there is no time left. */
static void *run_storm(void *arg)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	time_t end = time(NULL) + STORM_SECONDS;
	int fd = *(int *)arg;

	while (time(NULL) < end && !bpf_prog_test_run_opts(fd, &opts))
		;
	return NULL;
}

/* Each callback that is started is called or cancelled, and nothing twice. */
static void test_storm(struct callback *skel)
{
	int i, fd = bpf_program__fd(skel->progs.storm);
	pthread_t threads[2];

	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, run_storm, &fd), "thread");
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ASSERT_OK(run(skel->progs.end_storm), "end");
	none_left(skel->progs.counts);
	ASSERT_GT(skel->bss->started, 1000, "started");
	ASSERT_EQ(skel->bss->called + skel->bss->cancelled, skel->bss->started,
		  "called or cancelled");
	ASSERT_GT(skel->bss->called, 0, "called");
	ASSERT_GT(skel->bss->cancelled, 0, "cancelled");
	ASSERT_EQ(skel->bss->wrong, 0, "wrong arguments");
	printf("storm: %lu started, %lu called, %lu cancelled, %lu refused\n",
	       skel->bss->started, skel->bss->called, skel->bss->cancelled, skel->bss->refused);
}

/* Callbacks that wait hold the program, which holds the module. Without their map, it can go. */
static void test_module(void)
{
	struct callback *skel = callback__open_and_load();
	int map, i, err = -1;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	skel->bss->milliseconds = 500;
	map = dup(bpf_map__fd(skel->maps.owner));
	ASSERT_OK(run(skel->progs.start_cycle), "start");
	callback__destroy(skel);
	kern_sync_rcu();
	ASSERT_ERR(delete_module("callback_test", O_NONBLOCK), "held by its callbacks");
	close(map);
	for (i = 0; i < 1000 && err; i++) {
		err = delete_module("callback_test", O_NONBLOCK);
		usleep(10 * 1000);
	}
	ASSERT_OK(err, "unload");
	ASSERT_OK(load_module("/tests/callback_test.ko", false), "load");
}

/* A task that is stopped has works. The module can go. */
static void test_stopped_task(void)
{
	struct callback *skel;
	int i, status, err = -1;
	pid_t pid;

	/* It has neither descriptors nor memory of the skeleton. */
	pid = fork();
	if (!pid) {
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(waitpid(pid, &status, WUNTRACED), pid, "stop");
	skel = callback__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		goto out;
	skel->bss->task_pid = pid;
	ASSERT_EQ(run(skel->progs.start_by_other_task), MAX_TASK_WORKS, "start");
	callback__destroy(skel);
	for (i = 0; i < 1000 && err; i++) {
		err = delete_module("callback_test", O_NONBLOCK);
		usleep(10 * 1000);
	}
	ASSERT_OK(err, "unload");
	ASSERT_OK(load_module("/tests/callback_test.ko", false), "load");
	/* The works of the old module do not count for the new one. */
	skel = callback__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		goto out;
	skel->bss->task_pid = syscall(SYS_gettid);
	ASSERT_OK(run(skel->progs.start_by_task), "start");
	ASSERT_EQ(run(skel->progs.wait_elem), 5, "callback");
	callback__destroy(skel);
out:
	kill(pid, SIGCONT);
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, &status, 0), pid, "wait");
}

void serial_test_callback(void)
{
	struct callback *skel = callback__open_and_load();

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	if (test__start_subtest("values"))
		test_values(skel);
	if (test__start_subtest("private_stack"))
		test_private_stack(skel);
	if (test__start_subtest("by_task"))
		test_by_task(skel);
	if (test__start_subtest("by_task_again"))
		test_by_task_again(skel);
	if (test__start_subtest("exit"))
		test_exit(skel);
	if (test__start_subtest("softirq"))
		test_softirq(skel);
	if (test__start_subtest("task_work"))
		test_task_work(skel);
	if (test__start_subtest("close_all"))
		close_in_order(skel, 0);
	if (test__start_subtest("pinned_map"))
		close_in_order(skel, 1);
	if (test__start_subtest("program_first"))
		close_in_order(skel, 2);
	if (test__start_subtest("while_they_start"))
		close_in_order(skel, 3);
	if (test__start_subtest("again"))
		test_again(skel);
	if (test__start_subtest("running"))
		test_running(skel);
	if (test__start_subtest("no_owner"))
		test_no_owner(skel);
	if (test__start_subtest("storm"))
		test_storm(skel);
	callback__destroy(skel);
	if (test__start_subtest("module"))
		test_module();
	if (test__start_subtest("stopped_task"))
		test_stopped_task();
}
