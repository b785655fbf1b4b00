// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * Spare mappings, for unmaps at the limit of mappings.
 *
 * Once a process has more than vm.max_map_count mappings, mmap() fails, even if it would
 * replace a mapping by another one. So it could not replace a map by the placeholder;
 * munmap() still works, but leaves a hole. Therefore, while there are reservations, the
 * library keeps two mappings that it does not need. It releases one before such an mmap(),
 * and takes it again afterwards.
 *
 * If the kernel had joined a map with those on both sides, unmapping it adds mappings, and
 * the spare cannot be taken again. Such an unmap must leave the other spare, which is
 * enough for all other unmaps.
 *
 * Spares are shared mappings, as the kernel never joins these.
 */
#include "vmr.h"

#include <errno.h>
#include <sys/mman.h>

#define SPARES	2

/*
 * Nests inside the locks of the registry and of reservations. Only taken while holding one
 * of these, so that no thread holds it during fork().
 */
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
/* Protected by spare_lock. */
static void *spares[SPARES];
static unsigned int nr_spares;

static int take_spares(void)
{
	while (nr_spares < SPARES) {
		void *at = mmap(NULL, karena_page_size(), PROT_NONE, MAP_SHARED | MAP_ANONYMOUS,
				-1, 0);

		if (at == MAP_FAILED)
			return -errno;
		spares[nr_spares++] = at;
	}
	return 0;
}

static bool release_spare(void)
{
	if (munmap(spares[nr_spares - 1], karena_page_size()))
		return false;
	nr_spares--;
	return true;
}

/* Takes all missing spares. Returns 0, or a negative errno of mmap(2). */
int vmr_spare_fill(void)
{
	int ret;

	pthread_mutex_lock(&spare_lock);
	ret = take_spares();
	pthread_mutex_unlock(&spare_lock);
	return ret;
}

/* Releases all spares. */
void vmr_spare_drop(void)
{
	pthread_mutex_lock(&spare_lock);
	while (nr_spares && release_spare())
		;
	pthread_mutex_unlock(&spare_lock);
}

/**
 * vmr_spare_begin() - release a spare, so that a system call may succeed
 * @least:	required number of spares: 1, or 2 to keep one in any case
 *
 * Return: true if the caller must call vmr_spare_end() afterwards; false if there are
 * fewer spares.
 */
bool vmr_spare_begin(unsigned int least)
{
	pthread_mutex_lock(&spare_lock);
	take_spares();
	if (nr_spares >= least && release_spare())
		return true;
	pthread_mutex_unlock(&spare_lock);
	return false;
}

/* Takes again what vmr_spare_begin() released, if the limit allows it. */
void vmr_spare_end(void)
{
	take_spares();
	pthread_mutex_unlock(&spare_lock);
}
