// SPDX-License-Identifier: GPL-2.0
/* A request from a program that runs with interrupts off. */
#define INTERRUPTS_OFF
#include "event.h"
#include "../../../samples/hid_io/by_request.bpf.c"
