// SPDX-License-Identifier: GPL-2.0
/*
 * samples/hid_io in C. README.md explains the comments "by hand".
 *
 * A program can find a device and start a request in any context, also in the middle of
 * these functions: they take no lock there. Only threads that may sleep use a device.
 */

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/cfi.h>
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/hid.h>
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/kdev_t.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/wait_bit.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

/* The largest report of a request that a program starts, in bytes. */
#define REPORT_SIZE 65
/* The bytes of an answer in a record. */
#define ANSWER_SIZE round_up(REPORT_SIZE, 8)
/* The number of requests of a device that have not ended. */
#define REQUESTS 32
/* HID-BPF shows the source of a request to its programs: this number for all of ours. */
#define SOURCE ((unsigned long)&devices)

enum op { OP_GET, OP_SET, OP_OUTPUT, OP_INPUT };

enum state { STARTED, CANCELLED, RUNNING, ENDED };

/**
 * struct bpf_hid - a device; programs read the fields up to @name
 * @id: the number of the device, also after it is unbound
 * @vendor: the vendor
 * @product: the product
 * @version: the version
 * @hidraw: the number of /dev/hidraw<number>, or -1
 * @bus: the bus
 * @group: the group
 * @name: the name, with a NUL byte at the end
 * @refs: the references of programs, maps, requests, and of @devices
 * @hdev: the device, for its users
 * @is_bound: threads can become users
 * @users: the number of threads that use the device; the unbind waits for them
 * @turn: the requests to the device are made one after the other
 * @requests: the requests that @work has not taken, the newest first
 * @kick: queues @work where a program must not
 * @work: makes the requests
 * @pending: the number of requests that have not ended
 * @answered: the number of requests that ended without an error
 * @failed: the number of requests that ended with an error
 * @refused: the number of requests that were not started, because the device had REQUESTS
 * @lost: the number of records for which a ring buffer had no room
 * @rcu: frees the memory
 */
struct bpf_hid {
	u32 id;
	u32 vendor;
	u32 product;
	u32 version;
	s32 hidraw;
	u16 bus;
	u16 group;
	u8 name[128];
	refcount_t refs;
	struct hid_device *hdev;
	bool is_bound;
	int users;
	/* Held during a request. */
	struct mutex turn;
	struct llist_head requests;
	struct irq_work kick;
	struct work_struct work;
	atomic_t pending;
	atomic64_t answered;
	atomic64_t failed;
	atomic64_t refused;
	atomic64_t lost;
	struct kvfree_rcu_head rcu;
};

/* A thread that uses a device. */
struct hid_user {
	struct list_head node;
	struct task_struct *task;
};

struct bpf_hid_counts {
	u64 answered;
	u64 failed;
	u64 refused;
	u64 lost;
	u32 pending;
	u32 pad;
};

/**
 * struct bpf_hid_start - the request that a program starts
 * @cookie: a number of the program's choice, for the record in the ring buffer
 * @op: enum op
 * @report_type: enum hid_report_type; ignored for OP_OUTPUT and OP_INPUT
 * @len: the number of bytes in @report
 * @report: the report; its first byte is its ID, or 0
 * @pad: not used
 */
struct bpf_hid_start {
	u64 cookie;
	u8 op;
	u8 report_type;
	u8 len;
	u8 report[REPORT_SIZE];
	u8 pad[4];
};

/**
 * struct bpf_hid_request - a request that a program has started
 * @refs: the references of the program, of maps, and of the work until the request has ended
 * @node: in the list of the device
 * @start: a copy of what the program passed
 * @hid: the device, until the request has ended
 * @ring: the ring buffer, until the request has ended, or NULL
 * @output: bpf_ringbuf_output()
 * @state: enum state
 * @result: the number of bytes or an error, after the request has ended
 * @answer: the answer of the device, after the request has ended
 * @ended: completed when the request has ended
 */
struct bpf_hid_request {
	refcount_t refs;
	struct llist_node node;
	struct bpf_hid_start start;
	struct bpf_hid *hid;
	struct bpf_map *ring;
	const struct bpf_func_proto *output;
	int state;
	int result;
	u8 answer[ANSWER_SIZE];
	struct completion ended;
};

/* What a ring buffer gets. */
struct record {
	u64 cookie;
	s64 result;
	u8 answer[ANSWER_SIZE];
};

struct bpf_iter_hid {
	u64 __opaque[2];
} __aligned(8);

struct hid_walk {
	unsigned long next;
	u32 id;
};

static_assert(sizeof(struct hid_walk) <= sizeof(struct bpf_iter_hid));
static_assert(__alignof__(struct hid_walk) <= __alignof__(struct bpf_iter_hid));

/* The devices that are bound, by id. The lock of a device excludes another change for it. */
static DEFINE_XARRAY(devices);
/* No device is added any more. */
static bool is_closing;

/* The threads that use a device. The lock also protects is_bound and users of devices. */
static LIST_HEAD(users);
static DEFINE_SPINLOCK(users_lock);

static struct workqueue_struct *queue;
/* The number of requests that have not ended, of all devices. */
static atomic_t started = ATOMIC_INIT(0);
/* The number of requests that are not freed. */
static atomic_t alive = ATOMIC_INIT(0);

static struct bpf_hid *hid_get(struct bpf_hid *hid)
{
	return hid && refcount_inc_not_zero(&hid->refs) ? hid : NULL;
}

/*
 * A program that sees the request of a thread must not make the thread wait for itself, or
 * for another device.
 */
static bool is_user(void)
{
	struct hid_user *user;

	list_for_each_entry(user, &users, node)
		if (user->task == current)
			return true;
	return false;
}

/* Lets the thread use the device. The thread must call hid_leave() if this returns 0. */
static int hid_enter(struct bpf_hid *hid, struct hid_user *user)
{
	guard(spinlock)(&users_lock);
	if (is_user())
		return -EDEADLK;
	if (!hid->is_bound)
		return -ENODEV;
	user->task = current;
	list_add(&user->node, &users);
	hid->users++;
	return 0;
}

static void hid_leave(struct bpf_hid *hid, struct hid_user *user)
{
	guard(spinlock)(&users_lock);
	list_del(&user->node);
	if (!--hid->users)
		wake_up_var_locked(&hid->users, &users_lock);
}

/* After this call, no thread uses the device. */
static void hid_unbind(struct bpf_hid *hid)
{
	guard(spinlock)(&users_lock);
	WRITE_ONCE(hid->is_bound, false);
	wait_var_event_spinlock(&hid->users, !hid->users, &users_lock);
}

/*
 * Returns the size in bytes of a report in a request: the byte with the report ID, which
 * is 0 if the reports of the type have no IDs, and the data.
 */
static int report_len(const struct hid_device *hdev, u32 type, u8 id)
{
	const struct hid_report_enum *reports = &hdev->report_enum[type];
	const struct hid_report *report;

	if (!reports->numbered && id)
		return -ENOENT;
	report = reports->report_id_hash[id];
	return report ? 1 + (int)DIV_ROUND_UP(report->size, 8) : -ENOENT;
}

/*
 * "From BPF": a program that sees the request (hid_hw_request) cannot make requests of its
 * own with the kfuncs of HID-BPF.
 */
static int raw_request(struct hid_device *hdev, u32 type, u8 *data, u32 size,
		       enum hid_class_request request)
{
	return hid_ops->hid_hw_raw_request(hdev, data[0], data, size, type, request, SOURCE, true);
}

/* As hidraw_send_report(): a SET_REPORT request, if the device wants one or nothing else. */
static int output_report(struct hid_device *hdev, u8 *data, u32 size)
{
	int ret = -ENOSYS;

	if (!(hdev->quirks & HID_QUIRK_NO_OUTPUT_REPORTS_ON_INTR_EP))
		ret = hid_ops->hid_hw_output_report(hdev, data, size, SOURCE, true);
	if (ret == -ENOSYS)
		ret = raw_request(hdev, HID_OUTPUT_REPORT, data, size, HID_REQ_SET_REPORT);
	return ret;
}

/* Waits until no other input report of the device is in work. */
static int input_report(struct hid_device *hdev, u8 *data, u32 size)
{
	/* Without IDs, an input report has no byte for the ID. */
	u32 skip = !hdev->report_enum[HID_INPUT_REPORT].numbered;
	int ret;

	ret = down_interruptible(&hdev->driver_input_lock);
	if (ret)
		return ret;
	ret = hid_ops->hid_input_report(hdev, HID_INPUT_REPORT, data + skip, size - skip,
					size - skip, 0, SOURCE, true, true);
	up(&hdev->driver_input_lock);
	return ret < 0 ? ret : size;
}

/* Powers the device up and opens it for a request, in the order of hidraw_open(). */
static int transfer(struct hid_device *hdev, enum op op, u32 type, u8 *data, u32 size)
{
	int ret;

	if (op == OP_INPUT)
		return input_report(hdev, data, size);
	ret = hid_hw_power(hdev, PM_HINT_FULLON);
	if (ret < 0)
		return ret;
	ret = hid_hw_open(hdev);
	if (ret < 0)
		goto power;
	switch (op) {
	case OP_GET:
		ret = raw_request(hdev, type, data, size, HID_REQ_GET_REPORT);
		break;
	case OP_SET:
		ret = raw_request(hdev, type, data, size, HID_REQ_SET_REPORT);
		break;
	default:
		ret = output_report(hdev, data, size);
	}
	hid_hw_close(hdev);
power:
	hid_hw_power(hdev, PM_HINT_NORMAL);
	return ret;
}

/* Another CPU may change @report, which is memory of a program. */
static int request(struct hid_device *hdev, enum op op, u32 type, u8 *report, u32 size)
{
	int len, ret;
	u8 id;

	if (!size)
		return -EMSGSIZE;
	id = READ_ONCE(*report);
	len = report_len(hdev, type, id);
	if (len < 0)
		return len;
	if (op == OP_GET ? size > len : size != len)
		return -EMSGSIZE;

	/* The device can access this memory. */
	u8 *data __free(kfree) = kzalloc(size, GFP_KERNEL);

	if (!data)
		return -ENOMEM;
	if (op != OP_GET)
		memcpy(data, report, size);
	data[0] = id;
	ret = transfer(hdev, op, type, data, size);
	if (ret < 0)
		/* Programs do not know the codes that only the kernel uses. */
		return ret == -ERESTARTSYS ? -EINTR : ret;
	ret = min_t(u32, ret, size);
	if (op != OP_GET)
		return ret;
	/* A device with numbered reports says which report it sends. */
	if (!ret || (id && data[0] != id))
		return -EPROTO;
	memcpy(report, data, ret);
	return ret;
}

/* Makes a request when it is its turn. Returns the number of bytes of the report. */
static int hid_request(struct bpf_hid *hid, enum op op, u32 type, void *report, u32 size)
{
	struct hid_user user;
	int ret;

	if (type >= HID_REPORT_TYPES)
		return -EINVAL;
	ret = hid_enter(hid, &user);
	if (ret)
		return ret;
	ret = mutex_lock_interruptible(&hid->turn);
	if (ret)
		goto leave;
	/* The unbind waits for the request before, but for no other one. */
	if (READ_ONCE(hid->is_bound))
		ret = request(hid->hdev, op, type, report, size);
	else
		ret = -ENODEV;
	mutex_unlock(&hid->turn);
leave:
	hid_leave(hid, &user);
	return ret;
}

static void push_record(struct bpf_hid_request *request)
{
	struct record record = {
		.cookie = request->start.cookie,
		.result = request->result,
	};

	memcpy(record.answer, request->answer, sizeof(record.answer));
	if (request->output->func((unsigned long)request->ring, (unsigned long)&record,
				  sizeof(record), 0, 0))
		atomic64_inc(&request->hid->lost);
}

static void request_put(struct bpf_hid_request *request)
{
	if (!refcount_dec_and_test(&request->refs))
		return;
	atomic_dec(&alive);
	/* Only owners of references use a request, so it needs no grace period. */
	kfree_nolock(request);
}

static void hid_put(struct bpf_hid *hid)
{
	if (refcount_dec_and_test(&hid->refs))
		kfree_rcu_nolock(hid, rcu);
}

static int request_transfer(struct bpf_hid_request *request)
{
	struct bpf_hid_start *start = &request->start;
	u32 type = start->report_type;
	int ret;

	if (start->op == OP_OUTPUT)
		type = HID_OUTPUT_REPORT;
	if (start->op == OP_INPUT)
		type = HID_INPUT_REPORT;
	ret = hid_request(request->hid, start->op, type, start->report, start->len);
	if (start->op == OP_GET && ret > 0)
		memcpy(request->answer, start->report, ret);
	return ret;
}

static void request_run(struct bpf_hid_request *request)
{
	struct bpf_hid *hid = request->hid;

	request->result = -ECANCELED;
	if (cmpxchg(&request->state, STARTED, RUNNING) == STARTED)
		request->result = request_transfer(request);
	/* With the load in bpf_hid_request_poll(): the result and the answer are there. */
	smp_store_release(&request->state, ENDED);
	complete_all(&request->ended);
	atomic64_inc(request->result < 0 ? &hid->failed : &hid->answered);
	if (request->ring) {
		push_record(request);
		bpf_map_put(request->ring);
	}
	atomic_dec_return_release(&hid->pending);
	request_put(request);
	hid_put(hid);
	atomic_dec_and_wake_up(&started);
}

/* Each addition to an empty list leads to one call, which takes the list. */
static void run_requests(struct work_struct *work)
{
	struct bpf_hid *hid = container_of(work, struct bpf_hid, work);
	struct bpf_hid_request *request, *next;
	struct llist_node *list;

	list = llist_reverse_order(llist_del_all(&hid->requests));
	/* The last request may have the last reference to the device. */
	llist_for_each_entry_safe(request, next, list, node)
		request_run(request);
}

static void kicked(struct irq_work *kick)
{
	struct bpf_hid *hid = container_of(kick, struct bpf_hid, kick);

	queue_work(queue, &hid->work);
}

static bool is_valid(const struct bpf_hid_start *start)
{
	if (start->op > OP_INPUT || !start->len || start->len > REPORT_SIZE)
		return false;
	return start->op == OP_OUTPUT || start->op == OP_INPUT ||
	       start->report_type < HID_REPORT_TYPES;
}

static bool ring_get(struct bpf_map *ring)
{
	guard(rcu)();
	return !IS_ERR(bpf_map_inc_not_zero(ring));
}

static struct bpf_hid_request *
request_start(struct bpf_hid *hid, const struct bpf_hid_start *passed, struct bpf_map *ring,
	      const struct bpf_func_proto *output)
{
	struct bpf_hid_start start;
	struct bpf_hid_request *request;

	/* Another CPU may change the program's memory after the check. */
	memcpy(&start, passed, sizeof(start));
	barrier_data(&start);
	if (!is_valid(&start))
		return NULL;
	if (!atomic_add_unless(&hid->pending, 1, REQUESTS)) {
		atomic64_inc(&hid->refused);
		return NULL;
	}
	request = kmalloc_nolock(sizeof(*request), __GFP_ZERO, NUMA_NO_NODE);
	if (!request)
		goto refuse;
	if (ring && !ring_get(ring))
		goto free;
	refcount_set(&request->refs, 2);
	request->start = start;
	refcount_inc(&hid->refs);
	request->hid = hid;
	request->ring = ring;
	request->output = output;
	init_completion(&request->ended);
	atomic_inc(&alive);
	atomic_inc(&started);
	if (!llist_add(&request->node, &hid->requests))
		return request;
	/* The program may have interrupted the workqueue. */
	if (in_nmi() || irqs_disabled())
		irq_work_queue(&hid->kick);
	else
		queue_work(queue, &hid->work);
	return request;

free:
	kfree_nolock(request);
refuse:
	atomic_dec(&hid->pending);
	return NULL;
}

__bpf_kfunc_start_defs();

/**
 * bpf_hid_find() - Find a device by its number.
 * @id: the number, which HID-BPF programs know as ctx->hid->id
 *
 * Return: a reference, or NULL if no driver is bound to a device with that number.
 */
__bpf_kfunc struct bpf_hid *bpf_hid_find(u32 id)
{
	guard(rcu)();
	return hid_get(xa_load(&devices, id));
}

/**
 * bpf_hid_find_hidraw() - Find a device by the number of its hidraw device.
 * @number: the number in /dev/hidraw<number>
 *
 * Return: a reference, or NULL if there is none.
 */
__bpf_kfunc struct bpf_hid *bpf_hid_find_hidraw(u32 number)
{
	struct bpf_hid *hid;
	unsigned long id;

	guard(rcu)();
	xa_for_each(&devices, id, hid) {
		if (hid->hidraw >= 0 && hid->hidraw == number)
			return hid_get(hid);
	}
	return NULL;
}

/**
 * bpf_hid_release() - Release a reference.
 * @hid: the device
 */
__bpf_kfunc void bpf_hid_release(struct bpf_hid *hid)
{
	hid_put(hid);
}

/* by hand: void *, and CFI_NOSEAL, because the kernel calls this function as a destructor */
__bpf_kfunc void bpf_hid_release_dtor(void *hid)
{
	hid_put(hid);
}

CFI_NOSEAL(bpf_hid_release_dtor);

/**
 * bpf_iter_hid_new() - Begin to iterate over the numbers of all devices.
 * @it: the iterator
 *
 * Return: 0.
 */
__bpf_kfunc int bpf_iter_hid_new(struct bpf_iter_hid *it)
{
	struct hid_walk *walk = (void *)it;

	walk->next = 0;
	return 0;
}

/**
 * bpf_iter_hid_next() - Find the next device.
 * @it: the iterator
 *
 * Return: the number of the device, which can be gone when bpf_hid_find() looks for it, or
 * NULL at the end.
 */
__bpf_kfunc u32 *bpf_iter_hid_next(struct bpf_iter_hid *it)
{
	struct hid_walk *walk = (void *)it;
	unsigned long id = walk->next;

	if (!xa_find(&devices, &id, ULONG_MAX, XA_PRESENT))
		return NULL;
	walk->id = id;
	walk->next = id + 1;
	return &walk->id;
}

/**
 * bpf_iter_hid_destroy() - End an iteration.
 * @it: the iterator
 */
__bpf_kfunc void bpf_iter_hid_destroy(struct bpf_iter_hid *it)
{
}

/**
 * bpf_hid_get_report() - Ask a device for a report.
 * @hid: the device
 * @report_type: 0: input; 1: output; 2: feature
 * @report: the first byte is the ID of the report, or 0 if reports of the type have no IDs
 * @report__sz: the number of bytes
 *
 * Return: the number of bytes of the answer in @report, or an error.
 */
__bpf_kfunc s64 bpf_hid_get_report(struct bpf_hid *hid, u32 report_type, void *report,
				   u32 report__sz) /* by hand: the name */
{
	return hid_request(hid, OP_GET, report_type, report, report__sz);
}

/**
 * bpf_hid_set_report() - Set a report of a device.
 * @hid: the device
 * @report_type: as for bpf_hid_get_report()
 * @report: the report; the first byte is its ID, or 0
 * @report__sz: the number of bytes
 *
 * Return: the number of bytes that were sent, or an error.
 */
__bpf_kfunc s64 bpf_hid_set_report(struct bpf_hid *hid, u32 report_type, const void *report,
				   u32 report__sz) /* by hand: the name */
{
	return hid_request(hid, OP_SET, report_type, (void *)report, report__sz);
}

/**
 * bpf_hid_output_report() - Send an output report, without a wait for the device.
 * @hid: the device
 * @report: the report; the first byte is its ID, or 0
 * @report__sz: the number of bytes
 *
 * Return: the number of bytes that were sent, or an error.
 */
__bpf_kfunc s64 bpf_hid_output_report(struct bpf_hid *hid, const void *report,
				      u32 report__sz) /* by hand: the name */
{
	return hid_request(hid, OP_OUTPUT, HID_OUTPUT_REPORT, (void *)report, report__sz);
}

/**
 * bpf_hid_input_report() - Inject an input report, as if the device had sent it.
 * @hid: the device
 * @report: the report; the first byte is its ID, or 0
 * @report__sz: the number of bytes
 *
 * Return: 0, or an error.
 */
__bpf_kfunc int bpf_hid_input_report(struct bpf_hid *hid, const void *report,
				     u32 report__sz) /* by hand: the name */
{
	return min(hid_request(hid, OP_INPUT, HID_INPUT_REPORT, (void *)report, report__sz), 0);
}

/**
 * bpf_hid_report_len() - Find the size of a report.
 * @hid: the device
 * @report_type: as for bpf_hid_get_report()
 * @id: the ID of the report, or 0
 *
 * Return: the size in bytes, with the byte for the ID, or an error.
 */
__bpf_kfunc s64 bpf_hid_report_len(struct bpf_hid *hid, u32 report_type, u8 id)
{
	struct hid_user user;
	int ret;

	if (report_type >= HID_REPORT_TYPES)
		return -EINVAL;
	ret = hid_enter(hid, &user);
	if (ret)
		return ret;
	ret = report_len(hid->hdev, report_type, id);
	hid_leave(hid, &user);
	return ret;
}

/**
 * bpf_hid_start() - Start a request, which a thread makes later.
 * @hid: the device; its requests are made in the order of their start
 * @start: the request
 *
 * The request goes on when the program releases it.
 *
 * Return: a reference, or NULL if @start is not valid, if the device has REQUESTS that have
 * not ended, or if there is no memory.
 */
__bpf_kfunc struct bpf_hid_request *bpf_hid_start(struct bpf_hid *hid, struct bpf_hid_start *start)
{
	return request_start(hid, start, NULL, NULL);
}

/**
 * bpf_hid_start_ring() - As bpf_hid_start(), with a record at the end of the request.
 * @hid: the device
 * @start: the request
 * @ring__map: a ring buffer, which gets the cookie, the result and the answer of the device
 * @aux: the program
 *
 * Return: a reference, or NULL, also if @ring__map is no ring buffer.
 */
__bpf_kfunc struct bpf_hid_request *
bpf_hid_start_ring(struct bpf_hid *hid, struct bpf_hid_start *start,
		   void *ring__map, struct bpf_prog_aux *aux) /* by hand: the name */
{
	const struct bpf_func_proto *output;
	struct bpf_map *ring = ring__map;

	if (ring->map_type != BPF_MAP_TYPE_RINGBUF)
		return NULL;
	/* The kernel exports no function of ring buffers, but the search for helpers. */
	output = bpf_base_func_proto(BPF_FUNC_ringbuf_output, aux->prog);
	return output ? request_start(hid, start, ring, output) : NULL;
}

/**
 * bpf_hid_request_poll() - Look at the result of a request.
 * @request: the request
 *
 * Return: the number of bytes, or an error; EINPROGRESS before the end of the request.
 */
__bpf_kfunc s64 bpf_hid_request_poll(struct bpf_hid_request *request)
{
	/* With the store in request_run(). */
	switch (smp_load_acquire(&request->state)) {
	case ENDED:
		return request->result;
	case CANCELLED:
		return -ECANCELED;
	default:
		return -EINPROGRESS;
	}
}

/**
 * bpf_hid_request_wait() - Wait for the result of a request.
 * @request: the request
 * @milliseconds: the time limit
 *
 * Return: the result; if the request has not ended, ETIMEDOUT, EINTR, or EDEADLK if the thread
 * is in a request itself.
 */
__bpf_kfunc s64 bpf_hid_request_wait(struct bpf_hid_request *request, u32 milliseconds)
{
	s64 result = bpf_hid_request_poll(request);
	unsigned long limit;
	long left;

	if (result != -EINPROGRESS)
		return result;
	scoped_guard(spinlock, &users_lock)
		if (is_user())
			return -EDEADLK;
	/* A larger number means a wait without a limit. */
	limit = msecs_to_jiffies(min_t(u32, milliseconds, INT_MAX));
	left = wait_for_completion_interruptible_timeout(&request->ended, limit);
	if (left < 0)
		return -EINTR;
	return left ? bpf_hid_request_poll(request) : -ETIMEDOUT;
}

/**
 * bpf_hid_request_cancel() - Cancel a request that has not begun.
 * @request: the request
 *
 * Return: whether the request is not made.
 */
__bpf_kfunc bool bpf_hid_request_cancel(struct bpf_hid_request *request)
{
	int state = cmpxchg(&request->state, STARTED, CANCELLED);

	return state == STARTED || state == CANCELLED;
}

/**
 * bpf_hid_request_report() - Copy the answer of the device.
 * @request: the request
 * @report: the copy
 * @report__sz: the number of bytes to copy, at most
 *
 * Return: the number of bytes that the device has sent, or an error.
 */
__bpf_kfunc s64 bpf_hid_request_report(struct bpf_hid_request *request, void *report,
				       u32 report__sz) /* by hand: the name */
{
	s64 len = bpf_hid_request_poll(request);

	if (len > 0)
		memcpy(report, request->answer, min_t(u32, len, report__sz));
	return len;
}

/**
 * bpf_hid_request_release() - Release a reference.
 * @request: the request
 */
__bpf_kfunc void bpf_hid_request_release(struct bpf_hid_request *request)
{
	request_put(request);
}

/* by hand: void *, and CFI_NOSEAL, because the kernel calls this function as a destructor */
__bpf_kfunc void bpf_hid_request_release_dtor(void *request)
{
	request_put(request);
}

CFI_NOSEAL(bpf_hid_request_release_dtor);

/**
 * bpf_hid_count() - Count the requests that programs have started for a device.
 * @hid: the device
 * @counts: the counts
 */
__bpf_kfunc void bpf_hid_count(struct bpf_hid *hid, struct bpf_hid_counts *counts)
{
	/* The other counts include each request that is not pending. */
	counts->pending = atomic_read_acquire(&hid->pending);
	counts->pad = 0;
	counts->answered = atomic64_read(&hid->answered);
	counts->failed = atomic64_read(&hid->failed);
	counts->refused = atomic64_read(&hid->refused);
	counts->lost = atomic64_read(&hid->lost);
}

/**
 * bpf_hid_requests_alive() - Count the requests that are not freed.
 *
 * Return: their number.
 */
__bpf_kfunc u32 bpf_hid_requests_alive(void)
{
	return atomic_read(&alive);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfuncs) /* by hand: all kfuncs */
BTF_ID_FLAGS(func, bpf_hid_find, KF_ACQUIRE | KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_find_hidraw, KF_ACQUIRE | KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_release, KF_RELEASE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_iter_hid_new, KF_ITER_NEW) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_iter_hid_next, KF_ITER_NEXT | KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_iter_hid_destroy, KF_ITER_DESTROY) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_get_report, KF_SLEEPABLE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_set_report, KF_SLEEPABLE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_output_report, KF_SLEEPABLE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_input_report, KF_SLEEPABLE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_report_len, KF_SLEEPABLE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_start, KF_ACQUIRE | KF_RET_NULL) /* by hand: the flags */
/* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_start_ring, KF_ACQUIRE | KF_RET_NULL | KF_IMPLICIT_ARGS)
BTF_ID_FLAGS(func, bpf_hid_request_poll)
BTF_ID_FLAGS(func, bpf_hid_request_wait, KF_SLEEPABLE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_request_cancel)
BTF_ID_FLAGS(func, bpf_hid_request_report)
BTF_ID_FLAGS(func, bpf_hid_request_release, KF_RELEASE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_hid_count)
BTF_ID_FLAGS(func, bpf_hid_requests_alive)
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set set = {
	.owner = THIS_MODULE,
	.set = &kfuncs,
};

BTF_ID_LIST(dtor_ids)
BTF_ID(struct, bpf_hid) /* by hand: the type that the destructor takes */
BTF_ID(func, bpf_hid_release_dtor)
BTF_ID(struct, bpf_hid_request) /* by hand: the type that the destructor takes */
BTF_ID(func, bpf_hid_request_release_dtor)

static int is_hidraw(struct device *dev, const void *unused)
{
	return dev->class && !strcmp(dev->class->name, "hidraw");
}

/*
 * Returns the number of the hidraw device, or -1. A driver may stop and start its device
 * meanwhile, so hdev->hidraw may be freed.
 */
static int hidraw_minor(struct hid_device *hdev)
{
	struct device *dev = device_find_child(&hdev->dev, NULL, is_hidraw);
	int minor;

	if (!dev)
		return -1;
	minor = MINOR(dev->devt);
	put_device(dev);
	return minor;
}

/* For a device that is bound, with its lock. */
static int add_device(struct hid_device *hdev)
{
	struct bpf_hid *hid;
	int err;

	/* The bus may show a device twice while the module is loaded. */
	if (READ_ONCE(is_closing) || xa_load(&devices, hdev->id))
		return 0;
	hid = kzalloc_obj(*hid);
	if (!hid)
		return -ENOMEM;
	hid->id = hdev->id;
	hid->vendor = hdev->vendor;
	hid->product = hdev->product;
	hid->version = hdev->version;
	hid->hidraw = hidraw_minor(hdev);
	hid->bus = hdev->bus;
	hid->group = hdev->group;
	strscpy((char *)hid->name, hdev->name, sizeof(hid->name));
	refcount_set(&hid->refs, 1);
	hid->hdev = hdev;
	hid->is_bound = true;
	mutex_init(&hid->turn);
	init_llist_head(&hid->requests);
	/* RCU readers are interrupts, but not the threads that run other irq_works. */
	hid->kick = IRQ_WORK_INIT_HARD(kicked);
	INIT_WORK(&hid->work, run_requests);
	err = xa_insert(&devices, hid->id, hid, GFP_KERNEL);
	if (err)
		kfree(hid);
	return err;
}

/* With the lock of the device. */
static void remove_device(struct hid_device *hdev)
{
	struct bpf_hid *hid = xa_erase(&devices, hdev->id);

	if (!hid)
		return;
	hid_unbind(hid);
	hid_put(hid);
}

static int bus_event(struct notifier_block *notifier, unsigned long event, void *dev)
{
	struct hid_device *hdev = to_hid_device(dev);
	int err;

	switch (event) {
	case BUS_NOTIFY_BOUND_DRIVER:
		err = add_device(hdev);
		if (err)
			hid_err(hdev, "not offered to BPF programs: %d\n", err);
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBIND_DRIVER:
		remove_device(hdev);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block notifier = {
	.notifier_call = bus_event,
};

static int see_device(struct device *dev, void *unused)
{
	guard(device)(dev);
	if (device_is_bound(dev))
		bus_event(&notifier, BUS_NOTIFY_BOUND_DRIVER, dev);
	return 0;
}

static int forget_device(struct device *dev, void *unused)
{
	guard(device)(dev);
	remove_device(to_hid_device(dev));
	return 0;
}

static int __init hid_io_init(void)
{
	const struct btf_id_dtor_kfunc dtors[] = {
		{
			.btf_id = dtor_ids[0],
			.kfunc_btf_id = dtor_ids[1],
		},
		{
			.btf_id = dtor_ids[2],
			.kfunc_btf_id = dtor_ids[3],
		},
	};
	int err;

	/* A request may wait for a device for a long time; others must not wait for it. */
	queue = alloc_workqueue("hid_io", WQ_UNBOUND, 0);
	if (!queue)
		return -ENOMEM;
	err = register_btf_id_dtor_kfuncs(dtors, ARRAY_SIZE(dtors), THIS_MODULE);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &set);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &set);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &set);
	err = err ?: bus_register_notifier(&hid_bus_type, &notifier);
	if (err) {
		destroy_workqueue(queue);
		return err;
	}
	bus_for_each_dev(&hid_bus_type, NULL, NULL, see_device);
	return 0;
}
module_init(hid_io_init);

/* No program can call the module any more, but requests may go on. */
static void __exit hid_io_exit(void)
{
	/* The locks of the devices order this before a later add_device(). */
	WRITE_ONCE(is_closing, true);
	bus_for_each_dev(&hid_bus_type, NULL, NULL, forget_device);
	bus_unregister_notifier(&hid_bus_type, &notifier);
	wait_var_event(&started, !atomic_read(&started));
	/* kicked() may not have returned. */
	synchronize_rcu();
	destroy_workqueue(queue);
}
module_exit(hid_io_exit);

MODULE_DESCRIPTION("HID devices for BPF programs, in C");
MODULE_LICENSE("GPL");
