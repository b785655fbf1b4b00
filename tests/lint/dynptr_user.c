// SPDX-License-Identifier: GPL-2.0-only
/*
 * For vm/lint: a program that uses dynptrs rightly, and two mistakes that clang is to
 * report. It is never linked.
 */
#include <karena.h>

int right(struct karena_ring *ring, const char *name, size_t length);
int forgotten(struct karena_ring *ring, const char *name, size_t length);
int finished_twice(struct karena_ring *ring, const char *name, size_t length);

int right(struct karena_ring *ring, const char *name, size_t length)
{
	struct karena_dynptr record;
	int ret;

	ret = karena_ring_reserve_dynptr(ring, length, &record);
	if (ret < 0) {
		karena_ring_discard_dynptr(&record, 0);
		return ret;
	}
	ret = karena_dynptr_write(&record, 0, name, length);
	karena_ring_submit_dynptr(&record, 0);
	return ret;
}

int forgotten(struct karena_ring *ring, const char *name, size_t length)
{
	struct karena_dynptr record;
	int ret;

	ret = karena_ring_reserve_dynptr(ring, length, &record);
	if (ret < 0)
		return ret;
	ret = karena_dynptr_write(&record, 0, name, length);
	karena_ring_submit_dynptr(&record, 0);
	return ret;
}

int finished_twice(struct karena_ring *ring, const char *name, size_t length)
{
	struct karena_dynptr record;

	karena_ring_reserve_dynptr(ring, length, &record);
	if (karena_dynptr_write(&record, 0, name, length))
		karena_ring_discard_dynptr(&record, 0);
	return karena_ring_submit_dynptr(&record, 0);
}
