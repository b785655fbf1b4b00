// SPDX-License-Identifier: LGPL-2.1-only OR MIT
/*
 * The registry of reservations, and what fork() does with them.
 *
 * The registry is the library's only global state. A child has only the thread that
 * called fork(). A reservation that another thread was changing at that moment would stay
 * locked in the child forever, half changed, and mappings that are not inherited would
 * leave holes. Handlers of pthread_atfork() solve both problems. As they get no argument,
 * they must know all reservations.
 *
 * Lock order: the registry, then any number of reservations.
 */
#include "vmr.h"

#include <errno.h>
#include <sys/mman.h>

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
/* All reservations, protected by registry_lock. */
static struct karena_vmr *registry;
/* Negative errno if the handlers could not be installed. Constant once main() runs. */
static int handlers_error;

static void before_fork(void)
{
	pthread_mutex_lock(&registry_lock);
	for (struct karena_vmr *vmr = registry; vmr; vmr = vmr->next)
		pthread_mutex_lock(&vmr->lock);
}

static void unlock_all(void)
{
	for (struct karena_vmr *vmr = registry; vmr; vmr = vmr->next)
		pthread_mutex_unlock(&vmr->lock);
	pthread_mutex_unlock(&registry_lock);
}

/* Is there a page in the range, of whole pages, where nothing is mapped? */
static bool has_hole(uintptr_t start, uintptr_t end)
{
	/* MS_ASYNC writes nothing: the kernel only checks what is mapped. */
	return msync((void *)start, end - start, MS_ASYNC) && errno == ENOMEM;
}

/*
 * Fills all holes of a range with the placeholder. There is no other thread yet that
 * could get one of them.
 */
static void fill_holes(uintptr_t start, uintptr_t end)
{
	size_t page = karena_page_size();

	while (has_hole(start, end) &&
	       vmr_span_take(start, end - start) == KARENA_E_MAPPING_EXISTS) {
		uintptr_t middle = start + (end - start) / page / 2 * page;

		fill_holes(start, middle);
		start = middle;
	}
}

/* Forgets maps of which nothing was inherited, and leaves no hole. */
static void drop_lost_maps(struct karena_vmr *vmr)
{
	const struct vmr_entry *entry = vmr_set_find(&vmr->maps, 0, UINTPTR_MAX);

	if (!has_hole(vmr->address, vmr->address + vmr->size))
		return;
	while (entry) {
		uintptr_t start = entry->start;

		if (!vmr_span_take(start, entry->end - start))
			vmr_set_erase(&vmr->maps, start);
		entry = vmr_set_after(&vmr->maps, start);
	}
	fill_holes(vmr->address, vmr->address + vmr->size);
}

static void after_fork_in_child(void)
{
	int saved = errno;

	for (struct karena_vmr *vmr = registry; vmr; vmr = vmr->next)
		drop_lost_maps(vmr);
	errno = saved;
	unlock_all();
}

/*
 * Installed before any call can take the lock. Otherwise a fork() without the handlers
 * could leave the lock held in the child forever.
 */
__attribute__((constructor))
static void set_handlers(void)
{
	handlers_error = -pthread_atfork(before_fork, unlock_all, after_fork_in_child);
}

/* Returns -ENOMEM, so that no reservation is made, if fork() would not handle it; else 0. */
int vmr_registry_check(void)
{
	return handlers_error;
}

void vmr_registry_lock(void)
{
	pthread_mutex_lock(&registry_lock);
}

/* Drops the spares with the last reservation. */
void vmr_registry_unlock(void)
{
	if (!registry)
		vmr_spare_drop();
	pthread_mutex_unlock(&registry_lock);
}

void vmr_registry_add(struct karena_vmr *vmr)
{
	vmr->prev = NULL;
	vmr->next = registry;
	if (registry)
		registry->prev = vmr;
	registry = vmr;
}

void vmr_registry_remove(struct karena_vmr *vmr)
{
	if (vmr->next)
		vmr->next->prev = vmr->prev;
	if (vmr->prev)
		vmr->prev->next = vmr->next;
	else
		registry = vmr->next;
}
