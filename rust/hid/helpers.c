// SPDX-License-Identifier: GPL-2.0

#include <linux/device.h>
#include <linux/errno.h>
#include <linux/hid.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/semaphore.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include "helpers.h"

/* HID-BPF shows the source of a request to its programs: this number for all of ours. */
#define SOURCE ((unsigned long)&watchers)

static LIST_HEAD(watchers);
static DEFINE_MUTEX(watchers_mutex);

static struct workqueue_struct *queue;

struct hid_device *rust_hid_helper_get(struct hid_device *hdev)
{
	get_device(&hdev->dev);
	return hdev;
}

/* Releases a reference. May sleep. */
void rust_hid_helper_put(struct hid_device *hdev)
{
	put_device(&hdev->dev);
}

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
void rust_hid_helper_info(struct hid_device *hdev, struct rust_hid_info *info)
{
	info->id = hdev->id;
	info->vendor = hdev->vendor;
	info->product = hdev->product;
	info->version = hdev->version;
	info->hidraw = hidraw_minor(hdev);
	info->bus = hdev->bus;
	info->group = hdev->group;
	strscpy_pad(info->name, hdev->name);
	strscpy_pad(info->phys, hdev->phys);
	strscpy_pad(info->uniq, hdev->uniq);
}

/*
 * The functions below are for a device that is bound and is not unbound before they
 * return. All of them may sleep.
 */

/* Powers the device up and opens it, in the order of hidraw_open(). */
int rust_hid_helper_open(struct hid_device *hdev)
{
	int err = hid_hw_power(hdev, PM_HINT_FULLON);

	if (err < 0)
		return err;
	err = hid_hw_open(hdev);
	if (err < 0)
		hid_hw_power(hdev, PM_HINT_NORMAL);
	return err;
}

void rust_hid_helper_close(struct hid_device *hdev)
{
	hid_hw_close(hdev);
	hid_hw_power(hdev, PM_HINT_NORMAL);
}

/*
 * Returns the size in bytes of a report in a request: the byte with the report ID, which
 * is 0 if the reports of the type have no IDs, and the data. Returns -ENOENT if the
 * device has no such report.
 */
int rust_hid_helper_report_len(const struct hid_device *hdev, u32 type, u8 id)
{
	const struct hid_report_enum *reports;
	const struct hid_report *report;

	if (type >= HID_REPORT_TYPES)
		return -EINVAL;
	reports = &hdev->report_enum[type];
	if (!reports->numbered && id)
		return -ENOENT;
	report = reports->report_id_hash[id];
	return report ? 1 + (int)DIV_ROUND_UP(report->size, 8) : -ENOENT;
}

/* The requests to a device are made one after the other. */
void rust_hid_helper_turn_init(struct mutex *turn)
{
	mutex_init(turn);
}

/* Waits for the turn. Returns -EINTR if the thread gets a signal. */
int rust_hid_helper_turn_begins(struct mutex *turn)
{
	return mutex_lock_interruptible(turn);
}

void rust_hid_helper_turn_ends(struct mutex *turn)
{
	mutex_unlock(turn);
}

int rust_hid_helper_raw_request(struct hid_device *hdev, u8 *data, size_t size, u32 type,
				bool is_get)
{
	/*
	 * "From BPF": a program that sees the request (hid_hw_request) cannot make
	 * requests of its own with the kfuncs of HID-BPF.
	 */
	return hid_ops->hid_hw_raw_request(hdev, data[0], data, size, type,
					   is_get ? HID_REQ_GET_REPORT : HID_REQ_SET_REPORT,
					   SOURCE, true);
}

/* As hidraw_send_report(): a SET_REPORT request, if the device wants one or nothing else. */
int rust_hid_helper_output_report(struct hid_device *hdev, u8 *data, size_t size)
{
	int ret = -ENOSYS;

	if (!(hdev->quirks & HID_QUIRK_NO_OUTPUT_REPORTS_ON_INTR_EP))
		ret = hid_ops->hid_hw_output_report(hdev, data, size, SOURCE, true);
	if (ret == -ENOSYS)
		ret = rust_hid_helper_raw_request(hdev, data, size, HID_OUTPUT_REPORT, false);
	return ret;
}

/*
 * Waits until no other input report of the device is in work. Without IDs, an input
 * report has no byte for the ID.
 */
int rust_hid_helper_input_report(struct hid_device *hdev, u8 *data, u32 size)
{
	int ret = down_interruptible(&hdev->driver_input_lock);

	if (ret)
		return ret;
	if (!hdev->report_enum[HID_INPUT_REPORT].numbered) {
		data++;
		size--;
	}
	ret = hid_ops->hid_input_report(hdev, HID_INPUT_REPORT, data, size, size, 0, SOURCE, true,
					true);
	up(&hdev->driver_input_lock);
	return ret;
}

static int bus_event(struct notifier_block *notifier, unsigned long event, void *dev)
{
	struct rust_hid_watcher *watcher;

	watcher = container_of(notifier, struct rust_hid_watcher, notifier);
	switch (event) {
	case BUS_NOTIFY_BOUND_DRIVER:
		watcher->bound(watcher, to_hid_device(dev));
		return NOTIFY_OK;
	case BUS_NOTIFY_UNBIND_DRIVER:
		watcher->unbinds(watcher, to_hid_device(dev));
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static int see_device(struct device *dev, void *watcher)
{
	guard(device)(dev);
	if (device_is_bound(dev))
		((struct rust_hid_watcher *)watcher)->bound(watcher, to_hid_device(dev));
	return 0;
}

/* A device that is bound meanwhile may be shown twice. */
static void show(struct work_struct *work)
{
	struct rust_hid_watcher *watcher = container_of(work, struct rust_hid_watcher, show);

	watcher->notifier.notifier_call = bus_event;
	if (bus_register_notifier(&hid_bus_type, &watcher->notifier))
		return;
	watcher->is_registered = true;
	bus_for_each_dev(&hid_bus_type, NULL, watcher, see_device);
}

/*
 * Shows the watcher each device that is bound, now and later, until its module is
 * unloaded. A thread does so: the caller may hold locks of a device and of the bus. The
 * module must be in its init. Returns -EBUSY if the init has failed meanwhile.
 */
int rust_hid_helper_watch(struct rust_hid_watcher *watcher)
{
	INIT_WORK(&watcher->show, show);
	watcher->is_registered = false;
	guard(mutex)(&watchers_mutex);
	/* module_event() sees the watcher, or this sees that the module goes. */
	if (watcher->module && READ_ONCE(watcher->module->state) == MODULE_STATE_GOING)
		return -EBUSY;
	list_add(&watcher->node, &watchers);
	queue_work(queue, &watcher->show);
	return 0;
}

static void unwatch(struct rust_hid_watcher *watcher)
{
	/* Devices that are unbound meanwhile still reach the watcher; no device is added. */
	watcher->close(watcher);
	cancel_work_sync(&watcher->show);
	if (watcher->is_registered)
		bus_unregister_notifier(&hid_bus_type, &watcher->notifier);
	watcher->free(watcher);
}

/* Moves the watchers of a module to @list, or only looks, if @list is NULL. */
static bool find_watchers(const struct module *module, struct list_head *list)
{
	struct rust_hid_watcher *watcher, *next;
	bool found = false;

	guard(mutex)(&watchers_mutex);
	list_for_each_entry_safe(watcher, next, &watchers, node) {
		if (watcher->module != module)
			continue;
		found = true;
		if (list)
			list_move(&watcher->node, list);
	}
	return found;
}

static int module_event(struct notifier_block *notifier, unsigned long event, void *module)
{
	struct rust_hid_watcher *watcher, *next;
	LIST_HEAD(list);

	switch (event) {
	case MODULE_STATE_LIVE:
		/* A program that is loaded after the module finds the devices. */
		if (find_watchers(module, NULL))
			flush_workqueue(queue);
		return NOTIFY_OK;
	case MODULE_STATE_GOING:
		find_watchers(module, &list);
		list_for_each_entry_safe(watcher, next, &list, node)
			unwatch(watcher);
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block module_notifier = {
	.notifier_call = module_event,
	/* Before the notifier of rust_bpf, which waits for works that wait for devices. */
	.priority = 2,
};

static int __init rust_hid_init(void)
{
	int err;

	queue = alloc_workqueue("rust_hid", WQ_UNBOUND, 0);
	if (!queue)
		return -ENOMEM;
	err = register_module_notifier(&module_notifier);
	if (err)
		destroy_workqueue(queue);
	return err;
}
module_init(rust_hid_init);

static void __exit rust_hid_exit(void)
{
	unregister_module_notifier(&module_notifier);
	destroy_workqueue(queue);
}
module_exit(rust_hid_exit);
