// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include "abi_limits.h"

unsigned int around(__u64 *values, unsigned int nr, __u64 middle, __u64 step)
{
	values[nr++] = middle - step;
	values[nr++] = middle;
	values[nr++] = middle + step;
	return nr;
}

unsigned int offsets(__u64 *values, __u64 total)
{
	static const unsigned int exponents[] = { 20, 31, 32, 33, 44, 62, 63 };
	__u64 page = page_size;
	unsigned int nr = 0, i;

	nr = around(values, nr, 0, 1);
	nr = around(values, nr, 0, page);
	nr = around(values, nr, page, 1);
	nr = around(values, nr, total * page, page);
	nr = around(values, nr, total * page, 1);
	for (i = 0; i < ARRAY_LEN(exponents); i++)
		nr = around(values, nr, TWO(exponents[i]), page);
	nr = around(values, nr, TWO(63), 1);
	must(nr <= MAX_VALUES);
	return nr;
}
