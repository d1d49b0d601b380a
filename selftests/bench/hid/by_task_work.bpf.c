// SPDX-License-Identifier: GPL-2.0
#include "event.h"
#include "../../../samples/hid_io/by_task_work.bpf.c"
