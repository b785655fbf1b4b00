/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What follows maps memory by raw calls. Included ahead of the files of tests/lib where they
 * are built for the host.
 */
#ifndef TESTS_HOST_RAW_MAPS_H
#define TESTS_HOST_RAW_MAPS_H

#include "raw_calls.h"

#define mmap			raw_mmap
#define mremap			raw_mremap
#define mprotect		raw_mprotect
#define munmap			raw_munmap

#endif /* TESTS_HOST_RAW_MAPS_H */
