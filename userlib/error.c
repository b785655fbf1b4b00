// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Descriptions of results.
 */
#include "internal.h"

#include <string.h>

/* The lowest negative errno. */
#define LAST_ERRNO	(-4095)

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
