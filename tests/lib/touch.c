// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>

#include "test_util.h"
#include "touch.h"

static __thread sigjmp_buf touch_back;
static __thread volatile sig_atomic_t touch_under_way;
static __thread struct touch touch_result;

static void touch_handler(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (!touch_under_way) {
		signal(sig, SIG_DFL);
		return;
	}
	touch_result.sig = sig;
	touch_result.address = info->si_addr;
	siglongjmp(touch_back, 1);
}

__attribute__((constructor)) static void catch_faults(void)
{
	struct sigaction action = {
		.sa_sigaction = touch_handler,
		/* Nothing is blocked, so that a touch need not save what was. */
		.sa_flags = SA_SIGINFO | SA_NODEFER,
	};

	must(sigaction(SIGSEGV, &action, NULL) == 0);
	must(sigaction(SIGBUS, &action, NULL) == 0);
}

static struct touch guarded(void (*access)(volatile void *where, void *value),
			    void *where, void *value)
{
	touch_result = (struct touch) { 0 };
	touch_under_way = 1;
	if (!sigsetjmp(touch_back, 0))
		access(where, value);
	touch_under_way = 0;
	return touch_result;
}

static void read_byte(volatile void *where, void *value)
{
	*(char *)value = *(volatile char *)where;
}

static void write_byte(volatile void *where, void *value)
{
	*(volatile char *)where = *(char *)value;
}

static void read_word(volatile void *where, void *value)
{
	*(uint32_t *)value = *(volatile uint32_t *)where;
}

struct touch touch(void *where, char *value, bool write)
{
	return guarded(write ? write_byte : read_byte, where, value);
}

struct touch touch_word(void *where, uint32_t *value)
{
	return guarded(read_word, where, value);
}

struct touch touch_read(void *where)
{
	char value;

	return touch(where, &value, false);
}

int peek(void *where)
{
	char value = 0;
	struct touch t = touch(where, &value, false);

	return t.sig ? -t.sig : (unsigned char)value;
}

int touch_in_kernel(void *where, bool write_there)
{
	int ends[2];
	ssize_t ret;
	int err;

	must(pipe(ends) == 0);
	must(write(ends[1], "x", 1) == 1);
	ret = write_there ? read(ends[0], where, 1) : write(ends[1], where, 1);
	err = ret == 1 ? 0 : errno;
	close(ends[0]);
	close(ends[1]);
	return err;
}

bool page_is(const void *where, char value)
{
	const char *byte = where;
	size_t i;

	for (i = 0; i < page_size; i++) {
		if (byte[i] != value)
			return false;
	}
	return true;
}
