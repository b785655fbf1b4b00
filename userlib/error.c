// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Descriptions of results, and the reason of a thread's last failure.
 */
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The lowest negative errno. */
#define LAST_ERRNO	(-4095)

/*
 * glibc sets aside space for thread-local data of libraries that are opened later. Data
 * that lie there take no call into the dynamic linker.
 */
#ifdef __GLIBC__
#define SET_ASIDE	__attribute__((tls_model("initial-exec")))
#else
#define SET_ASIDE
#endif

/**
 * struct reason - why the last call of this thread failed
 * @name:	of the call, if @text is not complete yet
 * @meaning:	behind @name
 * @text:	the message
 *
 * A full ring is refused often, and the message is wanted seldom: karena_errormsg()
 * completes it.
 */
static __thread struct {
	const char *name;
	const char *meaning;
	char text[256];
} reason SET_ASIDE;

void karena_set_reason(const char *format, ...)
{
	va_list args;

	reason.name = NULL;
	va_start(args, format);
	vsnprintf(reason.text, sizeof(reason.text), format, args);
	va_end(args);
}

static const char *common_meaning(int error)
{
	switch (-error) {
	case E2BIG:
		return "a field that is not known here is not 0: the struct is newer";
	case EFAULT:
		return "a pointer cannot be read or written";
	case ENOTTY:
		return "the descriptor is of another kind, which has no such call";
	case EBADF:
		return "the descriptor is not open";
	case ENOMEM:
		return "no memory, or the memory cgroup's limit is reached";
	case EDQUOT:
		return "the user's limit is reached, which 'karenactl query' shows";
	case EINTR:
		return "a signal came first";
	case ETIMEDOUT:
		return "the time was over first";
	case EMFILE:
		return "the process has no free descriptor";
	case ENFILE:
		return "the system has no free open file";
	}
	return karena_strerror(error);
}

void karena_set_meaning(int error, const char *name, const char *meaning)
{
	reason.name = name;
	reason.meaning = meaning ? meaning : common_meaning(error);
}

const char *karena_errormsg(void)
{
	if (reason.name)
		snprintf(reason.text, sizeof(reason.text), "%s: %s", reason.name, reason.meaning);
	reason.name = NULL;
	return reason.text;
}

const char *karena_strerror(int error)
{
	switch (error) {
	case KARENA_E_ADDRESS_UNALIGNED:
		return "Address not aligned";
	case KARENA_E_LENGTH_UNALIGNED:
		return "Length not aligned";
	case KARENA_E_OFFSET_UNALIGNED:
		return "Offset not aligned";
	case KARENA_E_OUT_OF_RANGE:
		return "Outside the reservation";
	case KARENA_E_MAPPING_EXISTS:
		return "Something is mapped there";
	case KARENA_E_MAPPING_NOT_FOUND:
		return "No such map";
	case KARENA_E_RESERVATION_NOT_EMPTY:
		return "Something is mapped in the reservation";
	case KARENA_E_NOT_SUPPORTED:
		return "Not supported";
	}
	if (error > 0 || error < LAST_ERRNO)
		return "Unknown error";
	return strerror(-error);
}
