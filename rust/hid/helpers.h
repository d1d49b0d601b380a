/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C functions that the hid crate calls: code of the HID core that is inline, or whose
 * structs the bindings of the kernel crate lack.
 */
#ifndef _RUST_HID_HELPERS_H
#define _RUST_HID_HELPERS_H

#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/types.h>
#include <linux/workqueue_types.h>

struct hid_device;
struct module;
struct mutex;

/* What does not change while a device is bound. rust/hid/device.rs has the same struct. */
struct rust_hid_info {
	u32 id;
	u32 vendor;
	u32 product;
	u32 version;
	/* The minor number of its hidraw device, or -1. */
	s32 hidraw;
	u16 bus;
	u16 group;
	char name[128];
	char phys[64];
	char uniq[64];
};

/* A watcher of the bus. The first field of struct Inner in rust/hid/bus.rs. */
struct rust_hid_watcher {
	struct notifier_block notifier;
	/* In the list of all watchers. */
	struct list_head node;
	const struct module *module;
	/* Registers the notifier, and shows the devices that are bound. */
	struct work_struct show;
	bool is_registered;
	/* Called with the lock of the device. May sleep. */
	void (*bound)(struct rust_hid_watcher *watcher, struct hid_device *hdev);
	void (*unbinds)(struct rust_hid_watcher *watcher, struct hid_device *hdev);
	/* Gives up all devices. May sleep. */
	void (*close)(struct rust_hid_watcher *watcher);
	void (*free)(struct rust_hid_watcher *watcher);
};

void rust_hid_helper_close(struct hid_device *hdev);
struct hid_device *rust_hid_helper_get(struct hid_device *hdev);
void rust_hid_helper_info(struct hid_device *hdev, struct rust_hid_info *info);
int rust_hid_helper_input_report(struct hid_device *hdev, u8 *data, u32 size);
int rust_hid_helper_open(struct hid_device *hdev);
int rust_hid_helper_output_report(struct hid_device *hdev, u8 *data, size_t size);
void rust_hid_helper_put(struct hid_device *hdev);
int rust_hid_helper_raw_request(struct hid_device *hdev, u8 *data, size_t size, u32 type,
				bool is_get);
int rust_hid_helper_report_len(const struct hid_device *hdev, u32 type, u8 id);
int rust_hid_helper_turn_begins(struct mutex *turn);
void rust_hid_helper_turn_ends(struct mutex *turn);
void rust_hid_helper_turn_init(struct mutex *turn);
int rust_hid_helper_watch(struct rust_hid_watcher *watcher);

#endif /* _RUST_HID_HELPERS_H */
