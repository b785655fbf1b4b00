// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "test_util.h"

size_t page_size;

__attribute__((constructor(101))) static void learn_page_size(void)
{
	page_size = sysconf(_SC_PAGESIZE);
}
