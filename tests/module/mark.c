// SPDX-License-Identifier: GPL-2.0-only
/*
 * Markers, as userfaultfd leaves them in page table entries of write-protected pages that
 * are not mapped. Some kernels let userfaultfd do so in mappings of any kind; here it is
 * done on all of them.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/swap.h>
#include <linux/swapops.h>

#include "mark.h"

#if IS_ENABLED(CONFIG_PTE_MARKER_UFFD_WP)

static int mark_entry(pte_t *pte, unsigned long address, void *on)
{
	pte_t entry = ptep_get(pte);

	if (on && pte_none(entry))
		set_pte_at(current->mm, address, pte, make_pte_marker(PTE_MARKER_UFFD_WP));
	else if (!on && !pte_none(entry) && !pte_present(entry))
		pte_clear(current->mm, address, pte);
	return 0;
}

/* Without the flag the kernel removes markers that it meets. */
static void flag(struct vm_area_struct *vma, bool on)
{
#ifdef KARENA_HAVE_VM_FLAGS_SET
	if (on)
		vm_flags_set(vma, VM_UFFD_WP);
	else
		vm_flags_clear(vma, VM_UFFD_WP);
#else
	if (on)
		vma->vm_flags |= VM_UFFD_WP;
	else
		vma->vm_flags &= ~VM_UFFD_WP;
#endif
}

static int mark_locked(unsigned long start, unsigned long bytes, bool on)
{
	struct vm_area_struct *vma = find_vma(current->mm, start);

	if (!vma || start < vma->vm_start || bytes > vma->vm_end - start)
		return -EINVAL;
	flag(vma, on);
	return apply_to_page_range(current->mm, start, bytes, mark_entry, on ? vma : NULL);
}

/**
 * mark() - set or remove markers in a mapping of the caller
 * @start:	address of the first page
 * @bytes:	of pages of one mapping
 * @on:		set them where there is no entry, else remove them
 *
 * Return: 0, -EINVAL, -EINTR, -ENOMEM; -EOPNOTSUPP: this kernel has no markers.
 */
int mark(unsigned long start, unsigned long bytes, bool on)
{
	int err;

	if (mmap_write_lock_killable(current->mm))
		return -EINTR;
	err = mark_locked(start, bytes, on);
	mmap_write_unlock(current->mm);
	return err;
}

#else

int mark(unsigned long start, unsigned long bytes, bool on)
{
	return -EOPNOTSUPP;
}

#endif
